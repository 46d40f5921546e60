//! `run`: a workflow from its start to its outcome, at a daemon or embedded in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jiff::Timestamp;

use super::begin::Begin;
use super::context::SERVER_DEFAULT;
use super::exit::{CliError, Exit};
use super::watch::{self, Answers, Teller};
use super::{Context, arguments, runs, serve};
use crate::client::{Client, Given, Run};
use crate::daemon::{self, Daemon, Place};
use crate::output::{self, Format, pretty};

/// Run a workflow and wait for its outcome
///
/// Without `--server` and without a daemon on the default address, the run is carried by this process, on the same data
/// folder: what is not done when it ends goes on at the next start. Questions are asked in the terminal. The run's output
/// goes to stdout; exits with 0 when the run completed, 1 when it failed or was cancelled.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight run hello.yaml --input '{\"name\": \"world\"}' --watch")]
pub(crate) struct RunArgs {
    /// A file or the name of a saved workflow
    workflow: String,

    /// The input, as JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,

    /// What stands in the run's context, over the workflow's defaults, as JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    context: Option<String>,

    /// Show every step as it happens
    #[arg(long)]
    watch: bool,

    /// Approve every question
    #[arg(long)]
    yes: bool,

    /// The configuration file, when there is no daemon [default: config/ghostlight.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The data folder, when there is no daemon [default: ./ghostlight-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) async fn run(args: RunArgs, context: &Context) -> Result<Exit, CliError> {
    // What is wrong with the arguments is said before anything is started.
    let begin = Begin::of(&args.workflow)?;
    let input = arguments::input(args.input.as_deref())?;
    let given = Given { input, context: arguments::context(args.context.as_deref())?, ..Given::default() };
    let asked = Asked { begin, given, watch: args.watch, yes: args.yes };
    let names_a_folder = args.data.is_some() || args.config.is_some();
    let at_default = Client::new(SERVER_DEFAULT, context.token.as_deref())?;
    if context.server.is_some() || (!names_a_folder && at_default.is_reached().await) {
        let client = context.client()?;
        let teller = asked.teller(context);
        let teller = match &context.server {
            Some(_) => teller.at(client.server()),
            None => teller,
        };
        return tokio::select! {
            ended = asked.carried_out(&client, teller, context) => ended,
            _ = tokio::signal::ctrl_c() => {
                output::note("the run goes on at the daemon: `ghostlight runs list` shows it");
                Ok(Exit::Failed)
            }
        };
    }
    let settings = serve::settings(args.config.as_deref(), args.data.as_deref(), None, false)?;
    daemon::log_quietly(&settings.loaded.config.log);
    let mut start = settings.daemon();
    let deadline = start.config.runs.shutdown_deadline.0;
    start.place = Place::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let mut daemon = Daemon::start(start).await?;
    let client = daemon.client().await?;
    let server = client.server();
    output::note(&format!("no daemon answers: this process carries the run, and shows it at {server}"));
    let teller = asked.teller(context).at(client.server());
    let ended = tokio::select! {
        ended = asked.carried_out(&client, teller, context) => ended,
        stopped = daemon.ended_or_signal() => stopped.map(|_| {
            output::note("the run goes on when `ghostlight serve` or `ghostlight run` opens this data folder again");
            Exit::Failed
        }),
    };
    daemon.stop(deadline).await?;
    ended
}

struct Asked {
    begin: Begin,
    given: Given,
    watch: bool,
    yes: bool,
}

impl Asked {
    fn shows(&self, context: &Context) -> bool {
        self.watch && context.output == Format::Table
    }

    fn teller(&self, context: &Context) -> Teller {
        Teller::new(self.shows(context))
    }

    async fn carried_out(
        &self,
        client: &Client,
        mut teller: Teller,
        context: &Context,
    ) -> Result<Exit, CliError> {
        let started = client.start_run(&self.begin.from, &self.given).await;
        let started = match started {
            Ok(started) => started.value,
            Err(error) => return Err(self.begin.refused(client, "run", &self.given, error).await),
        };
        let answers = Answers::of(self.yes);
        if !self.shows(context) {
            output::note(&format!("run {}", started.id));
        }
        let ended = watch::follow(client, &started.id, &answers, &mut teller).await?;
        print(&ended, client, context).await?;
        Ok(watch::exit_of(&ended))
    }
}

/// The output alone when it completed, so that it can be piped on; the whole run in the other forms.
async fn print(run: &Run, client: &Client, context: &Context) -> Result<(), CliError> {
    if context.output == Format::Table && run.status == "completed" {
        output::print_text(&run.output.as_ref().map(pretty).unwrap_or_default());
        return Ok(());
    }
    let (whole, steps) = (client.run(&run.id).await?, client.steps(&run.id).await?);
    match context.output {
        Format::Table => output::note(&runs::shown(&whole.value, &steps.value.items, Timestamp::now())),
        Format::Json | Format::Yaml => context.print(&whole.body, String::new),
    }
    Ok(())
}
