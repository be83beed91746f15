use super::*;

const OWNER: &str = "111122223333";
const FOREIGN: &str = "444455556666";

fn account() -> Subject {
    Subject::Account(FOREIGN.to_owned())
}

fn member(name: &str) -> Subject {
    Subject::Member { account: FOREIGN.to_owned(), arn: format!("arn:aws:iam::{FOREIGN}:role/{name}") }
}

fn service() -> Subject {
    Subject::ServiceFor(FOREIGN.to_owned())
}

fn odds_in(organizations: &[&str], test: (&str, &str, &str), subject: &Subject) -> Odds {
    let organizations: Vec<String> = organizations.iter().map(|id| (*id).to_owned()).collect();
    let question = Question { owner: OWNER, key: "", organizations: &organizations };
    Condition::new(test.0, test.1, vec![test.2.to_owned()]).odds(subject, &question)
}

fn check(rows: &[(&str, &str, &str, Subject, Odds)]) {
    for (operator, key, value, subject, expected) in rows {
        let odds = odds_in(&["o-ours000000"], (operator, key, value), subject);
        assert_eq!(odds, *expected, "{operator} {key} {value} {subject:?}");
    }
}

#[test]
fn each_operator_compares_in_its_way() {
    let (stranger, caller) = (Subject::Stranger, "kms:CallerAccount");
    check(&[
        ("StringEqualsIgnoreCase", "aws:PrincipalIsAWSService", "TRUE", service(), Odds::ALWAYS),
        ("StringEquals", "aws:PrincipalIsAWSService", "TRUE", service(), Odds::NEVER),
        ("StringNotEqualsIgnoreCase", "aws:PrincipalIsAWSService", "TRUE", service(), Odds::NEVER),
        ("StringLike", caller, "4444*", account(), Odds::ALWAYS),
        ("StringLike", caller, "5555*", account(), Odds::NEVER),
        ("StringLike", "aws:PrincipalArn", "*", stranger.clone(), Odds::ALWAYS),
        ("StringEquals", "aws:PrincipalArn", "*", stranger.clone(), Odds::NEVER),
        ("DateLessThan", "aws:SomeDate", "2026-01-01", stranger.clone(), Odds::CHOSEN),
        ("NumericLessThan", "aws:SomeNumber", "3", stranger, Odds::UNKNOWN),
        ("Null", caller, "false", account(), Odds::ALWAYS),
        ("Null", caller, "true", account(), Odds::NEVER),
        ("Null", caller, "perhaps", account(), Odds::UNKNOWN),
    ]);
}

#[test]
fn what_a_request_does_not_have_fails_a_test_and_passes_its_negation() {
    let inside = Subject::OwnerMember(format!("arn:aws:iam::{OWNER}:role/x"));
    check(&[
        ("StringEquals", "kms:CallerAccount", FOREIGN, service(), Odds::NEVER),
        ("StringNotEquals", "kms:CallerAccount", FOREIGN, service(), Odds::ALWAYS),
        ("StringNotEquals", "aws:PrincipalOrgID", "o-ours000000", service(), Odds::ALWAYS),
        ("StringEquals", "aws:PrincipalOrgID", "o-ours000000", Subject::Owner, Odds::ALWAYS),
        ("StringNotEquals", "aws:SourceAccount", OWNER, Subject::Owner, Odds::ALWAYS),
        ("StringNotEquals", "aws:SourceAccount", OWNER, inside, Odds::ALWAYS),
        ("StringNotEquals", "aws:SourceAccount", OWNER, member("x"), Odds::ALWAYS),
        ("StringEquals", "aws:SourceAccount", FOREIGN, service(), Odds::ALWAYS),
        // An account calls itself, or has a service call.
        ("StringEquals", "aws:SourceAccount", FOREIGN, account(), Odds::CHOSEN),
        ("StringEquals", "aws:ResourceOrgID", "o-ours000000", Subject::Stranger, Odds::ALWAYS),
    ]);
}

#[test]
fn a_network_is_narrow_unless_most_of_it_is_open() {
    let stranger = || Subject::Stranger;
    check(&[
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", stranger(), Odds::NARROW),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/7", stranger(), Odds::CHOSEN),
        ("StringEquals", "aws:SourceVpce", "vpce-1/0", stranger(), Odds::NARROW),
        ("StringLike", "aws:SourceVpce", "vpce-*", stranger(), Odds::CHOSEN),
    ]);
}

#[test]
fn a_pattern_of_an_organisation_holds_fast_once_ten_characters_are_fixed() {
    let (stranger, theirs) = (|| Subject::Stranger, || Subject::Organization("o-theirs00000".to_owned()));
    let key = "aws:PrincipalOrgID";
    check(&[
        ("StringLike", key, "o-123456789*", stranger(), Odds::CHOSEN),
        ("StringLike", key, "o-1234567890*", stranger(), Odds::NEVER),
        ("StringLike", key, "o-?????", stranger(), Odds::NEVER),
        ("StringEquals", key, "o-short", stranger(), Odds::NEVER),
        ("StringEquals", key, "o-*", stranger(), Odds::NEVER),
        ("StringLike", "aws:PrincipalOrgPaths", "*/r-ab12/*", theirs(), Odds::ALWAYS),
        ("StringLike", "aws:PrincipalOrgPaths", "o-*/r-ab12/*", theirs(), Odds::CHOSEN),
        ("StringEquals", key, "o-theirs00000", theirs(), Odds::ALWAYS),
    ]);
    let written = ("StringEquals", key, "o-theirs00000");
    assert_eq!(odds_in(&["o-ours000000"], written, &Subject::Owner), Odds::NEVER);
    assert_eq!(odds_in(&[], written, &Subject::Owner), Odds::ALWAYS);
}

#[test]
fn a_principal_is_met_by_its_own_arn_in_any_form() {
    let key = "aws:PrincipalArn";
    let role = format!("arn:aws:iam::{FOREIGN}:role/app");
    let session = format!("arn:aws:sts::{FOREIGN}:assumed-role/app/s");
    check(&[
        ("ArnLike", key, &format!("arn:aws:iam::{FOREIGN}:role/app-*"), member("app-1"), Odds::ALWAYS),
        ("ArnLike", key, &format!("arn:aws:iam::{FOREIGN}:role/app-*"), member("x"), Odds::NEVER),
        ("StringEquals", key, &role, member("app"), Odds::ALWAYS),
        ("StringEquals", key, &session, member("app"), Odds::ALWAYS),
        ("StringEquals", key, "somebody", Subject::Stranger, Odds::NEVER),
        ("StringLike", key, "some*", Subject::Stranger, Odds::CHOSEN),
    ]);
}

#[test]
fn an_arn_without_an_account_may_be_anybodys_if_its_name_is_open() {
    let stranger = || Subject::Stranger;
    check(&[
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::*", stranger(), Odds::CHOSEN),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::b*", stranger(), Odds::NARROW),
        ("ArnLike", "aws:SourceArn", "b*", stranger(), Odds::CHOSEN),
        ("StringEquals", "aws:SourceArn", "arn:aws:s3:::bucket", stranger(), Odds::NARROW),
        ("StringEquals", "aws:SourceArn", "*bucket", stranger(), Odds::NARROW),
    ]);
}

#[test]
fn a_unique_id_is_one_principal() {
    let id = "AROAEXAMPLEROLEID0009";
    let stranger = || Subject::Stranger;
    check(&[
        ("StringLike", "aws:userid", "*:session", stranger(), Odds::CHOSEN),
        ("StringLike", "aws:userid", "x*:session", stranger(), Odds::UNKNOWN),
        ("StringEquals", "aws:userid", "*x", stranger(), Odds::UNKNOWN),
        ("StringLike", "aws:userid", &format!("{id}:*"), stranger(), Odds::NEVER),
        ("StringLike", "aws:userid", &format!("{id}:*"), Subject::UniqueId(id.to_owned()), Odds::ALWAYS),
    ]);
}
