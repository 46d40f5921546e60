//! An article as the agents of a campaign pass it on: Markdown whose first lines say title and description.

use std::fmt;

use super::protocol::{AgentError, bounded};

/// The longest article, in characters.
const ARTICLE_CHARS_MAX: usize = 200_000;

/// An article in its parts. Written and read again it is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Article {
    /// What search results show as its name.
    pub title: String,
    /// What search results show below it; may be empty.
    pub description: String,
    /// Everything else, in order.
    pub blocks: Vec<Block>,
}

/// What stands between two empty lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading of a level from 1 to 6.
    Heading(usize, String),
    /// Sentences.
    Prose(String),
    /// Lists, quotations, notes in italics, HTML: passed on as it is.
    Other(String),
}

impl Article {
    /// Reads an article.
    ///
    /// # Errors
    /// [`AgentError::Data`] when it does not begin as articles do, or is too long.
    pub fn parse(text: &str) -> Result<Self, AgentError> {
        let text = bounded("the article", text, ARTICLE_CHARS_MAX)?;
        let no_article = || {
            let message = "the article does not begin with `---`, `title: …`, `description: …`, `---`";
            AgentError::Data(message.to_owned())
        };
        let mut lines = text.splitn(5, '\n').map(str::trim_end);
        let mut next = |start: &str| lines.next().and_then(|line| line.strip_prefix(start));
        let (Some(""), Some(title), Some(description), Some("")) =
            (next("---"), next("title:"), next("description:"), next("---"))
        else {
            return Err(no_article());
        };
        let (title, description) = (title.trim().to_owned(), description.trim().to_owned());
        let body = text.splitn(5, '\n').nth(4).unwrap_or_default();
        Ok(Self { title, description, blocks: blocks(body) })
    }

    /// All of the prose, one paragraph a line.
    pub fn prose(&self) -> String {
        let prose = self.blocks.iter().filter_map(|block| match block {
            Block::Prose(text) => Some(text.as_str()),
            Block::Heading(..) | Block::Other(_) => None,
        });
        prose.collect::<Vec<_>>().join("\n")
    }

    /// The sections below headings of the second level: heading, and prose up to the next heading.
    pub fn sections(&self) -> Vec<(&str, String)> {
        let mut sections: Vec<(&str, String)> = Vec::new();
        let mut is_inside = false;
        for block in &self.blocks {
            match (block, sections.last_mut()) {
                (Block::Heading(2, heading), _) => {
                    sections.push((heading, String::new()));
                    is_inside = true;
                }
                (Block::Heading(..), _) => is_inside = false,
                (Block::Prose(text), Some((_, prose))) if is_inside => {
                    if !prose.is_empty() {
                        prose.push(' ');
                    }
                    prose.push_str(text);
                }
                (Block::Prose(_) | Block::Other(_), _) => {}
            }
        }
        sections
    }
}

fn blocks(body: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in body.lines().chain([""]) {
        if !line.trim().is_empty() {
            lines.push(line.trim_end());
            continue;
        }
        if !lines.is_empty() {
            blocks.push(block(&lines));
            lines.clear();
        }
    }
    blocks
}

fn block(lines: &[&str]) -> Block {
    let first = lines.first().copied().unwrap_or_default();
    let level = first.chars().take_while(|c| *c == '#').count();
    if let ([_], 1..=6, Some(heading)) = (lines, level, first[level..].strip_prefix(' ')) {
        return Block::Heading(level, heading.trim().to_owned());
    }
    if first.starts_with(['-', '*', '>', '<', '|', '`', '#']) {
        return Block::Other(lines.join("\n"));
    }
    // A paragraph may be broken into lines; where does not matter.
    Block::Prose(lines.join(" "))
}

impl fmt::Display for Article {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |key: &str, value: &str| format!("{key}: {value}").trim_end().to_owned();
        let (title, description) = (line("title", &self.title), line("description", &self.description));
        writeln!(formatter, "---\n{title}\n{description}\n---")?;
        for block in &self.blocks {
            match block {
                Block::Heading(level, text) => writeln!(formatter, "\n{} {text}", "#".repeat(*level))?,
                Block::Prose(text) | Block::Other(text) => writeln!(formatter, "\n{text}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "---\ntitle: T\ndescription: D\n---\n\n# H\n\nOne. Two.\n\n## A\n\nThree.\n\n- x\n- y\n\nFour.\n";

    #[test]
    fn an_article_that_is_written_and_read_again_is_the_same() {
        let article = Article::parse(TEXT).unwrap();
        assert_eq!(article.to_string(), TEXT);
        assert_eq!(article.blocks.len(), 6);
        assert_eq!(article.prose(), "One. Two.\nThree.\nFour.");
        assert_eq!(article.sections(), [("A", "Three. Four.".to_owned())]);
        let empty = Article::parse("---\ntitle: T\ndescription:\n---").unwrap();
        assert_eq!((empty.description.as_str(), empty.blocks.len()), ("", 0));
    }

    #[test]
    fn what_is_no_article_is_refused() {
        for text in ["# T", "---\ntitle: T\n---\n", "---\ndescription: D\ntitle: T\n---\n"] {
            assert!(Article::parse(text).unwrap_err().to_string().contains("does not begin"), "{text}");
        }
        assert!(Article::parse("").unwrap_err().to_string().contains("is empty"));
        assert!(Article::parse(&"x".repeat(200_001)).unwrap_err().to_string().contains("at most 200000"));
    }
}
