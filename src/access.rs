//! Who may speak to the daemon: the rules, as functions of values.
//!
//! On a loopback address and without any token the local user is admin, when he calls the machine by a name of loopback
//! and nothing shows that somebody else was asked in between. A page in a browser reaches loopback too, so the
//! `Host` must be a name of this machine (a foreign name that resolves to loopback is how pages get around the browser's
//! rules) and the `Origin`, when there is one, our own. Everywhere else, and once a token exists, each request brings
//! one, or the cookie of a login that was made with one ([`logins`]). What a request shows is gathered in an [`Ask`], and what the
//! daemon knows is a [`Known`]; [`Policy::judge`] decides; who asks for what and gets refused is recorded by the caller of
//! these rules.

mod listen;
pub mod logins;
mod names;
mod throttle;

pub use listen::{ListenError, check_listen, is_loopback};
pub use throttle::Throttle;

use logins::{Login, LoginId};
use names::Authority;

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The user of this machine, over loopback and without a token.
    Local,
    /// The holder of a token.
    Token {
        /// Its id.
        id: String,
    },
    /// Who has logged in from a browser with a token: for everybody else he is that token.
    Login {
        /// The id of the token.
        token: String,
        /// The login.
        login: LoginId,
    },
}

impl Subject {
    /// As it stands in events: `local` or `token:<id>`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.token() {
            None => "local".to_owned(),
            Some(id) => format!("token:{id}"),
        }
    }

    /// The id of the token by which he was let in.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Local => None,
            Self::Token { id } | Self::Login { token: id, .. } => Some(id),
        }
    }
}

/// What is known of a request before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask<'a> {
    /// Whether it changes nothing by its method: GET or HEAD without an upgrade.
    pub is_safe: bool,
    /// Whether it is a GET that asks to go on in another protocol, as a WebSocket does.
    pub is_upgrade: bool,
    /// The `Host`, or the authority of HTTP/2.
    pub host: Option<&'a str>,
    /// The `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub fetch_mode: Option<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// What the cookie of a login holds.
    pub login: Option<&'a str>,
    /// `Ghostlight-CSRF`.
    pub csrf: Option<&'a str>,
    /// Whether a header says that it was passed on for somebody (`X-Forwarded-For`, `Forwarded`, `Via`).
    pub is_forwarded: bool,
}

/// What the daemon knows of those who may ask.
pub trait Known {
    /// Whether there is a token.
    fn any_token(&self) -> bool;
    /// The id of the token that this text is, if it is accepted.
    fn token(&self, text: &str) -> Option<String>;
    /// Whether the token of that id is accepted.
    fn is_accepted(&self, token: &str) -> bool;
    /// The login, as long as it lasts; its token may have been revoked meanwhile.
    fn login(&self, id: LoginId) -> Option<Login>;
}

/// What the daemon was told about its surroundings.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether the address listened on is of this machine only.
    pub is_loopback: bool,
    /// Whether a proxy stands in front, so that loopback says nothing about who asks.
    pub is_behind_proxy: bool,
    /// Names by which the daemon may be called besides those of loopback, lowercase, with or without a port.
    pub allowed_hosts: Vec<String>,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It names another host.
    #[error("the request names a host that this is not")]
    ForeignHost,
    /// A page of another site sent it.
    #[error("the request comes from a page of another site")]
    ForeignOrigin,
    /// It has no token and needs one.
    #[error("a token is needed and none was sent")]
    NoToken,
    /// Its token is not accepted.
    #[error("the token is unknown, revoked or expired")]
    BadToken,
    /// The login of its cookie is none.
    #[error("the login has ended, or its token is no longer accepted")]
    NoLogin,
    /// It has nothing but a cookie to show, which a browser sends whoever asks it to.
    #[error("nothing but its cookie shows that the request comes from the dashboard")]
    Unproven,
}

impl Refusal {
    /// Whether it is refused for not being anybody, rather than for being somebody else than it says.
    #[must_use]
    pub fn is_of_nobody(self) -> bool {
        matches!(self, Self::NoToken | Self::NoLogin | Self::Unproven)
    }
}

impl Policy {
    /// Decides who asks, or why not.
    ///
    /// # Errors
    /// [`Refusal`]: the host is judged first, then the origin, then the token, so that a foreign page learns nothing
    /// about tokens.
    pub fn judge(&self, ask: Ask<'_>, known: &impl Known) -> Result<Subject, Refusal> {
        let host = ask.host.and_then(Authority::parse);
        if !self.knows(host.as_ref()) {
            return Err(Refusal::ForeignHost);
        }
        if is_foreign(ask, host.as_ref()) {
            return Err(Refusal::ForeignOrigin);
        }
        // A token that is wrong is never taken for none: whoever sends one believes to be somebody.
        if let Some(header) = ask.authorization {
            let token = bearer(header).and_then(|text| known.token(text));
            return token.map(|id| Subject::Token { id }).ok_or(Refusal::BadToken);
        }
        if self.trusts_loopback() && !known.any_token() && is_local(ask, host.as_ref()) {
            return Ok(Subject::Local);
        }
        let text = ask.login.ok_or(Refusal::NoToken)?;
        let login = known.login(LoginId::of(text)).filter(|login| known.is_accepted(&login.token));
        let login = login.ok_or(Refusal::NoLogin)?;
        if !is_proven(ask, text) {
            return Err(Refusal::Unproven);
        }
        Ok(Subject::Login { token: login.token, login: login.id })
    }

    /// Whether a subject that was let in earlier still is: feeds ask again while they are open.
    #[must_use]
    pub fn still(&self, subject: &Subject, known: &impl Known) -> bool {
        match subject {
            Subject::Local => self.trusts_loopback() && !known.any_token(),
            Subject::Token { id } => known.is_accepted(id),
            Subject::Login { token, login } => known.login(*login).is_some() && known.is_accepted(token),
        }
    }

    fn trusts_loopback(&self) -> bool {
        self.is_loopback && !self.is_behind_proxy
    }

    fn knows(&self, host: Option<&Authority>) -> bool {
        let Some(host) = host else { return false };
        let is_named = self.allowed_hosts.iter().any(|name| host.is_called(name));
        // Away from loopback a token is needed in any case, which no foreign page has: names are checked when the
        // operator gave some.
        let any_name_will_do = !self.trusts_loopback() && self.allowed_hosts.is_empty();
        is_named || any_name_will_do || (self.is_loopback && host.is_loopback())
    }
}

/// Whether nothing speaks against the user of this machine: a proxy that nobody announced brings requests of strangers
/// over loopback, which show by the name they ask for or by what the proxy adds.
fn is_local(ask: Ask<'_>, host: Option<&Authority>) -> bool {
    host.is_some_and(Authority::is_loopback) && !ask.is_forwarded
}

fn is_foreign(ask: Ask<'_>, host: Option<&Authority>) -> bool {
    let origin_is_foreign = ask.origin.is_some_and(|origin| {
        let own = Authority::of_origin(origin);
        own.is_none() || own.as_ref() != host
    });
    // Following a link to us is no attack: nothing is changed, and the other page cannot read the answer.
    let follows_link = ask.is_safe && ask.fetch_mode == Some("navigate");
    let site_is_foreign = ask.fetch_site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    origin_is_foreign || (site_is_foreign && !follows_link)
}

/// Whether more than the cookie with this text shows that a page of ours asks, where that is needed. An origin that is
/// not ours was refused before.
fn is_proven(ask: Ask<'_>, text: &str) -> bool {
    let is_from_page = ask.origin.is_some() || ask.fetch_site == Some("same-origin");
    match (ask.is_safe, ask.is_upgrade) {
        (true, _) => true,
        // A page cannot choose the headers of a handshake, and a browser never leaves its origin out.
        (false, true) => ask.origin.is_some(),
        (false, false) => is_from_page && ask.csrf.is_some_and(|given| logins::is_csrf(text, given)),
    }
}

/// The token of an `Authorization` header; none when it is of another scheme.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Policy = Policy { is_loopback: true, is_behind_proxy: false, allowed_hosts: Vec::new() };

    /// A token, `glt_good`, and a login by it whose text is `cookie`; or neither, or the login alone.
    #[derive(Default)]
    struct House {
        any_token: bool,
        revoked: bool,
        logged_out: bool,
    }

    impl Known for House {
        fn any_token(&self) -> bool {
            self.any_token
        }

        fn token(&self, text: &str) -> Option<String> {
            (text == "glt_good" && !self.revoked).then(|| "1".to_owned())
        }

        fn is_accepted(&self, token: &str) -> bool {
            token == "1" && !self.revoked
        }

        fn login(&self, id: LoginId) -> Option<Login> {
            let login = Login { id, token: "1".to_owned(), ends_at: jiff::Timestamp::MAX };
            (id == LoginId::of("cookie") && !self.logged_out).then_some(login)
        }
    }

    fn judge(policy: &Policy, ask: Ask<'_>, any_token: bool) -> Result<String, Refusal> {
        policy.judge(ask, &House { any_token, ..House::default() }).map(|subject| subject.name())
    }

    fn from(host: &str) -> Ask<'_> {
        Ask { is_safe: true, host: Some(host), ..Ask::default() }
    }

    #[test]
    fn without_a_token_the_local_user_is_admin_by_every_name_of_loopback() {
        for host in ["127.0.0.1:7070", "localhost:7070", "LOCALHOST", "[::1]:7070", "127.8.8.8", "localhost."]
        {
            assert_eq!(judge(&LOCAL, from(host), false), Ok("local".into()), "{host}");
        }
    }

    #[test]
    fn whoever_an_unannounced_proxy_brings_over_loopback_needs_a_token() {
        let named = Policy { allowed_hosts: vec!["flows.example".into()], ..LOCAL };
        assert_eq!(judge(&named, from("localhost:7070"), false), Ok("local".into()));
        let by_name = from("flows.example");
        let passed_on = Ask { is_forwarded: true, ..from("localhost:7070") };
        for ask in [by_name, passed_on] {
            assert_eq!(judge(&named, ask, false), Err(Refusal::NoToken), "{ask:?}");
            let with_token = Ask { authorization: Some("Bearer glt_good"), ..ask };
            assert_eq!(judge(&named, with_token, true), Ok("token:1".into()), "{ask:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_of_this_machine_is_refused_whatever_it_resolves_to() {
        let hosts = [
            "evil.example:7070",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "0.0.0.0:7070",
            "",
            "localhost:x",
            "user@localhost",
            "127.1",
            "[::1",
            "2130706433",
        ];
        for host in hosts {
            assert_eq!(judge(&LOCAL, from(host), false), Err(Refusal::ForeignHost), "{host}");
        }
        assert_eq!(judge(&LOCAL, Ask::default(), false), Err(Refusal::ForeignHost));
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_our_own_is_not() {
        let ask = |origin| Ask { origin: Some(origin), ..from("localhost:7070") };
        assert_eq!(judge(&LOCAL, ask("http://localhost:7070"), false), Ok("local".into()));
        for foreign in [
            "http://evil.example",
            "http://localhost:8080",
            "http://127.0.0.1:7070",
            "null",
            "file://",
            "http://localhost:7070.evil.example",
            "",
        ] {
            assert_eq!(judge(&LOCAL, ask(foreign), false), Err(Refusal::ForeignOrigin), "{foreign}");
        }
        let by_script =
            Ask { fetch_site: Some("cross-site"), fetch_mode: Some("no-cors"), ..from("localhost:7070") };
        assert_eq!(judge(&LOCAL, by_script, false), Err(Refusal::ForeignOrigin));
        let by_link = Ask { fetch_mode: Some("navigate"), ..by_script };
        assert_eq!(judge(&LOCAL, by_link, false), Ok("local".into()));
        let by_form = Ask { is_safe: false, ..by_link };
        assert_eq!(judge(&LOCAL, by_form, false), Err(Refusal::ForeignOrigin));
    }

    #[test]
    fn once_a_token_exists_loopback_needs_one_too() {
        let ask = |authorization| Ask { authorization: Some(authorization), ..from("localhost") };
        assert_eq!(judge(&LOCAL, from("localhost"), true), Err(Refusal::NoToken));
        assert_eq!(judge(&LOCAL, ask("Bearer glt_good"), true), Ok("token:1".into()));
        assert_eq!(judge(&LOCAL, ask("bearer  glt_good"), true), Ok("token:1".into()));
        for bad in ["Bearer glt_bad", "Basic glt_good", "glt_good", "Bearer", ""] {
            assert_eq!(judge(&LOCAL, ask(bad), true), Err(Refusal::BadToken), "{bad}");
            assert_eq!(judge(&LOCAL, ask(bad), false), Err(Refusal::BadToken), "{bad}");
        }
    }

    #[test]
    fn away_from_loopback_or_behind_a_proxy_nobody_is_let_in_without_a_token() {
        let public = Policy { is_loopback: false, ..LOCAL };
        let proxied = Policy { is_behind_proxy: true, ..LOCAL };
        for policy in [&public, &proxied] {
            assert_eq!(judge(policy, from("flows.example"), false), Err(Refusal::NoToken));
            let ask = Ask { authorization: Some("Bearer glt_good"), ..from("flows.example") };
            assert_eq!(judge(policy, ask, true), Ok("token:1".into()));
            let foreign = Ask { origin: Some("https://evil.example"), ..ask };
            assert_eq!(judge(policy, foreign, true), Err(Refusal::ForeignOrigin));
            let own = Ask { origin: Some("https://flows.example"), ..ask };
            assert_eq!(judge(policy, own, true), Ok("token:1".into()));
        }
        let named = Policy { allowed_hosts: vec!["flows.example".into()], ..proxied };
        assert_eq!(judge(&named, from("other.example"), true), Err(Refusal::ForeignHost));
        assert_eq!(judge(&named, from("flows.example:443"), true), Err(Refusal::NoToken));
    }

    #[test]
    fn a_login_reads_what_its_token_reads_and_a_stale_one_is_nobodys() {
        let ask = Ask { login: Some("cookie"), ..from("localhost") };
        assert_eq!(judge(&LOCAL, ask, true), Ok("token:1".into()));
        assert_eq!(judge(&LOCAL, Ask { login: Some("stale"), ..ask }, true), Err(Refusal::NoLogin));
        assert_eq!(judge(&LOCAL, Ask { login: Some("stale"), ..ask }, false), Ok("local".into()));
        for house in
            [House { revoked: true, ..House::default() }, House { logged_out: true, ..House::default() }]
        {
            let house = House { any_token: true, ..house };
            assert_eq!(LOCAL.judge(ask, &house), Err(Refusal::NoLogin));
        }
        let wrong_token = Ask { authorization: Some("Bearer glt_bad"), ..ask };
        assert_eq!(judge(&LOCAL, wrong_token, true), Err(Refusal::BadToken));
    }

    #[test]
    fn a_change_needs_the_word_of_the_login_and_a_sign_that_a_page_of_ours_asks() {
        let (word, others) = (logins::csrf("cookie"), logins::csrf("another"));
        let cookie = Ask { is_safe: false, login: Some("cookie"), ..from("localhost:7070") };
        let origin = Ask { origin: Some("http://localhost:7070"), ..cookie };
        let site = Ask { fetch_site: Some("same-origin"), ..cookie };
        for ask in [origin, site] {
            assert_eq!(
                judge(&LOCAL, Ask { csrf: Some(&word), ..ask }, true),
                Ok("token:1".into()),
                "{ask:?}"
            );
            for csrf in [None, Some(""), Some("cookie"), Some(others.as_str())] {
                assert_eq!(judge(&LOCAL, Ask { csrf, ..ask }, true), Err(Refusal::Unproven), "{csrf:?}");
            }
        }
        let typed = Ask { fetch_site: Some("none"), ..cookie };
        for ask in [cookie, typed] {
            assert_eq!(
                judge(&LOCAL, Ask { csrf: Some(&word), ..ask }, true),
                Err(Refusal::Unproven),
                "{ask:?}"
            );
        }
        let foreign = Ask { origin: Some("http://evil.example"), csrf: Some(&word), ..cookie };
        assert_eq!(judge(&LOCAL, foreign, true), Err(Refusal::ForeignOrigin));
        let by_token = Ask { authorization: Some("Bearer glt_good"), ..cookie };
        assert_eq!(judge(&LOCAL, by_token, true), Ok("token:1".into()), "a token needs no more");
    }

    #[test]
    fn a_websocket_by_a_cookie_needs_an_origin_and_no_word() {
        let cookie =
            Ask { is_safe: false, is_upgrade: true, login: Some("cookie"), ..from("localhost:7070") };
        assert_eq!(judge(&LOCAL, cookie, true), Err(Refusal::Unproven));
        let own = Ask { origin: Some("http://localhost:7070"), ..cookie };
        assert_eq!(judge(&LOCAL, own, true), Ok("token:1".into()));
        let foreign = Ask { origin: Some("http://localhost:8080"), ..cookie };
        assert_eq!(judge(&LOCAL, foreign, true), Err(Refusal::ForeignOrigin));
        let by_token = Ask { login: None, authorization: Some("Bearer glt_good"), ..cookie };
        assert_eq!(judge(&LOCAL, by_token, true), Ok("token:1".into()));
    }

    #[test]
    fn who_was_let_in_is_let_go_when_the_rules_no_longer_hold() {
        let house = House { any_token: true, ..House::default() };
        assert!(LOCAL.still(&Subject::Local, &House::default()));
        assert!(!LOCAL.still(&Subject::Local, &house));
        let token = Subject::Token { id: "1".into() };
        let login = Subject::Login { token: "1".into(), login: LoginId::of("cookie") };
        for subject in [&token, &login] {
            assert!(LOCAL.still(subject, &house), "{subject:?}");
            assert!(!LOCAL.still(subject, &House { revoked: true, ..House::default() }), "{subject:?}");
        }
        let logged_out = House { logged_out: true, ..House::default() };
        assert!(LOCAL.still(&token, &logged_out));
        assert!(!LOCAL.still(&login, &logged_out));
    }
}
