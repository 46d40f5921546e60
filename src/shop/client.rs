//! How the shop is asked from outside: plain HTTP on this machine, past any proxy.

use std::time::Duration;

/// A client whose requests take at most `timeout` each. Errors when none can be built here.
pub(super) fn client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // The client wants a provider of TLS even if it is never used; the first one installed stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(timeout).build()
}
