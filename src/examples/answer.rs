//! Answers a question out of given facts: the fact that shares most of the question's telling words.

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::protocol::{AgentError, bounded, counted};
use super::text::{is_telling, words};

/// How words are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Care {
    /// As they stand there; most of the question must be met
    Quick,
    /// By their stems; a part of the question is enough
    Careful,
}

impl Care {
    /// How much of the question a fact must meet, in percent.
    fn enough(self) -> usize {
        match self {
            Self::Quick => 60,
            Self::Careful => 40,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    question: String,
    facts: Vec<String>,
}

/// The fact that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    answer: String,
    /// Who answers.
    source: &'static str,
    /// How much of the question the fact meets, in percent.
    confidence: usize,
}

/// The best fact; the first of equals.
pub(super) fn answer(care: Care, task: Task) -> Result<Answer, AgentError> {
    let question = bounded("question", &task.question, 500)?;
    counted("facts", task.facts.len(), 1, 1000)?;
    let asked = telling(care, question);
    let mut best: Option<(usize, &str)> = None;
    for fact in &task.facts {
        let fact = bounded("a fact", fact, 2000)?;
        let met = telling(care, fact).intersection(&asked).count() * 100 / asked.len().max(1);
        if best.is_none_or(|(other, _)| met > other) {
            best = Some((met, fact));
        }
    }
    match best {
        Some((confidence, fact)) if confidence >= care.enough() => {
            let source = if care == Care::Quick { "quick" } else { "careful" };
            Ok(Answer { answer: fact.to_owned(), source, confidence })
        }
        _ => Err(AgentError::Capability(format!("none of the facts answers {question:?}"))),
    }
}

fn telling(care: Care, text: &str) -> BTreeSet<String> {
    let telling = words(text).filter(|word| is_telling(word) || word.chars().all(char::is_numeric));
    telling
        .map(str::to_lowercase)
        .map(|word| match care {
            Care::Quick => word,
            Care::Careful => stem(&word).to_owned(),
        })
        .collect()
}

/// A word without its ending, as far as a short list of endings goes.
fn stem(word: &str) -> &str {
    const ENDINGS: [&str; 8] = ["ations", "ation", "ing", "ies", "ed", "es", "s", "e"];
    let cut = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending));
    match cut {
        Some(stem) if stem.chars().count() >= 3 => stem,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(care: Care, question: &str) -> Result<(String, usize), AgentError> {
        let facts = ["The daemon restarts runs.", "A journal keeps every event."].map(str::to_owned).to_vec();
        answer(care, Task { question: question.to_owned(), facts })
            .map(|found| (found.answer, found.confidence))
    }

    #[test]
    fn the_fact_that_meets_most_of_the_question_answers_it() {
        let journal = "A journal keeps every event.".to_owned();
        assert_eq!(of(Care::Quick, "What keeps every event?"), Ok((journal.clone(), 100)));
        assert_eq!(of(Care::Careful, "Who is keeping events?"), Ok((journal, 100)));
    }

    #[test]
    fn who_is_quick_does_not_know_the_forms_of_a_word_and_nobody_knows_what_is_not_there() {
        for (care, question) in
            [(Care::Quick, "Who is keeping events?"), (Care::Careful, "Where do cats live?")]
        {
            assert!(matches!(of(care, question), Err(AgentError::Capability(_))), "{question}");
        }
        assert_eq!(of(Care::Quick, "").unwrap_err().to_string(), "question is empty");
        let nothing = Task { question: "x".to_owned(), facts: Vec::new() };
        assert!(answer(Care::Quick, nothing).unwrap_err().to_string().starts_with("facts: 0 were given"));
    }
}
