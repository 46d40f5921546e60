//! The guardian of a brand: words that it does not say, names as it writes them, what it must add.

use serde::Deserialize;
use serde_json::json;

use super::article::{Article, Block};
use super::protocol::{AgentError, bounded, counted};
use super::review::{Findings, Review, score};
use super::text::{places, replaced};

const NAME: &str = "content-brand";

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    article: String,
    brand: Sheet,
}

/// A brand sheet.
#[derive(Debug, Clone, Default, Deserialize)]
struct Sheet {
    /// Names as they are written.
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    forbidden: Vec<Forbidden>,
    /// What stands at the end of every text.
    #[serde(default)]
    disclaimer: Option<String>,
}

/// A word that the brand does not say.
#[derive(Debug, Clone, Deserialize)]
struct Forbidden {
    word: String,
    /// What it says instead; none: the sentence has to be another one.
    #[serde(default, rename = "use")]
    instead: Option<String>,
}

/// Checks and mends.
pub(super) fn review(task: Task) -> Result<Review, AgentError> {
    let sheet = checked(task.brand)?;
    let mut article = Article::parse(&task.article)?;
    let mut findings = Findings::default();
    for forbidden in &sheet.forbidden {
        avoid(&mut article, forbidden, &mut findings);
    }
    for name in &sheet.names {
        spell(&mut article, name, &mut findings);
    }
    if let Some(disclaimer) = &sheet.disclaimer {
        close_with(&mut article, disclaimer, &mut findings);
    }
    let measures = json!({ "mended": findings.0.len() - findings.open_count() });
    let score = score(findings.open_count(), 40);
    Ok(Review::new(NAME, &task.article, &article, findings, score, measures))
}

fn checked(sheet: Sheet) -> Result<Sheet, AgentError> {
    counted("names", sheet.names.len(), 0, 50)?;
    counted("forbidden", sheet.forbidden.len(), 0, 200)?;
    let one_line = |what: &str, text: &str, max: usize| bounded(what, text, max).map(str::to_owned);
    let names = sheet.names.iter().map(|name| one_line("a name", name, 60));
    let forbidden = sheet.forbidden.iter().map(|forbidden| {
        let instead = forbidden.instead.as_ref().map(|instead| one_line("a replacement", instead, 120));
        Ok(Forbidden {
            word: one_line("a forbidden word", &forbidden.word, 60)?,
            instead: instead.transpose()?,
        })
    });
    let disclaimer = sheet.disclaimer.as_ref().map(|text| one_line("the disclaimer", text, 500));
    Ok(Sheet {
        names: names.collect::<Result<_, _>>()?,
        forbidden: forbidden.collect::<Result<_, _>>()?,
        disclaimer: disclaimer.transpose()?,
    })
}

/// Title, description, headings and prose: everything that is said in words.
fn said(article: &mut Article) -> impl Iterator<Item = &mut String> {
    let blocks = article.blocks.iter_mut().filter_map(|block| match block {
        Block::Heading(_, text) | Block::Prose(text) => Some(text),
        Block::Other(_) => None,
    });
    [&mut article.title, &mut article.description].into_iter().chain(blocks)
}

fn avoid(article: &mut Article, forbidden: &Forbidden, findings: &mut Findings) {
    let Forbidden { word, instead } = forbidden;
    let Some(instead) = instead else {
        if said(article).any(|text| !places(text, word).is_empty()) {
            let message = format!("{word:?} is not said, and nothing can be put in its place");
            findings.open("forbidden_word", message, Some(word));
        }
        return;
    };
    let mut count = 0;
    for text in said(article) {
        let (new, here) = replaced(text, word, instead);
        *text = new;
        count += here;
    }
    if count > 0 {
        findings.fixed("forbidden_word", format!("{instead:?} instead of {word:?}, {}", times(count)));
    }
}

fn spell(article: &mut Article, name: &str, findings: &mut Findings) {
    let mut count = 0;
    for text in said(article) {
        // From the end, so that the places before stay what they are.
        for place in places(text, name).into_iter().rev() {
            if text[place.clone()] != *name {
                text.replace_range(place, name);
                count += 1;
            }
        }
    }
    if count > 0 {
        findings.fixed("name", format!("{name:?} written as the brand does, {}", times(count)));
    }
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn close_with(article: &mut Article, disclaimer: &str, findings: &mut Findings) {
    let note = Block::Other(format!("*{disclaimer}*"));
    if article.blocks.last() != Some(&note) {
        // It may stand where more was written behind it.
        article.blocks.retain(|block| *block != note);
        article.blocks.push(note);
        findings.fixed("disclaimer", "the disclaimer stands at the end".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn of(body: &str, brand: Value) -> Review {
        let article = format!("---\ntitle: ghostlight is cheap\ndescription:\n---\n\n{body}\n");
        review(serde_json::from_value(json!({ "article": article, "brand": brand })).unwrap()).unwrap()
    }

    /// Shows S2-1.2c.
    #[test]
    fn a_text_is_put_into_the_words_of_the_brand() {
        let brand = json!({
            "names": ["Ghostlight"],
            "forbidden": [{ "word": "cheap", "use": "affordable" }, { "word": "never seen" }],
            "disclaimer": "No promise.",
        });
        let review = of("Cheap GHOSTLIGHT, not ghostlights.", brand.clone());
        assert!(review.article.contains("title: Ghostlight is affordable\n"));
        assert!(review.article.ends_with("\n\nAffordable Ghostlight, not ghostlights.\n\n*No promise.*\n"));
        assert_eq!((review.score, review.findings.len()), (100, 3));
        let again = super::review(
            serde_json::from_value(json!({ "article": review.article, "brand": brand })).unwrap(),
        );
        assert_eq!(again.unwrap().diff, "", "what was mended stays as it is");
    }

    #[test]
    fn what_cannot_be_replaced_is_left_to_the_writer() {
        let review = of("The best.", json!({ "forbidden": [{ "word": "best" }] }));
        let finding = &review.findings[0];
        assert_eq!((finding.fixed, finding.text.as_deref(), review.score), (false, Some("best"), 60));
    }

    #[test]
    fn a_sheet_has_bounds() {
        let article = "---\ntitle: T\ndescription:\n---\n".to_owned();
        let sheet = Sheet { names: vec![String::new()], ..Sheet::default() };
        let error = super::review(Task { article, brand: sheet }).unwrap_err();
        assert_eq!(error.to_string(), "a name is empty");
    }
}
