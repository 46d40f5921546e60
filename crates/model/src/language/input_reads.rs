//! What bindings, conditions and texts read of the run's input, as JSON pointers into it; the empty one is all of it.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};

use super::binding::{Bound, Reference, Step};
use super::condition::Condition;
use super::names::Root;
use super::text::Text;

impl Bound {
    /// The parts of the input that it reads.
    pub(crate) fn input_reads(&self, found: &mut Vec<String>) {
        match self {
            Self::Literal(_) => {}
            Self::Reference(reference) if reference.root() == Root::Input => found.push(pointer(reference)),
            Self::Reference(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.input_reads(found)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.input_reads(found)),
        }
    }
}

impl Text {
    /// The parts of the input that it reads.
    pub(crate) fn input_reads(&self, found: &mut Vec<String>) {
        let of_input = self.paths().into_iter().filter(|(root, _)| *root == Root::Input);
        found.extend(of_input.map(|(_, path)| path.split('.').skip(1).map(segment).collect()));
    }
}

impl Condition {
    /// The parts of the input that it reads.
    pub(crate) fn input_reads(&self, found: &mut Vec<String>) {
        let is_input = |name: &str| self.root(name).is_some_and(|(root, _)| root == Root::Input);
        collect(self.expression(), &is_input, found);
    }
}

fn segment(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn pointer(reference: &Reference) -> String {
    let step = |step: &Step| match step {
        Step::Key(key) => segment(key),
        Step::Index(index) => format!("/{index}"),
    };
    reference.path().iter().map(step).collect()
}

/// The path from the input that an expression is, if it is one.
fn path_of(expression: &IdedExpr, is_input: &dyn Fn(&str) -> bool) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) if is_input(name) => Some(String::new()),
        Expr::Select(select) => Some(path_of(&select.operand, is_input)? + &segment(&select.field)),
        _ => None,
    }
}

fn collect(expression: &IdedExpr, is_input: &dyn Fn(&str) -> bool, found: &mut Vec<String>) {
    if let Some(path) = path_of(expression, is_input) {
        return found.push(path);
    }
    let mut inside = |expression: &IdedExpr| collect(expression, is_input, found);
    match &expression.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|target| inside(target));
            call.args.iter().for_each(inside);
        }
        Expr::Select(select) => inside(&select.operand),
        Expr::List(list) => list.elements.iter().for_each(inside),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    inside(&entry.key);
                    inside(&entry.value);
                }
            }
        }
        Expr::Comprehension(comprehension) => {
            let parts = [
                &comprehension.iter_range,
                &comprehension.accu_init,
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ];
            parts.into_iter().for_each(inside);
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::language::tests::valid;
    use crate::workflow::NodeKind;

    #[test]
    fn what_is_read_of_the_input_is_told_with_its_place_wherever_it_is_read() {
        let workflow = valid(
            "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, when: 'input.a.b > 1 && [1].all(i, i < input.max)', input: {u: $input.url, l: ['$input.list[0]', $context.x], t: $$input.no}}\n  g: {type: human_gate, action: 'Open {{ input.door.name }}'}\ncontext: {x: 1}\n",
        );
        let node = |id| workflow.node(workflow.find(id).unwrap());
        let mut found = Vec::new();
        node("a").input.input_reads(&mut found);
        assert_eq!(found, ["/list/0", "/url"]);
        found.clear();
        node("a").when.as_ref().unwrap().input_reads(&mut found);
        assert_eq!(found, ["/a/b", "/max"]);
        found.clear();
        let NodeKind::Gate(gate) = &node("g").kind else { panic!("a gate") };
        gate.action.input_reads(&mut found);
        assert_eq!(found, ["/door/name"]);
    }
}
