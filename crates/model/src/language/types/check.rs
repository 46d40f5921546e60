//! Whether what a workflow reads is declared by those who give it, and what it gives is taken by those who get it.
//!
//! Known are the schemas of agents, of the run's input and of signals, the keys of `context`, and what all other nodes make of that, but
//! for those that run another workflow. Pure: a function of what was understood of the document and of the agents.

use std::sync::Arc;

use super::agents::Agents;
use super::outputs::of_pass;
use super::reading::{Known, Reading, escaped};
use super::{Kinds, Misfit, Reason, Step, Type, condition, fit};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::language::binding::{Bound, Provenance, giver, path_of};
use crate::language::condition::Condition;
use crate::language::names::Refusal;
use crate::language::outline::Outline;
use crate::language::reader::{DIAGNOSTICS_MAX, nearest, quoted};
use crate::language::targets::KnownAgent;
use crate::language::text::Text;
use crate::workflow::{Aside, Node, NodeIndex, NodeKind, Target, Transform, Until, Wait};

/// Everything in a document that contradicts what is declared. The diagnostics know their JSON pointer only.
pub(in crate::language) fn check(outline: &Outline<'_>, known: &[KnownAgent]) -> Vec<Diagnostic> {
    let agents = Agents::of(known);
    let known = Known::of(outline, &agents);
    let mut check = Check { reading: Reading::of(&known), agents: &agents, found: Vec::new() };
    for node in outline.known() {
        if check.found.len() >= DIAGNOSTICS_MAX {
            break;
        }
        check.node(node);
    }
    if let Some(output) = outline.output {
        check.bound(output, "/output");
    }
    check.found.truncate(DIAGNOSTICS_MAX);
    check.found
}

struct Check<'c> {
    /// What can be read where the check has got to.
    reading: Reading<'c>,
    agents: &'c Agents,
    found: Vec<Diagnostic>,
}

impl<'c> Check<'c> {
    fn push(&mut self, refusal: Refusal, path: &str) {
        self.found.push(Diagnostic { path: path.to_owned(), ..refusal.at(Span::default()) });
    }

    fn node(&mut self, node: &Node) {
        let path = format!("/nodes/{}", node.id);
        if let Some(when) = &node.when {
            self.condition(when, &format!("{path}/when"));
        }
        for dependency in &node.parents {
            if let Some(when) = &dependency.when {
                let place = edge(self.reading.outline(), dependency.parent, node);
                self.condition(when, &format!("{place}/when"));
            }
        }
        self.kind(node, &path);
    }

    /// What stands inside of a map or a loop.
    fn inside(&mut self, inside: Reading<'c>, body: &Node, path: &str) {
        let outside = std::mem::replace(&mut self.reading, inside);
        self.kind(body, &format!("{path}/node"));
        self.reading = outside;
    }

    /// What is asked of the output of a call, and what stands beside it.
    fn beside(&mut self, node: &Node, gives: Arc<Type>, path: &str) {
        let outside = self.reading.clone();
        self.reading = outside.beside(gives.clone());
        let assertions = node.success.iter().flat_map(|success| &success.assertions);
        for (number, assertion) in assertions.enumerate() {
            self.condition(&assertion.that, &format!("{path}/success/assertions/{number}"));
        }
        for (aside, own) in node.asides() {
            // What is made good may have been cut off before anybody knew what it gave.
            let output = if aside == Aside::Compensate { gives.or_null() } else { gives.clone() };
            self.reading = outside.beside(output);
            self.kind(own, &format!("{path}{}", aside.pointer()));
        }
        self.reading = outside;
    }

    /// What a node does, at this place of the document.
    fn kind(&mut self, node: &Node, path: &str) {
        match &node.kind {
            NodeKind::Call(call) => {
                let before = self.found.len();
                let input = format!("{path}/input");
                let given = self.bound(&node.input, &input);
                if self.found.len() == before {
                    self.give(&node.input, &given, &call.target, &input);
                }
                self.beside(node, self.agents.gives(&call.target), path);
            }
            NodeKind::Gate(gate) => {
                self.text(&gate.action, &format!("{path}/action"));
                if let Some(impact) = &gate.impact {
                    self.text(impact, &format!("{path}/impact"));
                }
            }
            NodeKind::Condition(condition) => self.condition(condition, &format!("{path}/when")),
            NodeKind::Cases(cases) => {
                for (number, case) in cases.iter().enumerate() {
                    if let Some(when) = &case.when {
                        self.condition(when, &format!("{path}/cases/{number}/when"));
                    }
                }
            }
            NodeKind::Map(map) => {
                self.takes(&map.over, "over", (Kinds::ARRAY, "a list"), &format!("{path}/over"));
                let inside = self.reading.in_map(map);
                self.inside(inside, &map.body, path);
            }
            NodeKind::Loop(repeat) => {
                let last = of_pass(repeat, &self.reading, self.agents);
                let outside = self.reading.clone();
                self.reading = outside.in_loop(last.clone());
                self.condition(&repeat.until, &format!("{path}/until"));
                let inside = outside.in_loop(last.or_null());
                self.reading = outside;
                self.inside(inside, &repeat.body, path);
            }
            NodeKind::Workflow(_) => {
                self.bound(&node.input, &format!("{path}/input"));
            }
            NodeKind::Wait(Wait::Until(Until::Bound(bound))) => {
                self.takes(bound, "until", (Kinds::STRING, "a time"), &format!("{path}/until"));
            }
            NodeKind::Emit(emit) => {
                self.bound(&emit.data, &format!("{path}/data"));
            }
            NodeKind::Transform(Transform::Value(bound)) => {
                self.bound(bound, &format!("{path}/value"));
            }
            NodeKind::Transform(Transform::Expression(expression)) => {
                let place = format!("{path}/expression");
                for refusal in condition::infer(expression, &self.reading).1 {
                    self.push(refusal, &place);
                }
            }
            NodeKind::Parallel(_) | NodeKind::Join(_) | NodeKind::Wait(_) => {}
        }
    }

    /// The type of a bound value; paths that lead to nothing are told.
    fn bound(&mut self, bound: &Bound, path: &str) -> Arc<Type> {
        let mut told = Vec::new();
        let found =
            self.reading.bound(bound, path, &mut |refusal, path| told.push((refusal, path.to_owned())));
        told.into_iter().for_each(|(refusal, path)| self.push(refusal, &path));
        found
    }

    /// A value at a place of the language, of which it takes only one type.
    fn takes(&mut self, bound: &Bound, key: &str, (kinds, what): (Kinds, &str), path: &str) {
        let found = self.bound(bound, path);
        if !found.kinds.has(kinds) && found.kinds != Kinds::NONE {
            let message = format!("`{key}` takes {what}, and this is `{}`", found.kinds);
            self.push(Refusal::new(Code::TypeMismatch, message).help("bind another value"), path);
        }
    }

    fn condition(&mut self, condition: &Condition, path: &str) {
        for refusal in condition::check(condition, &self.reading) {
            self.push(refusal, path);
        }
    }

    fn text(&mut self, text: &Text, path: &str) {
        for (root, written) in text.paths() {
            let steps: Vec<Step> =
                written.split('.').skip(root.words()).map(|key| Step::Key(key.to_owned())).collect();
            let refusals =
                [self.reading.unknown_key(root, &steps), self.reading.follow(root, &steps, &written).err()];
            refusals.into_iter().flatten().for_each(|refusal| self.push(refusal, path));
        }
    }

    /// Checks what a call gives against what its agent takes.
    fn give(&mut self, bound: &Bound, given: &Type, target: &Target, path: &str) {
        let taken = self.agents.takes(target);
        let misfits = fit(given, &taken);
        if misfits.is_empty() {
            return;
        }
        let provenance = bound.provenance();
        let agent = self.agents.shown(target);
        for misfit in misfits {
            // A field too many is pointed at itself, one that is missing at what should have it.
            let place = match &misfit.reason {
                Reason::Extra { field, .. } => format!("{path}{}/{}", misfit.pointer, escaped(field)),
                Reason::Type { .. } | Reason::Missing { .. } => format!("{path}{}", misfit.pointer),
            };
            self.push(refusal(&misfit, &provenance, &agent), &place);
        }
    }
}

/// Names both sides of a misfit, and what each of them says.
fn refusal(misfit: &Misfit, provenance: &[Provenance], agent: &str) -> Refusal {
    let field = dotted(&misfit.pointer);
    let giver = giver(&misfit.pointer, provenance);
    match &misfit.reason {
        Reason::Type { given, taken } => {
            let takes = match field.as_str() {
                "" => format!("{agent} takes `{taken}`"),
                field => format!("`{field}` of {agent} takes `{taken}`"),
            };
            let gives = giver
                .map_or_else(|| format!("this is `{given}`"), |from| format!("`{from}` gives `{given}`"));
            Refusal::new(Code::TypeMismatch, format!("{takes}, and {gives}"))
                .help("the schemas of both sides say so: bind another value, or change one of the schemas")
        }
        Reason::Missing { field: missing, taken } => {
            let whole = dotted(&format!("{}/{missing}", misfit.pointer));
            let message = match giver {
                Some(from) => format!("{agent} needs `{whole}` (`{taken}`), and `{from}` never has it"),
                None => format!("{agent} needs `{whole}` (`{taken}`), and it is not given"),
            };
            Refusal::new(Code::MissingField, message)
                .help(format!("add it: `{missing}: $node.field`, or a value of type `{taken}`"))
        }
        Reason::Extra { field: extra, known } => {
            let whole = dotted(&format!("{}/{extra}", misfit.pointer));
            let refusal = Refusal::new(Code::ExtraField, format!("{agent} does not take `{whole}`"));
            match nearest(extra, known.iter().map(String::as_str)) {
                Some(name) => refusal.help(format!("did you mean `{name}`?")),
                None if known.is_empty() => refusal.help("it takes no fields at all"),
                None => refusal.help(format!("it takes {}", quoted(known.iter().map(String::as_str)))),
            }
        }
    }
}

fn dotted(pointer: &str) -> String {
    path_of(pointer).trim_start_matches('.').to_owned()
}

/// Where in the document the edge stands that leads from `parent` to `node`.
fn edge(outline: &Outline<'_>, parent: NodeIndex, node: &Node) -> String {
    let parent = outline.node(parent).map(|parent| parent.id.as_str());
    let at = parent.and_then(|parent| outline.edge(parent, node.id.as_str()));
    at.map_or_else(|| format!("/nodes/{}", node.id), |at| format!("/edges/{at}"))
}
