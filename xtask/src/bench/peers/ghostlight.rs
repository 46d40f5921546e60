//! Ghostlight among its peers: the daemon with the shipped settings, loaded over HTTP from outside.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::super::client::Client;
use super::super::counters::Counters;
use super::super::daemon::{Place, free_address};
use super::super::{load, starts, workflows};
use super::group::Group;
use super::{Loaded, Peer, Work, library};
use crate::command;

/// The daemon.
pub struct Ghostlight {
    place: Place,
    version: String,
    address: SocketAddr,
    group: Group,
}

impl Ghostlight {
    /// Of the program of `place`.
    pub fn new(place: &Place) -> anyhow::Result<Self> {
        let version =
            command::ask(&place.program, &["--version"]).context("ask the daemon for its version")?;
        let place = place.fresh("ghostlight")?;
        let group = Group::new(&place.folder, false);
        let version = version.split_whitespace().last().unwrap_or_default().to_owned();
        Ok(Self { place, version, address: free_address()?, group })
    }

    fn client(&self) -> anyhow::Result<Client> {
        Client::connect(self.address)
    }
}

impl Peer for Ghostlight {
    fn name(&self) -> String {
        format!("Ghostlight {}", self.version)
    }

    fn settings(&self) -> String {
        "as shipped: each append is synced (fdatasync) before it is answered or acted on; steps call the built-in noop agent; \
         loaded over HTTP from outside, CPU and memory are those of the daemon"
            .to_owned()
    }

    fn forget(&mut self) -> anyhow::Result<()> {
        library::empty(&self.place.folder)
    }

    fn start(&mut self, traced: bool) -> anyhow::Result<()> {
        self.group = Group::new(&self.place.folder, traced);
        let is_new = !self.place.data().exists();
        let mut command = self.group.command(&self.place.program);
        command.current_dir(&self.place.folder).arg("serve").arg("--data").arg(self.place.data());
        command.args(["--listen", &self.address.to_string()]);
        if let Some(preload) = &self.place.preload {
            command.env("LD_PRELOAD", preload);
        }
        self.group.spawn(command, false)?;
        let address = self.address;
        self.group.wait_until(Duration::from_secs(60), || library::answers(address, "/readyz"))?;
        if is_new {
            let mut client = self.client()?;
            for workflow in [workflows::chain(3), workflows::fan_out(10), workflows::gated()] {
                workflow.save(&mut client)?;
            }
        }
        Ok(())
    }

    fn group(&mut self) -> &mut Group {
        &mut self.group
    }

    fn load(&mut self, work: Work, slots: usize, duration: Duration) -> anyhow::Result<Loaded> {
        let workflow = match work {
            Work::Chain => workflows::chain(3),
            Work::FanOut => workflows::fan_out(10),
        };
        let started = Instant::now();
        let latencies = load::slots_of(self.address, slots, duration, |client| workflow.run(client))?;
        Ok(Loaded::of(latencies, started.elapsed()))
    }

    fn wait(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let (gated, ids) = (workflows::gated(), Mutex::new(Vec::new()));
        load::each(self.address, 16, count, |client, _| {
            let run = gated.start(client)?;
            ids.lock().unwrap_or_else(PoisonError::into_inner).push(run);
            Ok(())
        })?;
        let mut ids = ids.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Whoever is to approve knows of which run and what.
        let mut client = self.client()?;
        if let Some(first) = ids.first_mut() {
            *first = format!("{first} {}", starts::approval_of(&mut client, first)?);
        }
        Ok(ids)
    }

    fn approve(&mut self, id: &str) -> anyhow::Result<()> {
        let (run, approval) = id.split_once(' ').context("an approval")?;
        starts::approve(&mut self.client()?, run, approval)
    }

    fn own_syncs(&mut self) -> anyhow::Result<Option<f64>> {
        Ok(Counters::read(&mut self.client()?)?.get("ghostlight_journal_syncs_total"))
    }

    /// The journal by its own count, since its files are preallocated; index and lists by their files.
    fn stored(&mut self) -> anyhow::Result<u64> {
        let counters = Counters::read(&mut self.client()?)?;
        let journal = counters.get("ghostlight_journal_bytes_total").context("the bytes of the journal")?;
        let files = ["index", "sled"].map(|name| library::file_bytes(&self.place.data().join(name)));
        Ok(journal as u64 + files.into_iter().sum::<anyhow::Result<u64>>()?)
    }
}
