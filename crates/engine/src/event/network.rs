//! Where a call came from.

use super::fields::{Read, cut, fields, lent, owned, string};
use super::service::{is_console, service_name};
use crate::json::{Kind, Text, Value};
use std::net::IpAddr;

/// Network, endpoint, TLS and user agent of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// `sourceIPAddress` as written: an address, a service name or `AWS Internal`.
    pub address: Option<Text<'a>>,
    /// The address, if it is one and it is the caller's own (not a service's).
    pub ip: Option<IpAddr>,
    /// `vpcEndpointId`, if it is one and the call was the caller's own: services have endpoints of theirs.
    pub vpc_endpoint: Option<Text<'a>>,
    /// `userAgent` as written; CloudTrail cuts it at 1 KB.
    pub user_agent: Option<Text<'a>>,
    /// Family of the user agent, such as `aws-cli/2`, `Boto3/1`, `aws-sdk-rust/1`, `Terraform/1`, `console`,
    /// `browser`, `aws-internal`, the service's name, the name of an attack tool (`pacu`, `kali`), or `other`.
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
    /// What version and key exchange come to.
    pub protection: Protection,
}

/// How a connection is protected, as far as that tells one program from another. Ciphers do not: they follow the
/// processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// Not told, or by a name that is not known here.
    #[default]
    Unknown,
    /// A version before TLS 1.3.
    Older,
    /// TLS 1.3; of the key exchange nothing is known. Records tell it since November 2025.
    Tls13,
    /// TLS 1.3 with a classical key exchange.
    Classical,
    /// TLS 1.3 with a hybrid key exchange, of which one part is post-quantum.
    Hybrid,
}

impl Protection {
    fn of(version: Option<&str>, key_exchange: Option<&str>) -> Protection {
        let has = |text: &str, part: &str| {
            text.as_bytes().windows(part.len()).any(|bytes| bytes.eq_ignore_ascii_case(part.as_bytes()))
        };
        let begins = |text: &str, part: &str| {
            text.get(..part.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(part))
        };
        match (version, key_exchange) {
            (Some("TLSv1.2" | "TLSv1.1" | "TLSv1.0" | "TLSv1" | "SSLv3"), _) => Protection::Older,
            (Some("TLSv1.3"), Some(name)) => {
                if has(name, "mlkem") || has(name, "kyber") {
                    Protection::Hybrid
                } else if ["x25519", "x448", "secp", "ffdhe"].iter().any(|begin| begins(name, begin)) {
                    Protection::Classical
                } else {
                    Protection::Tls13
                }
            }
            (Some("TLSv1.3"), None) => Protection::Tls13,
            _ => Protection::Unknown,
        }
    }
}

impl Caller<'_> {
    /// How the connection is protected.
    pub fn protection(&self) -> Protection {
        self.tls.as_ref().map(|tls| tls.protection).unwrap_or_default()
    }
}

/// Members of a record that tell where a call came from.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) address: Option<Text<'a>>,
    pub(super) vpc_endpoint: Value<'a>,
    pub(super) user_agent: Option<Text<'a>>,
    pub(super) agent_family: Option<Text<'a>>,
    pub(super) tls: Option<Tls<'a>>,
    /// Whether a service made the call, for itself or on behalf of somebody.
    pub(super) by_service: bool,
}

impl Tls<'_> {
    /// The same details, with texts borrowed from these.
    pub(super) fn lent(&self) -> Tls<'_> {
        Tls {
            version: lent(&self.version),
            cipher: lent(&self.cipher),
            host: lent(&self.host),
            key_exchange: lent(&self.key_exchange),
            protection: self.protection,
        }
    }

    /// The same details, borrowed from nothing.
    pub(super) fn into_owned(self) -> Tls<'static> {
        Tls {
            version: owned(self.version),
            cipher: owned(self.cipher),
            host: owned(self.host),
            key_exchange: owned(self.key_exchange),
            protection: self.protection,
        }
    }
}

impl<'a> Origin<'a> {
    pub(super) fn caller(self) -> Read<Caller<'a>> {
        let own_address = self.address.as_deref().filter(|_| !self.by_service);
        let vpc_endpoint = string(self.vpc_endpoint)?;
        Ok(Caller {
            ip: own_address.and_then(|address| address.parse().ok()),
            address: self.address,
            vpc_endpoint: vpc_endpoint.filter(|id| !self.by_service && is_vpc_endpoint(id)),
            agent_family: self.agent_family,
            user_agent: self.user_agent,
            tls: self.tls,
        })
    }
}

fn is_vpc_endpoint(text: &str) -> bool {
    // 8 hexadecimal digits in old ids, 17 in new ones; the length is not checked further.
    text.len() <= 64
        && text
            .strip_prefix("vpce-")
            .is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// `tlsDetails`, unless it says nothing.
pub(super) fn tls(value: Value<'_>) -> Read<Option<Tls<'_>>> {
    if value.kind() != Kind::Object {
        return Ok(None);
    }
    let [version, cipher, host, key_exchange] =
        fields(value, ["tlsVersion", "cipherSuite", "clientProvidedHostHeader", "keyExchange"])?;
    let (version, key_exchange) = (string(version)?, string(key_exchange)?);
    let tls = Tls {
        protection: Protection::of(version.as_deref(), key_exchange.as_deref()),
        version,
        cipher: string(cipher)?,
        host: string(host)?,
        key_exchange,
    };
    Ok((tls != Tls::default()).then_some(tls))
}

/// Tools of attackers and their Linux distributions, recognised anywhere in a user agent: what they say of
/// themselves is easy to change, but many do not. (Amazon GuardDuty looks for the three distributions too.)
const ATTACK_TOOLS: [&str; 8] =
    ["pacu", "cloudfox", "trufflehog", "stratus-red-team", "kali", "parrot", "pentoo", "enumerate-iam"];

/// Longest name of a product in a family, in bytes.
const LONGEST_PRODUCT: usize = 40;

/// [`Caller::agent_family`] of a user agent.
pub(super) fn agent_family<'a>(agent: &Text<'a>) -> Option<Text<'a>> {
    cut(agent, |agent| Some(family(agent)))
}

/// The family of a user agent: product and major version, so that an update of the software is no news.
/// There are few families whatever callers write: random names are all `other`.
fn family(agent: &str) -> &str {
    let agent = agent.trim().trim_start_matches('[').trim_end_matches(']');
    if let Some(tool) = attack_tool(agent) {
        return tool;
    }
    if agent.starts_with("Mozilla/") || agent.starts_with("Opera/") {
        return "browser";
    }
    if agent.starts_with("AWS Internal") {
        return "aws-internal";
    }
    let mut tokens = agent.split_ascii_whitespace();
    let first = tokens.next().unwrap_or_default();
    if first.ends_with(".amazonaws.com") || first.ends_with(".amazonaws.com.cn") {
        return match service_name(first) {
            Some(service) if is_console(service) => "console",
            Some(service) => service,
            None => "aws-internal",
        };
    }
    // `AWSConsole`, `S3Console/0.4, aws-internal/3 ...`, `RDS Console, aws-internal/3 ...`
    if first.contains("Console") || tokens.clone().next().is_some_and(|second| second.starts_with("Console"))
    {
        return "console";
    }
    // `APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (...)`: partners name themselves before their product.
    if first.starts_with("APN/") {
        return product(tokens.find(|token| !token.starts_with("HashiCorp/")).unwrap_or(first));
    }
    // `AWSCloudTrail, aws-internal/3 ...`
    if first.ends_with(',') {
        return product(tokens.next().unwrap_or(first));
    }
    product(first)
}

/// `name/12` of `name/12.3.4`; the name alone if no number follows it.
fn product(token: &str) -> &str {
    let name_length = token.bytes().position(|b| b == b'/').unwrap_or(token.len());
    let Some(name) = token.get(..name_length) else { return "other" };
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+'));
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    // Names with many digits are ids or random; they would be a family each.
    if !plain
        || name.len() > LONGEST_PRODUCT
        || digits > 5
        || !name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
    {
        return "other";
    }
    let version = token.get(name_length + 1..).unwrap_or_default();
    let major_length = version.bytes().take_while(u8::is_ascii_digit).count();
    if major_length == 0 || major_length > 4 {
        return name;
    }
    token.get(..name_length + 1 + major_length).unwrap_or(name)
}

/// The attack tool that a user agent names as a word of its own.
fn attack_tool(agent: &str) -> Option<&'static str> {
    let bytes = agent.as_bytes();
    let mut after_letter = false;
    for (at, byte) in bytes.iter().enumerate() {
        let letter = byte.is_ascii_alphabetic();
        if letter && !after_letter && matches!(byte | 0x20, b'p' | b'c' | b't' | b's' | b'k' | b'e') {
            let rest = bytes.get(at..).unwrap_or_default();
            for tool in ATTACK_TOOLS {
                let named =
                    rest.get(..tool.len()).is_some_and(|word| word.eq_ignore_ascii_case(tool.as_bytes()));
                if named && !rest.get(tool.len()).is_some_and(u8::is_ascii_alphabetic) {
                    return Some(tool);
                }
            }
        }
        after_letter = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_product_and_its_major_version() {
        for (agent, expected) in [
            ("aws-cli/2.13.5 Python/3.11.4 Linux/5.10 exe/x86_64", "aws-cli/2"),
            ("Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165", "Boto3/1"),
            ("[Boto3/1.26.165 Python/3.10.6]", "Boto3/1"),
            ("aws-sdk-rust/1.3.9 os/linux lang/rust/1.90.0", "aws-sdk-rust/1"),
            ("aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.1", "aws-sdk-go-v2/1"),
            ("APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io)", "Terraform/1"),
            ("ec2-api-tools 1.6.12.2", "ec2-api-tools"),
            ("Coral/Netty4", "Coral"),
            ("[AWSCloudTrail, aws-internal/3 aws-sdk-java/1.12.433]", "aws-internal/3"),
            ("secretsmanager.amazonaws.com", "secretsmanager"),
            ("workmail.eu-west-1.amazonaws.com", "workmail"),
            ("internal.amazonaws.com", "aws-internal"),
            ("AWS Internal", "aws-internal"),
        ] {
            assert_eq!(family(agent), expected, "{agent}");
        }
    }

    #[test]
    fn consoles_and_browsers_are_families_of_their_own() {
        for agent in [
            "console.amazonaws.com",
            "console.ec2.amazonaws.com",
            "signin.amazonaws.com",
            "AWSConsole",
            "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488]",
            "RDS Console, aws-internal/3 aws-sdk-java/1.11.975",
            "EC2ConsoleBackend, aws-sdk-java/Linux",
        ] {
            assert_eq!(family(agent), "console", "{agent}");
        }
        assert_eq!(family("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101"), "browser");
    }

    #[test]
    fn attack_tools_are_recognised_wherever_they_stand() {
        for (agent, expected) in [
            ("aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0-kali5-amd64 source/x86_64", "kali"),
            ("Boto3/1.2 Python/3.9 Linux/6.1.0-1parrot1-amd64", "parrot"),
            ("TruffleHog", "trufflehog"),
            ("[stratus-red-team_0362e208-cc47-4ba7-9c39-195518d6e937]", "stratus-red-team"),
            ("Mozilla/5.0 pacu/1.0", "pacu"),
            ("cloudfox", "cloudfox"),
        ] {
            assert_eq!(family(agent), expected, "{agent}");
        }
        assert_eq!(family("kalium/2.0"), "kalium/2");
        assert_eq!(family("impacular/1"), "impacular/1");
    }

    #[test]
    fn random_user_agents_are_one_family() {
        for agent in [
            "68319f60-9dec-43b2-9702-de3a08c9d8a3",
            "<Victim browser user agent>",
            "a1b2c3d4e5f6a7",
            &"x".repeat(1024),
            "日本語/1.0",
            "/1.0",
        ] {
            assert_eq!(family(agent), "other", "{agent}");
        }
    }

    #[test]
    fn vpc_endpoints_are_told_from_words() {
        assert!(is_vpc_endpoint("vpce-0123456789abcdef0"));
        for text in ["AWS Internal", "vpce-", "kms.amazonaws.com", "vpce-0123 4567"] {
            assert!(!is_vpc_endpoint(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_family_is_short_whatever_callers_write(agent in "\\PC{0,200}|[a-z0-9/. ,\\[\\]-]{0,200}") {
            proptest::prop_assert!(family(&agent).len() <= LONGEST_PRODUCT + 5 || agent.contains(".amazonaws.com"));
        }
    }
}
