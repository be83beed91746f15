//! Where groups are found again.

/// Where groups are found again by their pattern. Made to be used for one Delta after the other.
///
/// Bounded: a fixed number of places, two for each hash; whoever came last stays. A pattern that was pushed out and
/// comes again opens another group.
#[derive(Debug, Default)]
pub struct Patterns {
    pub(super) places: Places,
    pub(super) runs: u64,
    /// The texts of the pattern that is looked for.
    pub(super) text: String,
}

/// Numbers by hash, the last two for each place.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Empty until the first number comes; then a power of two.
    pub(super) places: Vec<[Place; 2]>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    hash: u64,
    /// The run that has put it here, from 1.
    run: u64,
    number: u32,
}

impl Places {
    pub(super) fn new(number: usize) -> Places {
        Places { places: vec![Default::default(); number.next_power_of_two()] }
    }

    /// The number of this hash and run that `is_it`, or `otherwise`, which is then found the next time.
    pub(super) fn find(
        &mut self,
        hash: u64,
        run: u64,
        otherwise: u32,
        mut is_it: impl FnMut(u32) -> bool,
    ) -> u32 {
        let at = hash as usize & self.places.len().wrapping_sub(1);
        let Some([newer, older]) = self.places.get_mut(at) else { return otherwise };
        let mut is_it = |place: &Place| place.hash == hash && place.run == run && is_it(place.number);
        if !is_it(newer) {
            std::mem::swap(newer, older);
            if !is_it(newer) {
                *newer = Place { hash, run, number: otherwise };
            }
        }
        newer.number
    }
}

impl Patterns {
    /// Twice as many groups are found again.
    pub(super) const PLACES: usize = 1_024;
}
