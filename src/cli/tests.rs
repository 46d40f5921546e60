//! Tests of the command line itself: what is taken, and what help says.

use clap::{CommandFactory, Parser};

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// The help of every verb that people see, under its name.
fn visible(command: &mut clap::Command, path: &str, all: &mut Vec<(String, String, bool)>) {
    let help = command.render_long_help().to_string();
    let is_leaf = command.get_subcommands().next().is_none();
    all.push((path.to_owned(), help, is_leaf));
    for verb in command.get_subcommands_mut() {
        if !verb.is_hide_set() && verb.get_name() != "help" {
            let path = format!("{path} {}", verb.get_name());
            visible(verb, &path, all);
        }
    }
}

fn all_help() -> Vec<(String, String, bool)> {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut all = Vec::new();
    visible(&mut command, "ghostlight", &mut all);
    all
}

#[test]
fn every_verb_has_help_with_an_example() {
    for (path, help, is_leaf) in all_help() {
        assert!(!is_leaf || help.contains("Example:\n  ghostlight"), "{path} has no example");
    }
}

#[test]
fn help_says_the_same_as_before() {
    let text: Vec<String> =
        all_help().into_iter().map(|(path, help, _)| format!("===== {path}\n{help}")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn wrong_usage_is_refused_and_right_usage_taken() {
    let parse = |line: &str| Cli::try_parse_from(line.split_whitespace()).map(drop);
    for right in [
        "ghostlight demo --yes",
        "ghostlight serve --listen 127.0.0.1:0 --data x --behind-proxy",
        "ghostlight run a.yaml --input {} --watch --output json",
        "ghostlight --server http://h runs list --status failed --limit 200",
        "ghostlight runs reconcile r a.2 --happened no",
        "ghostlight approvals approve a --comment c --changes {}",
        "ghostlight tail r --after 5 --types run.* --live",
        "ghostlight token create --expires 90d --data d",
        "ghostlight serve --chaos 1/s",
        "ghostlight chaos --for 5s --rate 20/s --kinds kill,hang --runs-in-flight 4 --seed 1 --data d",
        "ghostlight shop-restart --state d",
        "ghostlight fmt",
        "ghostlight fmt - --to json --drop-comments",
        "ghostlight fmt a.yaml b.json --check",
        "ghostlight workflows visibility w private",
        "ghostlight templates from-workflow w --version 3 --param a=/nodes/a/agent --param b=/context --name t --save --message m",
        "ghostlight example-agent answer --care quick --pause-ms 5",
    ] {
        assert_eq!(parse(right).map_err(|error| error.to_string()), Ok(()), "{right}");
    }
    for wrong in [
        "ghostlight",
        "ghostlight nothing",
        "ghostlight runs list --status ended",
        "ghostlight runs list --limit 0",
        "ghostlight runs reconcile r s",
        "ghostlight serve --listen here",
        "ghostlight serve --chaos often",
        "ghostlight chaos --for 0s",
        "ghostlight chaos --kinds sneeze",
        "ghostlight chaos --runs-in-flight 0",
        "ghostlight check",
        "ghostlight fmt a.yaml --to toml",
        "ghostlight fmt a.yaml --check --to json",
        "ghostlight fmt a.yaml --drop-comments",
        "ghostlight example-agent document-reader",
        "ghostlight workflows visibility w mine",
        "ghostlight templates from-workflow w",
        "ghostlight templates from-workflow w --param a=/x --message m",
        "ghostlight tree --output xml",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
