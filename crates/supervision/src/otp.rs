//! Which of OTP's test cases this crate is held to, and where: documentation only, taken from `OTP.md`.

#![doc = include_str!("../OTP.md")]
