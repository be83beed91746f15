//! What keys cost in a month, estimated from what was called.

use super::{KeyEntry, State};
use serde::Serialize;

/// List prices in US dollars.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Prices {
    /// Day of these prices.
    pub as_of: &'static str,
    /// Where they were read.
    pub source: &'static str,
    /// A customer managed key, each copy of a multi-Region key for itself, per month.
    pub key_month: f64,
    /// The first and the second rotation of a key, each per month.
    pub rotation_month: f64,
    /// 10,000 requests for symmetric, HMAC and RSA_2048 keys.
    pub requests: f64,
    /// 10,000 requests for other asymmetric keys.
    pub asymmetric_requests: f64,
    /// 10,000 key pairs of elliptic curves.
    pub ecc_pairs: f64,
    /// 10,000 key pairs of RSA.
    pub rsa_pairs: f64,
}

/// AWS KMS pricing, us-east-1. Other Regions differ by some per cent; 20,000 requests a month are free.
pub const PRICES: Prices = Prices {
    as_of: "2026-01",
    source: "https://aws.amazon.com/kms/pricing/",
    key_month: 1.0,
    rotation_month: 1.0,
    requests: 0.03,
    asymmetric_requests: 0.15,
    ecc_pairs: 0.10,
    rsa_pairs: 12.0,
};

/// Days of a month.
const MONTH: f64 = 365.25 / 12.0;

/// US dollars a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// For having it, with its rotations.
    pub keys: f64,
    /// For calling it, as often as these logs show. The caller's account pays.
    pub requests: f64,
}

impl Cost {
    /// Both.
    pub fn total(self) -> f64 {
        self.keys + self.requests
    }

    /// The sum with another.
    pub fn add(&mut self, other: Cost) {
        self.keys += other.keys;
        self.requests += other.requests;
    }
}

/// What a key costs, if it is called as in these `days`.
pub(super) fn of(key: &KeyEntry, days: f64) -> Cost {
    let is_free =
        key.is_aws_managed() || key.foreign || matches!(key.state, State::Deleted | State::PendingDeletion);
    let rotations = key.rotation.seen.min(2) as f64;
    let keys = if is_free { 0.0 } else { PRICES.key_month + rotations * PRICES.rotation_month };
    let spec = key.spec.spec.as_deref();
    let requests: f64 =
        key.operations.iter().map(|(operation, n)| price(operation, spec) * *n as f64 / 10_000.0).sum();
    Cost { keys: cents(keys), requests: cents(requests / days * MONTH) }
}

/// Price of 10,000 calls.
fn price(operation: &str, spec: Option<&str>) -> f64 {
    let is_rsa_2048 = spec == Some("RSA_2048");
    match operation {
        "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => PRICES.ecc_pairs,
        "Sign" | "Verify" | "GetPublicKey" | "DeriveSharedSecret" | "Encapsulate" | "Decapsulate"
            if !is_rsa_2048 =>
        {
            PRICES.asymmetric_requests
        }
        // Nobody pays for what KMS does by itself.
        "RotateKey" | "DeleteKey" | "DeleteExpiredKeyMaterial" | "SynchronizeMultiRegionKey" => 0.0,
        _ => PRICES.requests,
    }
}

/// Hundredths of a cent: an estimate is no finer.
fn cents(dollars: f64) -> f64 {
    (dollars * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_costs_a_dollar_and_its_requests_by_the_ten_thousand() {
        let operations = [("Decrypt", 100_000), ("Sign", 10_000)].into_iter().collect();
        let key = KeyEntry { operations, ..KeyEntry::default() };
        let cost = of(&key, MONTH);
        assert_eq!(cost, Cost { keys: 1.0, requests: 0.45 });
        assert_eq!(of(&key, MONTH / 2.0).requests, 0.9, "twice as often");
    }

    #[test]
    fn keys_of_aws_and_those_about_to_go_cost_nothing_to_have() {
        let aws = KeyEntry { manager: Some("AWS".to_owned()), ..KeyEntry::default() };
        let leaving = KeyEntry { state: State::PendingDeletion, ..KeyEntry::default() };
        assert_eq!((of(&aws, 1.0).keys, of(&leaving, 1.0).keys), (0.0, 0.0));
    }
}
