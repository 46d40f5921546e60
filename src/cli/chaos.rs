//! `chaos`: actors are struck at random while runs go on. What happens stands in [`crate::chaos`].

use std::path::PathBuf;
use std::time::Duration;

use ghostlight_model::language::units;

use super::Context;
use super::exit::{CliError, Exit};
use crate::chaos::{self, ChaosOptions, Kind, Rate};

/// Strike random actors while runs go on, and prove that nothing is lost or done twice
///
/// Starts a daemon of its own on a fresh data folder and a free port, keeps runs in flight, and strikes their actors and those
/// of the house: by a panic, a kill, or by letting an attempt hang. Then every run is compared with what it must be. Exits with
/// 0 when nothing is wrong, and with 1 and the ids of the runs when something is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ghostlight chaos\n  ghostlight chaos --for 5m --rate 20/s --seed 7 --output json"
)]
pub(crate) struct ChaosArgs {
    /// How long strikes are made
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = time)]
    time: Duration,

    /// How often
    #[arg(long, value_name = "RATE", default_value = "5/s")]
    rate: Rate,

    /// With what
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "panic,kill,hang")]
    kinds: Vec<Kind>,

    /// How many runs are kept in flight
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs_in_flight: u64,

    /// Makes the same choices again, as far as timing allows [default: a fresh one, which is shown]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The folder for everything that is written, which is kept [default: a fresh one for temporary files]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

fn time(text: &str) -> Result<Duration, String> {
    let time =
        units::duration(text).filter(|time| !time.is_zero() && *time <= Duration::from_secs(24 * 60 * 60));
    time.ok_or_else(|| "a time like `30s` or `5m`, at most `24h`".to_owned())
}

pub(super) async fn run(args: ChaosArgs, context: &Context) -> Result<Exit, CliError> {
    let ChaosArgs { time, rate, kinds, runs_in_flight, seed, data } = args;
    chaos::run(ChaosOptions { time, rate, kinds, runs_in_flight, seed, dir: data, output: context.output })
        .await
}
