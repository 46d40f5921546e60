//! Values on one line.

use super::scalar::{self, Place};
use super::tree::{Child, Collection, Node};

/// A value on one line of at most `width` characters; `None` where it does not fit or needs lines of its own.
pub(super) fn write(node: &Node, width: usize) -> Option<String> {
    if node.is_spaced() {
        return None;
    }
    let mut out = String::new();
    let mut line = Line { out: &mut out, left: width };
    line.node(node).then_some(out)
}

struct Line<'o> {
    out: &'o mut String,
    /// Characters that still fit.
    left: usize,
}

impl Line<'_> {
    fn put(&mut self, text: &str) -> bool {
        let length = text.chars().count();
        if length > self.left {
            return false;
        }
        self.left -= length;
        self.out.push_str(text);
        true
    }

    fn node(&mut self, node: &Node) -> bool {
        match node {
            Node::Null => self.put("null"),
            Node::Bool(flag) => self.put(if *flag { "true" } else { "false" }),
            Node::Number(number) => self.put(number),
            Node::Text(text) => scalar::literal(text).is_none() && self.put(&scalar::text(text, Place::Flow)),
            Node::List(all) if all.children.is_empty() => self.put("[]"),
            Node::Map(all) if all.children.is_empty() => self.put("{}"),
            Node::List(all) => self.put("[") && self.children(all, Self::element) && self.put("]"),
            Node::Map(all) => self.put("{ ") && self.children(all, Self::entry) && self.put(" }"),
        }
    }

    fn children(&mut self, all: &Collection, each: fn(&mut Self, &Child) -> bool) -> bool {
        all.children
            .iter()
            .enumerate()
            .all(|(index, child)| (index == 0 || self.put(", ")) && each(self, child))
    }

    fn element(&mut self, child: &Child) -> bool {
        self.node(&child.value)
    }

    fn entry(&mut self, child: &Child) -> bool {
        self.put(&scalar::key(&child.key, Place::Flow)) && self.put(": ") && self.node(&child.value)
    }
}
