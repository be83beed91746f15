//! Where a call came from.

use crate::json::Text;
use std::net::IpAddr;

/// Network, endpoint, TLS and user agent of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// `sourceIPAddress` as written: an address, a service name or `AWS Internal`.
    pub address: Option<Text<'a>>,
    /// The address, if it is one and it is the caller's own (not a service's).
    pub ip: Option<IpAddr>,
    /// `vpcEndpointId`, if it is one.
    pub vpc_endpoint: Option<Text<'a>>,
    /// `userAgent` as written.
    pub user_agent: Option<Text<'a>>,
    /// Family of the user agent, such as `aws-cli/2`, `Boto3/1`, `aws-sdk-rust/1`, `Terraform/1`, `console`,
    /// `browser`, or the service's name.
    pub agent_family: Option<Text<'a>>,
    /// TLS details; absent when a service calls on behalf.
    pub tls: Option<Tls<'a>>,
}

/// `tlsDetails`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls<'a> {
    /// `tlsVersion`.
    pub version: Option<Text<'a>>,
    /// `cipherSuite`.
    pub cipher: Option<Text<'a>>,
    /// `clientProvidedHostHeader`.
    pub host: Option<Text<'a>>,
    /// `keyExchange`.
    pub key_exchange: Option<Text<'a>>,
}
