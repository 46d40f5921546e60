//! Entries of one size in checksummed blocks of 4 KiB, read by position.

use std::ops::Range;

use ghostlight_world::File;
use serde::{Deserialize, Serialize};

use super::SidecarError;

const BLOCK_BYTES: usize = 4096;
const CRC_BYTES: usize = 4;

/// Where a table lies in its file. `N` is the size of an entry.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Table<const N: usize> {
    offset: u64,
    count: u64,
}

impl<const N: usize> Table<N> {
    const PER_BLOCK: usize = (BLOCK_BYTES - CRC_BYTES) / N;

    /// Appends the entries to `out`, whose first byte lies at the beginning of the file.
    pub fn write(out: &mut Vec<u8>, entries: impl Iterator<Item = [u8; N]>) -> Self {
        let offset = out.len() as u64;
        let mut count = 0;
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let mut put = |block: &mut Vec<u8>| {
            block.resize(BLOCK_BYTES - CRC_BYTES, 0);
            out.extend_from_slice(&crc32c::crc32c(block).to_le_bytes());
            out.append(block);
        };
        for entry in entries {
            block.extend_from_slice(&entry);
            count += 1;
            if block.len() == Self::PER_BLOCK * N {
                put(&mut block);
            }
        }
        if !block.is_empty() {
            put(&mut block);
        }
        Self { offset, count }
    }

    pub fn len(&self) -> u64 {
        self.count
    }

    /// The entry at `index`.
    pub fn get(&self, file: &dyn File, index: u64) -> Result<[u8; N], SidecarError> {
        self.range(file, index..index + 1)?.pop().ok_or(SidecarError::Damaged)
    }

    /// The entries at `range`, cut where the table ends.
    pub fn range(&self, file: &dyn File, range: Range<u64>) -> Result<Vec<[u8; N]>, SidecarError> {
        let range = range.start..range.end.min(self.count);
        let per_block = Self::PER_BLOCK as u64;
        let mut found = Vec::new();
        let mut index = range.start;
        while index < range.end {
            let mut block = [0; BLOCK_BYTES];
            file.read_exact_at(&mut block, self.offset + index / per_block * BLOCK_BYTES as u64)?;
            let (crc, entries) = block.split_at(CRC_BYTES);
            if crc32c::crc32c(entries).to_le_bytes() != *crc {
                return Err(SidecarError::Damaged);
            }
            let block_end = (index / per_block + 1) * per_block;
            let wanted = (index % per_block) as usize
                ..(range.end.min(block_end) - index / per_block * per_block) as usize;
            found.extend(entries.as_chunks::<N>().0[wanted].iter().copied());
            index = block_end;
        }
        Ok(found)
    }

    /// The first index whose entry is not `before`; the entries must be sorted so.
    pub fn partition_point(
        &self,
        file: &dyn File,
        mut before: impl FnMut(&[u8; N]) -> Result<bool, SidecarError>,
    ) -> Result<u64, SidecarError> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(&self.get(file, middle)?)? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ghostlight_world::sim::SimFiles;
    use ghostlight_world::{Files, OpenMode};

    use super::*;

    #[test]
    fn entries_come_back_by_position_and_damage_is_noticed() {
        let mut out = b"before".to_vec();
        let table = Table::<8>::write(&mut out, (0..2000u64).map(|n| (n * 2).to_le_bytes()));
        let files = SimFiles::new(1);
        files.create_dir_all(Path::new("/d")).expect("a folder");
        let file = files.open(Path::new("/d/t"), OpenMode::CreateNew).expect("opens");
        file.write_all_at(&out, 0).expect("writes");
        let number = |entry: &[u8; 8]| u64::from_le_bytes(*entry);
        for range in [0..2000, 0..1, 510..513, 1999..5000, 3000..4000] {
            let found = table.range(&*file, range.clone()).expect("reads");
            let expected: Vec<_> = range.filter(|n| *n < 2000).map(|n| n * 2).collect();
            assert_eq!(found.iter().map(number).collect::<Vec<_>>(), expected);
        }
        let point = |value| table.partition_point(&*file, |entry| Ok(number(entry) < value)).expect("reads");
        assert_eq!((point(0), point(7), point(8), point(9999)), (0, 4, 4, 2000));
        file.write_all_at(&[9], 100).expect("writes");
        assert!(matches!(table.get(&*file, 0), Err(SidecarError::Damaged)));
        assert!(table.get(&*file, 600).is_ok());
    }
}
