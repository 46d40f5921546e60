//! `ghostlight-proof`: kill the daemon, and check what is left.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};
use ghostlight_proof::check::check;
use ghostlight_proof::drive::{Episode, Settings, fresh, run};
use ghostlight_proof::history::History;
use ghostlight_proof::journal::Journal;

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
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().verb {
        Verb::Crash { program, rounds, clients, power, seed, folder } => {
            let program = program.canonicalize().with_context(|| format!("find {}", program.display()))?;
            let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
            crash(&program, Size { rounds, clients, power }, seed, folder)
        }
        Verb::Check { history, archive } => {
            let history = History::read(&std::fs::read_to_string(history)?)?;
            let archive = std::io::BufReader::new(std::fs::File::open(archive)?);
            let violations = check(&history, &Journal::read(archive)?);
            violations.iter().for_each(|violation| println!("{violation}"));
            Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// How much is done.
struct Size {
    rounds: u32,
    clients: u32,
    power: bool,
}

fn crash(
    program: &std::path::Path,
    Size { rounds, clients, power }: Size,
    seed: u64,
    folder: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let temporary = tempfile::tempdir()?;
    let base = folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    println!("seed {seed}");
    let (mut left, mut number, mut total) = (rounds, 0, Episode::default());
    while left > 0 {
        let settings = Settings {
            program: program.to_owned(),
            folder: fresh(&base, &format!("history-{number}"))?,
            rounds: left.min(ROUNDS_OF_ONE),
            clients,
            power,
            seed: seed.wrapping_add(number),
        };
        let began = Instant::now();
        let outcome = runtime.block_on(run(&settings))?;
        let Episode { kills, cuts, acknowledged, unknown, runs, calls, records, frames } = outcome.episode;
        println!(
            "history {number}, seed {}: {kills} kills, {cuts} cuts of power, {acknowledged} acknowledged, {unknown} unknown, {runs} runs, {calls} calls, \
             {records} records, {frames} frames in {:.1} s",
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
        left -= settings.rounds;
        number += 1;
        if folder.is_none() {
            std::fs::remove_dir_all(&settings.folder)?;
        }
    }
    println!(
        "{} kills, {} cuts of power, {} acknowledged, {} records: nothing lost, nothing doubled",
        total.kills, total.cuts, total.acknowledged, total.records
    );
    Ok(ExitCode::SUCCESS)
}
