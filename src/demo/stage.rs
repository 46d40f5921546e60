//! The folder in which everything happens: data, configuration, agents and workflows, the shop's state and log.
//!
//! The files are the shipped ones, out of the program itself, so that the demo works from any folder. Two of them name
//! folders of this machine, which are put in here.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::cli::{CliError, with_causes};
use crate::config::{Config, LISTEN_DEFAULT, Sources, load};
use crate::daemon::{DaemonSettings, Place};
use crate::shop::{self, ShopState, StateError};

/// How long the shop may take to end.
const SHOP_PATIENCE: Duration = Duration::from_secs(3);

/// The shipped agents, by file.
pub(super) const AGENTS: [(&str, &str); 16] = [
    ("answer-careful.yaml", include_str!("../../config/agents/answer-careful.yaml")),
    ("answer-quick.yaml", include_str!("../../config/agents/answer-quick.yaml")),
    ("answer-remote.yaml", include_str!("../../config/agents/answer-remote.yaml")),
    ("content-brand.yaml", include_str!("../../config/agents/content-brand.yaml")),
    ("content-geo.yaml", include_str!("../../config/agents/content-geo.yaml")),
    ("content-quality.yaml", include_str!("../../config/agents/content-quality.yaml")),
    ("content-seo.yaml", include_str!("../../config/agents/content-seo.yaml")),
    ("content-writer.yaml", include_str!("../../config/agents/content-writer.yaml")),
    ("dependency-probe.yaml", include_str!("../../config/agents/dependency-probe.yaml")),
    ("document-reader.yaml", include_str!("../../config/agents/document-reader.yaml")),
    ("document-report.yaml", include_str!("../../config/agents/document-report.yaml")),
    ("http-probe.yaml", include_str!("../../config/agents/http-probe.yaml")),
    ("log-analysis.yaml", include_str!("../../config/agents/log-analysis.yaml")),
    ("metrics.yaml", include_str!("../../config/agents/metrics.yaml")),
    ("service-restart.yaml", include_str!("../../config/agents/service-restart.yaml")),
    ("service-rollback.yaml", include_str!("../../config/agents/service-rollback.yaml")),
];

/// The shipped workflows, by file.
pub(super) const WORKFLOWS: [(&str, &str); 9] = [
    ("analysis-plan.yaml", include_str!("../../config/workflows/analysis-plan.yaml")),
    ("campaign-draft.yaml", include_str!("../../config/workflows/campaign-draft.yaml")),
    ("content-campaign.yaml", include_str!("../../config/workflows/content-campaign.yaml")),
    ("deep-look.yaml", include_str!("../../config/workflows/deep-look.yaml")),
    ("demo-incident.yaml", include_str!("../../config/workflows/demo-incident.yaml")),
    ("document-map.yaml", include_str!("../../config/workflows/document-map.yaml")),
    ("incident-response.yaml", include_str!("../../config/workflows/incident-response.yaml")),
    ("race.yaml", include_str!("../../config/workflows/race.yaml")),
    ("service-monitor.yaml", include_str!("../../config/workflows/service-monitor.yaml")),
];

/// What stands in the shipped files for folders of the machine.
const LOGS: &str = "read: [/var/log]";
const SHOP_STATE: &str = "\"${env:SHOP_STATE}\"";

/// The demo's folder, set up.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// The folder.
    pub root: PathBuf,
    /// The settings that its configuration file makes.
    pub config: Config,
}

impl Stage {
    /// Makes the folder and everything in it. A folder that was named may exist, as long as no demo was there.
    pub fn set(dir: Option<PathBuf>, listen: Option<SocketAddr>) -> Result<Self, CliError> {
        let fresh = || std::env::temp_dir().join(format!("ghostlight-demo-{}", Uuid::new_v4().simple()));
        let root = dir.unwrap_or_else(fresh);
        let failed = |error: std::io::Error| {
            CliError::usage(format!("cannot use the folder {}: {error}", root.display()))
        };
        if root.join("data").exists() {
            let message = format!("{} holds the data of an earlier demo", root.display());
            return Err(CliError::usage(message).help("name another folder, or none for a fresh one"));
        }
        for part in ["config/agents", "config/workflows", "logs", "shop"] {
            fs::create_dir_all(root.join(part)).map_err(failed)?;
        }
        // What is written into the files must name the folder as the system knows it.
        let root = root.canonicalize().map_err(failed)?;
        let stage = Self { config: Config::default(), root };
        stage.furnish(listen).map_err(failed)
    }

    fn furnish(mut self, listen: Option<SocketAddr>) -> std::io::Result<Self> {
        for (name, text) in AGENTS {
            fs::write(self.root.join("config/agents").join(name), self.placed(text))?;
        }
        for (name, text) in WORKFLOWS {
            fs::write(self.root.join("config/workflows").join(name), text)?;
        }
        let text = self.settings(address(listen)?);
        fs::write(self.config_file(), &text)?;
        let sources = Sources { file: Some((self.config_file(), text)), ..Sources::default() };
        self.config = load(&sources).map_err(std::io::Error::other)?.config;
        Ok(self)
    }

    /// An agent file with the folders of this stage in it.
    fn placed(&self, text: &str) -> String {
        let quoted = |path: &Path| serde_json::Value::from(path.display().to_string()).to_string();
        text.replace(LOGS, &format!("read: [{}]", quoted(&self.root.join("logs"))))
            .replace(SHOP_STATE, &quoted(&self.shop_state()))
    }

    fn settings(&self, listen: SocketAddr) -> String {
        let data = toml::Value::from(self.root.join("data").display().to_string());
        format!(
            "# The settings of a demo. `ghostlight serve --config` with this file goes on where the demo ended.\n\
             [server]\nlisten = \"{listen}\"\n\n[data]\ndir = {data}\nsegment_bytes = \"8MiB\"\n"
        )
    }

    /// How the daemon is started here.
    pub fn daemon(&self) -> DaemonSettings {
        DaemonSettings {
            config: self.config.clone(),
            folder: self.root.join("config"),
            place: Place::Configured,
            strikes: None,
        }
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config/ghostlight.toml")
    }

    /// The folder of the shop's state.
    pub fn shop_state(&self) -> PathBuf {
        self.root.join("shop")
    }

    /// The shop's log.
    pub fn shop_log(&self) -> PathBuf {
        self.root.join("logs/shop.log")
    }

    /// The daemon's log.
    pub fn log_file(&self) -> Result<File, CliError> {
        let path = self.root.join("daemon.log");
        File::create(&path)
            .map_err(|error| CliError::usage(format!("cannot write {}: {error}", path.display())))
    }

    /// Ends the shop, as it is now: a restart has replaced the process that was started.
    pub async fn stop_shop(&self) -> Result<(), CliError> {
        match ShopState::read(&self.shop_state()) {
            Ok(state) => shop::stop(&state.process, SHOP_PATIENCE)
                .await
                .map(drop)
                .map_err(|error| CliError::usage(with_causes(&error))),
            // It was never started.
            Err(StateError::NotFound { .. }) => Ok(()),
            Err(error) => Err(CliError::usage(with_causes(&error))),
        }
    }
}

/// The address that was asked for; else the default one, or a free one when something listens there.
fn address(asked: Option<SocketAddr>) -> std::io::Result<SocketAddr> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let found = match asked {
        Some(asked) => TcpListener::bind(asked),
        None => TcpListener::bind(LISTEN_DEFAULT).or_else(|_| any()),
    };
    found?.local_addr()
}

#[cfg(test)]
mod tests {
    use ghostlight_model::agent::{self, AgentKind};
    use ghostlight_model::language::{self, Format, KnownAgent, Source};

    use super::*;

    fn stage(root: &str) -> Stage {
        Stage { root: PathBuf::from(root), config: Config::default() }
    }

    #[track_caller]
    fn agent(text: &str) -> std::sync::Arc<agent::AgentDefinition> {
        let compiled = agent::compile(&Source { text, format: Format::Yaml });
        assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
        compiled.agent.unwrap()
    }

    #[test]
    fn every_shipped_agent_compiles_as_it_is_and_as_the_demo_places_it() {
        for (file, text) in AGENTS {
            for text in [text.to_owned(), stage("/tmp/with \"quotes\" and: colons").placed(text)] {
                assert_eq!(format!("{}.yaml", agent(&text).name), file);
            }
        }
    }

    #[test]
    fn the_folders_of_the_demo_are_put_where_the_shipped_files_have_others() {
        let stage = stage("/s");
        let placed = |file: &str| {
            let (_, text) = AGENTS.iter().find(|(name, _)| *name == file).unwrap();
            agent(&stage.placed(text))
        };
        let AgentKind::Builtin(logs) = &placed("log-analysis.yaml").kind else { panic!("it is built in") };
        assert_eq!(logs.read, ["/s/logs"]);
        for file in ["service-restart.yaml", "service-rollback.yaml"] {
            let AgentKind::Command(command) = &placed(file).kind else { panic!("it is a command") };
            assert_eq!(command.env[shop::STATE_VARIABLE].secrets().count(), 0);
        }
    }

    #[test]
    fn every_shipped_workflow_compiles_and_finds_its_agents() {
        let known: Vec<KnownAgent> =
            AGENTS.iter().map(|(_, text)| agent(text)).map(|agent| KnownAgent::from(&*agent)).collect();
        for (file, text) in WORKFLOWS {
            let compiled = language::compile(&Source { text, format: Format::Yaml });
            assert!(compiled.diagnostics.is_empty(), "{file}: {:#?}", compiled.diagnostics);
            let workflow = compiled.workflow.unwrap();
            assert_eq!(format!("{}.yaml", workflow.name), file);
            assert!(language::check_targets(&workflow, &known).is_empty(), "{file}");
        }
    }

    #[test]
    fn every_shipped_file_is_in_the_program() {
        for (folder, inside) in [("config/agents", &AGENTS[..]), ("config/workflows", &WORKFLOWS[..])] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut files: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .filter(|name| Format::of_file(name).is_some())
                .collect();
            files.sort();
            assert_eq!(files, inside.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_stage_is_set_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("demo");
        let stage = Stage::set(Some(root.clone()), None).unwrap();
        assert_eq!(stage.config.data.dir, root.canonicalize().unwrap().join("data"));
        fs::create_dir(root.join("data")).unwrap();
        assert!(Stage::set(Some(root), None).unwrap_err().message.contains("earlier demo"));
    }
}
