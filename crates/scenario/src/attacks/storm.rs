//! Refusals by the thousand: one role that does not give up, and a change of a policy that shuts many out.

use super::policy::{document, root_statement, statement};
use super::stage::{Hand, Stage};
use crate::Error;
use crate::dice::Dice;
use crate::organisation::caller::Via;
use crate::organisation::{Key, PrincipalKind};
use crate::record::Caller;
use crate::record::kms::{self, Bypass};
use crate::traffic::tenant_context;
use std::sync::Arc;

/// All ways, the default first.
pub(super) const VARIANTS: &[&str] = &["one_role", "policy_change"];

/// Calls that are refused and made again at once, `strength` a minute. After a policy change all workloads of the
/// account take part.
pub(super) fn denial_storm(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let index = stage.key("app-secrets")?;
    let key = stage.target(index)?;
    let payments = stage.payments();
    let actors = match stage.variant {
        "policy_change" => {
            shut_out(stage, dice, &key)?;
            let is_workload = |organisation: &crate::organisation::Organisation, principal: usize| {
                organisation.principals.get(principal).is_some_and(|p| p.kind == PrincipalKind::Workload)
            };
            (0..stage.actors.len())
                .filter(|&n| {
                    stage.actors.get(n).is_some_and(|actor| {
                        actor.account == payments && is_workload(stage.organisation, actor.principal)
                    })
                })
                .collect()
        }
        _ => vec![stage.any_actor(dice, |_, actor| actor.account == payments && Stage::is_workload(actor))?],
    };
    let mut callers: Vec<(Hand, Arc<Caller>)> = Vec::new();
    for actor in actors {
        let outside = stage.outside(false);
        let hand = stage.hand(actor, outside)?;
        let caller = stage.caller(&hand, Via::Direct);
        callers.push((hand, caller));
    }
    let count = (stage.strength * stage.lasts as f64 / 60.0).clamp(1.0, 1_000_000.0) as usize;
    for n in 0..count {
        let Some((hand, caller)) = callers.get(n % callers.len().max(1)) else { break };
        let time = stage.begin + 30 + n as i64 * stage.lasts / count as i64;
        let at = stage.at(time, hand, &key.region, caller);
        let message = kms::not_authorized(&caller.principal, "Decrypt", &key);
        let context = tenant_context("card-vault", n as u32 % 50);
        let record = kms::decrypt(dice, at, &key, Some(&context)).failed("AccessDenied", message);
        stage.emit(dice, record);
    }
    Ok(())
}

/// A deployment replaces the key policy and forgets those who use the key.
fn shut_out(stage: &mut Stage<'_>, dice: &mut Dice, key: &Key) -> Result<(), Error> {
    let actor = stage.actor_named(stage.payments(), "terraform")?;
    let hand = stage.hand(actor, false)?;
    let caller = stage.caller(&hand, Via::Direct);
    let account = stage.account_id(hand.account);
    let policy = document(&[
        root_statement(&account),
        statement(
            "Deployment",
            "Deny",
            "\"*\"",
            "kms:Decrypt",
            Some(&format!(
                "{{\"ArnNotEquals\":{{\"aws:PrincipalArn\":\"arn:aws:iam::{account}:role/ci/terraform\"}}}}"
            )),
        ),
    ]);
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::put_policy(dice, at, key, &policy, Bypass::No);
    stage.emit(dice, record);
    Ok(())
}
