//! Which addresses may be reached: the rule, as a pure function.
//!
//! Special-purpose ranges are those of the IANA registries (RFC 6890 and its updates). For IPv6 only global unicast is
//! public, so that a range nobody has thought of is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Who may be reached besides the public addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Policy {
    /// Granted networks.
    pub(super) nets: Vec<IpNet>,
    /// Whether the very host and port of the request are granted, wherever the name leads.
    pub(super) is_named: bool,
    /// Whether the request is not encrypted: then only what is granted may be reached.
    pub(super) is_plain: bool,
}

impl Policy {
    /// Whether `address` may be reached. The metadata services of clouds never are.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        let address = unmapped(address);
        if is_metadata(address) {
            return false;
        }
        let is_granted = self.is_named || self.nets.iter().any(|net| net.contains(&address));
        is_granted || (!self.is_plain && is_public(address))
    }
}

/// The IPv4 address that an IPv6 address stands for, so that no spelling gets around a rule.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let is_mapped_or_compatible = [a, b, c, d, e] == [0; 5] && matches!(f, 0 | 0xffff) && (f, g) != (0, 0);
    let is_nat64 = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    let embedded = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    if is_mapped_or_compatible || is_nat64 {
        embedded(g, h)
    } else if a == 0x2002 {
        // 6to4: the relay would go to this address.
        embedded(b, c)
    } else {
        address
    }
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            // AWS, GCP, Azure, OCI and others; ECS tasks; EKS pods; Alibaba; Azure's host; Oracle's older one.
            [169, 254, 169, _]
                | [169, 254, 170, 2 | 23]
                | [100, 100, 100, 200]
                | [168, 63, 129, 16]
                | [192, 0, 0, 192]
        ),
        IpAddr::V6(v6) => {
            let [a, b, c, .., h] = v6.segments();
            // AWS and EKS; GCP.
            (a, b) == (0xfd00, 0x0ec2) || ((a, b, c) == (0xfd20, 0x00ce, 0) && h == 0x0254)
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    !matches!(
        v4.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    match v6.segments() {
        // Protocol assignments, Teredo among them; documentation; 6to4; more documentation.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(nets: &[&str], is_named: bool, is_plain: bool) -> Policy {
        Policy { nets: nets.iter().map(|net| net.parse().unwrap()).collect(), is_named, is_plain }
    }

    fn permits(policy: &Policy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_reached_over_https_only() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ] {
            assert!(permits(&policy(&[], false, false), address), "{address}");
            assert!(!permits(&policy(&[], false, true), address), "{address} in plain");
        }
    }

    #[test]
    fn special_addresses_are_refused_in_every_spelling() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "2002:808:808::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            let refused = !permits(&policy(&[], false, false), address);
            // 6to4 of a public address leads to that address.
            assert!(refused || address == "2002:808:808::1", "{address}");
        }
    }

    #[test]
    fn grants_open_what_they_name_and_never_metadata() {
        let loopback = policy(&["127.0.0.0/8", "::1/128"], false, true);
        assert!(
            permits(&loopback, "127.0.0.1")
                && permits(&loopback, "::1")
                && permits(&loopback, "::ffff:127.0.0.1")
        );
        assert!(!permits(&loopback, "10.0.0.1"));
        let everything = policy(&["0.0.0.0/0", "::/0"], true, false);
        assert!(permits(&everything, "10.0.0.1"));
        for metadata in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "2002:a9fe:a9fe::1",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert!(!permits(&everything, metadata), "{metadata}");
        }
    }
}
