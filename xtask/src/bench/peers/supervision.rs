//! Supervision beside Erlang: what `cargo bench -p ghostlight-supervision` prints of both, with ratios.
//!
//! That benchmark runs the same loads here and in Erlang (loads.erl beside it), in turns. What is started again in place
//! has no like in Erlang, where each restart is a new process: it is put beside that.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, ensure};

use crate::command;
use crate::workspace::Workspace;

/// A figure here, the figure of Erlang that it is put beside, and whether more of it is better.
const ROWS: [(&str, &str, bool); 6] = [
    (
        "crash to restarted, paced, in place: p50 / p99",
        "crash to restarted, paced, fresh mailbox: p50 / p99",
        false,
    ),
    (
        "crash to restarted, paced, fresh mailbox: p50 / p99",
        "crash to restarted, paced, fresh mailbox: p50 / p99",
        false,
    ),
    ("restarts of one supervisor, in place", "restarts of one supervisor, fresh mailbox", true),
    ("restarts of one supervisor, fresh mailbox", "restarts of one supervisor, fresh mailbox", true),
    ("children started, one by one, 100,000", "children started, one by one, 100,000", true),
    ("memory of an idle child, of 100,000", "memory of an idle child, of 100,000", false),
];

/// Runs the benchmark and returns its table with ratios.
pub fn measure(workspace: &Workspace) -> anyhow::Result<String> {
    command::ask("erl", &["-noshell", "-eval", "halt(0)."])
        .context("erl is not on this machine (Debian's package: erlang-base)")?;
    let arguments = ["bench", "--package", "ghostlight-supervision", "--bench", "supervision"];
    let ended = command::run(&mut command::cargo(&workspace.root, &arguments))?;
    ensure!(ended.success, "the benchmark of supervision failed: {}", ended.status);
    beside(&ended.stdout)
}

fn beside(printed: &str) -> anyhow::Result<String> {
    let mut rows = BTreeMap::new();
    let mut release = None;
    for line in printed.lines() {
        let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        match *cells {
            ["figure", _, erlang, _] => release = Some(erlang.to_owned()),
            [figure, here, erlang, _] => {
                _ = rows.insert(figure.to_owned(), (here.to_owned(), erlang.to_owned()))
            }
            _ => {}
        }
    }
    let release = release.context("the benchmark of supervision prints no table")?;
    let mut text =
        format!("| supervision | Ghostlight | {release} | times better |\n| --- | --- | --- | --- |\n");
    for (figure, peer, more_is_better) in ROWS {
        let (here, _) = rows.get(figure).with_context(|| format!("{figure} is missing"))?;
        let (_, erlang) = rows.get(peer).with_context(|| format!("{peer} is missing"))?;
        let ratios = numbers(here).into_iter().zip(numbers(erlang)).map(|(here, erlang)| {
            let ratio = if more_is_better { here / erlang } else { erlang / here };
            format!("{ratio:.1}")
        });
        let ratios = ratios.collect::<Vec<_>>().join(" / ");
        let _ = writeln!(text, "| {figure} | {here} | {erlang} | {ratios} |");
    }
    Ok(text)
}

/// The numbers of a cell, as `1,234.5 / 7 us`.
fn numbers(cell: &str) -> Vec<f64> {
    let plain = cell.replace(',', "");
    plain
        .split(|character: char| !character.is_ascii_digit() && character != '.')
        .filter_map(|word| word.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_put_beside_its_like_with_a_ratio() {
        let printed = "| figure | measured | Erlang/OTP 25 | aim |\n| --- | --- | --- | --- |\n\
                       | crash to restarted, paced, in place: p50 / p99 | 5.0 / 10.0 us |  | x |\n\
                       | crash to restarted, paced, fresh mailbox: p50 / p99 | 10.0 / 20.0 us | 40.0 / 100.0 us | x |\n\
                       | restarts of one supervisor, in place | 80,000/s |  | x |\n\
                       | restarts of one supervisor, fresh mailbox | 40,000/s | 4,000/s | x |\n\
                       | children started, one by one, 100,000 | 600,000/s | 30,000/s | x |\n\
                       | memory of an idle child, of 100,000 | 1,000 B | 2,800 B | x |\n";
        let table = beside(printed).unwrap();
        let ratios: Vec<_> = table.lines().skip(2).filter_map(|line| line.rsplit('|').nth(1)).collect();
        assert_eq!(ratios, [" 8.0 / 10.0 ", " 4.0 / 5.0 ", " 20.0 ", " 10.0 ", " 20.0 ", " 2.8 "]);
    }

    #[test]
    fn a_benchmark_that_prints_something_else_is_an_error() {
        assert!(beside("nothing").is_err());
    }
}
