//! The names that requests give to this machine: `Host` and `Origin`, compared after reading and not as text.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A host and its port, as a request names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Lowercase, without a final dot, brackets included.
    host: String,
    /// None: the default of the scheme.
    port: Option<u16>,
}

impl Authority {
    /// Reads `host`, `host:port` or `[v6]:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                (format!("[{address}]"), after)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let host = text[..end].trim_end_matches('.').to_ascii_lowercase();
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
                if host.is_empty() || !host.bytes().all(plain) {
                    return None;
                }
                (host, &text[end..])
            }
        };
        let port = match port.strip_prefix(':') {
            // 80 and 443 are what a browser leaves out.
            Some(digits) => Some(digits.parse().ok()?).filter(|port| !matches!(port, 80 | 443)),
            None if port.is_empty() => None,
            None => return None,
        };
        Some(Self { host, port })
    }

    /// The host and port of an `Origin` of a web page.
    pub fn of_origin(origin: &str) -> Option<Self> {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
        Self::parse(rest)
    }

    /// Whether it is a name that only this machine has for itself.
    pub fn is_loopback(&self) -> bool {
        let v6 = self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match v6 {
            Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
            None => {
                self.host == "localhost"
                    || self.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// Whether it goes by this configured name, with the port when the name has one.
    pub fn is_called(&self, name: &str) -> bool {
        Self::parse(name)
            .is_some_and(|named| named.host == self.host && (named.port.is_none() || named.port == self.port))
    }
}
