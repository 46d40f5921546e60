//! What a comprehension may cost: how much it goes through, and how much it looks at in each step.
//!
//! The values are known only when an expression is evaluated. So two functions that cannot be written in an expression are put
//! into its tree: one around what a comprehension goes through, one around every value from outside that it looks at
//! again and again.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr};
use cel::common::types::{self, CelList, CelMap, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};

use super::ITEMS_MAX;

/// The function that stands around what a comprehension goes through.
pub(in crate::language) const BOUNDED: &str = "@bounded";
/// The function that stands around what it looks at in each step.
pub(in crate::language) const SMALL: &str = "@small";

/// The most parts of a value from outside that a comprehension looks at: each value in it is one, and each 64 bytes of a text.
pub const PARTS_MAX: usize = 1_000;
const PART_BYTES: usize = 64;

/// Adds the functions.
pub(super) fn register(env: &mut Env) {
    // The names cannot be written in an expression and are new, so no call can fail.
    let _ = env.add_overload(BOUNDED, "bounded_list", vec![types::LIST_TYPE], bounded);
    let _ = env.add_overload(BOUNDED, "bounded_map", vec![types::MAP_TYPE], bounded);
    let _ = env.add_overload(SMALL, "small", vec![types::DYN_TYPE], small);
}

/// Hands a list or a mapping through unless it has too many items.
fn bounded<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Some(value) = arguments.pop() else { return Err(ExecutionError::missing_argument_or_target()) };
    let items = value.as_sizer().map_or(0, |sizer| *sizer.size().inner());
    if usize::try_from(items).is_ok_and(|items| items <= ITEMS_MAX) {
        return Ok(value);
    }
    Err(ExecutionError::function_error("all, exists, filter or map", format!("more than {ITEMS_MAX} items")))
}

/// Hands a value through unless it has too many parts.
fn small<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Some(value) = arguments.pop() else { return Err(ExecutionError::missing_argument_or_target()) };
    if count(&*value, &mut PARTS_MAX.clone()) {
        return Ok(value);
    }
    let message = format!("it looks at a value of more than {PARTS_MAX} parts in each step");
    Err(ExecutionError::function_error("all, exists, filter or map", message))
}

/// Whether the parts of a value are not more than are left. Ends as soon as they are.
fn count(value: &dyn Val, left: &mut usize) -> bool {
    let own = 1 + value.downcast_ref::<CelString<'_>>().map_or(0, |text| text.inner().len() / PART_BYTES);
    let Some(rest) = left.checked_sub(own) else { return false };
    *left = rest;
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.inner().iter().all(|item| count(&**item, left));
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        return map.inner().values().all(|item| count(&**item, left));
    }
    true
}

/// Puts the functions where they belong.
pub(super) fn bound(expression: IdedExpr) -> IdedExpr {
    rewrite(expression, None)
}

/// The variables of the comprehension around an expression.
type Own<'o> = Option<[&'o str; 2]>;

fn call(function: &str, argument: IdedExpr) -> IdedExpr {
    let call = CallExpr { func_name: function.to_owned(), target: None, args: vec![argument] };
    IdedExpr { id: 0, expr: Expr::Call(call) }
}

fn rewrite(expression: IdedExpr, own: Own<'_>) -> IdedExpr {
    if own.is_some_and(|own| is_from_outside(&expression, own)) {
        return call(SMALL, keys(expression, own));
    }
    let IdedExpr { id, expr } = expression;
    let expr = match expr {
        Expr::Call(mut call) => {
            call.target = call.target.map(|target| Box::new(rewrite(*target, own)));
            call.args = call.args.into_iter().map(|argument| rewrite(argument, own)).collect();
            Expr::Call(call)
        }
        Expr::Select(mut select) => {
            // Whether there is a field costs nothing, however large the rest is.
            let inside = if select.test { None } else { own };
            select.operand = Box::new(rewrite(*select.operand, inside));
            Expr::Select(select)
        }
        Expr::List(mut list) => {
            list.elements = list.elements.into_iter().map(|element| rewrite(element, own)).collect();
            Expr::List(list)
        }
        Expr::Map(mut map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    entry.key = rewrite(std::mem::take(&mut entry.key), own);
                    entry.value = rewrite(std::mem::take(&mut entry.value), own);
                }
            }
            Expr::Map(map)
        }
        Expr::Comprehension(mut comprehension) => {
            let range = rewrite(std::mem::take(&mut comprehension.iter_range), own);
            comprehension.iter_range = call(BOUNDED, range);
            let (item, gathered) = (comprehension.iter_var.clone(), comprehension.accu_var.clone());
            let inside = Some([item.as_str(), gathered.as_str()]);
            comprehension.loop_cond = rewrite(std::mem::take(&mut comprehension.loop_cond), inside);
            comprehension.loop_step = rewrite(std::mem::take(&mut comprehension.loop_step), inside);
            Expr::Comprehension(comprehension)
        }
        other @ (Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_)) => other,
    };
    IdedExpr { id, expr }
}

/// Whether an expression is a path that begins with a variable from outside.
fn is_from_outside(expression: &IdedExpr, own: [&str; 2]) -> bool {
    match &expression.expr {
        Expr::Ident(name) => !own.contains(&name.as_str()),
        Expr::Select(select) => !select.test && is_from_outside(&select.operand, own),
        Expr::Call(call) if call.func_name == "_[_]" => {
            call.args.first().is_some_and(|operand| is_from_outside(operand, own))
        }
        _ => false,
    }
}

/// A path from outside is bounded as a whole; what its keys are made of is bounded in itself.
fn keys(expression: IdedExpr, own: Own<'_>) -> IdedExpr {
    let IdedExpr { id, expr } = expression;
    let expr = match expr {
        Expr::Select(mut select) => {
            select.operand = Box::new(keys(*select.operand, own));
            Expr::Select(select)
        }
        Expr::Call(mut call) => {
            let mut arguments = std::mem::take(&mut call.args).into_iter();
            call.args.extend(arguments.next().map(|operand| keys(operand, own)));
            call.args.extend(arguments.map(|key| rewrite(key, own)));
            Expr::Call(call)
        }
        other => other,
    };
    IdedExpr { id, expr }
}
