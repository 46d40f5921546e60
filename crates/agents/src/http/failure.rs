//! What it means that a request got no answer.

use std::error::Error;
use std::io;

use ghostlight_model::failure::{ErrorClass, Failure, Happened};

use super::egress::EgressError;

impl From<EgressError> for Failure {
    fn from(error: EgressError) -> Self {
        let (class, code) = match error {
            EgressError::Refused => (ErrorClass::Configuration, "egress_refused"),
            EgressError::Unresolved => (ErrorClass::Transient, "dns_failed"),
            EgressError::BadUrl => (ErrorClass::Configuration, "url_invalid"),
            EgressError::Setup => (ErrorClass::Configuration, "http_client_unavailable"),
        };
        Self::new(class, code, error.to_string(), Happened::No)
    }
}

/// The failure that an error of the client is. Its text is ours: the client's names addresses.
pub(crate) fn request_failure(error: &reqwest::Error, unsure: Happened) -> Failure {
    let cause = cause_of(error);
    let (class, code, message, happened) = match cause {
        Some(Cause::Egress(error)) => return error.into(),
        Some(Cause::Tls) => {
            (ErrorClass::Configuration, "tls_failed", "no secure connection could be made", Happened::No)
        }
        Some(Cause::ConnectionRefused) => {
            (ErrorClass::Transient, "connection_refused", "the connection was refused", Happened::No)
        }
        None if error.is_connect() => {
            (ErrorClass::Transient, "connect_failed", "no connection could be made", Happened::No)
        }
        None if error.is_builder() => {
            (ErrorClass::Configuration, "request_invalid", "the request is not valid", Happened::No)
        }
        None => (
            ErrorClass::Transient,
            "connection_lost",
            "the connection was lost before the answer was complete",
            unsure,
        ),
    };
    Failure::new(class, code, message, happened)
}

/// The failure that a connection is which was not made.
pub(super) fn connect_failure(error: &io::Error) -> Failure {
    let (code, message) = match error.kind() {
        io::ErrorKind::ConnectionRefused => ("connection_refused", "the connection was refused"),
        _ => ("connect_failed", "no connection could be made"),
    };
    Failure::new(ErrorClass::Transient, code, message, Happened::No)
}

#[derive(Debug, Clone, Copy)]
enum Cause {
    Egress(EgressError),
    Tls,
    ConnectionRefused,
}

impl Cause {
    fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(egress) = error.downcast_ref::<EgressError>() {
            return Some(Self::Egress(*egress));
        }
        if error.is::<rustls::Error>() {
            return Some(Self::Tls);
        }
        let io = error.downcast_ref::<io::Error>()?;
        match io.get_ref() {
            // An error inside an `io::Error` is not among its sources.
            Some(inner) => Self::of(inner),
            None => (io.kind() == io::ErrorKind::ConnectionRefused).then_some(Self::ConnectionRefused),
        }
    }
}

/// The first cause that says something, from the outside in.
fn cause_of(error: &reqwest::Error) -> Option<Cause> {
    const DEPTH_MAX: usize = 16;
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    for _ in 0..DEPTH_MAX {
        let error = next?;
        if let Some(cause) = Cause::of(error) {
            return Some(cause);
        }
        next = error.source();
    }
    None
}
