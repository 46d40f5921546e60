//! The agents that are part of the daemon.

mod noop;

use std::sync::Arc;

use ghostlight_model::agent::{Builtin, BuiltinCall};

use crate::{Agent, Environment};

/// The built-in that `call` names, with its parameters.
pub(crate) fn build(call: &BuiltinCall, _env: &Environment) -> Result<Arc<dyn Agent>, String> {
    match call.builtin {
        Builtin::Noop => Ok(Arc::new(noop::Noop)),
        other => Err(format!("built-in `{}` is not there yet", other.as_str())),
    }
}
