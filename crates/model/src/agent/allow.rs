//! `allow` entries: which private, loopback and link-local targets an agent may reach.
//!
//! The addresses at which clouds answer with credentials cannot be named, neither alone nor inside a network.

use std::net::IpAddr;

use ipnet::IpNet;

use super::AllowEntry;

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAllow {
    /// Neither a network nor a host with a port.
    #[error("an `allow` entry is a network like `10.1.0.0/16` or a host with a port like `db.internal:8080`")]
    Malformed,
    /// It names or contains an address that hands out credentials.
    #[error("the metadata address {0} cannot be allowed")]
    Metadata(IpAddr),
    /// It names a host that stands for such an address.
    #[error("the metadata host `{0}` cannot be allowed")]
    MetadataHost(String),
}

/// Where clouds hand out credentials: AWS, Azure, Google, Oracle, DigitalOcean (169.254.169.254), AWS tasks, AWS over IPv6,
/// Alibaba, Azure's wire server, Google over IPv6.
const METADATA: [&str; 6] =
    ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "fd20:ce::254"];
const METADATA_HOSTS: [&str; 4] =
    ["metadata.google.internal", "metadata", "instance-data", "metadata.azure.internal"];

impl AllowEntry {
    /// Parses one entry. An address without `/` and without a port is the network of that one address; the two networks
    /// of everything (`0.0.0.0/0`, `::/0`) contain metadata addresses and are refused.
    ///
    /// # Errors
    /// [`InvalidAllow`] says whether it is malformed or forbidden.
    pub fn parse(text: &str) -> Result<Self, InvalidAllow> {
        if let Some(net) = net(text) {
            if let Some(metadata) = metadata().find(|address| covers(&net, *address)) {
                return Err(InvalidAllow::Metadata(metadata));
            }
            return Ok(Self::Net(net.trunc()));
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAllow::Malformed)?;
        let port: u16 = port.parse().ok().filter(|port| *port > 0).ok_or(InvalidAllow::Malformed)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => {
                address.parse::<std::net::Ipv6Addr>().map_err(|_| InvalidAllow::Malformed)?.to_string()
            }
            None => host.to_ascii_lowercase(),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            if metadata().any(|metadata| metadata == address) {
                return Err(InvalidAllow::Metadata(address));
            }
        } else if !is_host(&host) {
            return Err(InvalidAllow::Malformed);
        } else if METADATA_HOSTS.contains(&host.trim_end_matches('.')) {
            return Err(InvalidAllow::MetadataHost(host));
        }
        Ok(Self::HostPort { host, port })
    }
}

fn metadata() -> impl Iterator<Item = IpAddr> {
    METADATA.iter().filter_map(|address| address.parse().ok())
}

/// Whether the network contains the address, also in its form inside of IPv6 (`::ffff:a.b.c.d`).
fn covers(net: &IpNet, address: IpAddr) -> bool {
    let mapped = match address {
        IpAddr::V4(address) => Some(IpAddr::V6(address.to_ipv6_mapped())),
        IpAddr::V6(_) => None,
    };
    net.contains(&address) || mapped.is_some_and(|address| net.contains(&address))
}

fn net(text: &str) -> Option<IpNet> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(net);
    }
    let address =
        text.strip_prefix('[').and_then(|text| text.split_once(']')).map_or(text, |(address, rest)| {
            // `[::1]/128` is how people write it beside `host:port`.
            if rest.is_empty() { address } else { text }
        });
    if let Some((address, length)) = text.strip_prefix('[').and_then(|text| text.split_once("]/")) {
        return format!("{address}/{length}").parse().ok();
    }
    address.parse::<IpAddr>().ok().map(IpNet::from)
}

/// A host name as DNS has it, roughly.
fn is_host(host: &str) -> bool {
    (1..=253).contains(&host.len())
        && host.trim_end_matches('.').split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_addresses_and_hosts_with_ports_are_read() {
        for (text, net) in [
            ("10.1.0.0/16", "10.1.0.0/16"),
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1/128", "::1/128"),
            ("[::1]/128", "::1/128"),
            ("[::1]", "::1/128"),
        ] {
            assert_eq!(AllowEntry::parse(text), Ok(AllowEntry::Net(net.parse().unwrap())), "{text}");
        }
        for (text, host, port) in [
            ("DB.internal:8080", "db.internal", 8080),
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:81", "::1", 81),
        ] {
            assert_eq!(
                AllowEntry::parse(text),
                Ok(AllowEntry::HostPort { host: host.into(), port }),
                "{text}"
            );
        }
    }

    #[test]
    fn metadata_addresses_cannot_be_named_in_any_form() {
        for text in [
            "169.254.169.254",
            "169.254.169.254/32",
            "169.254.0.0/16",
            "0.0.0.0/0",
            "::/0",
            "169.254.169.254:80",
            "fd00:ec2::254",
            "[fd00:ec2::254]:80",
            "fd00::/8",
            "::ffff:169.254.169.254",
            "[::ffff:169.254.169.254]:80",
            "::ffff:0:0/96",
            "metadata.google.internal:80",
            "METADATA.google.internal.:80",
            "100.100.100.200",
        ] {
            assert!(
                matches!(
                    AllowEntry::parse(text),
                    Err(InvalidAllow::Metadata(_) | InvalidAllow::MetadataHost(_))
                ),
                "{text}: {:?}",
                AllowEntry::parse(text)
            );
        }
    }

    #[test]
    fn what_is_neither_a_network_nor_a_host_with_a_port_is_refused() {
        for text in [
            "",
            "host",
            "host:0",
            "host:99999",
            "http://x:80",
            "a b:80",
            ":80",
            "10.0.0.0/33",
            "[x]:80",
            "*:80",
            "-x:1",
        ] {
            assert_eq!(AllowEntry::parse(text), Err(InvalidAllow::Malformed), "{text}");
        }
    }
}
