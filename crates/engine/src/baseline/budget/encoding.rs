//! The binary form of a [`Calibration`]: format version, first hour, then the families with their peaks.

use super::peaks::{Height, KEPT_PER_WEEK, KEPT_WEEKS, Peaks, Place, week_of};
use super::{Calibration, Family, MAX_FAMILIES, Peak, Span};
use crate::baseline::bytes::{Input, Malformed, put, put_signed};
use std::collections::BTreeMap;

/// The form that is written. Older ones stay readable.
const VERSION: u8 = 1;

/// Why bytes are no calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a later version, or no calibration at all.
    #[error("calibration has format version {0}, which this version of kmswatch cannot read: upgrade it")]
    Version(u8),
    /// The bytes are damaged.
    #[error("calibration is damaged: {0}")]
    Malformed(#[from] Malformed),
}

impl Calibration {
    /// The calibration as bytes: about 22 bytes a peak, at most 6.4 kB a family.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.first.is_some())];
        put_signed(&mut out, self.first.unwrap_or(0));
        put(&mut out, self.families.len() as u64);
        for (family, peaks) in &self.families {
            let measure = family.measure.as_bytes();
            put(&mut out, measure.len() as u64);
            out.extend_from_slice(measure);
            out.push(Span::ALL.iter().position(|span| *span == family.span).unwrap_or(0) as u8);
            put(&mut out, peaks.weeks.values().map(|week| week.len() as u64).sum());
            for ((entity, _), (score, hour, actor)) in peaks.weeks.values().flatten() {
                out.extend_from_slice(&entity.to_le_bytes());
                out.extend_from_slice(&actor.to_le_bytes());
                out.extend_from_slice(&score.to_le_bytes());
                put_signed(&mut out, *hour);
            }
        }
        out
    }

    /// Reads what [`Calibration::encode`] wrote. Total: any bytes give a calibration or an error.
    pub fn decode(bytes: &[u8]) -> Result<Calibration, DecodeError> {
        let mut input = Input(bytes);
        let version = input.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let has_first = input.byte()? == 1;
        let first = input.hour()?;
        let mut calibration = Calibration { first: has_first.then_some(first), families: BTreeMap::new() };
        let n_families = input.number()?;
        if n_families > MAX_FAMILIES as u64 {
            return Err(Malformed::Range("number of families").into());
        }
        for _ in 0..n_families {
            let length = input.number()?;
            if length > Family::MEASURE_BYTES as u64 {
                return Err(Malformed::Range("length of a measure").into());
            }
            let measure = input.text(length as usize)?;
            let span = Span::ALL.get(usize::from(input.byte()?)).ok_or(Malformed::Range("span"))?;
            let peaks = read_peaks(&mut input, *span)?;
            calibration.families.insert(Family::new(&measure, *span), peaks);
        }
        input.end()?;
        Ok(calibration)
    }
}

fn read_peaks(input: &mut Input<'_>, span: Span) -> Result<Peaks, Malformed> {
    let n = input.number()?;
    if n > KEPT_PER_WEEK as u64 * KEPT_WEEKS as u64 {
        return Err(Malformed::Range("number of peaks"));
    }
    let mut peaks = Peaks::default();
    for _ in 0..n {
        let (entity, actor) = (u64::from_le_bytes(input.bytes()?), u64::from_le_bytes(input.bytes()?));
        let score = u32::from_le_bytes(input.bytes()?);
        let hour = input.hour()?;
        if !(0.0..=Peak::MOST as f32).contains(&f32::from_bits(score)) || score >> 31 == 1 {
            return Err(Malformed::Range("score"));
        }
        let block = hour.div_euclid(span.gap());
        let (place, height): (Place, Height) = ((entity, block), (score, hour, actor));
        peaks.put(week_of(span, block), place, height);
    }
    peaks.bound();
    Ok(peaks)
}
