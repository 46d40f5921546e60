//! Which workflows a workflow runs, and whether there are such.
//!
//! Which there are is not known when a workflow is compiled; who knows them asks here. What is missing is a warning: it may be
//! saved before the step begins.

use super::outline::Outline;
use super::reader::{nearest, quoted};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::ids::Name;
use crate::workflow::NodeKind;

/// Says which nodes run a workflow that is none of `known`, nor their own. The diagnostics know their JSON pointer only.
pub(super) fn check(outline: &Outline<'_>, known: &[Name]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for node in outline.known() {
        let innermost = std::iter::successors(Some(node), |node| node.kind.body());
        let Some((depth, inner)) = innermost.enumerate().last() else { continue };
        let NodeKind::Workflow(child) = &inner.kind else { continue };
        if Some(&child.workflow) == outline.name || known.contains(&child.workflow) {
            continue;
        }
        let names = || known.iter().map(Name::as_str);
        let help = match nearest(child.workflow.as_str(), names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => {
                "save it before the step begins; there is no other workflow yet".to_owned()
            }
            None => format!("save it before the step begins; there are {}", quoted(names())),
        };
        let message = format!("there is no workflow `{}`, which `{}` runs", child.workflow, node.id);
        diagnostics.push(Diagnostic {
            path: format!("/nodes/{}{}/workflow", node.id, "/node".repeat(depth)),
            ..Diagnostic::new(Code::UnknownChild, Span::default(), message).help(help)
        });
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::tests::valid;

    #[test]
    fn a_child_that_is_not_there_is_told_with_the_nearest_name_and_ones_own_is_known() {
        let text = "ghostlight: 1\nname: parent\nnodes:\n  a: {type: workflow, workflow: one-custmer}\n  \
                    b: {type: map, over: $input.l, node: {type: map, over: $item, node: {type: workflow, workflow: other}}}\n  \
                    c: {type: workflow, workflow: parent}\n  d: {type: workflow, workflow: one-customer}\n";
        let known = [Name::new("one-customer").unwrap()];
        let workflow = valid(text);
        let told = check(&Outline::of(&workflow), &known);
        let shown: Vec<(&str, &str)> =
            told.iter().map(|one| (one.path.as_str(), one.help.as_deref().unwrap())).collect();
        assert_eq!(
            shown,
            [
                ("/nodes/a/workflow", "did you mean `one-customer`?"),
                ("/nodes/b/node/node/workflow", "save it before the step begins; there are `one-customer`"),
            ]
        );
        assert!(!crate::diagnostic::any_error(&told));
    }
}
