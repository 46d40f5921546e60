//! Restate: its server with its own settings, a service on its TypeScript SDK, loaded over HTTP from outside as we are.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::super::client::Client;
use super::super::daemon::free_address;
use super::super::load;
use super::group::Group;
use super::{Loaded, Peer, Work, install, library};
use crate::workspace::Workspace;

/// How long the server may take to lead its partitions.
const PATIENCE: Duration = Duration::from_secs(120);

/// Server and service.
pub struct Restate {
    /// The versions of server and SDK.
    versions: [String; 2],
    folder: PathBuf,
    server: PathBuf,
    service: PathBuf,
    /// The same after each start: the server remembers where the service is.
    ports: Ports,
    group: Group,
}

struct Ports {
    node: SocketAddr,
    admin: SocketAddr,
    ingress: SocketAddr,
    service: SocketAddr,
}

impl Restate {
    /// Installs both where they are not there yet; what is stored goes below `folder`.
    pub fn new(workspace: &Workspace, folder: PathBuf) -> anyhow::Result<Self> {
        let installed = install::npm(workspace, "restate")?;
        let service = installed.join("restate_service.mjs");
        // It finds its packages from where it stands.
        fs::copy(install::sources(workspace).join("restate_service.mjs"), &service)
            .context("copy the service")?;
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let package = format!("node_modules/@restatedev/restate-server-linux-{machine}");
        let server = installed.join(package).join("bin/restate-server");
        ensure!(server.is_file(), "there is no restate-server for this machine");
        let ports = Ports {
            node: free_address()?,
            admin: free_address()?,
            ingress: free_address()?,
            service: free_address()?,
        };
        let version = |package| install::version(workspace, "package.json", package);
        let versions = [version("@restatedev/restate-server")?, version("@restatedev/restate-sdk")?];
        let group = Group::new(&folder, false);
        Ok(Self { versions, folder, server, service, ports, group })
    }

    fn register(&self) -> anyhow::Result<()> {
        let body = format!(r#"{{"uri":"http://{}"}}"#, self.ports.service);
        Client::connect(self.ports.admin)?.post("/deployments", &[], &body)?.expect_success()
    }
}

impl Peer for Restate {
    fn name(&self) -> String {
        format!("Restate {}", self.versions[0])
    }

    fn settings(&self) -> String {
        format!(
            "server from npm with its own settings (RocksDB, write-ahead log synced, 24 partitions), service on the TypeScript \
             SDK {}; loaded over HTTP from outside, CPU and memory are those of server and service",
            self.versions[1]
        )
    }

    fn forget(&mut self) -> anyhow::Result<()> {
        library::empty(&self.folder)
    }

    fn start(&mut self, traced: bool) -> anyhow::Result<()> {
        self.group = Group::new(&self.folder, traced);
        let data = self.folder.join("data");
        let is_new = !data.exists();
        let mut service = self.group.command(Path::new("node"));
        service.arg(&self.service).arg(self.ports.service.port().to_string());
        self.group.spawn(service, false)?;
        let mut server = self.group.command(&self.server);
        let port = |address: SocketAddr| address.port().to_string();
        server
            .arg("--no-logo")
            .env("RESTATE_BASE_DIR", data)
            .env("RESTATE_DISABLE_TELEMETRY", "true")
            .env("RESTATE_LISTEN_MODE", "tcp")
            .env("RESTATE_BIND_IP", "127.0.0.1")
            .env("RESTATE_BIND_PORT", port(self.ports.node))
            .env("RESTATE_ADMIN__BIND_PORT", port(self.ports.admin))
            .env("RESTATE_INGRESS__BIND_PORT", port(self.ports.ingress));
        self.group.spawn(server, false)?;
        let (ingress, admin, service) = (self.ports.ingress, self.ports.admin, self.ports.service);
        self.group.wait_until(PATIENCE, || {
            library::answers(ingress, "/restate/health")
                && library::answers(admin, "/health")
                && Client::connect(service).is_ok()
        })?;
        if is_new {
            self.register()?;
            let started = Instant::now();
            while run(&mut Client::connect(ingress)?, Work::Chain).is_err() {
                ensure!(started.elapsed() < PATIENCE, "the server runs nothing");
            }
        }
        Ok(())
    }

    fn group(&mut self) -> &mut Group {
        &mut self.group
    }

    fn load(&mut self, work: Work, slots: usize, duration: Duration) -> anyhow::Result<Loaded> {
        let started = Instant::now();
        let latencies = load::slots_of(self.ports.ingress, slots, duration, |client| run(client, work))?;
        Ok(Loaded::of(latencies, started.elapsed()))
    }

    fn wait(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        load::each(self.ports.ingress, 16, count, |client, number| {
            client.post(&format!("/gated/{number}/run/send"), &[], "1")?.expect_success()
        })?;
        Ok((0..count).map(|number| number.to_string()).collect())
    }

    fn approve(&mut self, id: &str) -> anyhow::Result<()> {
        let mut client = Client::connect(self.ports.ingress)?;
        // Just started, it may not lead the partition of the run yet, and says so.
        let started = Instant::now();
        let approve = format!("/gated/{id}/approve");
        while let Err(error) = client.post(&approve, &[], r#""yes""#)?.expect_success() {
            if started.elapsed() > PATIENCE {
                bail!("approve: {error:#}");
            }
        }
        client.get(&format!("/restate/workflow/gated/{id}/attach"))?.expect_success()
    }

    fn stored(&mut self) -> anyhow::Result<u64> {
        library::file_bytes(&self.folder.join("data"))
    }

    /// An invocation that does nothing is suspended after a minute.
    fn settles_in(&self) -> Duration {
        Duration::from_secs(75)
    }
}

fn run(client: &mut Client, work: Work) -> anyhow::Result<()> {
    let (handler, expected) = match work {
        Work::Chain => ("/loads/chain", "1"),
        Work::FanOut => ("/loads/fanOut", "10"),
    };
    let answer = client.post(handler, &[], "1")?;
    answer.expect_success()?;
    ensure!(answer.body == expected.as_bytes(), "a run ended with something else");
    Ok(())
}
