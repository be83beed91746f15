//! P13: making the trail see less.

use super::stage::Stage;
use crate::Error;
use crate::dice::Dice;
use crate::organisation::caller::Via;
use crate::record::json::Object;
use crate::record::kms;
use crate::record::other;

/// All ways, the default first.
pub(super) const VARIANTS: &[&str] = &[
    "exclude_kms",
    "advanced_selector",
    "write_only",
    "no_management",
    "stop_logging",
    "delete_trail",
    "single_region",
    "bucket_lifecycle",
    "trail_key",
];

/// One change to the account's own trail; the organisation's trail goes on and shows it.
pub(super) fn trail_blinding(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let account = match stage.variant {
        // Bucket and key of the trail belong to the security account.
        "bucket_lifecycle" | "trail_key" => stage.organisation.security,
        _ => stage.payments(),
    };
    let role = if account == stage.payments() { "ci-deploy" } else { "terraform" };
    let actor = stage.actor_named(account, role)?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let home = stage.home(hand.account);
    let id = stage.account_id(hand.account);
    let trail = format!("arn:aws:cloudtrail:{home}:{id}:trail/account-trail");
    let at = stage.at(stage.begin, &hand, &home, &caller);
    let look =
        other::call(dice, at, "cloudtrail", "DescribeTrails", Object::new().json("trailNameList", "[]"));
    stage.emit(dice, look);
    let at = stage.at(stage.begin + dice.between(20, 90), &hand, &home, &caller);
    let selectors = |read_write: &str, management: bool, excluded: &[&str]| {
        let selector = Object::new()
            .text("readWriteType", read_write)
            .flag("includeManagementEvents", management)
            .json("dataResources", "[]")
            .texts("excludeManagementEventSources", excluded);
        Object::new().text("trailName", &trail).json("eventSelectors", &format!("[{}]", selector.done()))
    };
    let record = match stage.variant {
        "advanced_selector" => {
            let fields = format!(
                "[{},{}]",
                Object::new().text("field", "eventCategory").texts("equals", &["Management"]).done(),
                Object::new().text("field", "eventSource").texts("notEquals", &["kms.amazonaws.com"]).done()
            );
            let selector = Object::new().text("name", "management").json("fieldSelectors", &fields).done();
            let request = Object::new()
                .text("trailName", &trail)
                .json("advancedEventSelectors", &format!("[{selector}]"));
            other::trail(dice, at, "PutEventSelectors", request)
        }
        "write_only" => other::trail(dice, at, "PutEventSelectors", selectors("WriteOnly", true, &[])),
        "no_management" => other::trail(dice, at, "PutEventSelectors", selectors("All", false, &[])),
        "stop_logging" => other::trail(dice, at, "StopLogging", Object::new().text("name", &trail)),
        "delete_trail" => other::trail(dice, at, "DeleteTrail", Object::new().text("name", &trail)),
        "single_region" => {
            let request = Object::new().text("name", &trail).flag("isMultiRegionTrail", false);
            other::trail(dice, at, "UpdateTrail", request)
        }
        "bucket_lifecycle" => {
            let rule = Object::new()
                .text("ID", "cleanup")
                .text("Status", "Enabled")
                .json("Expiration", "{\"Days\":1}")
                .json("Filter", "{\"Prefix\":\"\"}");
            let configuration = Object::new().json("Rule", &rule.done()).done();
            let request = Object::new()
                .text("bucketName", &stage.organisation.bucket)
                .text("lifecycle", "")
                .json("LifecycleConfiguration", &configuration);
            other::call(dice, at, "s3", "PutBucketLifecycle", request)
        }
        "trail_key" => {
            let name = stage.organisation.accounts.get(account).map(|a| a.name.clone()).unwrap_or_default();
            let index = stage.organisation.key_named(&format!("alias/{name}/org-trail")).unwrap_or(0);
            let key = stage.target(index)?;
            kms::switch(dice, at, "DisableKey", &key)
        }
        _ => other::trail(dice, at, "PutEventSelectors", selectors("All", true, &["kms.amazonaws.com"])),
    };
    stage.emit(dice, record);
    Ok(())
}
