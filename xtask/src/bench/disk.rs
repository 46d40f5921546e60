//! What the disk itself can do: the floor under every figure about durability, measured in the same run on the same disk.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::latencies::Latencies;

/// A record of about the size of ours.
pub const RECORD_BYTES: usize = 200;
/// The file is written over from its beginning when it is full.
const FILE_BYTES: u64 = 64 << 20;

/// Writes blocks of `records` records one after another for `duration`, each followed by `fdatasync`, into a file whose
/// blocks are already there, as the journal's are; returns how long each block took until it was durable.
pub fn floor(folder: &Path, records: usize, duration: Duration) -> anyhow::Result<Latencies> {
    let path = folder.join("floor");
    let measured = measure(&path, records, duration);
    std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    measured
}

fn measure(path: &Path, records: usize, duration: Duration) -> anyhow::Result<Latencies> {
    let mut file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..FILE_BYTES >> 20 {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    let block = vec![7; records * RECORD_BYTES];
    let (started, mut at, mut latencies) = (Instant::now(), 0, Latencies::default());
    while started.elapsed() < duration {
        let before = Instant::now();
        file.write_all_at(&block, at)?;
        file.sync_data()?;
        latencies.push(before.elapsed());
        at = (at + block.len() as u64) % (FILE_BYTES - block.len() as u64);
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_measured_and_nothing_stays_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let latencies = floor(folder.path(), 1, Duration::from_millis(20)).unwrap();
        assert!(latencies.count() > 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
