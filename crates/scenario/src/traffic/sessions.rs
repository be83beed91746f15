//! The session an actor has at a given time: names, credentials and addresses of its platform.

use super::{Actor, Platform};
use crate::calendar::{DAY, HOUR};
use crate::dice::{Dice, fnv};
use crate::organisation::Organisation;
use crate::organisation::caller::{Session, Via, access_key, caller};
use crate::record::Caller;
use std::collections::HashMap;
use std::sync::Arc;

/// Seconds for which one set of temporary credentials lives.
const CREDENTIALS: i64 = 6 * HOUR;

/// The callers of one day, made once each.
#[derive(Debug, Default)]
pub(crate) struct Callers(HashMap<(usize, u32, i64, Via), Arc<Caller>>);

impl Callers {
    /// The caller that an instance of an actor is at this time.
    pub(crate) fn get(
        &mut self,
        organisation: &Organisation,
        (index, actor): (usize, &Actor),
        time: i64,
        instance: u32,
        via: Via,
    ) -> Arc<Caller> {
        let block = time.div_euclid(CREDENTIALS);
        let entry = self.0.entry((index, instance, block, via));
        let make = || {
            let session = session_for(organisation, index, actor, time, instance);
            Arc::new(caller(organisation, actor.principal, &session, via))
        };
        entry.or_insert_with(make).clone()
    }
}

/// The session of an instance of an actor at this time.
pub(crate) fn session_for(
    organisation: &Organisation,
    index: usize,
    actor: &Actor,
    time: i64,
    instance: u32,
) -> Session {
    let block = time.div_euclid(CREDENTIALS);
    // Machines live for days and are replaced at different times.
    let life = (4 + (u64::from(instance) * 7 + index as u64) % 9) as i64 * DAY / 2;
    let machine = time.div_euclid(life);
    let place = ((index as u64) << 40) | (u64::from(instance) << 24);
    let mut hardware = Dice::new(organisation.seed, "machine", place | (machine as u64 & 0xff_ffff));
    let mut credentials = Dice::new(organisation.seed, "credentials", place | (block as u64 & 0xff_ffff));
    let vpc = organisation.accounts.get(actor.account).map_or(20, |account| account.vpc);
    let name = organisation.principals.get(actor.principal).map(|p| p.name.as_str()).unwrap_or_default();
    let private = |dice: &mut Dice| format!("10.{vpc}.{}.{}", dice.below(4), 4 + dice.below(250));
    let endpoint = || Some(format!("vpce-0{:016x}", organisation.stable("endpoint", vpc) as u64));
    let mut session = Session {
        access_key: access_key("ASIA", credentials.wide()),
        created: block * CREDENTIALS - credentials.between(0, 1_800),
        agent: actor.agent.to_owned(),
        ..Session::default()
    };
    match actor.platform {
        Platform::Ec2 => {
            session.name = format!("i-0{:016x}", hardware.bits());
            session.address = private(&mut hardware);
            session.endpoint = endpoint();
            session.imds = Some("2.0");
        }
        Platform::Ecs => {
            session.name = format!("{:032x}", hardware.wide());
            session.address = private(&mut hardware);
            session.endpoint = endpoint();
        }
        Platform::Eks => {
            let pod = hardware.bits() & 0xff_ffff;
            session.name = format!("eks-prod-{name}-{pod:06x}-{}", crate::record::uuid(hardware.wide()));
            session.address = private(&mut hardware);
            session.endpoint = endpoint();
        }
        Platform::Lambda => {
            session.name = name.to_owned();
            // Outside a VPC: one of the addresses of the Region.
            session.address = format!("198.18.{}.{}", vpc, 10 + hardware.below(60));
        }
        Platform::Pipeline => {
            session.name = format!("gha-{}", 1_000_000 + credentials.below(8_000_000));
            session.address = format!("198.18.210.{}", 4 + hardware.below(6));
        }
        Platform::Person => {
            let person = actor.person.clone().unwrap_or_default();
            session.person = Some(crate::record::uuid(organisation.stable("person", fnv(&person))));
            let at_home = hardware.chance(0.4);
            session.address = if at_home {
                let home = organisation.stable("home", fnv(&person)) as u64;
                format!("198.19.{}.{}", home % 250, 2 + home / 250 % 250)
            } else {
                format!("198.18.200.{}", 10 + hardware.below(4))
            };
            session.name = format!("{person}@{}.example", organisation.name);
            session.mfa = false;
            session.console = instance.is_multiple_of(2);
        }
        Platform::OnPremises => {
            session.access_key = access_key("AKIA", organisation.stable("long-term key", index as u64));
            session.address = "198.18.220.17".to_owned();
        }
        Platform::Linked(name) => {
            session.name = name.to_owned();
            session.access_key = String::new();
            session.address = "AWS Internal".to_owned();
        }
        Platform::Ec2Infrastructure => {
            session.name = format!("i-0{:016x}", hardware.bits());
            session.access_key = String::new();
            session.address = "AWS Internal".to_owned();
            session.agent = "AWS Internal".to_owned();
        }
        Platform::Service => {}
    }
    session
}
