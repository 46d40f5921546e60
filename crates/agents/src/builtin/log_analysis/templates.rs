//! Groups lines that say the same into templates, after Drain (He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing Approach
//! with Fixed Depth Tree", 2017): lines of equal length and level whose words mostly agree are one template, and where
//! they differ it has a wildcard.

use std::collections::HashMap;

use serde::Serialize;

use super::line::{Level, Line, WILDCARD};
use crate::text;

/// The most templates that are kept apart; lines of further ones are counted together.
const KEPT_MAX: usize = 1000;
/// The most templates of one length and level that a line is compared with.
const COMPARED_MAX: usize = 100;
/// Which share of the words must agree.
const SIMILARITY: f64 = 0.6;
/// The longest template and sample in bytes.
const TEXT_BYTES_MAX: usize = 500;

/// Lines that say the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Template {
    pub(super) template: String,
    pub(super) count: u64,
    pub(super) level: Level,
    /// Lines count from 1.
    pub(super) first_seen_line: u64,
    pub(super) last_seen_line: u64,
    /// The first of them as it stands in the log.
    pub(super) sample: String,
    /// The first of them without time and level.
    #[serde(skip)]
    pub(super) message: String,
    /// How many of them stand in the second half of the log.
    #[serde(skip)]
    pub(super) late_count: u64,
}

/// The templates seen so far.
#[derive(Debug, Default)]
pub(super) struct Templates {
    all: Vec<(Vec<String>, Template)>,
    /// Which of them a line can be like.
    by_shape: HashMap<(Level, usize), Vec<usize>>,
    /// The lines for which there was no room.
    other: Option<Template>,
    /// How many lines the first half of the log has.
    half: u64,
}

impl Template {
    fn count_one(&mut self, number: u64, half: u64) {
        self.count += 1;
        self.late_count += u64::from(number > half);
        self.last_seen_line = number;
    }
}

impl Templates {
    /// No templates yet, of a log of so many lines.
    pub(super) fn of_lines(lines: u64) -> Self {
        Self { half: lines / 2, ..Self::default() }
    }

    /// Counts one line; `raw` is it as it stands in the log, `number` its number from 1.
    pub(super) fn add(&mut self, line: &Line, raw: &str, number: u64) {
        let alike = self.by_shape.entry((line.level, line.words.len())).or_default();
        let found = alike.iter().copied().find(|at| is_alike(&self.all[*at].0, &line.words));
        if let Some(at) = found {
            let (words, template) = &mut self.all[at];
            generalise(words, &line.words);
            template.count_one(number, self.half);
        } else if self.all.len() < KEPT_MAX && alike.len() < COMPARED_MAX {
            alike.push(self.all.len());
            let mut template = new_template(line, raw, number);
            template.count_one(number, self.half);
            self.all.push((line.words.clone(), template));
        } else {
            let other = self.other.get_or_insert_with(|| new_template(line, raw, number));
            other.level = other.level.min(line.level);
            other.count_one(number, self.half);
        }
    }

    /// All templates: the worst level first, then the most frequent, then the earliest.
    pub(super) fn into_worst_first(self) -> Vec<Template> {
        let named = self.all.into_iter().map(|(words, template)| Template {
            template: text::one_line(&words.join(" "), TEXT_BYTES_MAX),
            ..template
        });
        let other =
            self.other.map(|other| Template { template: "(lines of many other kinds)".into(), ..other });
        let mut templates: Vec<Template> = named.chain(other).collect();
        templates.sort_by_key(|template| {
            (template.level, std::cmp::Reverse(template.count), template.first_seen_line)
        });
        templates
    }
}

fn new_template(line: &Line, raw: &str, number: u64) -> Template {
    Template {
        template: String::new(),
        count: 0,
        level: line.level,
        first_seen_line: number,
        last_seen_line: number,
        sample: text::one_line(raw, TEXT_BYTES_MAX),
        message: text::one_line(&line.message, TEXT_BYTES_MAX),
        late_count: 0,
    }
}

/// Whether a line of the same length is one of a template's. Words that are masked in both say nothing either way.
fn is_alike(template: &[String], words: &[String]) -> bool {
    let (mut compared, mut equal) = (0, 0);
    for (ours, theirs) in template.iter().zip(words) {
        if ours == WILDCARD && theirs == WILDCARD {
            continue;
        }
        compared += 1;
        equal += usize::from(ours == theirs);
    }
    compared == 0 || equal as f64 / compared as f64 >= SIMILARITY
}

fn generalise(template: &mut [String], words: &[String]) {
    for (ours, theirs) in template.iter_mut().zip(words) {
        if ours != theirs && ours != WILDCARD {
            WILDCARD.clone_into(ours);
        }
    }
}
