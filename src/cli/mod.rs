//! The command line: one file per verb, this list, and what they share.
//!
//! Verbs translate: they read their arguments, ask the daemon over its public API (or the data folder, where no daemon is
//! needed), print the answer, and end with an exit code that scripts can rely on ([`Exit`]). Data goes to stdout, messages
//! go to stderr, and nobody is asked anything where there is no terminal.

mod agents;
mod approvals;
mod arguments;
mod begin;
mod bundles;
mod chaos;
mod check;
mod completion;
mod config;
mod context;
mod demo;
mod diff;
mod example;
mod exit;
mod explain;
mod fmt;
mod folder;
mod graph;
mod ids;
mod openapi;
mod plan;
mod problem;
pub(crate) mod prompt;
mod questions;
mod retry;
mod run;
mod runs;
mod schema;
mod serve;
mod store;
mod tail;
mod templates;
mod token;
mod top;
mod tree;
pub(crate) mod watch;
mod workflows;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::chaos::AppendArgs;
use crate::examples::ExampleArgs;
use crate::output::{self, Format};
use crate::shop::{ShopArgs, ShopRestartArgs};

pub use context::Context;
pub(crate) use exit::with_causes;
pub use exit::{CliError, Exit};

/// A supervision runtime for workflows of AI agents, tools and people
#[derive(Debug, Parser)]
#[command(name = "ghostlight", version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Begin with `ghostlight demo`. Exit codes: 0 done, 1 the run failed, 2 wrong usage or unusable files, \
    3 server not reached, 4 refused, 5 timeout."
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// How data is printed: table, json or yaml
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    pub output: Format,

    /// The daemon's address [default: http://127.0.0.1:7070]
    #[arg(long, global = true, value_name = "URL", env = "GHOSTLIGHT_SERVER", hide_env_values = true)]
    pub server: Option<String>,

    /// An access token, as `ghostlight token create` shows it
    #[arg(long, global = true, value_name = "TOKEN", env = "GHOSTLIGHT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Watch agents detect, investigate, repair and verify a real outage: nothing to prepare
    Demo(demo::DemoArgs),
    /// Run the daemon
    Serve(serve::ServeArgs),
    /// Run a workflow and wait for its outcome
    Run(run::RunArgs),
    /// Look for mistakes in workflow and agent files
    Check(check::CheckArgs),
    /// Write workflow and agent files in their canonical form
    Fmt(fmt::FmtArgs),
    /// Show the plan of a workflow without running it
    Plan(plan::PlanArgs),
    /// Runs: list, show, start, cancel, pause, resume, retry, reconcile
    #[command(subcommand)]
    Runs(runs::RunsVerb),
    /// Approvals: list, show, approve, reject
    #[command(subcommand)]
    Approvals(approvals::ApprovalsVerb),
    /// Agents: list, show
    #[command(subcommand)]
    Agents(agents::AgentsVerb),
    /// Workflows: list, show, save, graph, compile, versions, diff, rollback, new, export, import, delete, restore
    #[command(subcommand)]
    Workflows(workflows::WorkflowsVerb),
    /// Templates: list, show, save, versions, delete, restore
    #[command(subcommand)]
    Templates(templates::TemplatesVerb),
    /// Show what happens, as it happens
    Tail(tail::TailArgs),
    /// Show the supervision tree
    Tree(tree::TreeArgs),
    /// Strike random actors while runs go on, and prove that nothing is lost or done twice
    Chaos(chaos::ChaosArgs),
    /// Show how the daemon is and its busiest actors, live
    Top(top::TopArgs),
    /// Access tokens: create, list, revoke
    #[command(subcommand)]
    Token(token::TokenVerb),
    /// The configuration: check, dump
    #[command(subcommand)]
    Config(config::ConfigVerb),
    /// The data folder: verify
    #[command(subcommand)]
    Store(store::StoreVerb),
    /// Explain a code of a diagnostic or of a problem
    Explain(explain::ExplainArgs),
    /// Print the JSON Schema of workflow or agent files
    Schema(schema::SchemaArgs),
    /// Print the description of the HTTP API
    Openapi(openapi::OpenapiArgs),
    /// Print a script that completes commands in a shell
    Completion(completion::CompletionArgs),
    /// Run the example shop
    #[command(hide = true)]
    Shop(ShopArgs),
    /// Restart the example shop, as a command agent
    #[command(hide = true)]
    ShopRestart(ShopRestartArgs),
    /// Do the work of an agent of the shipped workflows, as a command agent
    #[command(hide = true)]
    ExampleAgent(ExampleArgs),
    /// Append a line to a file, as a command agent
    #[command(hide = true)]
    ChaosAppend(AppendArgs),
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let system = actix_rt::System::new();
    system.block_on(run(cli))
}

async fn run(cli: Cli) -> ExitCode {
    let context = Context::new(cli.common);
    let ended = match cli.verb {
        // These are other programs that live in this binary, with exit codes of their own.
        Verb::ChaosAppend(args) => return crate::chaos::run_append(args).await,
        Verb::ExampleAgent(args) => return crate::examples::run_example(args).await,
        Verb::ShopRestart(args) => return crate::shop::run_restart(args).await,
        Verb::Shop(args) => crate::shop::run_shop(args)
            .await
            .map(|()| Exit::Done)
            .map_err(|error| CliError::usage(with_causes(&error))),
        Verb::Demo(args) => demo::run(args, &context).await,
        Verb::Serve(args) => serve::run(args).await,
        Verb::Run(args) => run::run(args, &context).await,
        Verb::Check(args) => check::run(&args, &context),
        Verb::Fmt(args) => fmt::run(&args, &context),
        Verb::Plan(args) => plan::run(args, &context).await,
        Verb::Runs(verb) => runs::run(verb, &context).await,
        Verb::Approvals(verb) => approvals::run(verb, &context).await,
        Verb::Agents(verb) => agents::run(verb, &context).await,
        Verb::Workflows(verb) => workflows::run(verb, &context).await,
        Verb::Templates(verb) => templates::run(verb, &context).await,
        Verb::Tail(args) => tail::run(args, &context).await,
        Verb::Tree(args) => tree::run(args, &context).await,
        Verb::Chaos(args) => chaos::run(args, &context).await,
        Verb::Top(args) => top::run(args, &context).await,
        Verb::Token(verb) => token::run(verb, &context).await,
        Verb::Config(verb) => config::run(&verb),
        Verb::Store(verb) => store::run(&verb, &context).await,
        Verb::Explain(args) => explain::run(&args, &context),
        Verb::Schema(args) => schema::run(&args),
        Verb::Openapi(args) => openapi::run(&args),
        Verb::Completion(args) => completion::run(&args),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::error(&error.message, error.help.as_deref());
            // Whatever was to be ended has been; a thread that hangs must not keep the process.
            std::process::exit(error.exit as i32)
        }
    }
}

#[cfg(test)]
mod tests;
