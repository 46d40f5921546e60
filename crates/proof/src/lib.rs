//! The proof that nothing acknowledged is lost, done from outside.
//!
//! [`drive`] starts the real daemon, works it with many clients over HTTP, kills it without warning at random moments and
//! starts it again, and writes down everything that anybody saw: what clients asked and were answered, what agents were
//! asked and answered, what readers of the feed saw. [`check`] holds that history against the journal that is left, rule by
//! rule. It shares no code with the daemon: it knows the public contract, and the archive that `store export` writes.

pub mod check;
pub mod drive;
pub mod history;
pub mod journal;
pub mod shapes;
