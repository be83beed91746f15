//! Policies and what they come to: the misreadings that other products are known for, and AWS's own patterns.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const OWNER: &str = "111122223333";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn question(organizations: &[String]) -> Question<'_> {
    Question { owner: OWNER, key: KEY, organizations }
}

fn policy(statements: &Value) -> Policy {
    Policy::parse(&json!({"Version": "2012-10-17", "Statement": statements}).to_string()).unwrap()
}

/// `anyone: use grant?; 444455556666: read`, with `?` behind what is conditional.
fn access_in(statements: &Value, organizations: &[&str]) -> String {
    let organizations: Vec<String> = organizations.iter().map(|id| (*id).to_owned()).collect();
    let describe = |access: Access| {
        let who = match &access.who {
            Who::Anyone => "anyone",
            Who::Organization(id) | Who::Account(id) | Who::Unresolved(id) => id,
        };
        let classes = access.all().classes().map(|class| {
            let mark = if access.surely_gives(class) { "" } else { "?" };
            format!(" {}{mark}", class.name())
        });
        format!("{who}:{}", classes.collect::<String>())
    };
    let all = policy(statements).access(&question(&organizations));
    all.into_iter().map(describe).collect::<Vec<_>>().join("; ")
}

fn access(statements: Value) -> String {
    access_in(&statements, &["o-ours000000"])
}

fn control(statements: Value) -> Control {
    policy(&statements).control(&question(&["o-ours000000".to_owned()]))
}

fn allow(principal: Value, action: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"})
}

fn when(mut statement: Value, condition: Value) -> Value {
    statement["Condition"] = condition;
    statement
}

fn deny(condition: Value) -> Value {
    json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": condition})
}

fn root() -> Value {
    allow(json!({"AWS": "arn:aws:iam::111122223333:root"}), json!("kms:*"))
}

fn open() -> Value {
    allow(json!("*"), json!("kms:*"))
}

/// What everybody may do under this condition.
fn open_when(condition: Value) -> String {
    access(when(allow(json!("*"), json!("kms:Decrypt")), condition))
}

#[test]
fn the_default_policy_opens_nothing() {
    assert_eq!(access(json!([root()])), "");
    assert_eq!(control(json!([root()])), Control::Account);
}

#[test]
fn actions_may_be_a_text_or_a_list_and_all_of_the_list_count() {
    for principal in [
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
        json!({"aws": "*"}),
    ] {
        assert_eq!(access(allow(principal.clone(), json!("kms:Decrypt"))), "anyone: use");
        assert_eq!(access(allow(principal, json!(["kms:DescribeKey", "kms:Decrypt"]))), "anyone: read use");
    }
}

#[test]
fn wildcard_actions_are_what_they_stand_for() {
    assert_eq!(access(open()), "anyone: read use grant admin");
    assert_eq!(access(allow(json!("*"), json!("*"))), "anyone: read use grant admin");
    assert_eq!(access(allow(json!("*"), json!("KMS:enc*"))), "anyone: use");
    assert_eq!(access(allow(json!("*"), json!("s3:*"))), "");
    let not_admin = json!({"Effect": "Allow", "Principal": "*", "NotAction": ["kms:*Key*", "kms:*Grant*"], "Resource": "*"});
    assert_eq!(access(not_admin), "anyone: read use admin");
    let nothing = json!({"Effect": "Allow", "Principal": "*", "NotAction": "kms:*", "Resource": "*"});
    assert_eq!(access(nothing), "");
}

#[test]
fn everybody_of_the_own_account_is_not_everybody() {
    for condition in [
        json!({"StringEquals": {"kms:CallerAccount": OWNER}}),
        json!({"StringEquals": {"KMS:calleraccount": [OWNER]}}),
        json!({"StringEquals": {"kms:CallerAccount": OWNER, "kms:ViaService": "s3.eu-west-1.amazonaws.com"}}),
        json!({"StringLike": {"aws:PrincipalAccount": "111122223333"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/app-*"}}),
        json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:*"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-ours000000"}}),
        json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-ours000000/*"}}),
        json!({"StringEquals": {"aws:SourceAccount": OWNER}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:*"}}),
        json!({"StringEquals": {"aws:SourceOrgID": "o-ours000000"}}),
        json!({"Bool": {"aws:PrincipalIsAWSService": "true"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}}),
        json!({"Bool": {"aws:SecureTransport": "false"}}),
    ] {
        let shown = condition.to_string();
        assert_eq!(open_when(condition), "", "{shown}");
    }
}

#[test]
fn a_condition_that_names_nobody_narrows_nothing() {
    for condition in [
        json!({}),
        json!({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}),
        json!({"StringLike": {"kms:CallerAccount": "*"}}),
        json!({"StringLike": {"aws:PrincipalArn": "*"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}}),
        json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        json!({"StringLike": {"aws:PrincipalOrgID": "*"}}),
        json!({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-ours000000/*"}}),
        json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-ours000000"}}),
        json!({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1a2b3c4d"}}),
        json!({"StringNotEquals": {"kms:CallerAccount": "444455556666"}}),
        json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-other00000"}}),
        json!({"Null": {"aws:PrincipalOrgID": "true"}}),
        json!({"Null": {"kms:CallerAccount": "false"}}),
        json!({"Bool": {"aws:SecureTransport": "true"}}),
        json!({"Bool": {"aws:SecureTransport": true}}),
        json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        json!({"BoolIfExists": {"kms:GrantIsForAWSResource": "true"}}),
        json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}),
        json!({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
        json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}),
        json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        json!({"StringEquals": {"aws:PrincipalTag/team": "payments"}}),
        json!({"StringEquals": {"kms:EncryptionContext:app": "payments"}}),
        json!({"StringEquals": {"aws:ResourceAccount": OWNER}}),
        json!({"StringLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
        json!({"StringLike": {"aws:userid": "*"}}),
    ] {
        let shown = condition.to_string();
        let found = open_when(condition);
        assert!(found.starts_with("anyone: use") && !found.contains('?'), "{shown}: {found}");
    }
}

#[test]
fn what_a_policy_cannot_decide_is_conditional() {
    for condition in [
        json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        json!({"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}),
        json!({"StringEquals": {"aws:SourceVpc": "vpc-1a2b3c4d"}}),
        json!({"StringEquals": {"aws:SomethingNew": "x"}}),
        json!({"SomethingNew": {"aws:PrincipalArn": "x"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalTag/home}"}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::some-bucket"}}),
        json!({"Null": {"aws:SomethingNew": "false"}}),
    ] {
        let shown = condition.to_string();
        assert_eq!(open_when(condition), "anyone: use?", "{shown}");
    }
}

#[test]
fn a_literal_star_is_no_wildcard_where_the_operator_takes_none() {
    assert_eq!(open_when(json!({"StringEquals": {"kms:CallerAccount": "*"}})), "");
    assert_eq!(open_when(json!({"StringNotEquals": {"kms:CallerAccount": "*"}})), "anyone: use");
}

#[test]
fn a_wildcard_principal_pinned_to_a_foreign_account_opens_to_that_account() {
    for condition in [
        json!({"StringEquals": {"kms:CallerAccount": [OWNER, "444455556666"]}}),
        json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/app-*"}}),
        json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/app"}}),
        json!({"StringEquals": {"aws:SourceAccount": "444455556666"}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:eu-west-1:444455556666:topic"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": "444455556666", "aws:SecureTransport": "true"}}),
    ] {
        let shown = condition.to_string();
        assert_eq!(open_when(condition), "444455556666: use", "{shown}");
    }
    assert_eq!(
        open_when(json!({"StringLike": {"aws:userid": "AROAEXAMPLEROLEID0009:*"}})),
        "AROAEXAMPLEROLEID0009: use"
    );
    assert_eq!(
        open_when(json!({"StringEquals": {"aws:PrincipalOrgID": "o-other00000"}})),
        "o-other00000: use"
    );
    assert_eq!(
        open_when(json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-other00000/r-1/*"}})),
        "o-other00000: use"
    );
}

#[test]
fn a_foreign_account_is_seen_in_every_form() {
    for principal in [
        json!({"AWS": "444455556666"}),
        json!({"AWS": "arn:aws:iam::444455556666:root"}),
        json!({"AWS": [OWNER, "arn:aws:iam::444455556666:role/path/reader"]}),
        json!({"AWS": "arn:aws:iam::444455556666:user/bob"}),
        json!({"AWS": "arn:aws:sts::444455556666:assumed-role/reader/session"}),
        json!({"AWS": "arn:aws-us-gov:iam::444455556666:root"}),
        json!({"Service": "sns.amazonaws.com", "AWS": "444455556666"}),
        json!({"Federated": "arn:aws:iam::444455556666:saml-provider/x"}),
    ] {
        let shown = principal.to_string();
        assert_eq!(
            access(json!([root(), allow(principal, json!("kms:Decrypt"))])),
            "444455556666: use",
            "{shown}"
        );
    }
    let ids = json!({"AWS": "AIDAEXAMPLEUSERID0001", "CanonicalUser": "79a59df900b949e5"});
    assert_eq!(access(allow(ids, json!("kms:Decrypt"))), "79a59df900b949e5: use; AIDAEXAMPLEUSERID0001: use");
}

#[test]
fn a_service_is_nobody_unless_it_acts_for_a_foreign_account() {
    let service = || allow(json!({"Service": "sns.amazonaws.com"}), json!("kms:GenerateDataKey*"));
    assert_eq!(access(service()), "");
    assert_eq!(access(when(service(), json!({"StringEquals": {"aws:SourceAccount": OWNER}}))), "");
    let foreign = json!({"StringEquals": {"aws:SourceAccount": "444455556666"}});
    assert_eq!(access(when(service(), foreign)), "444455556666: use");
}

#[test]
fn a_deny_takes_away_what_it_names_and_no_more() {
    for strangers in [
        json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-ours000000"}}),
        json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-ours000000"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}),
        json!({"StringNotEquals": {"kms:CallerAccount": OWNER}}),
        json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:*"}}),
    ] {
        let shown = strangers.to_string();
        assert_eq!(access(json!([open(), deny(strangers)])), "", "{shown}");
    }
    let not_use = json!({"Effect": "Deny", "Principal": "*", "Action": ["kms:*crypt*", "kms:Generate*"], "Resource": "*",
        "Condition": {"StringNotEquals": {"kms:CallerAccount": OWNER}}});
    assert_eq!(
        access(json!([allow(json!("*"), json!(["kms:Decrypt", "kms:CreateGrant"])), not_use])),
        "anyone: grant"
    );
    let exempt = json!({"Effect": "Deny", "NotPrincipal": {"AWS": ["444455556666", OWNER]}, "Action": "kms:*", "Resource": "*"});
    assert_eq!(access(json!([open(), exempt])), "444455556666: read use grant admin");
}

#[test]
fn a_deny_that_is_easily_avoided_takes_nothing_away() {
    for condition in [
        json!({"Bool": {"aws:SecureTransport": "false"}}),
        json!({"StringEquals": {"kms:CallerAccount": "444455556666"}}),
        json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-other00000"}}),
    ] {
        let shown = condition.to_string();
        let found = access(json!([open(), deny(condition)]));
        assert!(found.starts_with("anyone: read use grant admin"), "{shown}: {found}");
    }
    let one = json!({"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::444455556666:role/x"}, "Action": "kms:*", "Resource": "*"});
    assert_eq!(access(json!([open(), one])), "anyone: read use grant admin");
}

#[test]
fn a_deny_that_depends_on_the_network_makes_the_access_conditional() {
    let condition = json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}});
    assert_eq!(access(json!([open(), deny(condition)])), "anyone: read? use? grant? admin?");
}

#[test]
fn an_account_under_an_organisation_that_is_ours_is_not_foreign() {
    let statement = when(
        allow(json!({"AWS": "444455556666"}), json!("kms:Decrypt")),
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-ours000000"}}),
    );
    assert_eq!(access(statement.clone()), "");
    // Without the declaration nobody can tell.
    assert_eq!(access_in(&statement, &[]), "444455556666: use?");
}

#[test]
fn allow_with_notprincipal_is_everybody_else() {
    let statement = json!({"Effect": "Allow", "NotPrincipal": {"AWS": "444455556666"}, "Action": "kms:Decrypt", "Resource": "*"});
    assert_eq!(access(statement), "anyone: use");
}

#[test]
fn a_statement_about_another_key_gives_nothing() {
    let about = |resource: Value| {
        let mut statement = open();
        statement["Resource"] = resource;
        access(statement)
    };
    let all = "anyone: read use grant admin";
    assert_eq!(about(json!("arn:aws:kms:eu-west-1:111122223333:key/other")), "");
    assert_eq!(about(json!([KEY])), all);
    assert_eq!(about(json!("arn:aws:kms:*:111122223333:key/*")), all);
    assert_eq!(about(Value::Null), all);
    let mut not = open();
    not["Resource"] = Value::Null;
    not["NotResource"] = json!(KEY);
    assert_eq!(access(not), "");
}

#[test]
fn the_statements_and_conditions_that_give_access_are_told() {
    let mut opened =
        when(allow(json!("*"), json!("kms:Decrypt")), json!({"StringEquals": {"kms:ViaService": "s3"}}));
    opened["Sid"] = json!("Oops");
    let policy = policy(&json!([root(), opened, allow(json!("*"), json!("s3:Get*"))]));
    let found = policy.access(&question(&[]));
    assert_eq!(found[0].statements.iter().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(found[0].conditions.iter().map(String::as_str).collect::<Vec<_>>(), ["kms:viaservice"]);
    assert_eq!(policy.statements[1].label(1), "Oops");
    assert_eq!(policy.statements[0].label(0), "statement 1");
}

const ADMIN: &str = "arn:aws:iam::111122223333:role/admin";

#[test]
fn without_the_account_only_the_named_can_change_the_policy() {
    let named = Control::Only([ADMIN.to_owned()].into());
    assert_eq!(control(json!([allow(json!({"AWS": ADMIN}), json!("kms:Put*"))])), named);
    let but_one =
        json!({"Effect": "Deny", "NotPrincipal": {"AWS": ADMIN}, "Action": "kms:*", "Resource": "*"});
    assert_eq!(control(json!([root(), but_one])), named);
    for condition in [
        json!({"ArnNotEquals": {"aws:PrincipalArn": ADMIN}}),
        json!({"StringNotLike": {"aws:PrincipalArn": ADMIN}}),
        json!({"StringNotEquals": {"aws:PrincipalArn": [ADMIN]}}),
    ] {
        assert_eq!(control(json!([root(), deny(condition)])), named);
    }
}

#[test]
fn a_policy_that_nobody_can_change_is_told() {
    for statements in [
        json!([]),
        json!([allow(json!({"AWS": ADMIN}), json!("kms:Decrypt"))]),
        json!([allow(json!({"AWS": "arn:aws:iam::444455556666:root"}), json!("kms:*"))]),
        json!([root(), {"Effect": "Deny", "Principal": "*", "Action": "kms:PutKeyPolicy", "Resource": "*"}]),
        json!([root(), {"Effect": "Deny", "Principal": {"AWS": OWNER}, "Action": ["kms:Put*"], "Resource": "*"}]),
        json!([root(), deny(json!({"StringEquals": {"kms:CallerAccount": OWNER}}))]),
        json!([root(), deny(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:*"}}))]),
        json!([when(root(), json!({"StringEquals": {"kms:CallerAccount": "444455556666"}}))]),
        json!([when(root(), json!({"StringEquals": {"aws:SourceAccount": OWNER}}))]),
        json!([when(root(), json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/x"}}))]),
    ] {
        let shown = statements.to_string();
        assert_eq!(control(statements), Control::Nobody, "{shown}");
    }
}

#[test]
fn a_deny_that_the_account_can_meet_is_no_lockout() {
    for condition in [
        json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
        json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-ours000000"}}),
        json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/admin-*"}}),
        json!({"StringNotEquals": {"kms:CallerAccount": OWNER}}),
        json!({"Bool": {"aws:SecureTransport": "false"}}),
    ] {
        let shown = condition.to_string();
        assert_eq!(control(json!([root(), deny(condition)])), Control::Account, "{shown}");
    }
    let network = deny(json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}));
    assert_eq!(control(json!([root(), network])), Control::Conditional);
}

#[test]
fn a_named_principal_under_an_undecided_condition_is_undecided() {
    let network = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
    let statement = when(allow(json!({"AWS": ADMIN}), json!("kms:*")), network);
    assert_eq!(control(json!([statement])), Control::Conditional);
}

#[test]
fn each_declared_organisation_is_ours() {
    let condition = json!({"StringEquals": {"aws:PrincipalOrgID": "o-ours000000"}});
    let statement = when(allow(json!("*"), json!("kms:Decrypt")), condition);
    assert_eq!(access_in(&statement, &["o-ours000001", "o-ours000000"]), "");
}

#[test]
fn text_that_is_no_policy_is_an_error_with_its_reason() {
    for (text, reason) in [
        ("", "the policy is no JSON object with a Statement"),
        ("null", "the policy is no JSON object with a Statement"),
        ("{\"Statement\":", "the policy is no JSON object with a Statement"),
        (r#"{"Statement":[{}]}"#, "statement 1: has no Effect of Allow or Deny"),
        (r#"{"Statement":["x"]}"#, "statement 1: is no object"),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#,
            "statement 1: has not one of Principal and NotPrincipal",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#,
            "statement 1: has not one of Action and NotAction",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":{}},"Action":"*"}}"#,
            "statement 1: holds something else where a text or a list of texts belongs",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":[]}}"#,
            "statement 1: has a Condition that is no object",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringEquals":"x"}}}"#,
            "statement 1: has a condition operator without keys",
        ),
    ] {
        assert_eq!(Policy::parse(text).unwrap_err().to_string(), reason, "{text}");
    }
}

#[test]
fn a_policy_may_be_one_statement_odd_in_case_or_a_text_in_a_text() {
    let text = r#"{"version":"2008-10-17","statement":{"effect":"allow","principal":{"AWS":"*"},"action":"kms:Decrypt"}}"#;
    let twice = serde_json::to_string(text).unwrap();
    for text in [text, &twice] {
        let found = Policy::parse(text).unwrap().access(&question(&[]));
        assert_eq!(found.first().map(|access| &access.who), Some(&Who::Anyone));
    }
}

#[test]
fn size_is_bounded() {
    assert!(matches!(Policy::parse(&" ".repeat(Policy::MAX_BYTES + 1)), Err(PolicyError::TooLong(_))));
    let many = |n| {
        let mut statement = open();
        statement["Principal"] = json!({"AWS": vec!["*"; n]});
        Policy::parse(&json!({"Statement": statement}).to_string())
    };
    // Beside the principals: the statement, its action and its resource.
    assert!(many(Policy::MAX_ENTRIES - 3).is_ok());
    assert_eq!(many(Policy::MAX_ENTRIES - 2), Err(PolicyError::TooMany));
}

#[test]
fn all_that_one_account_gets_is_one_answer() {
    let role = |account: &str| json!({"AWS": format!("arn:aws:iam::{account}:role/x")});
    let statements = json!([
        root(),
        allow(json!({"AWS": "444455556666"}), json!("kms:DescribeKey")),
        allow(json!({"AWS": "555566667777"}), json!("kms:Decrypt")),
        allow(role("444455556666"), json!("kms:Decrypt")),
    ]);
    assert_eq!(access(statements), "444455556666: read use; 555566667777: use");
    assert_eq!(access(json!([root(), allow(role(OWNER), json!("kms:Decrypt"))])), "");
    let pattern = json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/app-*"}});
    assert_eq!(
        access(json!([root(), when(allow(json!("*"), json!("kms:Decrypt")), pattern)])),
        "444455556666: use"
    );
}

#[test]
fn a_resource_that_is_empty_or_a_key_known_by_its_alias_alone() {
    let with = |resource: &str, key: &str| {
        let mut statement = allow(json!("*"), json!("kms:Decrypt"));
        statement["Resource"] = json!(resource);
        let question = Question { owner: OWNER, key, organizations: &[] };
        let access = policy(&json!([statement])).access(&question);
        access.first().map(|access| access.surely_gives(Class::Use))
    };
    assert_eq!(with("*", KEY), Some(true));
    assert_eq!(with("", KEY), None);
    assert_eq!(with(KEY, KEY), Some(true));
    assert_eq!(with("arn:aws:kms:eu-west-1:111122223333:key/other", KEY), None);
    let alias = "arn:aws:kms:eu-west-1:111122223333:alias/x";
    assert_eq!(with(KEY, alias), Some(false), "it may mean this key");
    assert_eq!(with(KEY, "x:key/1"), Some(false), "a name that is no ARN");
}

#[test]
fn an_account_is_twelve_digits_and_a_unique_id_sixteen_characters() {
    assert_eq!(Who::Account("444455556666".to_owned()).account(), Some("444455556666"));
    assert_eq!(Who::Account("x".to_owned()).account(), None);
    assert_eq!(Who::Anyone.account(), None);
    assert!(subject::is_unique_id("AROAEXAMPLE00001") && !subject::is_unique_id("AROAEXAMPLE0001"));
}

#[test]
fn the_longest_policy_is_read_and_an_effect_is_one_of_two() {
    let text = json!({ "Statement": [root()] }).to_string();
    let padded = format!("{text}{}", " ".repeat(Policy::MAX_BYTES - text.len()));
    assert!(Policy::parse(&padded).is_ok());
    let mut odd = root();
    odd["Effect"] = json!("Permit");
    assert!(matches!(
        Policy::parse(&json!({ "Statement": odd }).to_string()),
        Err(PolicyError::Statement { .. })
    ));
}

#[test]
fn a_named_action_is_given_if_it_is_among_those_given() {
    assert!(Actions::named("Decrypt").gives_named("Decrypt"));
    assert!(!Actions::named("Decrypt").gives_named("CreateGrant"));
    assert!(!Actions::NONE.gives_named("Decrypt"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}|[{}\\[\\]\":,a-zA-Z*]{0,60}") {
        let _ = Policy::parse(&text);
    }

    /// Whatever the conditions: an unconditional Deny for everybody leaves nothing, and without Allow there is nothing.
    #[test]
    fn deny_wins(
        operator in prop::sample::select(vec!["StringEquals", "StringNotLike", "ForAllValues:StringLike", "NullIfExists", "Bool", "x"]),
        key in prop::sample::select(vec!["kms:CallerAccount", "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:SourceIp", "x"]),
        value in "[*o0-9:/-]{0,14}",
    ) {
        let opened = when(open(), json!({ operator: { key: value } }));
        let closed = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
        prop_assert_eq!(access(json!([opened, closed])), "");
        prop_assert_eq!(control(json!([opened, root(), closed])), Control::Nobody);
        let mut denied = opened;
        denied["Effect"] = json!("Deny");
        prop_assert_eq!(access(json!([denied])), "");
    }
}
