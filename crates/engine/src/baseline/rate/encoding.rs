//! The binary form of a profile.
//!
//! ```text
//! version (1) · rhythm (0 flat, 1 weekly) · open hours (1 to 25)
//! first hour (zigzag varint) · sealed hours (varint) · sealed hours since the sums were touched (varint)
//! active hours (varint) · sums (23 floats of 32 bits; 22 in version 1)
//! sealed hours kept (their number follows): count · clipped (one varint), activity, mean, amount (16 bits each)
//! frozen expectations of the open hours
//! weekly only: reference week (zigzag varint), likelihoods (3 × 32 bits), which cells are set (168 bits), those cells,
//! last active day (zigzag varint), its count, the 56 days before
//! ```
//!
//! All numbers are little-endian. About 0.35 kB, with a full weekly season about 1.2 kB. Values that no
//! sealed sequence could have led to but that do no harm are read as they are; what could do harm (not
//! finite, out of range, too short, too long) is refused.

use super::dispersion::Dispersion;
use super::drift::Days;
use super::level::Level;
use super::season::{CELLS, Season, Share};
use super::windows::{KEPT, Recent, SealedHour, Typical};
use super::{Excesses, Expectation, MAX_COUNT, Profile};
use crate::baseline::bytes::{Input, MAX_HOUR, Malformed, put, put_floats, put_halves, put_signed};
use crate::baseline::quantity::Half;
use std::collections::VecDeque;

/// The form that is written. Older ones stay readable.
const VERSION: u8 = 2;
/// The form before outlying hours were counted.
const WITHOUT_OUTLIERS: u8 = 1;

/// Why bytes are no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a later version, or no profile at all.
    #[error("profile has format version {0}, which this version of kmswatch cannot read: upgrade it")]
    Version(u8),
    /// The bytes are damaged.
    #[error("profile is damaged: {0}")]
    Malformed(#[from] Malformed),
}

impl Profile {
    /// The profile as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1_200);
        out.push(VERSION);
        out.push(u8::from(self.season.is_some()));
        out.push(self.open.len() as u8);
        put_signed(&mut out, self.first);
        put(&mut out, self.sealed.abs_diff(self.first - 1));
        put(&mut out, self.sealed.abs_diff(self.touched));
        put(&mut out, u64::from(self.active_hours));
        put_floats(&mut out, &[self.share.active, self.level.counts, self.level.seasons]);
        for Dispersion { excess, squares, value } in self.dispersion {
            put_floats(&mut out, &[excess, squares, value]);
        }
        for Excesses { number, sum } in self.excesses {
            put_floats(&mut out, &[number, sum]);
        }
        for Typical { counts, windows } in self.typical {
            put_floats(&mut out, &[counts, windows]);
        }
        put_floats(&mut out, &[self.outliers]);
        for hour in &self.recent.0 {
            put(&mut out, hour.count << 1 | u64::from(hour.clipped));
            put_halves(&mut out, &[hour.activity, hour.mean, hour.amount]);
        }
        for open in &self.open {
            let [six, day] = open.long_means;
            put_floats(&mut out, &[open.level, six, day]);
            put_halves(&mut out, &[open.activity, open.amount]);
            put_halves(&mut out, &open.hypotheses);
            put_halves(&mut out, &open.dispersion);
            put_halves(&mut out, &open.exceedances);
            put_halves(&mut out, &open.excess);
        }
        if let Some(season) = &self.season {
            put_signed(&mut out, season.reference);
            put_floats(&mut out, &season.fit);
            let cells = || season.amounts.iter().zip(&season.active);
            let mut bits = [0u8; CELLS / 8];
            for (cell, (amount, active)) in cells().enumerate() {
                if let (Some(byte), true) = (bits.get_mut(cell / 8), amount.0 != 0 || active.0 != 0) {
                    *byte |= 1 << (cell % 8);
                }
            }
            out.extend_from_slice(&bits);
            for (amount, active) in cells().filter(|(amount, active)| amount.0 != 0 || active.0 != 0) {
                put_halves(&mut out, &[*amount, *active]);
            }
        }
        if let Some(days) = &self.days {
            put_signed(&mut out, days.day);
            put(&mut out, days.count);
            put_halves(&mut out, &days.before);
        }
        out
    }

    /// Reads what [`Profile::encode`] wrote. Total: any bytes give a profile that can be used, or an error.
    pub fn decode(bytes: &[u8]) -> Result<Profile, DecodeError> {
        let mut input = Input(bytes);
        let version = input.byte()?;
        if ![VERSION, WITHOUT_OUTLIERS].contains(&version) {
            return Err(DecodeError::Version(version));
        }
        let weekly = match input.byte()? {
            0 => false,
            1 => true,
            _ => return Err(Malformed::Range("rhythm").into()),
        };
        let n_open = input.byte()?;
        if !(1..=Self::MAX_HORIZON + 1).contains(&n_open) {
            return Err(Malformed::Range("number of open hours").into());
        }
        let first = input.hour()?;
        let n_sealed = input.number()?;
        if n_sealed > 2 * MAX_HOUR as u64 + 1 {
            return Err(Malformed::Range("last hour").into());
        }
        let sealed = first - 1 + n_sealed as i64;
        let n_untouched = input.number()?;
        if sealed > MAX_HOUR || n_untouched > n_sealed {
            return Err(Malformed::Range("last hour").into());
        }
        let active_hours = u32::try_from(input.number()?).map_err(|_| Malformed::Range("active hours"))?;
        let share = Share { active: input.sum()? };
        let level = Level { counts: input.sum()?, seasons: input.sum()? };
        let mut dispersion = [Dispersion { excess: 0.0, squares: 0.0, value: 0.0 }; 3];
        for estimate in &mut dispersion {
            // The excess of variance may be negative: a stream steadier than Poisson.
            *estimate = Dispersion { excess: input.float()?, squares: input.sum()?, value: input.sum()? };
        }
        let mut excesses = [Excesses::default(); 3];
        for excess in &mut excesses {
            *excess = Excesses { number: input.sum()?, sum: input.sum()? };
        }
        let mut typical = [Typical::default(); 2];
        for window in &mut typical {
            *window = Typical { counts: input.sum()?, windows: input.sum()? };
        }
        let outliers = if version == WITHOUT_OUTLIERS { 0.0 } else { input.sum()? };
        let mut recent = VecDeque::with_capacity(KEPT + 1);
        for _ in 0..n_sealed.min(KEPT as u64) {
            let number = input.number()?;
            if number >> 1 > MAX_COUNT {
                return Err(Malformed::Range("count").into());
            }
            let [activity, mean, amount] = input.halves()?;
            recent.push_back(SealedHour {
                count: number >> 1,
                activity,
                mean,
                amount,
                clipped: number & 1 == 1,
            });
        }
        let mut open = Vec::with_capacity(usize::from(n_open) + 1);
        for _ in 0..n_open {
            let (level, long_means) = (input.sum()?, [input.sum()?, input.sum()?]);
            let [activity, amount] = input.halves()?;
            if activity.0 == 0 || activity.get() > 1.001 {
                return Err(Malformed::Range("activity").into());
            }
            open.push(Expectation {
                activity,
                level,
                amount,
                hypotheses: input.halves()?,
                dispersion: input.halves()?,
                long_means,
                exceedances: input.halves()?,
                excess: input.halves()?,
            });
        }
        let season = if weekly { Some(Box::new(read_season(&mut input)?)) } else { None };
        let touched = sealed - n_untouched as i64;
        if season.as_ref().is_some_and(|season| !season.is_possible(first, touched)) {
            return Err(Malformed::Range("reference week").into());
        }
        let days = if weekly { Some(Box::new(read_days(&mut input)?)) } else { None };
        input.end()?;
        Ok(Profile {
            first,
            sealed,
            touched,
            active_hours,
            share,
            level,
            season,
            days,
            dispersion,
            excesses,
            typical,
            outliers,
            recent: Recent(recent),
            open,
        })
    }
}

fn read_days(input: &mut Input<'_>) -> Result<Days, Malformed> {
    let (day, count) = (input.hour()?, input.number()?);
    if count > MAX_COUNT {
        return Err(Malformed::Range("count"));
    }
    Ok(Days { day, count, before: input.halves()? })
}

fn read_season(input: &mut Input<'_>) -> Result<Season, Malformed> {
    let reference = input.hour()?;
    let fit = [input.float()?, input.float()?, input.float()?];
    if fit.iter().any(|fit| *fit > 0.0) || !fit.contains(&0.0) {
        return Err(Malformed::Range("likelihood"));
    }
    let bits: [u8; CELLS / 8] = input.bytes()?;
    let mut season = Season { reference, amounts: [Half(0); CELLS], active: [Half(0); CELLS], fit };
    for (cell, (amount, active)) in season.amounts.iter_mut().zip(&mut season.active).enumerate() {
        if bits.get(cell / 8).is_some_and(|byte| byte >> (cell % 8) & 1 == 1) {
            [*amount, *active] = input.halves()?;
        }
    }
    Ok(season)
}

#[cfg(test)]
mod tests {
    use super::super::{Rhythm, Window};
    use super::*;
    use proptest::prelude::*;

    /// Seals an ordered sequence of (gap, count) and shows the profile at its end.
    fn lived(rhythm: Rhythm, horizon: u8, life: &[(i64, u64)]) -> Profile {
        let mut profile = Profile::born(495_000, rhythm, horizon);
        for (gap, count) in life {
            profile.seal(profile.sealed_hour() + gap, *count);
        }
        profile
    }

    fn life() -> impl Strategy<Value = Vec<(i64, u64)>> {
        let gap = prop_oneof![6 => 1i64..3, 2 => 1i64..60, 1 => 1i64..4_000];
        let count = prop_oneof![1 => Just(0u64), 4 => 0u64..40, 2 => 0u64..3_000, 1 => any::<u64>()];
        prop::collection::vec((gap, count), 0..60)
    }

    fn rhythm() -> impl Strategy<Value = Rhythm> {
        prop_oneof![Just(Rhythm::Weekly), Just(Rhythm::Flat)]
    }

    #[test]
    fn a_year_of_history_fits_into_the_sizes_promised() {
        let steady: Vec<(i64, u64)> = (0..8_760).map(|hour| (1, 500 + hour % 300)).collect();
        let (weekly, flat) =
            (lived(Rhythm::Weekly, 1, &steady).encode(), lived(Rhythm::Flat, 1, &steady).encode());
        println!("weekly {} bytes, flat {} bytes", weekly.len(), flat.len());
        assert!(weekly.len() <= 1_250 && flat.len() <= 400, "{} {}", weekly.len(), flat.len());
    }

    #[test]
    fn what_was_written_before_outlying_hours_were_counted_can_be_read() {
        let profile = lived(Rhythm::Weekly, 1, &[(1, 5), (3, 9), (60, 2)]);
        let new = profile.encode();
        let mut head = vec![VERSION, 1, 2];
        put_signed(&mut head, profile.first);
        put(&mut head, profile.sealed.abs_diff(profile.first - 1));
        put(&mut head, profile.sealed.abs_diff(profile.touched));
        put(&mut head, u64::from(profile.active_hours));
        let sums = head.len() + 22 * 4;
        let mut old = vec![WITHOUT_OUTLIERS];
        old.extend_from_slice(&new[1..sums]);
        old.extend_from_slice(&new[sums + 4..]);
        assert_eq!(Profile::decode(&old), Ok(profile));
    }

    #[test]
    fn what_is_no_profile_is_refused_with_a_reason() {
        let good = lived(Rhythm::Weekly, 1, &[(1, 5), (1, 7), (40, 3)]).encode();
        assert_eq!(Profile::decode(&[]), Err(Malformed::Short.into()));
        assert_eq!(Profile::decode(&[9]), Err(DecodeError::Version(9)));
        assert_eq!(Profile::decode(&good[..good.len() - 1]), Err(Malformed::Short.into()));
        assert_eq!(Profile::decode(&[&good[..], &[0]].concat()), Err(Malformed::Long(1).into()));
    }

    proptest! {
        // A life takes thousands of steps; PROPTEST_CASES asks for more of them.
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(4), ..ProptestConfig::default() })]

        #[test]
        fn a_profile_in_memory_equals_one_that_was_saved_and_loaded_at_every_step(
            life in life(), rhythm in rhythm(), horizon in 0u8..4,
        ) {
            let mut kept = Profile::born(495_000, rhythm, horizon);
            let mut reloaded = kept.clone();
            for (gap, count) in life {
                reloaded = Profile::decode(&reloaded.encode()).unwrap();
                prop_assert_eq!(&kept, &reloaded);
                kept.seal(kept.sealed_hour() + gap, count);
                reloaded.seal(reloaded.sealed_hour() + gap, count);
                let hour = kept.sealed_hour() + 1;
                prop_assert_eq!(kept.judge(hour, &[count]), reloaded.judge(hour, &[count]));
            }
            prop_assert_eq!(kept.encode(), reloaded.encode());
        }

        #[test]
        fn damaged_bytes_give_a_usable_profile_or_an_error(
            life in life(), rhythm in rhythm(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ) {
            let mut bytes = lived(rhythm, 1, &life).encode();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(profile) = Profile::decode(&bytes) {
                let again = profile.encode();
                prop_assert_eq!(Profile::decode(&again), Ok(profile.clone()));
                usable(profile)?;
            }
        }

        #[test]
        fn any_bytes_give_a_usable_profile_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..1_500), weekly: bool) {
            if let [version, rhythm, open, ..] = bytes.as_mut_slice() {
                (*version, *rhythm, *open) = (VERSION, u8::from(weekly), 2);
            }
            if let Ok(profile) = Profile::decode(&bytes) {
                usable(profile)?;
            }
        }
    }

    /// Sealing and judging give finite numbers and a profile that can be saved.
    fn usable(mut profile: Profile) -> Result<(), TestCaseError> {
        for (gap, count) in [(1, 0), (1, 7), (3, 1_000_000), (400, 2), (i64::MAX >> 1, 5)] {
            for score in profile.judge(profile.sealed_hour() + 1, &[count]) {
                prop_assert!(score.surprise.is_finite() && score.calibrated.is_finite(), "{:?}", score);
                prop_assert!(score.surprise >= 0.0 && score.calibrated >= 0.0, "{:?}", score);
                prop_assert!(Window::ALL.contains(&score.window));
            }
            profile.seal(profile.sealed_hour().saturating_add(gap), count);
            prop_assert!(profile.judge_drift().is_none_or(|drift| drift.calibrated.is_finite()));
            prop_assert_eq!(Profile::decode(&profile.encode()), Ok(profile.clone()));
        }
        Ok(())
    }
}
