//! Which error is the news, and the one sentence about it.

use super::line::Level;
use super::templates::Template;
use crate::text;

/// An error is new when the first so many hundredths of the log know nothing of it.
const QUIET_PERCENT: u64 = 20;
/// A new error that is this many times rarer than the most frequent new one is not what people look for.
const RARER: u64 = 10;
/// An error is on the rise when the second half of the log has it so many times as often as the first, and no less than that.
const RISE: u64 = 4;

/// The news: the new error that came first, since in a cascade the cause comes before its consequences; without a new
/// one, the most frequent of those on the rise.
pub(super) fn new_error(templates: &[Template], lines: u64) -> Option<&Template> {
    let rising =
        || templates.iter().filter(|template| is_rising(template)).max_by_key(|template| template.late_count);
    first_of_the_new(templates, lines).or_else(rising)
}

fn is_rising(template: &Template) -> bool {
    let early_count = template.count - template.late_count;
    template.level == Level::Error && template.late_count >= RISE && template.late_count >= RISE * early_count
}

fn first_of_the_new(templates: &[Template], lines: u64) -> Option<&Template> {
    let most = new_errors(templates, lines).map(|template| template.count).max()?;
    new_errors(templates, lines)
        .filter(|template| template.count * RARER >= most)
        .min_by_key(|template| template.first_seen_line)
}

fn new_errors(templates: &[Template], lines: u64) -> impl Iterator<Item = &Template> {
    templates.iter().filter(move |template| is_new(template, lines))
}

fn is_new(template: &Template, lines: u64) -> bool {
    template.level == Level::Error && template.first_seen_line * 100 > lines * QUIET_PERCENT && lines > 1
}

/// One sentence.
pub(super) fn summary(templates: &[Template], new_error: Option<&Template>, lines: u64) -> String {
    if lines == 0 {
        return "the log is empty".into();
    }
    if let Some(rising) = new_error.filter(|template| !is_new(template, lines)) {
        let (early, late) = (times(rising.count - rising.late_count), times(rising.late_count));
        let quoted = quoted(rising);
        return format!(
            "error on the rise: {quoted}, {early} in the first half of {lines} lines and {late} in the second"
        );
    }
    if let Some(new) = new_error {
        let others = new_errors(templates, lines).count() - 1;
        let rest = match others {
            0 => String::new(),
            1 => ", and 1 other new error".into(),
            others => format!(", and {others} other new errors"),
        };
        let (line, quoted, times) = (new.first_seen_line, quoted(new), times(new.count));
        return format!("new error since line {line} of {lines}: {quoted} ({times}){rest}");
    }
    match templates
        .iter()
        .filter(|template| template.level == Level::Error)
        .max_by_key(|template| template.count)
    {
        Some(error) => {
            let (quoted, times) = (quoted(error), times(error.count));
            format!("no new error in {lines} lines; the most frequent one is {quoted} ({times})")
        }
        None => format!("no errors in {lines} lines"),
    }
}

fn quoted(template: &Template) -> String {
    format!("\"{}\"", text::one_line(&template.message, 200).replace('"', "'"))
}

fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}
