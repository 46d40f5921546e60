//! `ghostlight-proof`: kill the daemon, and check what is left.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};
use ghostlight_proof::check::check;
use ghostlight_proof::drive::{Episode, Settings, fresh, run};
use ghostlight_proof::history::History;
use ghostlight_proof::journal::{Archives, Journal, archives_in};

/// Kills of one history: a fresh folder begins with the next, so that no history grows beyond measure.
const ROUNDS_OF_ONE: u32 = 25;

/// Kills the daemon at random moments, and checks what it acknowledged against what it kept
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Work a daemon, kill it again and again, and check the history
    Crash {
        /// The daemon's program
        #[arg(long)]
        program: PathBuf,
        /// How often it is killed while it serves
        #[arg(long, default_value_t = ROUNDS_OF_ONE)]
        rounds: u32,
        /// In how many of these rounds runs that ended are archived and dropped [default: a third]
        #[arg(long)]
        retention: Option<u32>,
        /// How many clients work it
        #[arg(long, default_value_t = 12)]
        clients: u32,
        /// Cut the power of the disk as well, each other time: needs root, loop devices, mkfs.xfs and mkfs.ext4
        #[arg(long)]
        power: bool,
        /// What all choices follow from [default: chosen at random and said]
        #[arg(long)]
        seed: Option<u64>,
        /// Where histories are kept [default: a folder that goes when all is well]
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Check a history that was kept
    Check {
        /// `history.jsonl`
        history: PathBuf,
        /// `archive.jsonl`
        archive: PathBuf,
        /// `archives`, the folder of what was dropped
        archives: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().verb {
        Verb::Crash { program, rounds, retention, clients, power, seed, folder } => {
            let program = program.canonicalize().with_context(|| format!("find {}", program.display()))?;
            let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
            let retention = retention.unwrap_or(rounds / 3).min(rounds);
            crash(&program, &Size { rounds, retention, clients, power }, seed, folder)
        }
        Verb::Check { history, archive, archives } => {
            let history = History::read(&std::fs::read_to_string(history)?)?;
            let archive = std::io::BufReader::new(std::fs::File::open(archive)?);
            let archives = archives.map_or_else(|| Ok(Archives::new()), |folder| archives_in(&folder))?;
            let violations = check(&history, &Journal::read(archive)?, &archives);
            violations.iter().for_each(|violation| println!("{violation}"));
            Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// How much is done.
struct Size {
    rounds: u32,
    retention: u32,
    clients: u32,
    power: bool,
}

impl Size {
    /// The histories that it takes: how many rounds each has, and whether ended runs are dropped in it.
    fn histories(&self) -> Vec<(u32, bool)> {
        let split = |rounds: u32, retention: bool| {
            let count = rounds.div_ceil(ROUNDS_OF_ONE);
            (0..count).map(move |number| (rounds / count + u32::from(number < rounds % count), retention))
        };
        split(self.rounds - self.retention, false).chain(split(self.retention, true)).collect()
    }
}

fn crash(
    program: &std::path::Path,
    size: &Size,
    seed: u64,
    folder: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let temporary = tempfile::tempdir()?;
    let base = folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    println!("seed {seed}");
    let mut total = Episode::default();
    for (number, (rounds, retention)) in (0..).zip(size.histories()) {
        let settings = Settings {
            program: program.to_owned(),
            folder: fresh(&base, &format!("history-{number}"))?,
            rounds,
            clients: size.clients,
            power: size.power,
            retention,
            seed: seed.wrapping_add(number),
        };
        let began = Instant::now();
        let outcome = runtime.block_on(run(&settings))?;
        let Episode { kills, cuts, acknowledged, unknown, runs, calls, records, dropped, gone, frames } =
            outcome.episode;
        println!(
            "history {number}, seed {}: {kills} kills, {cuts} cuts of power, {acknowledged} acknowledged, {unknown} unknown, {runs} runs, {calls} calls, \
             {records} records, {dropped} runs dropped, {gone} records gone, {frames} frames in {:.1} s",
            settings.seed,
            began.elapsed().as_secs_f64()
        );
        if !outcome.violations.is_empty() {
            outcome.violations.iter().for_each(|violation| println!("  {violation}"));
            println!("violated; the history is in {}", settings.folder.display());
            if folder.is_none() {
                let _ = temporary.keep();
            }
            return Ok(ExitCode::FAILURE);
        }
        total.kills += kills;
        total.cuts += cuts;
        total.acknowledged += acknowledged;
        total.records += records;
        total.dropped += dropped;
        if folder.is_none() {
            std::fs::remove_dir_all(&settings.folder)?;
        }
    }
    println!(
        "{} kills, {} cuts of power, {} acknowledged, {} records, {} runs dropped: nothing lost, nothing doubled",
        total.kills, total.cuts, total.acknowledged, total.records, total.dropped
    );
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rounds_are_in_a_history_and_none_is_much_longer_than_others() {
        let histories = |rounds, retention| Size { rounds, retention, clients: 1, power: false }.histories();
        assert_eq!(histories(33, 8), [(25, false), (8, true)]);
        assert_eq!(histories(40, 13), [(14, false), (13, false), (13, true)]);
        assert_eq!(histories(12, 12), [(12, true)]);
        assert_eq!(histories(5, 0), [(5, false)]);
    }
}
