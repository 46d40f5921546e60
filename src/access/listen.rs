//! Where the daemon may listen, given what protects it.

use std::net::{IpAddr, SocketAddr};

/// An address that is not opened because nothing would protect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Anybody who reaches the address would be admin.
    #[error(
        "{listen} can be reached from other machines, and there is no token: make one with `ghostlight token create` (with the same `--data` and `--config`), and put a proxy with TLS in front (`--behind-proxy`)"
    )]
    NoToken {
        /// The address.
        listen: SocketAddr,
    },
    /// Tokens would go over the network in clear.
    #[error(
        "{listen} can be reached from other machines without TLS: listen on 127.0.0.1, or put a proxy with TLS in front and say `--behind-proxy`"
    )]
    NoTls {
        /// The address.
        listen: SocketAddr,
    },
    /// Whoever comes through the proxy would be taken for the local user.
    #[error(
        "behind a proxy a token is needed, since everybody comes from this machine: make one with `ghostlight token create` (with the same `--data` and `--config`)"
    )]
    ProxyWithoutToken,
}

/// Whether only this machine reaches `listen`.
#[must_use]
pub fn is_loopback(listen: SocketAddr) -> bool {
    match listen.ip() {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
    }
}

/// Whether the daemon may listen there.
///
/// # Errors
/// [`ListenError`] says what is missing.
pub fn check_listen(listen: SocketAddr, any_token: bool, behind_proxy: bool) -> Result<(), ListenError> {
    match (is_loopback(listen), any_token, behind_proxy) {
        (true, _, false) | (_, true, true) => Ok(()),
        (true, false, true) => Err(ListenError::ProxyWithoutToken),
        (false, false, _) => Err(ListenError::NoToken { listen }),
        (false, true, false) => Err(ListenError::NoTls { listen }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_a_token_and_something_that_encrypts() {
        let public: SocketAddr = "0.0.0.0:7070".parse().unwrap();
        assert_eq!(check_listen(public, false, false), Err(ListenError::NoToken { listen: public }));
        assert_eq!(check_listen(public, false, true), Err(ListenError::NoToken { listen: public }));
        assert_eq!(check_listen(public, true, false), Err(ListenError::NoTls { listen: public }));
        assert_eq!(check_listen(public, true, true), Ok(()));
    }

    #[test]
    fn loopback_is_open_to_the_local_user_but_not_to_whoever_a_proxy_brings() {
        for listen in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            let listen: SocketAddr = listen.parse().unwrap();
            assert_eq!(check_listen(listen, false, false), Ok(()), "{listen}");
            assert_eq!(check_listen(listen, false, true), Err(ListenError::ProxyWithoutToken), "{listen}");
        }
    }
}
