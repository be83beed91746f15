//! Prefilled queries and commands to look further, with the time, the principal and the key of an alert.

use crate::alert::{Alert, Context};
use kmswatch_engine::finding::Actor;
use kmswatch_engine::runbook::quote;
use kmswatch_engine::time::{DAY, Timestamp};

/// A query with what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What it answers, and where to run it.
    pub title: String,
    /// The text to paste.
    pub text: String,
}

/// The queries of an alert: Athena, and CloudTrail Lake where there is a store.
pub fn of(alert: &Alert, context: &Context) -> Vec<Query> {
    let mut queries = Vec::new();
    let (from, to) = (alert.start.plus(-DAY), alert.end.plus(DAY));
    let actor = alert.principals.first();
    let key = alert.keys.first().map(|key| key.arn.as_str()).filter(|arn| is_fit(arn));
    let table = quoted_name(&context.athena_table);
    let athena = |from_where: &str, condition: &str| {
        format!(
            "SELECT eventtime, awsregion, eventsource, eventname, errorcode, sourceipaddress, \
             useridentity.arn AS who, eventid\nFROM {from_where}\n\
             WHERE eventtime BETWEEN {} AND {}\n  AND {condition}\nORDER BY eventtime LIMIT 1000",
            literal(&from.to_string()),
            literal(&to.to_string()),
        )
    };
    if let Some(condition) = actor.and_then(|actor| by_actor(actor, Dialect::Athena)) {
        let text = athena(&table, &condition);
        queries.push(Query { title: "Athena: all that the principal did".into(), text });
    }
    if let Some(key) = key {
        let from_where = format!("{table} CROSS JOIN UNNEST(resources) AS listed (resource)");
        let condition = format!("eventsource = 'kms.amazonaws.com' AND resource.arn = {}", literal(key));
        let text = athena(&from_where, &condition);
        queries.push(Query { title: "Athena: all that was done with the key".into(), text });
    }
    if let (Some(store), Some(actor)) = (context.lake_store.as_deref().filter(|store| is_fit(store)), actor)
        && let Some(condition) = by_actor(actor, Dialect::Lake)
    {
        let text = format!(
            "SELECT eventTime, awsRegion, eventSource, eventName, errorCode, sourceIPAddress, userIdentity.arn, \
             eventID\nFROM {store}\n\
             WHERE eventTime BETWEEN {} AND {}\n  AND {condition}\nORDER BY eventTime LIMIT 1000",
            timestamp(from),
            timestamp(to),
        );
        queries.push(Query { title: "CloudTrail Lake: all that the principal did".into(), text });
    }
    queries
}

/// The command that tells the same again, with nothing left out. It reads all logs: what is usual, and who used a key
/// before, cannot be told from the hours of an attack alone.
pub fn replay(alert: &Alert, context: &Context) -> String {
    let incidents = if alert.is_incident { " --incidents" } else { "" };
    format!("kmswatch replay{incidents} --verbose --only {} {}", quote(&alert.id), quote(&context.logs))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Athena,
    Lake,
}

/// The condition that finds the calls of a principal: by name and account, since the session's ARN varies and a role's
/// path is not in the log. `None` for what no condition finds.
fn by_actor(actor: &Actor, dialect: Dialect) -> Option<String> {
    // partition, service, nothing, account, name
    let mut parts = actor.id.strip_prefix("arn:")?.splitn(5, ':').skip(3);
    let (account, name) = (parts.next()?, parts.next()?);
    if !is_fit(account) || !is_fit(name) {
        return None;
    }
    let identity = if dialect == Dialect::Lake { "userIdentity" } else { "useridentity" };
    let of_account = format!("{identity}.accountid = {}", literal(account));
    Some(match name.split_once('/') {
        None if name == "root" => format!("{of_account} AND {identity}.type = 'Root'"),
        Some(("role", role)) => {
            let role = role.rsplit('/').next().unwrap_or(role);
            format!("{of_account} AND {identity}.sessioncontext.sessionissuer.username = {}", literal(role))
        }
        Some(("user", user)) => {
            let user = user.rsplit('/').next().unwrap_or(user);
            format!("{of_account} AND {identity}.username = {}", literal(user))
        }
        _ => return None,
    })
}

/// Whether a value is one that a query is worth having for: no real id is longer or holds control characters.
fn is_fit(text: &str) -> bool {
    !text.is_empty() && crate::text::is_id(text, 512)
}

/// A text literal of SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A moment in CloudTrail Lake.
fn timestamp(time: Timestamp) -> String {
    format!("timestamp {}", literal(time.to_string().trim_end_matches('Z').replacen('T', " ", 1).as_str()))
}

/// The name of a table as Athena takes it.
fn quoted_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if name.chars().all(is_plain) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn texts(alert: &Alert) -> Vec<String> {
        let context = Context { lake_store: Some("11111111-2222".into()), ..samples::context() };
        of(alert, &context).into_iter().map(|query| query.text).collect()
    }

    #[test]
    fn queries_name_time_principal_and_key() {
        let texts = texts(&samples::attack());
        assert_eq!(texts.len(), 3);
        assert!(texts[0].contains("sessionissuer.username = 'ci-deploy'"), "{}", texts[0]);
        assert!(texts[0].contains("BETWEEN '2026-05-03T") && texts[0].contains("accountid = '111122223333'"));
        assert!(texts[1].contains("resource.arn = 'arn:aws:kms:eu-west-1:111122223333:key/"), "{}", texts[1]);
        assert!(texts[2].contains("FROM 11111111-2222") && texts[2].contains("timestamp '2026-05-03 "));
    }

    #[test]
    fn a_name_with_quotes_stays_a_text_or_gives_no_query() {
        assert_eq!(literal("a'b"), "'a''b'");
        let mut alert = samples::attack();
        alert.principals[0].id = "arn:aws:iam::111122223333:role/x' OR '1'='1".into();
        alert.keys[0].arn = "arn:aws:kms:eu-west-1:111122223333:key/x') OR (1=1".into();
        assert!(texts(&alert).is_empty());
        assert_eq!(quoted_name("db.\"t\"; --"), "\"db.\"\"t\"\"; --\"");
    }
}
