//! `cargo fuzz run records`: hands the bytes of libFuzzer to the function that the ordinary tests run too.

#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, reason = "each wrapper needs one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::fuzz_records(bytes));
