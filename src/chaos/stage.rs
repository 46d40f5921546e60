//! The folder of a `ghostlight chaos`: data, configuration, two agents, five workflows, and the file in which the agents' work
//! can be counted from outside.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use uuid::Uuid;

use crate::cli::CliError;
use crate::config::Config;
use crate::daemon::{DaemonSettings, Place};

use super::sort::Sort;

/// The folder, set up.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// The folder.
    pub root: PathBuf,
    /// The settings of its daemon.
    pub config: Config,
    /// Whether nobody asked for this folder, so that it goes when everything was right.
    is_ours: bool,
}

impl Stage {
    /// Makes the folder and everything in it. A folder that was named may exist, as long as no chaos was there.
    pub fn set(dir: Option<PathBuf>) -> Result<Self, CliError> {
        let is_ours = dir.is_none();
        let fresh = || std::env::temp_dir().join(format!("ghostlight-chaos-{}", Uuid::new_v4().simple()));
        let root = dir.unwrap_or_else(fresh);
        let failed = |error: std::io::Error| {
            CliError::usage(format!("cannot use the folder {}: {error}", root.display()))
        };
        if root.join("data").exists() {
            let message = format!("{} holds the data of an earlier run", root.display());
            return Err(CliError::usage(message).help("name another folder, or none for a fresh one"));
        }
        for part in ["config/agents", "config/workflows"] {
            fs::create_dir_all(root.join(part)).map_err(failed)?;
        }
        // What is written into the files must name the folder as the system knows it.
        let root = root.canonicalize().map_err(failed)?;
        let mut config = Config::default();
        config.data.dir = root.join("data");
        // Small pieces: a folder for temporary files may be small.
        config.data.segment_bytes = crate::config::ByteSize(8 << 20);
        config.chaos.enabled = true;
        let stage = Self { root, config, is_ours };
        stage.furnish().map_err(failed)?;
        Ok(stage)
    }

    fn furnish(&self) -> std::io::Result<()> {
        File::create(self.effects_file())?;
        for (name, effect) in [("chaos-write", "write"), ("chaos-mark", "idempotent")] {
            let file = serde_json::Value::from(self.effects_file().display().to_string());
            let agent = format!(
                "ghostlight: 1\nname: {name}\nkind: command\neffect: {effect}\ntimeout: 5s\n\
                 retry: {{ max_attempts: 5, backoff: fixed, initial: 50ms, max: 50ms }}\n\
                 command: [ghostlight, chaos-append, --file, {file}]\n\
                 output_schema: {{ type: object, required: [key] }}\n"
            );
            fs::write(self.root.join(format!("config/agents/{name}.yaml")), agent)?;
        }
        for sort in Sort::ALL {
            let file = self.root.join(format!("config/workflows/{}.yaml", sort.workflow()));
            fs::write(file, sort.definition())?;
        }
        Ok(())
    }

    /// How the daemon is started here: on a free port of loopback.
    pub fn daemon(&self) -> DaemonSettings {
        DaemonSettings {
            config: self.config.clone(),
            folder: self.root.join("config"),
            place: Place::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            strikes: None,
        }
    }

    /// Where every attempt of the two agents leaves a line.
    pub fn effects_file(&self) -> PathBuf {
        self.root.join("effects")
    }

    /// The daemon's log.
    pub fn log_file(&self) -> Result<File, CliError> {
        let path = self.root.join("daemon.log");
        File::create(&path)
            .map_err(|error| CliError::usage(format!("cannot write {}: {error}", path.display())))
    }

    /// Takes a folder of ours away again. Says where it is when it stays.
    pub fn clear(&self) -> Option<PathBuf> {
        let stays = !self.is_ours || fs::remove_dir_all(&self.root).is_err();
        stays.then(|| self.root.clone())
    }
}

#[cfg(test)]
mod tests {
    use ghostlight_model::agent;
    use ghostlight_model::failure::EffectClass;
    use ghostlight_model::language::{Format, Source};

    use super::*;

    #[test]
    fn the_stage_is_set_once_with_agents_that_compile() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("with \"quotes\": and colons");
        let stage = Stage::set(Some(root.clone())).unwrap();
        for (name, effect) in [("chaos-write", EffectClass::Write), ("chaos-mark", EffectClass::Idempotent)] {
            let text = fs::read_to_string(root.join(format!("config/agents/{name}.yaml"))).unwrap();
            let compiled = agent::compile(&Source { text: &text, format: Format::Yaml });
            assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
            assert_eq!(compiled.agent.unwrap().effect, effect);
        }
        assert_eq!(stage.clear(), Some(root.canonicalize().unwrap()), "what was named stays");
        fs::create_dir(root.join("data")).unwrap();
        assert!(Stage::set(Some(root)).unwrap_err().message.contains("earlier run"));
    }

    #[test]
    fn a_folder_that_nobody_named_goes() {
        let stage = Stage::set(None).unwrap();
        assert!(stage.root.exists());
        assert_eq!(stage.clear(), None);
        assert!(!stage.root.exists());
    }
}
