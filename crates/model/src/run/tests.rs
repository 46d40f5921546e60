//! The laws of the run machine.
