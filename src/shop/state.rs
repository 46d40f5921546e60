//! What is written down about a running shop, so that another process can find, stop and start it.
//!
//! A folder: `shop.json` (the state), `shop.pid` (written by the shop itself), `restarts.json` (restarts that were
//! made, by idempotency key), `lock` (held by whoever stops or starts it).

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::process::{ProcessId, read_pid_file};

/// How many restarts are remembered.
const RESTARTS_MAX: usize = 64;

/// A shop: which process it is, and how it is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopState {
    /// The process that was started last.
    #[serde(flatten)]
    pub process: ProcessId,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where the shop listens.
    pub listen: SocketAddr,
    /// Where its database listens.
    pub database: SocketAddr,
    /// Its log file.
    pub log: PathBuf,
}

/// The state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is none: no shop was started with this folder.
    #[error("no shop was started with its state in {dir}")]
    NotFound {
        /// The folder.
        dir: PathBuf,
    },
    /// A file of it could not be read, written or understood.
    #[error("could not use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Somebody else is stopping or starting the shop.
    #[error("somebody else is stopping or starting the shop")]
    Busy,
}

/// What a restart that succeeded reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarted {
    /// Always true.
    pub restarted: bool,
    /// The process before.
    pub old_pid: u32,
    /// The process now.
    pub new_pid: u32,
    /// How long it took, until the shop was healthy.
    pub took_ms: u64,
}

impl ShopState {
    /// The state in `dir`. Errors: [`StateError::NotFound`], [`StateError::File`].
    pub fn read(dir: &Path) -> Result<Self, StateError> {
        read_json(&dir.join("shop.json"))?.ok_or_else(|| StateError::NotFound { dir: dir.to_owned() })
    }

    /// Writes the state to `dir`, whole or not at all. Errors: [`StateError::File`].
    pub fn write(&self, dir: &Path) -> Result<(), StateError> {
        write_json(&dir.join("shop.json"), self)
    }

    /// Every process that may be this shop: a starter that was killed before it wrote the state has left one that
    /// only the shop's own pid file names.
    pub(super) fn processes(&self, dir: &Path) -> Vec<ProcessId> {
        let mut processes = vec![self.process.clone()];
        processes.extend(read_pid_file(&pid_file(dir)).filter(|process| *process != self.process));
        processes
    }
}

/// The file into which the shop writes its own pid.
pub(super) fn pid_file(dir: &Path) -> PathBuf {
    dir.join("shop.pid")
}

/// Takes the lock of `dir`, which is held until the file is dropped. Errors: [`StateError::Busy`],
/// [`StateError::File`].
pub(super) fn lock(dir: &Path) -> Result<File, StateError> {
    let path = dir.join("lock");
    let failed = |source| StateError::File { path: path.clone(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::Busy),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The restart that was made under this key, if any.
pub(super) fn restart_of(dir: &Path, key: &str) -> Result<Option<Restarted>, StateError> {
    Ok(restarts(dir)?.into_iter().find(|(other, _)| other == key).map(|(_, restarted)| restarted))
}

/// Remembers a restart, and forgets the oldest when there are too many.
pub(super) fn remember_restart(dir: &Path, key: &str, restarted: &Restarted) -> Result<(), StateError> {
    let mut all = restarts(dir)?;
    all.push((key.to_owned(), restarted.clone()));
    let surplus = all.len().saturating_sub(RESTARTS_MAX);
    write_json(&dir.join("restarts.json"), &all[surplus..])
}

fn restarts(dir: &Path) -> Result<Vec<(String, Restarted)>, StateError> {
    Ok(read_json(&dir.join("restarts.json"))?.unwrap_or_default())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let failed = |source| StateError::File { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn write_json<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), StateError> {
    let write = || {
        let temporary = path.with_extension("json.tmp");
        fs::write(&temporary, serde_json::to_vec_pretty(value)?)?;
        fs::rename(temporary, path)
    };
    write().map_err(|source| StateError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restarted(new_pid: u32) -> Restarted {
        Restarted { restarted: true, old_pid: 1, new_pid, took_ms: 3 }
    }

    #[test]
    fn a_state_is_read_back_and_a_missing_one_is_told() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert!(matches!(ShopState::read(dir.path()), Err(StateError::NotFound { .. })));
        let address = SocketAddr::from(([127, 0, 0, 1], 4810));
        let state = ShopState {
            process: ProcessId::current(),
            argv: vec!["ghostlight".into(), "shop".into()],
            listen: address,
            database: address,
            log: "shop.log".into(),
        };
        state.write(dir.path()).expect("writable");
        assert_eq!(ShopState::read(dir.path()).ok(), Some(state));
        fs::write(dir.path().join("shop.json"), "{").expect("writable");
        assert!(matches!(ShopState::read(dir.path()), Err(StateError::File { .. })));
    }

    #[test]
    fn the_last_restarts_are_remembered_by_their_keys() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for number in 0..=RESTARTS_MAX as u32 {
            remember_restart(dir.path(), &format!("run/fix/{number}"), &restarted(number)).expect("writable");
        }
        assert_eq!(restart_of(dir.path(), "run/fix/0").expect("readable"), None);
        assert_eq!(restart_of(dir.path(), "run/fix/9").expect("readable"), Some(restarted(9)));
        assert_eq!(restart_of(dir.path(), "run/fix/64").expect("readable"), Some(restarted(64)));
    }

    #[test]
    fn only_one_at_a_time_may_stop_and_start_the_shop() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let held = lock(dir.path()).expect("free");
        assert!(matches!(lock(dir.path()), Err(StateError::Busy)));
        drop(held);
        lock(dir.path()).expect("free again");
    }
}
