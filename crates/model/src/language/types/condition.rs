//! The types inside of a condition: every path that it reads, and what it compares.

use std::sync::Arc;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use serde_json::Value;

use super::fit::constants_meet;
use super::reading::Reading;
use super::{Kinds, Rest, Step, Stop, Type};
use crate::diagnostic::Code;
use crate::language::condition::Condition;
use crate::language::condition::bounds::{BOUNDED, SMALL};
use crate::language::names::Refusal;
use crate::language::reader::nearest;

/// Everything in `condition` that the declared types contradict.
pub(super) fn check(condition: &Condition, reading: &Reading<'_>) -> Vec<Refusal> {
    let (answer, mut refusals) = infer(condition, reading);
    if refusals.is_empty() && !answer.kinds.has(Kinds::BOOLEAN) {
        let message =
            format!("the condition `{}` gives `{}`, not true or false", condition.text(), answer.shown());
        refusals.push(
            Refusal::new(Code::TypeMismatch, message).help("compare it with something, as in `a.count > 0`"),
        );
    }
    refusals
}

/// The type of an expression that may give any value, and what is wrong in it.
pub(super) fn infer(expression: &Condition, reading: &Reading<'_>) -> (Arc<Type>, Vec<Refusal>) {
    let mut walk = Walk { condition: expression, reading, refusals: Vec::new(), own: None };
    let answer = walk.infer(expression.expression());
    (answer, walk.refusals)
}

struct Walk<'c, 'r> {
    condition: &'c Condition,
    reading: &'c Reading<'r>,
    refusals: Vec<Refusal>,
    /// The variable of the comprehension around us.
    own: Option<(&'c str, Arc<Type>)>,
}

impl<'c> Walk<'c, '_> {
    /// The type of an expression; what is wrong in it is told on the way.
    fn infer(&mut self, expression: &'c IdedExpr) -> Arc<Type> {
        match &expression.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                let operand = self.infer(&select.operand);
                if select.test {
                    return Type::kind(Kinds::BOOLEAN);
                }
                self.step(&operand, &Step::Key(select.field.clone()), &select.operand)
            }
            Expr::Call(CallExpr { func_name, args, .. }) if func_name == SMALL => match args.first() {
                Some(inner) => self.infer(inner),
                None => Type::any(),
            },
            Expr::Call(call) => self.call(call),
            Expr::List(list) => Type::list(list.elements.iter().map(|element| self.infer(element)).collect()),
            Expr::Comprehension(comprehension) => {
                let range = match &comprehension.iter_range.expr {
                    Expr::Call(CallExpr { func_name, args, .. }) if func_name == BOUNDED => args.first(),
                    _ => Some(&comprehension.iter_range),
                };
                let range = range.map_or_else(Type::any, |range| self.infer(range));
                // Of a mapping it goes through the keys.
                let item = match range.kinds.without(Kinds::NULL) {
                    Kinds::ARRAY => range.items.clone().unwrap_or_else(Type::any),
                    Kinds::OBJECT => Type::kind(Kinds::STRING),
                    _ => Type::any(),
                };
                let outer = self.own.replace((&comprehension.iter_var, item));
                self.infer(&comprehension.loop_step);
                let told = self.refusals.len();
                let gathered = gathered(&comprehension.loop_step).map(|element| self.infer(element));
                self.refusals.truncate(told);
                self.own = outer;
                match &comprehension.accu_init.expr {
                    Expr::List(_) => Type::list_of(gathered),
                    // `all` and `exists` begin with an answer, `exists_one` with a count that it compares in the end.
                    Expr::Literal(_) => Type::kind(Kinds::BOOLEAN),
                    _ => Type::any(),
                }
            }
            Expr::Map(map) => {
                let mut fields = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { return Type::kind(Kinds::OBJECT) };
                    let value = self.infer(&entry.value);
                    match &entry.key.expr {
                        Expr::Literal(LiteralValue::String(key)) => fields.push((key.inner(), value, true)),
                        _ => {
                            self.infer(&entry.key);
                            return Type::kind(Kinds::OBJECT);
                        }
                    }
                }
                Type::mapping(fields)
            }
            Expr::Struct(_) | Expr::Unspecified => Type::any(),
        }
    }

    fn variable(&self, name: &str) -> Arc<Type> {
        if let Some((own, item)) = &self.own
            && *own == name
        {
            return item.clone();
        }
        match self.condition.root(name.strip_prefix('.').unwrap_or(name)) {
            Some((root, true)) => self.reading.root(root).or_null(),
            Some((root, false)) => self.reading.root(root),
            None => Type::any(),
        }
    }

    fn step(&mut self, from: &Type, step: &Step, operand: &IdedExpr) -> Arc<Type> {
        match from.step(step) {
            Ok(found) => found,
            Err(why) => {
                let root = root_of(operand).and_then(|name| self.condition.root(name)).map(|(root, _)| root);
                let whole = spelled(operand).unwrap_or_else(|| "the value".to_owned());
                self.refusals.push(no_step(
                    &whole,
                    from,
                    step,
                    why,
                    root.map(|root| self.reading.source(root)),
                ));
                Type::any()
            }
        }
    }

    fn call(&mut self, call: &'c CallExpr) -> Arc<Type> {
        if let Some(target) = &call.target {
            self.infer(target);
        }
        if let ("_[_]", [operand, key]) = (call.func_name.as_str(), &call.args[..]) {
            let from = self.infer(operand);
            return match &key.expr {
                Expr::Literal(LiteralValue::String(key)) => {
                    self.step(&from, &Step::Key(key.inner().to_owned()), operand)
                }
                _ => {
                    self.infer(key);
                    match from.kinds.without(Kinds::NULL) {
                        Kinds::ARRAY => from.items.clone().unwrap_or_else(Type::any),
                        _ => Type::any(),
                    }
                }
            };
        }
        let arguments: Vec<Arc<Type>> = call.args.iter().map(|argument| self.infer(argument)).collect();
        match (call.func_name.as_str(), &arguments[..]) {
            ("_==_" | "_!=_", [one, two]) => {
                self.compare(call, (one, two), (one, two), "are never equal");
                Type::kind(Kinds::BOOLEAN)
            }
            ("_<_" | "_<=_" | "_>_" | "_>=_", [one, two]) => {
                // Any two numbers have an order.
                let order = |side: &Type| {
                    let number = if side.kinds.has(Kinds::NUMBER) { Kinds::NUMBER } else { Kinds::NONE };
                    Type::of_kinds(side.kinds.without(Kinds::NULL).union(number))
                };
                self.compare(call, (&order(one), &order(two)), (one, two), "have no order");
                Type::kind(Kinds::BOOLEAN)
            }
            ("_&&_" | "_||_" | "!_" | "@in" | "_in_", _) => Type::kind(Kinds::BOOLEAN),
            ("_?_:_", [_, one, two]) => one.join(two),
            ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", [one, two]) => calculated(&call.func_name, one, two),
            ("contains" | "startsWith" | "endsWith" | "matches" | "bool", _) => Type::kind(Kinds::BOOLEAN),
            ("size" | "int" | "uint", _) => Type::kind(Kinds::INTEGER),
            ("double", _) => Type::kind(Kinds::NUMBER),
            ("string", _) => Type::kind(Kinds::STRING),
            _ => Type::any(),
        }
    }

    /// Refuses what can never be compared; `shown` are the two sides as messages show them.
    fn compare(&mut self, call: &CallExpr, (one, two): (&Type, &Type), shown: (&Type, &Type), what: &str) {
        let comparable =
            |kinds: Kinds| if kinds.has(Kinds::NUMBER) { kinds.union(Kinds::NUMBER) } else { kinds };
        // What may be null is compared with null by those who know that it may be skipped.
        let asks_for_null = one.kinds == Kinds::NULL || two.kinds == Kinds::NULL;
        let kinds_meet = comparable(one.kinds).has(comparable(two.kinds));
        if asks_for_null || (kinds_meet && constants_meet(one, two)) {
            return;
        }
        let side = |at: usize, side: &Type| {
            let shown = match side.constants.as_deref().map(Vec::as_slice) {
                Some([one]) => one.to_string(),
                Some(_) | None => side.shown(),
            };
            let spelled = call.args.get(at).and_then(spelled);
            spelled.map_or_else(|| format!("`{shown}`"), |spelled| format!("`{spelled}` (`{shown}`)"))
        };
        let message = format!("{} and {} {what}", side(0, shown.0), side(1, shown.1));
        let refusal = Refusal::new(Code::NeverEqual, message);
        self.refusals.push(match meant(one, two).or_else(|| meant(two, one)) {
            Some(word) => refusal.help(format!("did you mean `{word}`?")),
            None => refusal,
        });
    }
}

/// What becomes of two values, whatever they are: texts and lists are put together, numbers are calculated with.
fn calculated(operator: &str, one: &Type, two: &Type) -> Arc<Type> {
    let both = |kinds: Kinds| one.kinds.has(kinds) && two.kinds.has(kinds);
    let mut kinds = Kinds::NONE;
    if both(Kinds::NUMBER) {
        let is_whole = operator != "_/_" && !one.kinds.union(two.kinds).has(Kinds::FRACTION);
        kinds = kinds.union(if is_whole { Kinds::INTEGER } else { Kinds::NUMBER });
    }
    for kind in [Kinds::STRING, Kinds::ARRAY] {
        if operator == "_+_" && both(kind) {
            kinds = kinds.union(kind);
        }
    }
    // Where nothing fits, it is for the run to say so.
    if kinds == Kinds::NONE { Type::any() } else { Type::kind(kinds) }
}

/// What `filter` and `map` add to their list in one step.
fn gathered(step: &IdedExpr) -> Option<&IdedExpr> {
    let Expr::Call(call) = &step.expr else { return None };
    match (call.func_name.as_str(), &call.args[..]) {
        ("_+_", [_, IdedExpr { expr: Expr::List(list), .. }]) => list.elements.first(),
        ("_?_:_", [_, step, _]) => gathered(step),
        (SMALL, [step]) => gathered(step),
        _ => None,
    }
}

/// The text of the one side that is most like the only one of the other.
fn meant(one: &Type, other: &Type) -> Option<String> {
    let (Some([Value::String(word)]), Some(others)) =
        (one.constants.as_deref().map(Vec::as_slice), other.constants.as_deref())
    else {
        return None;
    };
    nearest(word, others.iter().filter_map(Value::as_str)).map(str::to_owned)
}

fn literal_type(literal: &LiteralValue) -> Arc<Type> {
    match literal {
        LiteralValue::Boolean(flag) => Type::of_value(&Value::Bool(*flag.inner())),
        LiteralValue::Int(number) => Type::of_value(&Value::from(*number.inner())),
        LiteralValue::UInt(number) => Type::of_value(&Value::from(*number.inner())),
        LiteralValue::Double(number) => Type::of_value(&Value::from(*number.inner())),
        LiteralValue::String(text) => Type::of_value(&Value::from(text.inner())),
        LiteralValue::Null => Type::kind(Kinds::NULL),
        LiteralValue::Bytes(_) => Type::any(),
    }
}

/// The variable that a path begins with.
fn root_of(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.strip_prefix('.').unwrap_or(name)),
        Expr::Select(select) => root_of(&select.operand),
        Expr::Call(call) if matches!(call.func_name.as_str(), "_[_]" | SMALL) => root_of(call.args.first()?),
        _ => None,
    }
}

/// A path as it is written.
fn spelled(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Call(call) if call.func_name == SMALL => spelled(call.args.first()?),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", spelled(&select.operand)?, select.field))
        }
        Expr::Call(call) if call.func_name == "_[_]" => {
            match (&call.args.first()?, &call.args.get(1)?.expr) {
                (operand, Expr::Literal(LiteralValue::String(key))) => {
                    Some(format!("{}['{}']", spelled(operand)?, key.inner()))
                }
                (operand, Expr::Literal(LiteralValue::Int(at))) => {
                    Some(format!("{}[{}]", spelled(operand)?, at.inner()))
                }
                (operand, _) => Some(format!("{}[…]", spelled(operand)?)),
            }
        }
        _ => None,
    }
}

/// Says why a path cannot go on; `source` says what declares what it reads.
pub(super) fn no_step(whole: &str, from: &Type, step: &Step, why: Stop, source: Option<String>) -> Refusal {
    let shown = match step {
        Step::Key(key) => format!("field `{}`", crate::language::document::shorten(key)),
        Step::Index(index) => format!("item {index}"),
    };
    let source = source.unwrap_or_else(|| "its schema".to_owned());
    let refusal = match why {
        Stop::Undeclared => Refusal::new(Code::UndeclaredField, format!("`{whole}` has no {shown}")),
        Stop::Mapping | Stop::List => {
            Refusal::new(Code::UndeclaredField, format!("`{whole}` is `{}` and has no {shown}", from.kinds))
        }
    };
    let known = from.keys();
    match (why, step) {
        (Stop::Undeclared, Step::Key(key)) => match nearest(key, known.iter().copied()) {
            Some(name) => refusal.help(format!("did you mean `{name}`, which {source} declares?")),
            None if known.is_empty() => refusal.help(format!("{source} has no fields")),
            None if is_made(from) => {
                refusal.help(format!("{source} has {}", crate::language::reader::quoted(known)))
            }
            None => refusal.help(format!(
                "{source} declares {}; `additionalProperties: true` in it would allow others",
                crate::language::reader::quoted(known)
            )),
        },
        (Stop::Undeclared | Stop::Mapping | Stop::List, _) => refusal.help(format!("so says {source}")),
    }
}

/// Whether a mapping is made by the workflow itself: nobody declares that it may have more.
fn is_made(mapping: &Type) -> bool {
    mapping.fields.as_ref().is_some_and(|fields| fields.rest == Rest::Closed)
}
