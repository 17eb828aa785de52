//! The byte filter: which bytes may stand at each of the four places of a window.
//!
//! Windows are put into buckets. Of each bucket the filter knows the set of bytes that occur at
//! the first place, at the second, and so on; a position survives if some bucket has all four
//! bytes there. As one bit a bucket, that is four table look-ups by byte and three ANDs, which
//! vector units do for many positions at once. A bucket accepts every combination of its bytes,
//! so windows share a bucket with windows like them.

use std::sync::LazyLock;

use crate::anchor::table::{HASH, Literal, WINDOW, rarity};

use super::lookup::Window;

/// Buckets that one byte of a table entry holds.
const GROUP: usize = 8;

/// How precisely a vector unit can look a byte up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// By the whole byte.
    #[cfg(target_arch = "x86_64")]
    Byte,
    /// By its two halves: a set grows to all combinations of the halves in it.
    Nibbles,
}

impl Precision {
    /// The numbers of groups that a tier is written for, each with what it costs at a position
    /// above the first, in the unit of [`Bucket::survival`]. Measured on Zen 4, where four groups
    /// looked up by the whole byte gain on text with 2,000 plain words and lose everywhere else.
    fn groups(self) -> &'static [(usize, f64)] {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Byte => &[(1, 0.0), (2, 0.016)],
            Self::Nibbles => &[(1, 0.0), (2, 0.04), (4, 0.4)],
        }
    }
}

/// `tables[place][byte]` has a bit for each bucket that accepts the byte at the place.
pub(super) struct Filter {
    tables: [[u32; 256]; WINDOW],
    /// Groups of eight buckets in use.
    groups: usize,
}

impl Filter {
    pub(super) fn new(literals: &[Literal], windows: &[Window], precision: Precision) -> Self {
        let sets: Vec<Set> = windows
            .iter()
            .map(|window| literals[window.literal as usize].places(window.offset as usize))
            .collect();
        let mut best = (f64::INFINITY, 1, Vec::new());
        let choices = precision.groups();
        for (index, (groups, price)) in choices.iter().enumerate() {
            if *price >= best.0 {
                break;
            }
            let is_last = index + 1 == choices.len();
            let (homes, survival) = assign(&sets, groups * GROUP, precision, is_last);
            if survival + price < best.0 {
                best = (survival + price, *groups, homes);
            }
        }
        let (_, groups, homes) = best;
        let mut tables = [[0; 256]; WINDOW];
        for (set, bucket) in sets.iter().zip(homes) {
            for (table, bytes) in tables.iter_mut().zip(set) {
                for byte in bytes {
                    table[usize::from(*byte)] |= 1 << bucket;
                }
            }
        }
        Self { tables, groups }
    }

    /// For each group of buckets, the tables of the four places.
    pub(super) fn groups(&self) -> impl Iterator<Item = [[u8; 256]; WINDOW]> {
        (0..self.groups).map(|group| {
            self.tables
                .map(|table| table.map(|bits| (bits >> (group * GROUP)) as u8))
        })
    }

    /// The tables by the halves of a byte.
    pub(super) fn by_halves(&self) -> Vec<[Halves; WINDOW]> {
        let halves = |table: [u8; 256]| {
            let mut halves = Halves {
                low: [0; 16],
                high: [0; 16],
            };
            for (byte, bits) in table.iter().enumerate() {
                halves.low[byte % 16] |= bits;
                halves.high[byte / 16] |= bits;
            }
            halves
        };
        self.groups().map(|places| places.map(halves)).collect()
    }
}

/// A table by the halves of a byte: the buckets that have both bits accept it.
pub(super) struct Halves {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

/// The bytes at each place of a window.
type Set = [Vec<u8>; WINDOW];

/// How often each set is moved to the bucket where it costs least. More rounds gain nothing.
const ROUNDS: usize = 4;
/// A survival after the first round from which no later one comes down to what more groups cost.
const HOPELESS: f64 = 2.0;

/// The bucket of each set, and the share of all positions that survive. If `is_last`, there is no
/// choice of more buckets.
fn assign(sets: &[Set], count: usize, precision: Precision, is_last: bool) -> (Vec<usize>, f64) {
    let mut buckets = vec![Bucket::new(precision); count];
    let mut homes: Vec<Option<usize>> = vec![None; sets.len()];
    // The first sets take the empty buckets, so sets that follow each other in the catalogue, and
    // look alike, must not come first.
    let mut order: Vec<u32> = (0..).take(sets.len()).collect();
    order.sort_by_key(|index| index.wrapping_mul(HASH));
    let mut survival = 0.0;
    for _ in 0..ROUNDS {
        for index in &order {
            let index = *index as usize;
            if let Some(home) = homes[index] {
                buckets[home].remove(&sets[index]);
            }
            let growths = buckets.iter().map(|bucket| bucket.growth(&sets[index]));
            let best = growths.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
            if let Some((home, _)) = best {
                buckets[home].add(&sets[index]);
                homes[index] = Some(home);
            }
        }
        survival = buckets.iter().map(|bucket| bucket.survival).sum();
        // These are far too few buckets for the sets, however they are dealt out.
        if !is_last && survival > HOPELESS {
            break;
        }
    }
    (homes.into_iter().flatten().collect(), survival)
}

/// Share of the stretches that are mostly zeros.
const ZEROS: f64 = 0.2;
/// Share of zeros in such a stretch.
const ZERO_AMONG_ZEROS: f64 = 0.7;

/// What a bucket accepts so far.
#[derive(Clone)]
struct Bucket {
    places: [Place; WINDOW],
    survival: f64,
}

impl Bucket {
    fn new(precision: Precision) -> Self {
        Self {
            places: std::array::from_fn(|_| Place::new(precision)),
            survival: 0.0,
        }
    }

    fn add(&mut self, set: &Set) {
        for (place, bytes) in self.places.iter_mut().zip(set) {
            place.add(bytes);
        }
        self.survival = survival(self.places.iter().map(|place| place.accepted));
    }

    fn remove(&mut self, set: &Set) {
        for (place, bytes) in self.places.iter_mut().zip(set) {
            place.remove(bytes);
        }
        self.survival = survival(self.places.iter().map(|place| place.accepted));
    }

    /// How many more positions would survive with the set, as a share of all. Asked for every set,
    /// bucket and round: it is what the making of an engine costs, so nothing is changed for it.
    fn growth(&self, set: &Set) -> f64 {
        let places = self.places.iter().zip(set);
        survival(places.map(|(place, bytes)| place.accepted.with(bytes, place.precision)))
            - self.survival
    }
}

/// Share of all positions that survive because of a bucket, several times overstated: the shares of
/// bytes are those in the kind of data where they are commonest.
fn survival(places: impl Iterator<Item = Accepted>) -> f64 {
    let (mut independent, mut among_zeros) = (1.0, 1.0);
    for accepted in places {
        independent *= accepted.share;
        // Programs and disks are full of small numbers: bytes that are not zero among zeros.
        // Taken as independent, zeros next to each other would look far rarer than they are.
        let zero = if accepted.has(0, 0) {
            ZERO_AMONG_ZEROS
        } else {
            0.0
        };
        among_zeros *= zero + (1.0 - ZERO_AMONG_ZEROS) * accepted.share;
    }
    independent + ZEROS * among_zeros
}

impl Precision {
    /// The parts of a byte: it is accepted if both are in use. A byte looked up whole is all lower
    /// part.
    fn parts(self, byte: u8) -> (usize, usize) {
        let lower = self.lowers();
        (usize::from(byte) % lower, usize::from(byte) / lower)
    }

    /// Number of lower parts.
    fn lowers(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Byte => 256,
            Self::Nibbles => 16,
        }
    }
}

/// The bytes that are accepted at one place of a bucket.
#[derive(Clone, Copy, Default)]
struct Accepted {
    /// A bit for each lower part in use.
    lower: [u64; 4],
    /// A bit for each upper part in use.
    upper: u16,
    /// Share of all bytes that is accepted.
    share: f64,
}

impl Accepted {
    fn has_lower(&self, lower: usize) -> bool {
        self.lower[lower / 64] >> (lower % 64) & 1 == 1
    }

    fn has_upper(&self, upper: usize) -> bool {
        self.upper >> upper & 1 == 1
    }

    fn has(&self, lower: usize, upper: usize) -> bool {
        self.has_lower(lower) && self.has_upper(upper)
    }

    /// The same and these bytes.
    fn with(mut self, bytes: &[u8], precision: Precision) -> Self {
        for byte in bytes {
            let (lower, upper) = precision.parts(*byte);
            if !self.has_lower(lower) {
                self.lower[lower / 64] |= 1 << (lower % 64);
                self.share += self.share_of_lower(lower, precision);
            }
            if !self.has_upper(upper) {
                self.upper |= 1 << upper;
                self.share += self.share_of_upper(upper, precision);
            }
        }
        self
    }

    /// Share of the bytes with this lower part and any upper part in use.
    fn share_of_lower(&self, lower: usize, precision: Precision) -> f64 {
        let lowers = precision.lowers();
        let shares: &[f64; 256] = &SHARES;
        let used = (0..256 / lowers).filter(|upper| self.has_upper(*upper));
        used.map(|upper| shares[upper * lowers + lower]).sum()
    }

    /// Share of the bytes with this upper part and any lower part in use.
    fn share_of_upper(&self, upper: usize, precision: Precision) -> f64 {
        let lowers = precision.lowers();
        let shares: &[f64; 256] = &SHARES;
        let used = (0..lowers).filter(|lower| self.has_lower(*lower));
        used.map(|lower| shares[upper * lowers + lower]).sum()
    }
}

/// What is accepted at one place of a bucket, and by how many sets.
#[derive(Clone)]
struct Place {
    precision: Precision,
    accepted: Accepted,
    /// How many bytes of sets use each lower part.
    lower: Vec<u32>,
    /// How many bytes of sets use each upper part.
    upper: Vec<u32>,
}

impl Place {
    fn new(precision: Precision) -> Self {
        Self {
            precision,
            accepted: Accepted::default(),
            lower: vec![0; precision.lowers()],
            upper: vec![0; 256 / precision.lowers()],
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.accepted = self.accepted.with(bytes, self.precision);
        for byte in bytes {
            let (lower, upper) = self.precision.parts(*byte);
            self.lower[lower] += 1;
            self.upper[upper] += 1;
        }
    }

    fn remove(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let (lower, upper) = self.precision.parts(*byte);
            self.upper[upper] -= 1;
            if self.upper[upper] == 0 {
                self.accepted.upper &= !(1 << upper);
                self.accepted.share -= self.accepted.share_of_upper(upper, self.precision);
            }
            self.lower[lower] -= 1;
            if self.lower[lower] == 0 {
                self.accepted.lower[lower / 64] &= !(1 << (lower % 64));
                self.accepted.share -= self.accepted.share_of_lower(lower, self.precision);
            }
        }
    }
}

/// Share of each byte among all bytes, as far as the rarity of its folded form tells.
static SHARES: LazyLock<[f64; 256]> =
    LazyLock::new(|| std::array::from_fn(|byte| (f64::from(rarity(&[byte as u8])) / -8.0).exp2()));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchor::AnchorSet;
    use crate::anchor::table::Table;
    use crate::rule::AnchorSpec;

    const PRECISIONS: &[Precision] = &[
        #[cfg(target_arch = "x86_64")]
        Precision::Byte,
        Precision::Nibbles,
    ];

    fn literals(texts: impl Iterator<Item = Vec<u8>>) -> Vec<Literal> {
        let spec = |bytes| AnchorSpec::Literal {
            bytes,
            nocase: true,
            follow: None,
        };
        Table::compile(&AnchorSet::new(texts.map(|bytes| (spec(bytes), 0)))).literals
    }

    fn filter(literals: &[Literal], precision: Precision) -> Filter {
        let window = |(literal, index): (&Literal, u32)| Window {
            literal: index,
            offset: literal.window as u32,
        };
        let windows: Vec<Window> = literals.iter().zip(0..).map(window).collect();
        Filter::new(literals, &windows, precision)
    }

    /// Whether four bytes survive, by the tables of whole bytes or of halves.
    fn survive(filter: &Filter, precision: Precision, bytes: &[u8]) -> bool {
        let by_bytes = filter.groups().any(|places| {
            let found = places.iter().zip(bytes);
            found.fold(0xFF, |all, (table, byte)| all & table[usize::from(*byte)]) != 0
        });
        let by_halves = filter.by_halves().iter().any(|places| {
            let found = places.iter().zip(bytes).map(|(halves, byte)| {
                halves.low[usize::from(byte % 16)] & halves.high[usize::from(byte / 16)]
            });
            found.fold(0xFF, |all, found| all & found) != 0
        });
        assert!(
            by_halves || !by_bytes,
            "halves accept whatever bytes accept"
        );
        if precision == Precision::Nibbles {
            by_halves
        } else {
            by_bytes
        }
    }

    #[test]
    fn every_window_survives_its_own_filter_however_many_there_are() {
        for count in [1, 20, 300, 1500] {
            let number = |index: u32| index.wrapping_mul(HASH).to_le_bytes().to_vec();
            let literals = literals((1..=count).map(number));
            for precision in PRECISIONS {
                let filter = filter(&literals, *precision);
                for literal in &literals {
                    let upper = literal.bytes.to_ascii_uppercase();
                    assert!(survive(&filter, *precision, &literal.bytes));
                    assert!(survive(&filter, *precision, &upper));
                }
            }
        }
    }

    #[test]
    fn zeros_do_not_survive_where_letters_among_zeros_are_looked_for() {
        let pairs = (b'a'..=b'z').flat_map(|one| (b'a'..=b'z').map(move |other| (one, other)));
        let words = pairs.flat_map(|(one, other)| [[one, 0, other, 0], [0, one, 0, other]]);
        let literals = literals(words.map(|word| word.to_vec()));
        for precision in PRECISIONS {
            let filter = filter(&literals, *precision);
            assert!(!survive(&filter, *precision, &[0; 4]), "{precision:?}");
        }
    }
}
