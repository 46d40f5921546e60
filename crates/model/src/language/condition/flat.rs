//! What an expression reads of its run, as variables of their own.
//!
//! `run.errors.probe.class` becomes one variable of that name. So only what is read is made, and a field of an error that is
//! not there is null, as it is in a binding, where CEL would say that null has no fields.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};

use super::super::names::{Refusal, Root, Visible};
use super::super::of_run::{self, RUN};
use super::refuse;

/// Puts a variable where a path begins with `run`.
pub(super) fn flatten(
    expression: &mut IdedExpr,
    visible: &dyn Visible,
    variables: &mut Vec<(String, Root, bool)>,
    refusals: &mut Vec<Refusal>,
) {
    Flat { visible, variables, refusals }.expression(expression);
}

struct Flat<'f> {
    visible: &'f dyn Visible,
    variables: &'f mut Vec<(String, Root, bool)>,
    refusals: &'f mut Vec<Refusal>,
}

impl Flat<'_> {
    fn expression(&mut self, expression: &mut IdedExpr) {
        let mut keys = Vec::new();
        if path(expression, &mut keys) {
            return self.put(expression, &keys);
        }
        match &mut expression.expr {
            Expr::Select(select) => self.expression(&mut select.operand),
            Expr::Call(call) => {
                let target = call.target.as_deref_mut();
                target.into_iter().chain(&mut call.args).for_each(|part| self.expression(part));
            }
            Expr::List(list) => list.elements.iter_mut().for_each(|element| self.expression(element)),
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.expression(&mut entry.key);
                        self.expression(&mut entry.value);
                    }
                }
            }
            Expr::Comprehension(comprehension) => {
                self.expression(&mut comprehension.iter_range);
                self.expression(&mut comprehension.loop_cond);
                self.expression(&mut comprehension.loop_step);
            }
            Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
        }
    }

    fn put(&mut self, expression: &mut IdedExpr, keys: &[String]) {
        if matches!(&expression.expr, Expr::Select(select) if select.test) {
            let whole = keys.join(".");
            let refusal = refuse(format!("`has` does not ask about `run.{whole}`"));
            self.refusals
                .push(refusal.help("what did not fail has the error null: `run.errors.node != null`"));
            return;
        }
        let words: Vec<&str> = keys.iter().map(String::as_str).collect();
        match of_run::resolve(&words, self.visible) {
            Ok(root) => {
                let name = [&[RUN], &words[..]].concat().join(".");
                expression.expr = Expr::Ident(name.clone());
                if !self.variables.iter().any(|(known, ..)| *known == name) {
                    self.variables.push((name, root, false));
                }
            }
            Err(refusal) => self.refusals.push(refusal),
        }
    }
}

/// Whether an expression is a path that begins with `run`; its keys are added.
fn path(expression: &IdedExpr, keys: &mut Vec<String>) -> bool {
    match &expression.expr {
        Expr::Ident(name) => name.strip_prefix('.').unwrap_or(name) == RUN,
        Expr::Select(select) => {
            let found = path(&select.operand, keys);
            keys.push(select.field.clone());
            found
        }
        Expr::Call(call) if call.func_name == "_[_]" => match &call.args[..] {
            [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(key)), .. }] => {
                let found = path(operand, keys);
                keys.push(key.inner().to_owned());
                found
            }
            _ => false,
        },
        _ => false,
    }
}
