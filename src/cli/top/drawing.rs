//! How `top` looks: a head of facts, and a line for each actor, in the width that there is.
//!
//! Cells are cut and filled before they are coloured, so that no line is longer than the terminal is wide. States have a sign
//! and a word besides their colour.

use owo_colors::OwoColorize;

use super::reading::{ActorNow, Top};
use crate::output::{duration, plain, shortened};

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub columns: usize,
    pub rows: usize,
}

const STATE: usize = 12;
const MAILBOX: usize = 7;
const RATE: usize = 7;
const RESTARTS: usize = 8;
/// All columns of a fixed width, and the gaps around them.
const FIXED: usize = STATE + MAILBOX + RATE + RESTARTS + 4 * GAP;
const GAP: usize = 2;
/// Below this, the last exit is left out for the path's sake.
const COLUMNS_FOR_EXIT: usize = 72;
/// The least that is left to the path.
const PATH_MIN: usize = 16;

/// A picture of at most so many lines of at most so many characters, and of at most `limit` actors. `note` says what is
/// wrong with it.
pub(super) fn draw(top: &Top, size: Size, limit: Option<usize>, note: Option<&str>) -> String {
    let mut lines = head(top, size.columns);
    if let Some(note) = note {
        lines.push(format!("{}", shortened(&format!("✗ {note}"), size.columns).red()));
    }
    lines.push(String::new());
    let left = size.rows.saturating_sub(lines.len() + 1);
    let shown = &top.actors[..top.actors.len().min(limit.unwrap_or(usize::MAX)).min(left)];
    let columns = Columns::of(shown, size.columns);
    lines.push(columns.headings().bold().to_string());
    lines.extend(shown.iter().map(|actor| columns.row(actor)));
    lines.join("\n")
}

/// One fact of the head: its text, and whether somebody should look at it.
struct Fact(String, bool);

fn head(top: &Top, columns: usize) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let runs = &top.runs;
    let facts = [
        Fact(format!("up {}", duration(top.uptime_ms)), false),
        Fact(format!("runs {} running", number(runs.running)), false),
        Fact(format!("{} waiting", number(runs.waiting)), false),
        Fact(format!("{} failed", number(runs.failed)), runs.failed.is_some_and(|failed| failed > 0)),
        Fact(
            format!("approvals {} waiting", number(top.approvals_waiting)),
            top.approvals_waiting.is_some_and(|waiting| waiting > 0),
        ),
        Fact(format!("slots {}/{}", number(top.slots.used), number(top.slots.total)), false),
        Fact(format!("commits {}/s", rate(top.commits_per_s)), false),
        Fact(format!("syncs {}/s", rate(top.syncs_per_s)), false),
        Fact(format!("restarts {}", number(top.restarts)), top.restarts.is_some_and(|restarts| restarts > 0)),
        Fact(format!("actors {}", number(top.actors_up)), false),
    ];
    let mut lines = vec![String::new()];
    let mut used = 0;
    for Fact(text, is_marked) in facts {
        let text = shortened(&text, columns);
        let width = text.chars().count();
        let coloured = if is_marked { text.yellow().to_string() } else { text };
        if used > 0 && used + GAP + width > columns {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push_str(&" ".repeat(GAP));
                used += GAP;
            }
            line.push_str(&coloured);
        }
        used += width;
    }
    lines
}

/// A rate as it is read: with tenths while they say something.
fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate < 1_000.0 => format!("{rate:.1}"),
        Some(rate) => format!("{rate:.0}"),
    }
}

/// How wide the columns are that share what is left.
struct Columns {
    path: usize,
    exit: usize,
}

impl Columns {
    fn of(actors: &[ActorNow], columns: usize) -> Self {
        let longest = |text: fn(&ActorNow) -> usize| actors.iter().map(text).max().unwrap_or(0);
        let left = columns.saturating_sub(FIXED);
        if columns < COLUMNS_FOR_EXIT {
            return Self { path: left.max(PATH_MIN), exit: 0 };
        }
        let left = left.saturating_sub(GAP);
        let path = longest(|actor| actor.path.chars().count()).max("ACTOR".len());
        let exit = longest(|actor| actor.last_exit.as_ref().map_or(0, |exit| exit.chars().count()));
        // The path has what the exits do not need, and two thirds at least.
        let path = path.min(left.saturating_sub(exit).max(left * 2 / 3)).max(PATH_MIN);
        Self { path, exit: left.saturating_sub(path) }
    }

    fn headings(&self) -> String {
        let cells = self.cells("ACTOR", "STATE", "MAILBOX", "MSG/S", "RESTARTS", "LAST EXIT");
        cells.join(&" ".repeat(GAP)).trim_end().to_owned()
    }

    fn row(&self, actor: &ActorNow) -> String {
        let state = plain(&actor.state);
        let sign = match state.as_str() {
            "running" => "●",
            "restarting" | "starting" | "stopping" => "◷",
            _ => "○",
        };
        let [path, state, mailbox, per_s, restarts, exit] = self.cells(
            &shortened_path(&plain(&actor.path), self.path),
            &format!("{sign} {state}"),
            &actor.mailbox.map_or_else(|| "-".to_owned(), |mailbox| mailbox.to_string()),
            &rate(actor.handled_per_s),
            &actor.restarts.to_string(),
            actor.last_exit.as_deref().unwrap_or_default(),
        );
        let state = match sign {
            "●" => state.green().to_string(),
            "◷" => state.yellow().to_string(),
            _ => state.red().to_string(),
        };
        let path = if actor.kind == "supervisor" { path.bold().to_string() } else { path };
        let restarts = if actor.restarts > 0 { restarts.yellow().to_string() } else { restarts };
        let mut row = [path, state, mailbox, per_s, restarts].join(&" ".repeat(GAP));
        if !exit.trim_end().is_empty() {
            row.push_str(&" ".repeat(GAP));
            row.push_str(&exit.trim_end().dimmed().to_string());
        }
        row
    }

    /// The cells of a line, each as wide as its column.
    fn cells(
        &self,
        path: &str,
        state: &str,
        mailbox: &str,
        rate: &str,
        restarts: &str,
        exit: &str,
    ) -> [String; 6] {
        let left = |text: &str, width: usize| format!("{:<width$}", shortened(text, width));
        let right = |text: &str, width: usize| format!("{:>width$}", shortened(text, width));
        [
            left(path, self.path),
            left(state, STATE),
            right(mailbox, MAILBOX),
            right(rate, RATE),
            right(restarts, RESTARTS),
            if self.exit == 0 { String::new() } else { left(exit, self.exit) },
        ]
    }
}

/// A path of at most so many characters: ids lose their beginning, which those of one hour share, and then the path its own.
fn shortened_path(path: &str, characters_max: usize) -> String {
    const ID_KEPT: usize = 8;
    if path.chars().count() <= characters_max {
        return path.to_owned();
    }
    let is_id = |part: &str| part.len() == 36 && part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let parts = path.split('/').map(|part| match is_id(part) {
        true => format!("…{}", &part[part.len() - ID_KEPT..]),
        false => part.to_owned(),
    });
    let path = parts.collect::<Vec<_>>().join("/");
    let length = path.chars().count();
    if length <= characters_max {
        return path;
    }
    let kept: String = path.chars().skip(length + 1 - characters_max.max(1)).collect();
    format!("…{kept}")
}

#[cfg(test)]
mod tests {
    use super::super::reading::{RunsNow, SlotsNow};
    use super::*;

    fn actor(path: &str, state: &str) -> ActorNow {
        ActorNow {
            path: path.to_owned(),
            kind: if state == "running" && !path.contains("workflow") { "worker" } else { "supervisor" }
                .to_owned(),
            state: state.to_owned(),
            incarnation: 1,
            restarts: 0,
            last_exit: None,
            mailbox: Some(0),
            handled: 10,
            handled_per_s: Some(0.0),
            arbiter: None,
            uptime_ms: 1_000,
        }
    }

    fn top() -> Top {
        let run = "runs/p3/runs/01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21";
        Top {
            uptime_ms: 11_520_000,
            runs: RunsNow { running: Some(4), waiting: Some(2), failed: Some(1) },
            approvals_waiting: Some(2),
            slots: SlotsNow { used: Some(3), total: Some(16), waiting: Some(0) },
            commits_per_s: Some(1_234.5),
            syncs_per_s: Some(118.0),
            restarts: Some(7),
            actors_up: Some(231),
            actors: vec![
                ActorNow {
                    handled_per_s: Some(12.3),
                    mailbox: Some(4),
                    restarts: 3,
                    last_exit: Some(
                        "panicked: a fault\nwas injected (actors/src/runs/workflow.rs:12:5)".into(),
                    ),
                    ..actor(&format!("{run}/workflow"), "running")
                },
                ActorNow { handled_per_s: Some(2.0), ..actor("core/planner", "running") },
                ActorNow { mailbox: None, ..actor(&format!("{run}/executions/verify@2"), "restarting") },
                ActorNow {
                    last_exit: Some("shutdown".into()),
                    mailbox: None,
                    handled_per_s: None,
                    ..actor("views/database", "stopped")
                },
                actor("ghostlight", "running"),
            ],
        }
    }

    fn drawn(columns: usize, rows: usize, note: Option<&str>) -> String {
        let text = draw(&top(), Size { columns, rows }, None, note);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.lines().count() <= rows, "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= columns, "{line}");
        }
        text
    }

    #[test]
    fn at_80_columns_paths_are_shortened_and_the_head_is_wrapped() {
        insta::assert_snapshot!(drawn(80, 24, None));
    }

    #[test]
    fn at_160_columns_everything_is_there() {
        insta::assert_snapshot!(drawn(160, 24, None));
    }

    #[test]
    fn in_a_small_terminal_the_last_exit_is_left_out_and_what_does_not_fit_is_cut() {
        insta::assert_snapshot!(drawn(
            60,
            8,
            Some("no daemon answers at http://127.0.0.1:7070: connection refused")
        ));
    }

    #[test]
    fn no_limit_makes_a_picture_longer_than_there_is_room() {
        let lines = |rows, limit| {
            let text = draw(&top(), Size { columns: 160, rows }, limit, None);
            text.lines().count()
        };
        assert_eq!([lines(6, Some(5)), lines(6, Some(1)), lines(usize::MAX, None)], [6, 4, 8]);
    }

    #[test]
    fn a_path_keeps_its_end() {
        assert_eq!(shortened_path("runs/p0/router", 20), "runs/p0/router");
        assert_eq!(shortened_path("runs/p0/router", 8), "…/router");
        let run = "runs/p3/runs/01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21/gates/x";
        assert_eq!(shortened_path(run, 40), "runs/p3/runs/…9a7d5c21/gates/x");
    }
}
