//! Catching a panic with its message and its place.
//!
//! A payload does not say where it was raised; only the process's panic hook knows. Ours notes it in a thread-local
//! (a panic is raised and caught on one thread) and leaves every panic outside supervised code to the hook that was
//! there before. A caught panic is reported through the exit reason; the earlier hook, which prints, is called for it only
//! when `RUST_BACKTRACE` asks for more than message and place.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Once};

use crate::ExitReason;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static LOCATION: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Installs the hook, once per process.
pub(crate) fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let verbose = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let catching = CATCHING.try_with(Cell::get).unwrap_or(false);
            if catching {
                note_location(info);
            }
            if !catching || verbose {
                earlier(info);
            }
        }));
    });
}

fn note_location(info: &PanicHookInfo<'_>) {
    let location = info.location().map(|location| Arc::from(location.to_string()));
    let _ = LOCATION.try_with(|cell| *cell.borrow_mut() = location);
}

/// Runs `f`; a panic in it becomes an exit reason.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let outer = CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(outer);
    result.map_err(|payload| {
        let message = message_of(payload.as_ref());
        let location = LOCATION.take().unwrap_or_else(|| Arc::from("unknown"));
        // A payload's own destructor may panic too; there is nobody left to tell.
        let _ = panic::catch_unwind(AssertUnwindSafe(move || drop(payload)));
        ExitReason::Panicked { message, location }
    })
}

fn message_of(payload: &(dyn Any + Send)) -> Arc<str> {
    if let Some(text) = payload.downcast_ref::<&str>() {
        Arc::from(*text)
    } else if let Some(text) = payload.downcast_ref::<String>() {
        Arc::from(text.as_str())
    } else {
        Arc::from("a panic without a message")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caught_panic_carries_its_message_and_its_place() {
        install_hook();
        let caught = catch(|| panic!("the {} is gone", "lamp"));
        let Err(ExitReason::Panicked { message, location }) = caught else {
            panic!("not caught: {caught:?}")
        };
        assert_eq!(&*message, "the lamp is gone");
        assert!(location.contains("panics.rs:"), "{location}");
    }
}
