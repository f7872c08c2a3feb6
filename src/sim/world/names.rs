//! Everything drawn at random: uids, name suffixes, jitter, choices. One seed; separate streams, so that a
//! request that only needs a name does not move the world's timing.

use std::time::Duration;

use fastrand::Rng;

/// The world's dice.
#[derive(Debug, Clone)]
pub struct Dice {
    ids: Rng,
    timing: Rng,
    choice: Rng,
}

/// The letters that Kubernetes draws name suffixes from: no vowels, so that no words come out.
const SUFFIX: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self {
            ids: Rng::with_seed(seed ^ 0x1d5),
            timing: Rng::with_seed(seed ^ 0x71_4e5),
            choice: Rng::with_seed(seed ^ 0xc4_01ce),
        }
    }

    pub fn uid(&mut self) -> String {
        format_uid(self.ids.u128(..))
    }

    pub fn suffix(&mut self, len: usize) -> String {
        (0..len)
            .map(|_| char::from(SUFFIX[self.ids.usize(..SUFFIX.len())]))
            .collect()
    }

    /// So many random hex digits.
    pub fn hex(&mut self, len: usize) -> String {
        (0..len)
            .map(|_| char::from(b"0123456789abcdef"[self.ids.usize(..16)]))
            .collect()
    }

    /// Uniform between the two, in milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.timing.u64(from * 1000..=to.max(from) * 1000))
    }

    /// True once in `in_all` throws.
    pub fn one_in(&mut self, in_all: u32) -> bool {
        self.timing.u32(..in_all.max(1)) == 0
    }

    /// `count` of `from`, in the order drawn.
    pub fn choose<T>(&mut self, mut from: Vec<T>, count: usize) -> Vec<T> {
        self.choice.shuffle(&mut from);
        from.truncate(count);
        from
    }

    /// 0 up to and including `max`.
    pub fn up_to(&mut self, max: u64) -> u64 {
        self.choice.u64(..=max)
    }
}

/// The uid that a number stands for: version 4, variant 1.
pub fn format_uid(bits: u128) -> String {
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// A short stable hash, for names that must not change from one world to the next.
pub fn fingerprint(text: &str) -> u64 {
    // FNV-1a: tiny, stable, and good enough to tell templates apart.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A hash as a name's suffix.
pub fn hash_suffix(text: &str) -> String {
    let mut hash = fingerprint(text);
    let mut out = String::new();
    for _ in 0..10 {
        let at = usize::try_from(hash % SUFFIX.len() as u64).unwrap_or(0);
        out.push(char::from(SUFFIX[at]));
        hash /= SUFFIX.len() as u64;
    }
    out
}
