//! The agents that are part of the daemon. What each takes and gives stands in the [catalogue](ghostlight_model::agent::catalogue).

mod fail;
mod http_probe;
mod log_analysis;
mod metrics;
mod noop;
mod parameters;
mod sleep;

use std::sync::Arc;

use ghostlight_model::agent::{Builtin, BuiltinCall};

use crate::{Agent, Environment};

/// The built-in that `call` names, with its parameters.
pub(crate) fn build(call: &BuiltinCall, env: &Environment) -> Arc<dyn Agent> {
    match call.builtin {
        Builtin::Noop => Arc::new(noop::Noop),
        Builtin::Sleep => Arc::new(sleep::Sleep::new(call)),
        Builtin::Fail => Arc::new(fail::Fail::new(call)),
        Builtin::HttpProbe => Arc::new(http_probe::HttpProbe::new(call, env)),
        Builtin::Metrics => Arc::new(metrics::Metrics::new(call, env)),
        Builtin::LogAnalysis => Arc::new(log_analysis::LogAnalysis::new(call, env)),
    }
}
