//! What a definition says about starting its process, worked out once.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::agent::{AgentDefinition, CommandCall, SecretText};
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use ghostlight_world::is_full;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::group::Start;
use super::kill::ATTEMPT_VARIABLE;
use super::running::RunningFile;
use crate::secret::{Redactor, resolve_all};
use crate::{Call, Environment, SecretSource};

/// The first word that stands for the running binary.
const OWN_BINARY: &str = "ghostlight";

/// The code of an attempt for which there was no room on the disk.
pub(super) const DISK_FULL: &str = "disk_full";

/// How to start the process of an attempt.
pub(super) struct Plan {
    program: PathBuf,
    arguments: Vec<String>,
    dir: Option<PathBuf>,
    env: BTreeMap<String, SecretText>,
    secrets: Arc<dyn SecretSource>,
    running_dir: PathBuf,
    scratch_dir: PathBuf,
    /// Classes of failure by exit status.
    pub(super) exit_codes: BTreeMap<u8, ErrorClass>,
    /// The longest output in bytes.
    pub(super) output_bytes_max: usize,
    /// How long a cancelled process may take to end by itself.
    pub(super) cancel_grace: Duration,
}

impl Plan {
    /// The plan of `definition`, or what is wrong with it.
    pub(super) fn new(
        definition: &AgentDefinition,
        command: &CommandCall,
        env: &Environment,
    ) -> Result<Self, String> {
        let (first, arguments) = command.words.split_first().ok_or("the command has no words")?;
        let program = if first == OWN_BINARY { env.binary.clone() } else { PathBuf::from(first) };
        if !program.is_absolute() {
            return Err(format!("the first word of the command must be an absolute path or `{OWN_BINARY}`"));
        }
        let agents_dir = std::path::absolute(&env.agents_dir)
            .map_err(|error| format!("the folder of the agent files cannot be named: {error}"))?;
        let dir = command.dir.as_ref().map(PathBuf::from);
        if dir.as_ref().is_some_and(|dir| !dir.is_absolute()) {
            return Err("`dir` must be an absolute path".into());
        }
        let output_bytes_max = definition.limits.output_bytes_max.unwrap_or(env.limits.output_bytes_max);
        Ok(Self {
            program,
            arguments: arguments.iter().map(|word| argument(word, &agents_dir)).collect(),
            dir,
            env: command.env.clone(),
            secrets: env.secrets.clone(),
            running_dir: env.running_dir.clone(),
            scratch_dir: env.scratch_dir.clone(),
            exit_codes: command.exit_codes.clone(),
            output_bytes_max: usize::try_from(output_bytes_max).unwrap_or(usize::MAX),
            cancel_grace: env.limits.cancel_grace,
        })
    }

    /// Everything a start needs: secrets resolved, the folder made, the file in `running/` begun. Blocks for small reads
    /// and writes of the disk.
    pub(super) fn prepare(&self, call: &Call) -> Result<(Start, Redactor), Failure> {
        let resolved = resolve_all(&self.env, &*self.secrets)?;
        let running = RunningFile::create(&self.running_dir, call).map_err(|error| unprepared(&error))?;
        let folder = match &self.dir {
            Some(_) => None,
            None => Some(fresh_folder(&self.scratch_dir).map_err(|error| unprepared(&error))?),
        };
        let dir = match (&self.dir, &folder) {
            (Some(dir), _) => dir.as_path(),
            (None, Some(folder)) => folder.path(),
            (None, None) => unreachable!("a folder is made when none is given"),
        };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(dir).env_clear();
        command.env("HOME", dir).env("TMPDIR", dir).env("LANG", "C.UTF-8");
        command.env("TZ", std::env::var_os("TZ").unwrap_or_else(|| "UTC".into()));
        for (name, value) in &resolved.texts {
            command.env(name, value.expose_secret());
        }
        command.env(ATTEMPT_VARIABLE, running.marker());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok((Start { command, running, folder }, resolved.redactor))
    }

    /// The failure that a start which did not come about is. Nothing has happened.
    pub(super) fn not_started(&self, error: &io::Error) -> Failure {
        let program = self.program.display();
        let (class, code) = match error.kind() {
            io::ErrorKind::NotFound => (ErrorClass::Configuration, "command_not_found"),
            io::ErrorKind::PermissionDenied => (ErrorClass::Configuration, "command_not_permitted"),
            _ if is_full(error) => (ErrorClass::Transient, DISK_FULL),
            io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
                (ErrorClass::Transient, "machine_exhausted")
            }
            _ => (ErrorClass::Configuration, "command_not_started"),
        };
        Failure::new(class, code, format!("starting {program} failed: {error}"), Happened::No)
    }
}

fn argument(word: &str, agents_dir: &Path) -> String {
    match word.strip_prefix("./") {
        Some(rest) => agents_dir.join(rest).to_string_lossy().into_owned(),
        None => word.to_owned(),
    }
}

fn fresh_folder(scratch_dir: &Path) -> io::Result<TempDir> {
    std::fs::create_dir_all(scratch_dir)?;
    // An absolute path: the process finds its folder by it after having changed into it.
    tempfile::Builder::new().prefix("attempt-").tempdir_in(std::path::absolute(scratch_dir)?)
}

fn unprepared(error: &io::Error) -> Failure {
    let message = format!("preparing the folder of the attempt failed: {error}");
    let code = if is_full(error) { DISK_FULL } else { "attempt_not_prepared" };
    Failure::new(ErrorClass::Transient, code, message, Happened::No)
}
