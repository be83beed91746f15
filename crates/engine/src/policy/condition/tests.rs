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
        ("StringLike", "aws:SourceVpce", "vpce-1", stranger(), Odds::NARROW),
        ("StringLike", "aws:SourceVpce", "vpce-?", stranger(), Odds::CHOSEN),
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
    check(&[
        ("StringEquals", key, "o-others00000", account(), Odds::NARROW),
        ("StringEquals", key, "o-ours000000", account(), Odds::NEVER),
    ]);
    let both = ["o-ours000000", "o-second00000"];
    assert_eq!(odds_in(&both, ("StringEquals", key, "o-second00000"), &Subject::Owner), Odds::ALWAYS);
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
        ("StringLike", key, &role, member("app"), Odds::ALWAYS),
        ("StringLike", key, &format!("arn:aws:iam::{FOREIGN}:role/app-*"), account(), Odds::CHOSEN),
        ("StringLike", key, &format!("arn:aws:iam::{FOREIGN}:*"), account(), Odds::ALWAYS),
        ("StringLike", key, &format!("arn:aws:iam::{OWNER}:*"), account(), Odds::NEVER),
        ("StringEquals", key, &role, account(), Odds::NEVER),
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

#[test]
fn each_operator_holds_and_its_negation_fails() {
    let (caller, arn) = ("kms:CallerAccount", "aws:PrincipalArn");
    let app = format!("arn:aws:iam::{FOREIGN}:role/app*");
    check(&[
        ("StringEquals", caller, FOREIGN, account(), Odds::ALWAYS),
        ("StringNotEquals", caller, FOREIGN, account(), Odds::NEVER),
        ("StringEqualsIgnoreCase", caller, FOREIGN, account(), Odds::ALWAYS),
        ("StringNotEqualsIgnoreCase", caller, FOREIGN, account(), Odds::NEVER),
        ("StringLike", caller, "4444*", account(), Odds::ALWAYS),
        ("StringNotLike", caller, "4444*", account(), Odds::NEVER),
        ("ArnEquals", arn, &app, member("app-1"), Odds::ALWAYS),
        ("ArnLike", arn, &app, member("app-1"), Odds::ALWAYS),
        ("ArnNotEquals", arn, &app, member("app-1"), Odds::NEVER),
        ("ArnNotLike", arn, &app, member("app-1"), Odds::NEVER),
        ("Bool", "aws:PrincipalIsAWSService", "TRUE", service(), Odds::ALWAYS),
        ("Bool", "aws:PrincipalIsAWSService", "false", service(), Odds::NEVER),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", Subject::Stranger, Odds::NARROW),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", Subject::Stranger, Odds::NARROW.negated()),
        ("DateGreaterThan", caller, "2026-01-01", account(), Odds::CHOSEN),
        ("NumericEquals", caller, "1", account(), Odds::UNKNOWN),
        ("NumericEquals", "aws:MultiFactorAuthAge", "1", account(), Odds::CHOSEN),
    ]);
}

#[test]
fn a_quantifier_and_if_exists_decide_what_a_missing_key_means() {
    let caller = "kms:CallerAccount";
    check(&[
        ("ForAllValues:StringEquals", caller, FOREIGN, service(), Odds::ALWAYS),
        ("ForAllValues:StringNotLike", caller, "*", service(), Odds::ALWAYS),
        ("ForAnyValue:StringNotLike", caller, "*", service(), Odds::NEVER),
        ("StringNotLike", caller, "*", service(), Odds::ALWAYS),
        ("StringEqualsIfExists", caller, FOREIGN, service(), Odds::ALWAYS),
        ("ForAnyValue:StringEqualsIfExists", caller, FOREIGN, service(), Odds::ALWAYS),
        ("StringEquals", caller, FOREIGN, service(), Odds::NEVER),
        ("StringEquals", caller, "${aws:ResourceAccount}", Subject::Owner, Odds::ALWAYS),
        ("StringEquals", caller, "${aws:username}", Subject::Owner, Odds::UNKNOWN),
        ("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}", Subject::Owner, Odds::ALWAYS),
        ("StringEquals", "aws:PrincipalOrgID", "${aws:PrincipalOrgID}", account(), Odds::NEVER),
    ]);
}

#[test]
fn whether_a_request_has_a_key_depends_on_the_caller() {
    let organization = || Subject::Organization("o-theirs00000".to_owned());
    let inside = || Subject::OwnerMember(format!("arn:aws:iam::{OWNER}:role/x"));
    let id = || Subject::UniqueId("AROAEXAMPLEROLEID0009".to_owned());
    let mut rows = Vec::new();
    for key in ["kms:CallerAccount", "aws:PrincipalArn", "aws:userid"] {
        rows.extend([
            (key, service(), Odds::NEVER),
            (key, account(), Odds::ALWAYS),
            (key, Subject::Stranger, Odds::ALWAYS),
        ]);
    }
    let org = "aws:PrincipalOrgID";
    rows.extend([
        (org, service(), Odds::NEVER),
        (org, organization(), Odds::ALWAYS),
        (org, Subject::Owner, Odds::ALWAYS),
        (org, inside(), Odds::ALWAYS),
        (org, account(), Odds::CHOSEN),
    ]);
    for key in ["aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID"] {
        let by_service = if key == "aws:SourceOrgID" { Odds::CHOSEN } else { Odds::ALWAYS };
        rows.extend([
            (key, service(), by_service),
            (key, Subject::Owner, Odds::NEVER),
            (key, inside(), Odds::NEVER),
            (key, member("x"), Odds::NEVER),
            (key, id(), Odds::NEVER),
            (key, account(), Odds::CHOSEN),
            (key, Subject::Stranger, Odds::CHOSEN),
        ]);
    }
    for key in
        ["aws:PrincipalIsAWSService", "aws:SecureTransport", "aws:ResourceAccount", "aws:ResourceOrgID"]
    {
        rows.push((key, account(), Odds::ALWAYS));
    }
    rows.extend([
        ("aws:SourceIp", account(), Odds::CHOSEN),
        ("kms:ViaService", account(), Odds::CHOSEN),
        ("aws:SomethingNew", account(), Odds::UNKNOWN),
    ]);
    for (key, subject, expected) in rows {
        assert_eq!(odds_in(&[], ("Null", key, "false"), &subject), expected, "{key} {subject:?}");
        assert_eq!(odds_in(&[], ("Null", key, "true"), &subject), expected.negated(), "{key} {subject:?}");
    }
}

#[test]
fn each_key_says_what_it_says() {
    let organization = || Subject::Organization("o-theirs00000".to_owned());
    let stranger = || Subject::Stranger;
    for key in ["kms:CallerAccount", "aws:PrincipalAccount"] {
        check(&[("StringEquals", key, FOREIGN, account(), Odds::ALWAYS)]);
    }
    for key in ["aws:PrincipalOrgID", "aws:PrincipalOrgPaths"] {
        check(&[("StringEquals", key, "o-theirs00000", organization(), Odds::ALWAYS)]);
    }
    for key in ["aws:SourceAccount", "aws:SourceOwner"] {
        check(&[("StringEquals", key, FOREIGN, service(), Odds::ALWAYS)]);
    }
    for key in ["aws:SourceOrgID", "aws:SourceOrgPaths"] {
        check(&[
            ("StringEquals", key, "o-theirs00000", organization(), Odds::CHOSEN),
            ("StringEquals", key, "o-theirs00000", Subject::Owner, Odds::NEVER),
            ("StringEquals", key, "o-others00000", organization(), Odds::NEVER),
        ]);
    }
    let mine = format!("arn:aws:sns:eu-west-1:{FOREIGN}:*");
    let theirs = format!("arn:aws:sns:eu-west-1:{OWNER}:*");
    check(&[
        ("ArnLike", "aws:SourceArn", &mine, service(), Odds::CHOSEN),
        ("ArnLike", "aws:SourceArn", &mine, account(), Odds::CHOSEN),
        ("ArnLike", "aws:SourceArn", &theirs, service(), Odds::NEVER),
        ("Bool", "aws:PrincipalIsAWSService", "true", account(), Odds::NEVER),
        ("Bool", "aws:SecureTransport", "true", stranger(), Odds::ALWAYS),
        ("Bool", "aws:SecureTransport", "false", stranger(), Odds::NEVER),
        ("StringEquals", "aws:ResourceAccount", OWNER, stranger(), Odds::ALWAYS),
        ("StringEquals", "aws:ResourceAccount", FOREIGN, stranger(), Odds::NEVER),
        // What this version does not know is seldom what the caller needs.
        ("StringEquals", "aws:SomethingNew", "x", stranger(), Odds::NARROW),
        ("StringLike", "aws:SomethingNew", "x*", stranger(), Odds::NARROW),
    ]);
    for key in ["aws:ResourceOrgID", "aws:ResourceOrgPaths"] {
        check(&[("StringEquals", key, "o-x", stranger(), Odds::ALWAYS)]);
    }
    for key in [
        "aws:SourceIp",
        "aws:VpcSourceIp",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "aws:SourceVpcArn",
        "aws:VpceAccount",
        "aws:VpceOrgID",
        "aws:VpceOrgPaths",
    ] {
        check(&[
            ("StringEquals", key, "x", stranger(), Odds::NARROW),
            ("StringLike", key, "x*", stranger(), Odds::CHOSEN),
        ]);
    }
    for key in [
        "kms:ViaService",
        "aws:ViaAWSService",
        "aws:CalledVia",
        "aws:CalledViaFirst",
        "aws:CalledViaLast",
        "aws:MultiFactorAuthPresent",
        "aws:MultiFactorAuthAge",
        "aws:CurrentTime",
        "aws:EpochTime",
        "aws:TokenIssueTime",
        "aws:UserAgent",
        "aws:Referer",
        "aws:username",
        "aws:PrincipalType",
        "aws:RequestedRegion",
        "aws:TagKeys",
        "kms:GrantIsForAWSResource",
        "kms:GrantConstraintType",
        "kms:GrantOperations",
        "kms:EncryptionContextKeys",
        "kms:EncryptionContext:tenant",
        "kms:EncryptionAlgorithm",
        "kms:SigningAlgorithm",
        "kms:MessageType",
        "kms:MacAlgorithm",
        "kms:KeyAgreementAlgorithm",
        "kms:ReEncryptOnSameKey",
        "kms:RequestAlias",
        "kms:DataKeyPairSpec",
        "kms:BypassPolicyLockoutSafetyCheck",
        "kms:ScheduleKeyDeletionPendingWindowInDays",
        "aws:PrincipalTag/team",
        "aws:RequestTag/team",
    ] {
        check(&[("StringEquals", key, "x", stranger(), Odds::CHOSEN)]);
    }
}
