//! Generative engine optimisation: what engines that answer in sentences can quote. A summary of facts, questions with their
//! answers, and the same as JSON-LD in the words of schema.org. All of it is taken from the article itself.

use serde::Deserialize;
use serde_json::{Value, json};

use super::article::{Article, Block};
use super::protocol::{AgentError, bounded, counted};
use super::review::{Findings, Review, score};
use super::text::{sentences, words};

const NAME: &str = "content-geo";

const SUMMARY: &str = "At a glance";
const QUESTIONS: &str = "Questions and answers";
/// How many facts a summary has at most.
const FACTS_MAX: usize = 5;
/// How many sentences an answer has at most.
const ANSWER_SENTENCES: usize = 2;

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    article: String,
    keywords: Vec<String>,
    publisher: String,
}

/// A question and its answer.
type Asked = (String, String);

/// Adds summary, questions and JSON-LD.
pub(super) fn prepare(task: Task) -> Result<Review, AgentError> {
    counted("keywords", task.keywords.len(), 1, 10)?;
    let publisher = bounded("publisher", &task.publisher, 80)?;
    let mut article = Article::parse(&task.article)?;
    let (facts, asked) = (facts(&article), asked(&article));
    let mut findings = Findings::default();
    let wanted = [("facts", facts.len(), 3), ("questions", asked.len(), 2)];
    for (what, count, min) in wanted {
        if count < min {
            findings.open("too_little_to_quote", format!("{count} {what}; at least {min} are of use"), None);
        }
    }
    if article.description.is_empty() {
        findings.open("no_description", "there is no description to quote".to_owned(), None);
    }
    let data = json_ld(&article, &task.keywords, publisher, &asked);
    summarise(&mut article, &facts);
    // Before the disclaimer, which stays the last thing that is read.
    let end = match article.blocks.last() {
        Some(Block::Other(note)) if note.starts_with('*') => article.blocks.len() - 1,
        _ => article.blocks.len(),
    };
    let questions = asked
        .iter()
        .flat_map(|(question, answer)| [Block::Heading(3, question.clone()), Block::Prose(answer.clone())]);
    let questions: Vec<Block> = if asked.is_empty() {
        Vec::new()
    } else {
        std::iter::once(Block::Heading(2, QUESTIONS.to_owned())).chain(questions).collect()
    };
    article.blocks.splice(end..end, questions);
    article.blocks.push(Block::Other(data));
    let measures = json!({ "facts": facts.len(), "questions": asked.len() });
    let score = score(findings.open_count(), 25);
    Ok(Review::new(NAME, &task.article, &article, findings, score, measures))
}

/// The first sentence of each section.
fn facts(article: &Article) -> Vec<String> {
    let sections = article.sections();
    let first =
        sections.iter().filter_map(|(_, prose)| sentences(prose).first().map(|said| (*said).to_owned()));
    first.take(FACTS_MAX).collect()
}

fn asked(article: &Article) -> Vec<Asked> {
    let sections = article.sections();
    let asked = sections.iter().filter_map(|(heading, prose)| {
        let said = sentences(prose);
        let answer = said[..said.len().min(ANSWER_SENTENCES)].join(" ");
        let question = if heading.to_lowercase().starts_with("where ") || heading.ends_with('?') {
            format!("{}?", heading.trim_end_matches('?'))
        } else {
            format!("{heading}: what is there to know?")
        };
        (!answer.is_empty()).then_some((question, answer))
    });
    asked.collect()
}

/// Puts the summary behind the opening.
fn summarise(article: &mut Article, facts: &[String]) {
    if facts.is_empty() {
        return;
    }
    let list = facts.iter().map(|fact| format!("- {fact}")).collect::<Vec<_>>().join("\n");
    let is_opening = |block: &Block| matches!(block, Block::Prose(_));
    let place = article.blocks.iter().position(is_opening).map_or(0, |place| place + 1);
    article.blocks.splice(place..place, [Block::Heading(2, SUMMARY.to_owned()), Block::Other(list)]);
}

fn json_ld(article: &Article, keywords: &[String], publisher: &str, asked: &[Asked]) -> String {
    let questions: Vec<Value> = asked
        .iter()
        .map(|(question, answer)| {
            let answer = json!({ "@type": "Answer", "text": answer });
            json!({ "@type": "Question", "name": question, "acceptedAnswer": answer })
        })
        .collect();
    let data = json!({
        "@context": "https://schema.org",
        "@graph": [
            {
                "@type": "Article",
                "headline": article.title,
                "description": article.description,
                "keywords": keywords,
                "wordCount": words(&article.prose()).count(),
                "publisher": { "@type": "Organization", "name": publisher },
            },
            { "@type": "FAQPage", "mainEntity": questions },
        ],
    });
    // A text with `</script>` in it must not end the script.
    let text = format!("{data:#}").replace("</", "<\\/");
    format!("<script type=\"application/ld+json\">\n{text}\n</script>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Review {
        let article = format!("---\ntitle: T\ndescription: D\n---\n\n{body}\n");
        prepare(Task { article, keywords: vec!["k".to_owned()], publisher: "P".to_owned() }).unwrap()
    }

    /// Shows S2-1.2e.
    #[test]
    fn facts_questions_and_data_are_taken_from_the_article() {
        let review = of(
            "# H\n\nHello.\n\n## Cups\n\nOne. Two. Three.\n\n## Where to begin\n\nHere.\n\n## Tea\n\nHot.\n\n*Note.*",
        );
        assert_eq!((review.score, &review.measures), (100, &json!({ "facts": 3, "questions": 3 })));
        assert!(review.article.contains("Hello.\n\n## At a glance\n\n- One.\n- Here.\n- Hot.\n\n## Cups"));
        assert!(review.article.contains("### Cups: what is there to know?\n\nOne. Two.\n"));
        assert!(review.article.contains("### Where to begin?\n\nHere.\n"));
        let (_, data) =
            review.article.split_once("*Note.*\n\n<script type=\"application/ld+json\">\n").unwrap();
        let data: Value = serde_json::from_str(data.trim_end().trim_end_matches("</script>")).unwrap();
        assert_eq!(
            (&data["@graph"][0]["@type"], &data["@graph"][0]["wordCount"]),
            (&json!("Article"), &json!(6))
        );
        assert_eq!(data["@graph"][1]["mainEntity"][2]["acceptedAnswer"]["text"], "Hot.");
    }

    #[test]
    fn little_text_gives_little_and_says_so() {
        let review = of("# H\n\nHello </script>.\n\n## A\n\nThe tag </script> is said.");
        assert_eq!((review.score, review.findings.len()), (50, 2));
        assert_eq!(review.article.matches("</script>\n").count(), 1, "{}", review.article);
        assert!(review.article.contains("<\\/script> is said"));
    }
}
