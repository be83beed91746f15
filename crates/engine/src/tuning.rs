//! What people have tuned, applied to findings: which are told, which are muted, and which are of staged detectors.
//!
//! A suppression counts by event time: a finding that begins before it expires is muted in every replay, and one that
//! begins later is not. Whether a suppression *has* expired, or was never needed, is told as of a moment that the shell
//! gives, so that somebody tidies up.

use crate::finding::{Finding, FindingKind};
use crate::incident::Member;
use crate::policy::action::glob;
use crate::settings::{Maintenance, Settings, Suppression};
use crate::time::Timestamp;
use serde::Serialize;
use std::net::IpAddr;

/// Findings, sorted by what is to be done with them. Each list keeps the order of the findings.
#[derive(Debug, Default)]
pub struct Tuned {
    /// To be told.
    pub told: Vec<Finding>,
    /// Muted.
    pub muted: Vec<Finding>,
    /// Of staged detectors: counted and shown apart, in no incident.
    pub staged: Vec<Finding>,
    /// What each suppression and each maintenance did.
    pub rules: Vec<RuleUse>,
}

impl Tuned {
    /// What goes into incidents: the findings that are told, and the muted ones, which no alert rests on.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        let told = self.told.iter().map(|finding| Member { finding: finding.clone(), muted: false });
        told.chain(self.muted.iter().map(|finding| Member { finding: finding.clone(), muted: true }))
    }
}

/// What a suppression or a maintenance did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleUse {
    /// `suppression` or `maintenance`.
    pub kind: &'static str,
    /// Why it is there.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether that is over.
    pub expired: bool,
    /// Findings that it muted. One that matches several counts for the first.
    pub muted: u64,
}

/// Applies what is tuned. `now` only decides about what has expired.
pub fn tune(findings: Vec<Finding>, settings: &Settings, now: Timestamp) -> Tuned {
    let suppressions = settings.suppressions.iter().map(Rule::of_suppression);
    let rules: Vec<Rule<'_>> =
        suppressions.chain(settings.maintenance.iter().map(Rule::of_maintenance)).collect();
    let mut tuned = Tuned { rules: rules.iter().map(|rule| rule.usage(now)).collect(), ..Tuned::default() };
    for finding in findings {
        if settings.detectors.staged.iter().any(|staged| staged == finding.detector) {
            tuned.staged.push(finding);
            continue;
        }
        let muting = rules.iter().position(|rule| rule.mutes(&finding));
        match muting.and_then(|at| tuned.rules.get_mut(at)) {
            Some(usage) => {
                usage.muted += 1;
                tuned.muted.push(finding);
            }
            None => tuned.told.push(finding),
        }
    }
    tuned
}

/// A suppression or a maintenance.
struct Rule<'s> {
    kind: &'static str,
    reason: &'s str,
    owner: &'s str,
    from: Option<Timestamp>,
    until: Timestamp,
    expires: Timestamp,
    statistics_only: bool,
    detectors: &'s [String],
    principals: &'s [String],
    keys: &'s [String],
    accounts: &'s [String],
    networks: &'s [String],
}

impl<'s> Rule<'s> {
    fn of_suppression(suppression: &'s Suppression) -> Rule<'s> {
        let Suppression {
            reason,
            owner,
            expires,
            detectors,
            principals,
            keys,
            accounts,
            networks,
            from,
            until,
        } = suppression;
        Rule {
            kind: "suppression",
            reason,
            owner,
            from: *from,
            until: until.map_or(*expires, |until| until.min(*expires)),
            expires: *expires,
            statistics_only: false,
            detectors,
            principals,
            keys,
            accounts,
            networks,
        }
    }

    fn of_maintenance(maintenance: &'s Maintenance) -> Rule<'s> {
        let Maintenance { reason, owner, from, until, principals, keys, accounts } = maintenance;
        Rule {
            kind: "maintenance",
            reason,
            owner,
            from: Some(*from),
            until: *until,
            expires: *until,
            statistics_only: true,
            detectors: &[],
            principals,
            keys,
            accounts,
            networks: &[],
        }
    }

    fn usage(&self, now: Timestamp) -> RuleUse {
        RuleUse {
            kind: self.kind,
            reason: self.reason.to_owned(),
            owner: self.owner.to_owned(),
            expires: self.expires,
            expired: self.expires <= now,
            muted: 0,
        }
    }

    fn mutes(&self, finding: &Finding) -> bool {
        let start = finding.time.start;
        let actor = finding.principal.as_ref();
        let statistical = matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty);
        start < self.until
            && self.from.is_none_or(|from| start >= from)
            && (!self.statistics_only || statistical)
            && any(self.detectors, |detector| *detector == finding.detector)
            && any(self.principals, |pattern| actor.is_some_and(|actor| glob(pattern, &actor.id)))
            && any(self.keys, |pattern| names_key(pattern, finding))
            && any(self.accounts, |account| *account == finding.account)
            && any(self.networks, |network| {
                let address = actor.and_then(|actor| actor.source.as_deref()?.parse::<IpAddr>().ok());
                address.is_some_and(|address| {
                    Network::parse(network).is_some_and(|network| network.holds(address))
                })
            })
    }
}

/// Whether no condition is given, or one holds.
fn any(conditions: &[String], holds: impl Fn(&String) -> bool) -> bool {
    conditions.is_empty() || conditions.iter().any(holds)
}

/// Whether the finding is about a key of this ARN or alias.
fn names_key(pattern: &str, finding: &Finding) -> bool {
    let key = finding.key.as_ref();
    key.is_some_and(|key| glob(pattern, &key.arn) || key.aliases.iter().any(|alias| glob(pattern, alias)))
}

/// A range of addresses, such as `203.0.113.0/24`; an address alone is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads a range in CIDR notation.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Network { address, bits })
    }

    /// Whether the address is in the range.
    pub fn holds(self, address: IpAddr) -> bool {
        // Both as numbers of as many bits as the range has; what is cut off does not count.
        let cut = |number: u128, most: u32| number.checked_shr(most - self.bits).unwrap_or(0);
        match (self.address, address) {
            (IpAddr::V4(range), IpAddr::V4(one)) => {
                cut(u128::from(range.to_bits()), 32) == cut(u128::from(one.to_bits()), 32)
            }
            (IpAddr::V6(range), IpAddr::V6(one)) => cut(range.to_bits(), 128) == cut(one.to_bits(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::{key_disabled, unusual_rate};
    use crate::event::testing::{ACCOUNT, KEY, kms};
    use crate::finding::{self, Actor};
    use crate::pipeline::testing::watch;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn disabled() -> Finding {
        let event = kms("DisableKey").by_user(ACCOUNT, "mallory").at("2026-05-04T10:00:00Z");
        let mut findings = watch(&[event], &Settings::default()).findings();
        assert_eq!(findings.len(), 1);
        let mut finding = findings.remove(0);
        finding.key.as_mut().unwrap().aliases = vec!["alias/payments".to_owned()];
        finding
    }

    fn suppression() -> Suppression {
        Suppression {
            reason: "the tests take keys away".to_owned(),
            owner: "platform team".to_owned(),
            expires: at("2026-06-01T00:00:00Z"),
            detectors: Vec::new(),
            principals: Vec::new(),
            keys: Vec::new(),
            accounts: Vec::new(),
            networks: Vec::new(),
            from: None,
            until: None,
        }
    }

    fn mutes(suppression: Suppression, finding: &Finding) -> bool {
        Rule::of_suppression(&suppression).mutes(finding)
    }

    fn list(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn each_condition_mutes_what_it_names_and_nothing_else() {
        let mut finding = disabled();
        finding.principal.as_mut().unwrap().source = Some("203.0.113.7".to_owned());
        let user = format!("arn:aws:iam::{ACCOUNT}:user/mallory");
        let base = suppression;
        for (right, wrong) in [
            (
                Suppression { detectors: list("key_disabled"), ..base() },
                Suppression { detectors: list("root_use"), ..base() },
            ),
            (
                Suppression { principals: list(&user), ..base() },
                Suppression { principals: list("arn:*:user/alice"), ..base() },
            ),
            (
                Suppression { principals: list("arn:*:user/mal*"), ..base() },
                Suppression { principals: list("*alice*"), ..base() },
            ),
            (
                Suppression { keys: list("alias/pay*"), ..base() },
                Suppression { keys: list("alias/other"), ..base() },
            ),
            (
                Suppression { keys: list(KEY), ..base() },
                Suppression { keys: list("arn:aws:kms:*:key/0*"), ..base() },
            ),
            (
                Suppression { accounts: list(ACCOUNT), ..base() },
                Suppression { accounts: list("999988887777"), ..base() },
            ),
            (
                Suppression { networks: list("203.0.113.0/24"), ..base() },
                Suppression { networks: list("198.51.100.0/24"), ..base() },
            ),
            (
                Suppression { from: Some(at("2026-05-04T10:00:00Z")), ..base() },
                Suppression { from: Some(at("2026-05-04T10:00:01Z")), ..base() },
            ),
            (
                Suppression { until: Some(at("2026-05-04T10:00:01Z")), ..base() },
                Suppression { until: Some(at("2026-05-04T10:00:00Z")), ..base() },
            ),
        ] {
            assert!(mutes(right.clone(), &finding), "{right:?}");
            assert!(!mutes(wrong.clone(), &finding), "{wrong:?}");
        }
        let both = Suppression { detectors: list("key_disabled"), accounts: list("999988887777"), ..base() };
        assert!(!mutes(both, &finding), "all conditions must hold");
    }

    #[test]
    fn an_expired_suppression_mutes_what_began_before_and_is_told() {
        let settings = |expires: &str| Settings {
            suppressions: vec![Suppression {
                expires: at(expires),
                detectors: list("key_disabled"),
                ..suppression()
            }],
            ..Settings::default()
        };
        let now = at("2026-05-10T00:00:00Z");
        let later = tune(vec![disabled()], &settings("2026-05-05T00:00:00Z"), now);
        assert_eq!((later.told.len(), later.muted.len()), (0, 1), "it began before");
        assert!(later.rules[0].expired && later.rules[0].muted == 1);
        let earlier = tune(vec![disabled()], &settings("2026-05-04T10:00:00Z"), now);
        assert_eq!((earlier.told.len(), earlier.muted.len()), (1, 0));
        assert!(earlier.rules[0].expired && earlier.rules[0].muted == 0);
        let still = tune(vec![disabled()], &settings("2026-05-10T00:00:01Z"), now);
        assert!(!still.rules[0].expired);
    }

    #[test]
    fn maintenance_mutes_statistics_only() {
        let maintenance = Maintenance {
            reason: "re-encryption of the archive".to_owned(),
            owner: "storage team".to_owned(),
            from: at("2026-05-04T00:00:00Z"),
            until: at("2026-05-05T00:00:00Z"),
            principals: Vec::new(),
            keys: Vec::new(),
            accounts: Vec::new(),
        };
        let settings = Settings { maintenance: vec![maintenance], ..Settings::default() };
        let mut rate = finding::of_key(&unusual_rate::DETECTOR, KEY, &["x"]);
        rate.evidence.add(at("2026-05-04T12:00:00Z"), "e");
        rate.time = rate.evidence.span().unwrap();
        rate.principal = Some(Actor { id: "x".to_owned(), kind: "role", ..Actor::default() });
        let mut after = rate.clone();
        after.time.start = at("2026-05-05T00:00:00Z");
        let tuned =
            tune(vec![disabled(), rate.clone(), after.clone()], &settings, at("2026-05-04T13:00:00Z"));
        assert_eq!(tuned.muted, [rate]);
        assert_eq!(tuned.told, [disabled(), after]);
        assert_eq!((tuned.rules[0].kind, tuned.rules[0].expired), ("maintenance", false));
    }

    #[test]
    fn staged_detectors_are_set_apart_before_anything_is_muted() {
        let mut settings = Settings { suppressions: vec![suppression()], ..Settings::default() };
        settings.detectors.staged = list(key_disabled::DETECTOR.id);
        let tuned = tune(vec![disabled()], &settings, at("2026-05-10T00:00:00Z"));
        assert_eq!((tuned.staged.len(), tuned.muted.len(), tuned.told.len()), (1, 0, 0));
    }

    #[test]
    fn networks_hold_their_addresses() {
        let holds =
            |network: &str, address: &str| Network::parse(network).unwrap().holds(address.parse().unwrap());
        assert!(holds("203.0.113.0/24", "203.0.113.255") && !holds("203.0.113.0/24", "203.0.114.0"));
        assert!(holds("203.0.113.7", "203.0.113.7") && !holds("203.0.113.7", "203.0.113.8"));
        assert!(holds("0.0.0.0/0", "198.51.100.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "2001:db9::1"));
        for bad in ["203.0.113.0/33", "x", "203.0.113.0/", "203.0.113.0/-1", "2001:db8::/129"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
