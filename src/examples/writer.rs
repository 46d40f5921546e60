//! The writer: a draft from a brief, and a better draft from an earlier one and what was found in it.
//!
//! A writer of rules and no inspiration: it arranges the facts of the brief, splits what is too long, and leaves out what the
//! brand must not say. It invents nothing.

use serde::Deserialize;
use serde_json::json;

use super::article::{Article, Block};
use super::protocol::{AgentError, bounded, counted};
use super::review::{Finding, Findings, Review, score};
use super::text::{capitalised, places, sentences, words};

/// The name of this agent in what it gives back.
const NAME: &str = "content-writer";

/// How many facts stand below one heading.
const FACTS_OF_SECTION: usize = 3;

/// What may be joined in a sentence, and what the second one begins with when it is split there.
const SEAMS: [(&str, &str); 5] =
    [("; ", ""), (", but ", "But "), (", so ", "So "), (", and ", ""), (", while ", "Meanwhile, ")];

/// The fewest words that a part of a split sentence may have.
const PART_WORDS_MIN: usize = 3;

/// What the writer is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    brief: Brief,
    /// The earlier draft, with what was found in it; none: a first draft.
    #[serde(default)]
    previous: Option<Earlier>,
}

/// What an article is to be about.
#[derive(Debug, Clone, Deserialize)]
struct Brief {
    topic: String,
    audience: String,
    keywords: Vec<String>,
    facts: Vec<String>,
    #[serde(default)]
    tone: Tone,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tone {
    #[default]
    Plain,
    Warm,
    Formal,
}

/// An earlier draft.
#[derive(Debug, Clone, Deserialize)]
struct Earlier {
    article: String,
    #[serde(default)]
    findings: Vec<Finding>,
}

/// Writes, or writes again.
pub(super) fn write(task: Task) -> Result<Review, AgentError> {
    let brief = checked(&task.brief)?;
    let mut findings = Findings::default();
    let (before, article) = match &task.previous {
        None => (String::new(), draft(&brief)),
        Some(earlier) => {
            let article = revised(Article::parse(&earlier.article)?, earlier, &mut findings);
            (earlier.article.clone(), article)
        }
    };
    if article.prose().is_empty() {
        findings.open("nothing_left", "nothing of the brief can be said".to_owned(), None);
    }
    let score = score(findings.open_count(), 10);
    let measures = json!({ "words": words(&article.prose()).count() });
    Ok(Review::new(NAME, &before, &article, findings, score, measures))
}

fn checked(brief: &Brief) -> Result<Brief, AgentError> {
    counted("keywords", brief.keywords.len(), 1, 10)?;
    counted("facts", brief.facts.len(), 1, 30)?;
    let each = |what: &str, texts: &[String], max: usize| {
        let checked = texts.iter().enumerate().map(|(at, text)| bounded(&format!("{what}[{at}]"), text, max));
        checked.map(|text| text.map(one_line)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Brief {
        topic: one_line(bounded("topic", &brief.topic, 80)?),
        audience: one_line(bounded("audience", &brief.audience, 80)?),
        keywords: each("keywords", &brief.keywords, 60)?,
        facts: each("facts", &brief.facts, 1000)?,
        tone: brief.tone,
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn draft(brief: &Brief) -> Article {
    let Brief { topic, audience, .. } = brief;
    let (opening, closing) = match brief.tone {
        Tone::Plain => (
            format!("This is what {audience} should know about {topic}."),
            "Start small and look at what happens.".to_owned(),
        ),
        Tone::Warm => (
            format!("Welcome! If {topic} is new to you, you are in the right place."),
            format!("That is all it takes, and {audience} everywhere can do it. We are glad to help."),
        ),
        Tone::Formal => (
            format!("This article introduces {topic} to {audience}."),
            "Readers may wish to consult further sources.".to_owned(),
        ),
    };
    let mut blocks = vec![Block::Heading(1, capitalised(topic)), Block::Prose(opening)];
    let headings = brief.keywords.iter().map(|keyword| capitalised(keyword));
    let more = (2..).map(|number| format!("{}, part {number}", capitalised(topic)));
    for (facts, heading) in brief.facts.chunks(FACTS_OF_SECTION).zip(headings.chain(more)) {
        let said: Vec<String> = facts.iter().map(|fact| sentence(fact)).collect();
        blocks.push(Block::Heading(2, heading));
        blocks.push(Block::Prose(said.join(" ")));
    }
    blocks.push(Block::Heading(2, "Where to begin".to_owned()));
    blocks.push(Block::Prose(closing));
    let title = format!("{} for {audience}", capitalised(topic));
    Article { title, description: String::new(), blocks }
}

/// A text with a capital in front and a stop behind.
fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    capitalised(text) + stop
}

fn revised(mut article: Article, earlier: &Earlier, findings: &mut Findings) -> Article {
    for finding in earlier.findings.iter().filter(|finding| !finding.fixed) {
        let Some(text) = finding.text.as_deref() else { continue };
        match finding.code.as_str() {
            "long_sentence" => match split(text) {
                Some(parts) => {
                    change(&mut article, |said| (said == text).then(|| parts.clone()));
                    findings.fixed("split", format!("split a sentence of {} words", words(text).count()));
                }
                None => {
                    let message = format!("a sentence of {} words has no seam", words(text).count());
                    findings.open("no_seam", message, Some(text));
                }
            },
            "forbidden_word" => {
                change(&mut article, |said| (!places(said, text).is_empty()).then(String::new));
                findings.fixed("left_out", format!("left out what cannot be said without {text:?}"));
            }
            "keyword_not_in_opening" => {
                if let Some(opening) = article.blocks.iter_mut().find_map(prose_of) {
                    opening.push_str(&format!(" It is about {text}."));
                    findings.fixed("keyword_in_opening", format!("named {text:?} in the opening"));
                }
            }
            _ => {}
        }
    }
    article.blocks.retain(|block| *block != Block::Prose(String::new()));
    article
}

fn prose_of(block: &mut Block) -> Option<&mut String> {
    match block {
        Block::Prose(text) => Some(text),
        Block::Heading(..) | Block::Other(_) => None,
    }
}

/// Puts other words in the place of sentences.
fn change(article: &mut Article, other: impl Fn(&str) -> Option<String>) {
    for text in article.blocks.iter_mut().filter_map(prose_of) {
        let said = sentences(text).into_iter().map(|said| other(said).unwrap_or_else(|| said.to_owned()));
        *text = said.filter(|said| !said.is_empty()).collect::<Vec<_>>().join(" ");
    }
}

/// The sentence as two, at the seam that is nearest to its middle.
fn split(text: &str) -> Option<String> {
    let middle = text.len() / 2;
    let found = SEAMS.iter().flat_map(|(seam, start)| {
        text.match_indices(seam).map(move |(at, seam)| (at, at + seam.len(), *start))
    });
    let long_enough = |(begin, end, _): &(usize, usize, &str)| {
        [&text[..*begin], &text[*end..]].into_iter().all(|part| words(part).count() >= PART_WORDS_MIN)
    };
    let (begin, end, start) = found.filter(long_enough).min_by_key(|(begin, _, _)| begin.abs_diff(middle))?;
    let rest = if start.is_empty() { capitalised(&text[end..]) } else { format!("{start}{}", &text[end..]) };
    Some(format!("{}. {rest}", &text[..begin]))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn task(more: Value) -> Result<Review, AgentError> {
        let mut task = json!({
            "brief": { "topic": "green tea", "audience": "beginners", "keywords": ["tea"], "facts": ["tea is hot"] },
        });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        write(serde_json::from_value(task).unwrap())
    }

    #[test]
    fn a_first_draft_has_all_facts_of_the_brief_in_sections() {
        let facts: Vec<String> = (1..=7).map(|n| format!("fact {n}")).collect();
        let brief = json!({
            "topic": "green tea", "audience": "beginners", "keywords": ["tea", "cups"], "facts": facts, "tone": "warm",
        });
        let review = task(json!({ "brief": brief })).unwrap();
        assert!(review.article.contains("# Green tea\n\nWelcome!"), "{}", review.article);
        assert!(review.article.contains("## Tea\n\nFact 1. Fact 2. Fact 3.\n\n## Cups\n\nFact 4."));
        assert!(review.article.contains("## Green tea, part 2\n\nFact 7.\n"), "{}", review.article);
        assert_eq!((review.score, review.diff.contains("+# Green tea")), (100, true));
        assert!(!review.diff.contains("\n-"), "there was nothing before");
    }

    #[test]
    fn a_brief_has_bounds() {
        for (brief, says) in [
            (json!({ "topic": " ", "audience": "a", "keywords": ["k"], "facts": ["f"] }), "topic is empty"),
            (
                json!({ "topic": "t", "audience": "a", "keywords": [], "facts": ["f"] }),
                "keywords: 0 were given",
            ),
            (
                json!({ "topic": "t", "audience": "a", "keywords": ["k"], "facts": ["f", ""] }),
                "facts[1] is empty",
            ),
        ] {
            assert!(task(json!({ "brief": brief })).unwrap_err().to_string().starts_with(says), "{says}");
        }
    }

    /// Shows S2-1.2a.
    #[test]
    fn what_was_found_is_mended_in_the_next_draft() {
        let long = "We cut the leaves by hand, and we dry them in the sun for days.";
        let article = format!("---\ntitle: T\ndescription:\n---\n\nHello.\n\n{long} It is cheap.\n");
        let finding =
            |code: &str, text: &str| json!({ "code": code, "fixed": false, "message": "m", "text": text });
        let findings = json!([
            finding("long_sentence", long),
            finding("long_sentence", "no seam here"),
            finding("forbidden_word", "cheap"),
            finding("keyword_not_in_opening", "tea"),
            finding("something_else", "x"),
        ]);
        let review = task(json!({ "previous": { "article": article, "findings": findings } })).unwrap();
        assert!(
            review.article.ends_with(
                "Hello. It is about tea.\n\nWe cut the leaves by hand. We dry them in the sun for days.\n"
            ),
            "{}",
            review.article
        );
        let codes: Vec<_> = review.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["split", "no_seam", "left_out", "keyword_in_opening"]);
        assert_eq!(review.score, 90);
    }

    #[test]
    fn a_sentence_is_split_at_the_seam_nearest_to_its_middle() {
        assert_eq!(
            split("One two three, but four five six, so seven eight nine.").as_deref(),
            Some("One two three, but four five six. So seven eight nine.")
        );
        assert_eq!(split("Salt, and pepper"), None);
    }
}
