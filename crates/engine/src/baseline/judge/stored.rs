//! The form in which the judge is stored, so that a process can stop and another go on.
//!
//! Five items, each in the form of a stored State ([`crate::state::stored`]) and each bounded well below what an item
//! may take: what each side usually reaches, what principals have in common, the anomalies of the last days, and the
//! episodes before them. Of what a bound leaves out the episodes are the oldest, which were told of long ago, and the
//! anomalies the weakest.

use super::{Anomaly, Episode, Judge, Side};
use crate::baseline::budget::{self, Calibration, Standard, Threshold};
use crate::baseline::packed::Packed;
use crate::state::stored::{self, DecodeError, EncodeError};
use serde::{Deserialize, Serialize};

/// Hours for which settled episodes are stored: as long as peaks are kept.
const REMEMBERED_HOURS: i64 = budget::WEEKS * 168;
/// Bytes of an item with episodes or anomalies, at most.
const MOST_BYTES: usize = 256 << 10;

/// The judge as items to store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredJudge {
    /// What those who are established usually reach.
    pub established: Vec<u8>,
    /// What newcomers usually reach.
    pub newcomers: Vec<u8>,
    /// What principals have in common.
    pub commons: Vec<u8>,
    /// The anomalies of the last days.
    pub recent: Vec<u8>,
    /// Earlier episodes.
    pub past: Vec<u8>,
}

/// Why a stored judge cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// An item is damaged, or of a later version.
    #[error(transparent)]
    Item(#[from] DecodeError),
    /// The peaks in an item are damaged, or of a later version.
    #[error(transparent)]
    Peaks(#[from] budget::DecodeError),
}

#[derive(Serialize, Deserialize)]
struct StoredSide {
    calibration: Packed,
    standard: Option<(Standard, Threshold)>,
}

#[derive(Serialize, Deserialize)]
struct Recent {
    day: Option<i64>,
    settled: Option<i64>,
    marks: Vec<Anomaly>,
}

impl Judge {
    /// The judge as items to store.
    ///
    /// # Errors
    /// If an item cannot be written.
    pub fn store(&self) -> Result<StoredJudge, EncodeError> {
        let side = |side: &Side| {
            let calibration = Packed(side.calibration.encode());
            stored::encode(&StoredSide { calibration, standard: side.standard.clone() })
        };
        let mut marks: Vec<Anomaly> = self.marks.values().cloned().collect();
        let recent = fitting(
            &mut marks,
            &mut |marks| {
                // The strongest stay.
                marks.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
                marks.truncate(marks.len() / 2);
            },
            &|marks| Recent { day: self.day, settled: self.settled, marks: marks.to_vec() },
        )?;
        let since = self.settled.unwrap_or(i64::MIN).saturating_sub(REMEMBERED_HOURS);
        let mut past: Vec<Episode> = self.past.iter().filter(|one| one.last > since).cloned().collect();
        let past = fitting(&mut past, &mut |past| drop(past.drain(..past.len().div_ceil(2))), &|past| {
            past.to_vec()
        })?;
        Ok(StoredJudge {
            established: side(&self.established)?,
            newcomers: side(&self.newcomers)?,
            commons: stored::encode(&self.commons)?,
            recent,
            past,
        })
    }

    /// The judge that was stored. Total: any bytes give a judge or an error.
    ///
    /// # Errors
    /// If an item is damaged, or was written by a later version.
    pub fn restore(items: &StoredJudge) -> Result<Judge, RestoreError> {
        let side = |bytes: &[u8]| -> Result<Side, RestoreError> {
            let StoredSide { calibration, standard } = stored::decode(bytes)?;
            Ok(Side { calibration: Calibration::decode(&calibration.0)?, standard })
        };
        let Recent { day, settled, marks } = stored::decode(&items.recent)?;
        let mut judge = Judge {
            established: side(&items.established)?,
            newcomers: side(&items.newcomers)?,
            commons: stored::decode(&items.commons)?,
            day,
            settled,
            marks: std::collections::BTreeMap::new(),
            past: stored::decode(&items.past)?,
        };
        for anomaly in marks {
            judge.marks.insert(anomaly.place(), anomaly);
        }
        Ok(judge)
    }
}

/// The stored form of what `whole` makes of `items`, with fewer of them until it is small enough.
fn fitting<T, W: Serialize>(
    items: &mut Vec<T>,
    fewer: &mut dyn FnMut(&mut Vec<T>),
    whole: &dyn Fn(&[T]) -> W,
) -> Result<Vec<u8>, EncodeError> {
    loop {
        match stored::encode(&whole(items)) {
            Ok(bytes) if bytes.len() <= MOST_BYTES => return Ok(bytes),
            Err(error) if items.is_empty() => return Err(error),
            Ok(bytes) if items.is_empty() => return Ok(bytes),
            _ => fewer(items),
        }
    }
}
