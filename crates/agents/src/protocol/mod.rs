//! Protocol version 1, which commands and servers speak alike: one document in, one value or typed lines out.

mod document;
mod failure;
mod json;
mod line;
mod reader;
mod wait;

pub(crate) use document::{command_document, http_document};
pub(crate) use failure::{broken_failure, reported_failure};
pub(crate) use json::parse_bounded;
pub(crate) use line::Reported;
pub(crate) use reader::{AnswerReader, Broken, Final, Framing};
pub(crate) use wait::parse_wait_text;
