//! Reading and writing of binary States: little-endian numbers, variable-length integers, and a reader that
//! cannot run over the end.

use super::quantity::{Half, MAX_SUM};

/// Hours (and days, and weeks) are within ± this, a hundred million years, so that arithmetic on them cannot
/// overflow.
pub(super) const MAX_HOUR: i64 = 1 << 40;

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end early.
    #[error("cut short")]
    Short,
    /// Bytes are left over.
    #[error("{0} bytes too many")]
    Long(usize),
    /// A number is outside its range.
    #[error("{0} is out of range")]
    Range(&'static str),
}

/// Appends an unsigned number: seven bits a byte, low ones first, the top bit set on all but the last.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number, small magnitudes in few bytes.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Appends 32-bit floats.
pub(super) fn put_floats(out: &mut Vec<u8>, floats: &[f32]) {
    floats.iter().for_each(|float| out.extend_from_slice(&float.to_le_bytes()));
}

/// Appends 16-bit floats.
pub(super) fn put_halves(out: &mut Vec<u8>, halves: &[Half]) {
    halves.iter().for_each(|half| out.extend_from_slice(&half.0.to_le_bytes()));
}

/// The bytes that are still to be read.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    /// The next `N` bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    /// A number of at most 63 bits, as [`put`] wrote it.
    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Range("a length"))
    }

    /// A number as [`put_signed`] wrote it, within [`MAX_HOUR`].
    pub(super) fn hour(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        let hour = (number >> 1) as i64 ^ -((number & 1) as i64);
        if hour.abs() <= MAX_HOUR { Ok(hour) } else { Err(Malformed::Range("a time")) }
    }

    /// A finite 32-bit float within [`MAX_SUM`].
    pub(super) fn float(&mut self) -> Result<f32, Malformed> {
        let float = f32::from_le_bytes(self.bytes()?);
        if float.abs() <= MAX_SUM { Ok(float) } else { Err(Malformed::Range("a sum")) }
    }

    /// The same, not negative.
    pub(super) fn sum(&mut self) -> Result<f32, Malformed> {
        let float = self.float()?;
        if float >= 0.0 { Ok(float) } else { Err(Malformed::Range("a sum")) }
    }

    /// 16-bit floats.
    pub(super) fn halves<const N: usize>(&mut self) -> Result<[Half; N], Malformed> {
        let mut halves = [Half(0); N];
        for half in &mut halves {
            *half = Half(u16::from_le_bytes(self.bytes()?));
        }
        Ok(halves)
    }

    /// Text of `length` bytes.
    pub(super) fn text(&mut self, length: usize) -> Result<String, Malformed> {
        let (text, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| Malformed::Range("text"))
    }

    /// An error if bytes are left.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Long(self.0.len())) }
    }
}
