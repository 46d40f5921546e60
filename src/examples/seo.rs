//! The search engine's eye: title, description, headings, keywords. It mends what can be mended without new facts.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::article::{Article, Block};
use super::protocol::{AgentError, bounded, counted};
use super::review::{Findings, Review, score};
use super::text::{capitalised, places, sentences, shortened, words};

const NAME: &str = "content-seo";

/// How long titles are that search results show in full, in characters.
const TITLE: std::ops::RangeInclusive<usize> = 30..=60;
/// The same for descriptions.
const DESCRIPTION: std::ops::RangeInclusive<usize> = 70..=160;
/// A keyword that is a larger part of the words than this, in percent, reads as if a machine had put it there.
const DENSITY_MAX: f64 = 5.0;
/// How the line begins that names what the text itself does not.
const RELATED: &str = "*Related topics: ";

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    article: String,
    /// The most important one first.
    keywords: Vec<String>,
}

/// Checks and mends.
pub(super) fn review(task: Task) -> Result<Review, AgentError> {
    counted("keywords", task.keywords.len(), 1, 10)?;
    let keywords = task.keywords.iter().map(|keyword| bounded("a keyword", keyword, 60));
    let keywords = keywords.collect::<Result<Vec<_>, _>>()?;
    let mut article = Article::parse(&task.article)?;
    let mut findings = Findings::default();
    let main = keywords.first().copied().unwrap_or_default();
    title(&mut article, main, &mut findings);
    headings(&mut article, &mut findings);
    let densities = density(&mut article, &keywords, &mut findings);
    // Last, because it is made of the text.
    description(&mut article, &mut findings);
    let measures = json!({
        "title_chars": article.title.chars().count(),
        "description_chars": article.description.chars().count(),
        "density_percent": densities,
    });
    let score = score(findings.open_count(), 15);
    Ok(Review::new(NAME, &task.article, &article, findings, score, measures))
}

fn title(article: &mut Article, main: &str, findings: &mut Findings) {
    if places(&article.title, main).is_empty() {
        article.title = format!("{}: {}", capitalised(main), article.title);
        findings.fixed("title_keyword", format!("put {main:?} into the title"));
    }
    let length = article.title.chars().count();
    if length > *TITLE.end() {
        article.title = shortened(&article.title, *TITLE.end());
        findings.fixed("title_long", format!("shortened the title from {length} characters"));
    } else if length < *TITLE.start() {
        let message = format!("the title has {length} characters; {} are seen", TITLE.end());
        findings.open("title_short", message, None);
    }
}

/// One heading of the first level, none that skips a level, and at least two sections.
fn headings(article: &mut Article, findings: &mut Findings) {
    if !article.blocks.iter().any(|block| matches!(block, Block::Heading(1, _))) {
        article.blocks.insert(0, Block::Heading(1, article.title.clone()));
        findings.fixed("heading_missing", "put the title above the text".to_owned());
    }
    let mut before = 0;
    for block in &mut article.blocks {
        let Block::Heading(level, text) = block else { continue };
        let wanted = if before == 0 { 1 } else { (*level).clamp(2, before + 1) };
        if *level != wanted {
            findings.fixed("heading_level", format!("made {text:?} a heading of level {wanted}"));
            *level = wanted;
        }
        before = wanted;
    }
    if article.sections().len() < 2 {
        findings.open("headings_few", "a text of one section is hard to find one's way in".to_owned(), None);
    }
}

/// How much of the text each keyword is, in percent.
fn density(article: &mut Article, keywords: &[&str], findings: &mut Findings) -> Value {
    let opening = article.blocks.iter().find_map(|block| match block {
        Block::Prose(text) => Some(text.as_str()),
        Block::Heading(..) | Block::Other(_) => None,
    });
    if let (Some(opening), Some(main)) = (opening, keywords.first())
        && places(opening, main).is_empty()
    {
        let message = format!("the opening does not say {main:?}");
        findings.open("keyword_not_in_opening", message, Some(main));
    }
    let missing: Vec<&str> =
        keywords.iter().filter(|keyword| places(&everything(article), keyword).is_empty()).copied().collect();
    if !missing.is_empty() {
        let line = format!("{RELATED}{}.*", missing.join(", "));
        article.blocks.push(Block::Other(line));
        findings.fixed("keyword_missing", format!("named what the text does not: {}", missing.join(", ")));
    }
    let prose = article.prose();
    let all = words(&prose).count().max(1) as f64;
    let mut densities = Map::new();
    for keyword in keywords {
        let share = (places(&prose, keyword).len() * words(keyword).count()) as f64 * 100.0 / all;
        let rounded = (share * 10.0).round() / 10.0;
        if share > DENSITY_MAX {
            let message = format!("{keyword:?} is {rounded} % of the words; {DENSITY_MAX} % is much already");
            findings.open("keyword_stuffed", message, Some(keyword));
        }
        densities.insert((*keyword).to_owned(), json!(rounded));
    }
    Value::Object(densities)
}

/// What search engines read: headings too.
fn everything(article: &Article) -> String {
    let texts = article.blocks.iter().map(|block| match block {
        Block::Heading(_, text) | Block::Prose(text) | Block::Other(text) => text.as_str(),
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn description(article: &mut Article, findings: &mut Findings) {
    let length = article.description.chars().count();
    if DESCRIPTION.contains(&length) {
        return;
    }
    let prose = article.prose();
    let mut made = String::new();
    for said in sentences(&prose) {
        if made.chars().count() >= *DESCRIPTION.start() {
            break;
        }
        made = format!("{made} {said}").trim().to_owned();
    }
    article.description = shortened(&made, *DESCRIPTION.end());
    let now = article.description.chars().count();
    if DESCRIPTION.contains(&now) {
        findings.fixed("description", format!("wrote a description of {now} characters"));
    } else {
        let message = format!("there is too little text for a description: {now} characters");
        findings.open("description_short", message, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(title: &str, body: &str, keywords: &[&str]) -> Review {
        let article = format!("---\ntitle: {title}\ndescription:\n---\n\n{body}\n");
        let keywords = keywords.iter().map(|keyword| (*keyword).to_owned()).collect();
        review(Task { article, keywords }).unwrap()
    }

    fn codes(review: &Review) -> Vec<(&str, bool)> {
        review.findings.iter().map(|finding| (finding.code.as_str(), finding.fixed)).collect()
    }

    const GOOD: &str = "# Tea\n\nTea wakes you up in the morning and keeps you awake until the evening comes.\n\n\
                        ## One\n\nPour it into a cup.\n\n## Two\n\nDrink the cup slowly.";

    /// Shows S2-1.2b.
    #[test]
    fn a_good_article_gets_a_description_and_keeps_the_rest() {
        let review = of("A short guide to tea for those who sleep", GOOD, &["tea"]);
        assert_eq!((codes(&review), review.score), (vec![("description", true)], 100));
        assert_eq!(review.measures["density_percent"]["tea"], 4.2);
        assert_eq!(review.diff.matches("\n+").count(), 2, "{}", review.diff);
    }

    #[test]
    fn titles_have_the_keyword_and_the_right_length() {
        let long = of(
            "A guide that has so many words in its title that nobody will ever see its end",
            GOOD,
            &["tea"],
        );
        assert!(
            long.article
                .starts_with("---\ntitle: Tea: A guide that has so many words in its title that nobody\n")
        );
        assert_eq!(codes(&long)[..2], [("title_keyword", true), ("title_long", true)]);
        assert_eq!(codes(&of("Tea", GOOD, &["tea"]))[0], ("title_short", false));
    }

    #[test]
    fn headings_are_put_in_order() {
        let review =
            of("A short guide to tea for those who sleep", "Tea.\n\n### A\n\nB.\n\n##### C\n\nD.", &["tea"]);
        assert!(
            review
                .article
                .contains("# A short guide to tea for those who sleep\n\nTea.\n\n## A\n\nB.\n\n### C")
        );
        let twice = of("A short guide to tea for those who sleep", "# A\n\nTea.\n\n# B\n\nC.", &["tea"]);
        assert!(twice.article.contains("# A\n\nTea.\n\n## B\n"), "{}", twice.article);
    }

    #[test]
    fn a_keyword_that_is_not_there_is_named_and_one_that_is_everywhere_is_told() {
        let review = of(
            "A short guide to tea for those who sleep",
            "# T\n\nTea tea tea.\n\n## A\n\nX.\n\n## B",
            &["tea", "cups"],
        );
        assert!(review.article.ends_with("\n\n*Related topics: cups.*\n"), "{}", review.article);
        let found = codes(&review);
        assert!(found.contains(&("keyword_missing", true)) && found.contains(&("keyword_stuffed", false)));
        let again = super::review(Task {
            article: review.article.clone(),
            keywords: vec!["tea".to_owned(), "cups".to_owned()],
        });
        assert_eq!(again.unwrap().diff, "", "what was mended stays as it is");
        let opening = of("A short guide to tea for those who sleep", "Hello.\n\n## Tea\n\nTea.", &["tea"]);
        assert!(codes(&opening).contains(&("keyword_not_in_opening", false)));
    }
}
