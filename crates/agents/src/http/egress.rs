//! The one way out: HTTP clients that reach nothing but what a definition allows.
//!
//! The address is checked where it is used: names in the resolver of the client, which then connects to the very address
//! that was checked (a second look-up could give another one), literals before the request, and the peer again after
//! connecting. Redirects, proxies of the environment and decompression are off.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ghostlight_model::agent::AllowEntry;
use ghostlight_model::failure::Failure;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::ClientConfig;
use rustls_platform_verifier::Verifier;
use url::{Host, Url};

use super::address::Policy;
use super::failure::connect_failure;

/// Making a connection takes no longer than this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most clients that are kept.
const CLIENTS_MAX: usize = 256;
/// The longest URL in bytes.
const URL_BYTES_MAX: usize = 8192;

/// Why a request does not leave. Coarse by intention: an error must not tell what lies behind the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EgressError {
    /// Not allowed.
    #[error("refused by egress policy")]
    Refused,
    /// No such host, or the name service does not answer.
    #[error("the host name cannot be resolved")]
    Unresolved,
    /// No URL that we can use.
    #[error("the url is not valid")]
    BadUrl,
    /// The client could not be made.
    #[error("the http client cannot be set up")]
    Setup,
}

/// Makes and keeps the clients. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct Egress(Arc<Shared>);

#[derive(Default)]
struct Shared {
    clients: Mutex<HashMap<ClientKey, Client>>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Egress")
    }
}

/// Requests share a client when the same addresses are open to them, and when they run on the same runtime: a pooled
/// connection lives on the runtime that made it, and must not be stuck because another one is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    runtime: tokio::runtime::Id,
    policy: Policy,
    /// The host that is granted by name.
    host: Option<String>,
}

/// A URL that has passed what can be checked before the name is resolved.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    url: Url,
    policy: Policy,
}

impl Target {
    /// Checks `url` (`http`, `https`) against the grants.
    pub(crate) fn new(url: &str, allow: &[AllowEntry]) -> Result<Self, EgressError> {
        let target = Self::with_tcp(url, allow)?;
        if target.is_tcp() { Err(EgressError::Refused) } else { Ok(target) }
    }

    /// Checks `url` (`http`, `https`, `tcp`) against the grants.
    pub(crate) fn with_tcp(url: &str, allow: &[AllowEntry]) -> Result<Self, EgressError> {
        if url.len() > URL_BYTES_MAX {
            return Err(EgressError::BadUrl);
        }
        let url = Url::parse(url).map_err(|_| EgressError::BadUrl)?;
        let is_plain = match url.scheme() {
            // A bare connection is as open to others as plain http.
            "http" | "tcp" => true,
            "https" => false,
            _ => return Err(EgressError::Refused),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Refused);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(EgressError::BadUrl);
        };
        let nets = allow.iter().filter_map(|entry| match entry {
            AllowEntry::Net(net) => Some(*net),
            AllowEntry::HostPort { .. } => None,
        });
        let mut policy = Policy { nets: nets.collect(), is_named: is_named(&host, port, allow), is_plain };
        policy.nets.sort_unstable();
        let literal = match host {
            Host::Ipv4(v4) => Some(v4.into()),
            Host::Ipv6(v6) => Some(v6.into()),
            Host::Domain(_) => None,
        };
        // The client asks its resolver about names only.
        if literal.is_some_and(|address| !policy.permits(address)) {
            return Err(EgressError::Refused);
        }
        Ok(Self { url, policy })
    }

    /// Whether it is to be connected to and no more (`tcp://host:port`).
    pub(crate) fn is_tcp(&self) -> bool {
        self.url.scheme() == "tcp"
    }

    /// Connects, and lets go again.
    pub(crate) async fn connect(&self) -> Result<(), Failure> {
        let (Some(host), Some(port)) = (self.url.host_str(), self.url.port()) else {
            return Err(EgressError::BadUrl.into());
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((host, port)).await.map_err(|_| EgressError::Unresolved)?;
        let addresses: Vec<SocketAddr> = permitted(&self.policy, found.collect())?.collect();
        match tokio::net::TcpStream::connect(addresses.as_slice()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(connect_failure(&error)),
        }
    }

    /// Where the request goes.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Checks whom we are really talking to.
    pub(crate) fn check_peer(&self, peer: Option<SocketAddr>) -> Result<(), EgressError> {
        match peer {
            Some(peer) if !self.policy.permits(peer.ip()) => Err(EgressError::Refused),
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether the grants name this very host and port.
fn is_named(host: &Host<&str>, port: u16, allow: &[AllowEntry]) -> bool {
    let host = match host {
        Host::Domain(name) => name.trim_end_matches('.').to_owned(),
        Host::Ipv4(v4) => v4.to_string(),
        Host::Ipv6(v6) => v6.to_string(),
    };
    allow.iter().any(|entry| match entry {
        AllowEntry::HostPort { host: named, port: named_port } => *named_port == port && *named == host,
        AllowEntry::Net(_) => false,
    })
}

impl Egress {
    /// The client for requests to `target`. Needs a tokio runtime.
    pub(crate) fn client(&self, target: &Target) -> Result<Client, EgressError> {
        let key = ClientKey {
            runtime: tokio::runtime::Handle::current().id(),
            policy: target.policy.clone(),
            host: target.policy.is_named.then(|| target.url.host_str().unwrap_or_default().to_owned()),
        };
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        let client = new_client(key.policy.clone())?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

fn new_client(policy: Policy) -> Result<Client, EgressError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls_config().ok_or(EgressError::Setup)?)
        .dns_resolver(Arc::new(PolicyResolver { policy: Arc::new(policy) }))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(8)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("ghostlight/", env!("CARGO_PKG_VERSION")));
    client.build().map_err(|_| EgressError::Setup)
}

/// The TLS settings, with the trust anchors of the machine, read once. On a machine without any, no certificate is
/// trusted; plain requests to granted targets still work.
fn tls_config() -> Option<ClientConfig> {
    static CONFIG: OnceLock<Option<ClientConfig>> = OnceLock::new();
    let make = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .ok()?;
        let mut config = match Verifier::new(provider) {
            Ok(verifier) => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
            Err(error) => {
                tracing::warn!(%error, "this machine has no trust anchors, so no https server can be verified");
                builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(config)
    };
    CONFIG.get_or_init(make).clone()
}

/// Resolves names, and gives only addresses that may be reached.
struct PolicyResolver {
    policy: Arc<Policy>,
}

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| EgressError::Unresolved)?.collect();
            Ok(permitted(&policy, found)?)
        })
    }
}

fn permitted(policy: &Policy, found: Vec<SocketAddr>) -> Result<Addrs, EgressError> {
    if found.is_empty() {
        return Err(EgressError::Unresolved);
    }
    let permitted: Vec<SocketAddr> =
        found.into_iter().filter(|address| policy.permits(address.ip())).collect();
    if permitted.is_empty() { Err(EgressError::Refused) } else { Ok(Box::new(permitted.into_iter())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(entries: &[&str]) -> Vec<AllowEntry> {
        let entry = |text: &&str| match text.parse() {
            Ok(net) => AllowEntry::Net(net),
            Err(_) => {
                let (host, port) = text.rsplit_once(':').unwrap();
                AllowEntry::HostPort { host: host.to_owned(), port: port.parse().unwrap() }
            }
        };
        entries.iter().map(entry).collect()
    }

    fn check(url: &str, entries: &[&str]) -> Result<(), EgressError> {
        Target::new(url, &allow(entries)).map(drop)
    }

    /// Spellings by which services of peers were led to where they should not go.
    #[test]
    fn hostile_urls_are_refused_before_any_name_is_resolved() {
        let urls = [
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://127.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.0.0.1/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://0.0.0.0/",
            "https://127.0.0.1:8443/",
            "https://[::1]/",
            "https://[::]/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://[fd00:ec2::254]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
            "https://[2001:0:1::1]/",
            "https://10.0.0.1/",
            "https://10.1/",
            "https://0xa000001/",
            "https://012.0.0.1/",
            "https://172.16.0.1/",
            "https://172.31.255.255/",
            "https://192.168.0.1/",
            "https://192.168.257/",
            "https://169.254.169.254/",
            "https://169.254.169.254/latest/meta-data/",
            "https://2852039166/",
            "https://0xa9fea9fe/",
            "https://0251.0376.0251.0376/",
            "https://0xA9.0xFE.0xA9.0xFE/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://169.254.170.2/",
            "https://100.100.100.200/",
            "https://100.64.0.1/",
            "https://168.63.129.16/",
            "https://192.0.0.192/",
            "https://192.0.2.1/",
            "https://198.18.0.1/",
            "https://198.51.100.7/",
            "https://203.0.113.9/",
            "https://224.0.0.1/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://user@example.com/",
            "https://user:pw@example.com/",
            "https://example.com@127.0.0.1/",
            "https://127.0.0.1%2f@example.com/",
            "https://127。0。0。1/",
            "https://①②⑦.⓪.⓪.①/",
            "https://%31%32%37.0.0.1/",
            "https://127.0.0.1./",
            "https://127.0.0.1\\@example.com/",
            "https:127.0.0.1/",
            "https:///127.0.0.1/",
            "https:\\\\127.0.0.1\\",
            "http://1.1.1.1/",
            "HTTP://8.8.8.8",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://127.0.0.1:6379/_x",
            "unix:///var/run/docker.sock",
            "data:application/json,1",
            "javascript:1",
            "jar:https://example.com!/",
            "ws://example.com/",
            "",
            "example.com",
            "//example.com",
            "https://",
            "https://[::1",
            "https://999.999.999.999/",
            "https://1.2.3.4.5/",
        ];
        assert!(urls.len() >= 60);
        for url in urls {
            assert!(check(url, &[]).is_err(), "{url}");
        }
        for url in urls
            .into_iter()
            .filter(|url| url.contains("169") || url.contains("a9fe") || url.contains("100.100"))
        {
            assert!(
                check(url, &["0.0.0.0/0", "::/0", "169.254.169.254:443"]).is_err(),
                "{url} cannot be granted"
            );
        }
        assert_eq!(
            check(&format!("https://example.com/{}", "x".repeat(URL_BYTES_MAX)), &[]),
            Err(EgressError::BadUrl)
        );
    }

    #[test]
    fn grants_open_networks_and_single_hosts() {
        assert_eq!(check("https://example.com/x", &[]), Ok(()));
        assert_eq!(check("https://1.1.1.1/", &[]), Ok(()));
        assert_eq!(check("http://127.0.0.1:8080/", &["127.0.0.0/8"]), Ok(()));
        assert_eq!(check("http://[::1]:8080/", &["::1/128"]), Ok(()));
        assert_eq!(check("http://10.0.0.5:8080/", &["10.0.0.5:8080"]), Ok(()));
        assert_eq!(check("http://10.0.0.5:8081/", &["10.0.0.5:8080"]), Err(EgressError::Refused));
        assert_eq!(check("http://10.0.0.6:8080/", &["10.0.0.5:8080"]), Err(EgressError::Refused));
        assert_eq!(check("http://127.0.0.1/", &["10.0.0.0/8"]), Err(EgressError::Refused));
    }

    #[test]
    fn a_name_that_leads_inside_gives_only_what_is_permitted() {
        let target = |url: &str, entries: &[&str]| Target::new(url, &allow(entries)).unwrap().policy;
        let found = || {
            vec![
                "10.0.0.1:0".parse().unwrap(),
                "1.1.1.1:0".parse().unwrap(),
                "169.254.169.254:0".parse().unwrap(),
            ]
        };
        let given = |policy: &Policy| -> Result<Vec<String>, EgressError> {
            Ok(permitted(policy, found())?.map(|address| address.ip().to_string()).collect())
        };
        assert_eq!(given(&target("https://rebind.example/", &[])), Ok(vec!["1.1.1.1".into()]));
        assert_eq!(given(&target("http://rebind.example/", &[])), Err(EgressError::Refused));
        assert_eq!(given(&target("http://rebind.example/", &["10.0.0.0/8"])), Ok(vec!["10.0.0.1".into()]));
        let named = target("http://rebind.example/", &["rebind.example:80"]);
        assert_eq!(given(&named), Ok(vec!["10.0.0.1".into(), "1.1.1.1".into()]));
        assert_eq!(permitted(&named, Vec::new()).err(), Some(EgressError::Unresolved));
    }
}
