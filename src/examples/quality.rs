//! How a text reads: the Flesch reading ease, long sentences, the passive voice, sentences that stand there twice.
//!
//! It takes out what stands there twice; what is too long goes back to the writer.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::article::{Article, Block};
use super::protocol::AgentError;
use super::review::{Findings, Review};
use super::text::{is_passive, reading_ease, sentences, words};

const NAME: &str = "content-quality";

/// A sentence of more words is long.
const SENTENCE_WORDS_MAX: usize = 22;
/// Plain English, which most readers follow at once.
const EASE_WANTED: f64 = 60.0;
/// How many passive sentences in a hundred nobody minds.
const PASSIVE_PERCENT_MAX: usize = 20;

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    article: String,
}

/// Measures, and takes out what stands there twice.
pub(super) fn review(task: Task) -> Result<Review, AgentError> {
    let mut article = Article::parse(&task.article)?;
    let mut findings = Findings::default();
    take_out_duplicates(&mut article, &mut findings);
    let prose = article.prose();
    let all = sentences(&prose);
    let long = all.iter().filter(|said| words(said).count() > SENTENCE_WORDS_MAX);
    for said in long.clone() {
        let message = format!("a sentence of {} words", words(said).count());
        findings.open("long_sentence", message, Some(said));
    }
    let passive: Vec<&&str> = all.iter().filter(|said| is_passive(said)).collect();
    let passive_percent = passive.len() * 100 / all.len().max(1);
    if passive_percent > PASSIVE_PERCENT_MAX {
        let message = format!("{passive_percent} % of the sentences are in the passive voice");
        findings.open("passive_voice", message, passive.first().map(|said| **said));
    }
    let ease = reading_ease(&prose);
    if ease < EASE_WANTED {
        findings.open("hard_to_read", format!("the reading ease is {ease:.0}; plain English has 60"), None);
    }
    let longest = all.iter().map(|said| words(said).count()).max().unwrap_or_default();
    let measures = json!({
        "words": words(&prose).count(),
        "sentences": all.len(),
        "reading_ease": (ease * 10.0).round() / 10.0,
        "longest_sentence": longest,
        "passive_percent": passive_percent,
    });
    let score = score(long.count(), passive_percent, ease);
    Ok(Review::new(NAME, &task.article, &article, findings, score, measures))
}

/// Ten for each long sentence, one for each point of reading ease below plain English (at most thirty), and one for each two
/// percent of passive sentences above what nobody minds.
fn score(long: usize, passive_percent: usize, ease: f64) -> u32 {
    let hard = (EASE_WANTED - ease).clamp(0.0, 30.0).round() as usize;
    let passive = passive_percent.saturating_sub(PASSIVE_PERCENT_MAX) / 2;
    let lost = long.saturating_mul(10).saturating_add(hard + passive);
    100_u32.saturating_sub(u32::try_from(lost).unwrap_or(u32::MAX))
}

fn take_out_duplicates(article: &mut Article, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for block in &mut article.blocks {
        let Block::Prose(text) = block else { continue };
        let key = |said: &str| words(said).map(str::to_lowercase).collect::<Vec<_>>().join(" ");
        let all = sentences(text);
        let kept: Vec<&str> = all.iter().filter(|said| seen.insert(key(said))).copied().collect();
        let twice = all.len() - kept.len();
        if twice > 0 {
            findings.fixed("duplicate_sentence", format!("took out {twice} that stood there before"));
            *text = kept.join(" ");
        }
    }
    article.blocks.retain(|block| *block != Block::Prose(String::new()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Review {
        review(Task { article: format!("---\ntitle: T\ndescription:\n---\n\n{body}\n") }).unwrap()
    }

    #[test]
    fn a_plain_text_is_good() {
        let review = of("# T\n\nThe cat sat on the mat. It was fat.");
        assert_eq!((review.score, review.findings.len(), review.diff.as_str()), (100, 0, ""));
        assert_eq!((&review.measures["words"], &review.measures["sentences"]), (&json!(9), &json!(2)));
    }

    #[test]
    fn what_stands_there_twice_is_taken_out() {
        let review = of("One cat. Two cats.\n\none cat!\n\nTwo cats. Three.");
        assert!(review.article.ends_with("One cat. Two cats.\n\nThree.\n"), "{}", review.article);
        assert!(review.findings.iter().all(|finding| finding.fixed));
    }

    /// Shows S2-1.2d.
    #[test]
    fn long_hard_and_passive_sentences_are_told_with_their_words() {
        let long = "The big red dog ".repeat(6) + "ran.";
        let review = of(&format!("{long} The organisation was comprehensively reorganised."));
        let codes: Vec<_> = review.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["long_sentence", "passive_voice"]);
        assert_eq!(review.findings[0].text.as_deref(), Some(long.as_str()));
        assert_eq!(review.score, 75);
        assert_eq!(of("Organisational reconfiguration necessitates consideration.").score, 70);
    }
}
