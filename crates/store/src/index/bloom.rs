//! A Bloom filter: says of most segments at once that a stream is not in them.

/// Bits per key and probes per lookup: about one lookup in a hundred goes to the disk for nothing.
const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 7;

/// A key, hashed once for all filters it is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    start: u64,
    step: u64,
}

impl Fingerprint {
    pub fn of(key: &[u8]) -> Self {
        let hash = blake3::hash(key);
        let half = |at: usize| {
            let bytes = hash.as_bytes()[at..at + 8].try_into().expect("a hash has 32 bytes");
            u64::from_le_bytes(bytes)
        };
        // An odd step visits every bit of any power of two and never stands still.
        Self { start: half(0), step: half(8) | 1 }
    }

    fn bits(self, bit_count: u64) -> impl Iterator<Item = u64> {
        (0..PROBES).map(move |probe| self.start.wrapping_add(self.step.wrapping_mul(probe)) % bit_count)
    }
}

#[derive(Debug)]
pub(crate) struct Bloom {
    bytes: Vec<u8>,
}

impl Bloom {
    pub fn for_keys(count: usize) -> Self {
        Self { bytes: vec![0; (count * BITS_PER_KEY).div_ceil(8).max(8)] }
    }

    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self { bytes })
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bit_count(&self) -> u64 {
        self.bytes.len() as u64 * 8
    }

    pub fn insert(&mut self, key: Fingerprint) {
        for bit in key.bits(self.bit_count()) {
            self.bytes[(bit / 8) as usize] |= 1 << (bit % 8);
        }
    }

    /// False says that the key is not there; true that it probably is.
    pub fn may_hold(&self, key: Fingerprint) -> bool {
        key.bits(self.bit_count()).all(|bit| self.bytes[(bit / 8) as usize] & (1 << (bit % 8)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_few_others() {
        let key = |n: u32| Fingerprint::of(&n.to_le_bytes());
        let mut bloom = Bloom::for_keys(1000);
        (0..1000).for_each(|n| bloom.insert(key(n)));
        assert!((0..1000).all(|n| bloom.may_hold(key(n))));
        assert!((1000..11_000).filter(|n| bloom.may_hold(key(*n))).count() < 200);
    }
}
