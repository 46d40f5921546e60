//! What each agent of a campaign gives back: the article as it leaves, what was found, a score, and what was changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::TextDiff;

use super::article::Article;

/// How many lines around a change a diff shows.
const DIFF_LINES: usize = 1;

/// Something about an article that is not as it should be, or was not before it was mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    /// What it is, for programs.
    pub code: String,
    /// Whether whoever found it has mended it.
    pub fixed: bool,
    /// What it is, for people.
    pub message: String,
    /// The words that it is about, if it is about certain ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The findings of one agent.
#[derive(Debug, Default)]
pub(super) struct Findings(pub Vec<Finding>);

impl Findings {
    /// Notes what was mended.
    pub fn fixed(&mut self, code: &str, message: String) {
        self.0.push(Finding { code: code.to_owned(), fixed: true, message, text: None });
    }

    /// Notes what is left, with the words that it is about.
    pub fn open(&mut self, code: &str, message: String, text: Option<&str>) {
        let text = text.map(str::to_owned);
        self.0.push(Finding { code: code.to_owned(), fixed: false, message, text });
    }

    /// How much is left.
    pub fn open_count(&self) -> usize {
        self.0.iter().filter(|finding| !finding.fixed).count()
    }
}

/// What an agent gives back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Review {
    /// Who it is.
    pub agent: &'static str,
    /// The article as it leaves.
    pub article: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// How good the article is as it leaves, in the eyes of this agent: 0 to 100.
    pub score: u32,
    /// What this agent changed, as a unified diff; empty: nothing.
    pub diff: String,
    /// What it measured.
    pub measures: Value,
}

impl Review {
    /// Of an article that came as `before` and leaves as `after`.
    pub fn new(
        agent: &'static str,
        before: &str,
        after: &Article,
        findings: Findings,
        score: u32,
        measures: Value,
    ) -> Self {
        let article = after.to_string();
        let diff = diff(agent, before, &article);
        Self { agent, article, findings: findings.0, score: score.min(100), diff, measures }
    }
}

/// A score that loses something for each thing that is left.
pub(super) fn score(open: usize, cost: u32) -> u32 {
    let lost = u32::try_from(open).unwrap_or(u32::MAX).saturating_mul(cost);
    100_u32.saturating_sub(lost)
}

fn diff(agent: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let after_name = format!("after {agent}");
    diff.unified_diff().context_radius(DIFF_LINES).header("before", &after_name).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_review_shows_what_was_changed_and_nothing_else() {
        let before = "---\ntitle: T\ndescription:\n---\n\n# H\n\nOne.\n";
        let mut article = Article::parse(before).unwrap();
        article.title = "U".to_owned();
        let review = Review::new("x", before, &article, Findings::default(), 120, json!({}));
        assert_eq!(
            review.diff,
            "--- before\n+++ after x\n@@ -1,3 +1,3 @@\n ---\n-title: T\n+title: U\n description:\n"
        );
        assert_eq!(review.score, 100);
    }

    #[test]
    fn what_is_left_costs_and_what_was_mended_does_not() {
        let mut findings = Findings::default();
        findings.fixed("a", "mended".to_owned());
        findings.open("b", "left".to_owned(), Some("words"));
        assert_eq!((findings.open_count(), score(findings.open_count(), 30)), (1, 70));
        assert_eq!(score(9, 30), 0);
    }
}
