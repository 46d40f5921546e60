//! The cookie of a login: how it is named, written and read.
//!
//! Behind TLS its name begins with `__Host-`, which makes browsers refuse one that came without TLS or from another host of the same
//! domain. Over plain HTTP, which is loopback, there is no such protection, and the name says so by not having it.

use actix_web::http::header::{self, HeaderMap};

use crate::access::logins::LOGIN_LASTS;

/// The name behind TLS.
pub const SECURE: &str = "__Host-ghostlight";
/// The name over plain HTTP.
pub const PLAIN: &str = "ghostlight_session";

/// What the cookie of a request holds; only the one that came over TLS, if that is demanded.
#[must_use]
pub fn login(headers: &HeaderMap, only_secure: bool) -> Option<&str> {
    let plain = || if only_secure { None } else { only(headers, PLAIN) };
    only(headers, SECURE).or_else(plain)
}

/// The one cookie of that name. Of several, one was put there by somebody else, and nobody knows which.
fn only<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    let mut values = cookies.filter(|(own, _)| *own == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

/// The cookie of a login with this text.
#[must_use]
pub fn set(text: &str, is_secure: bool) -> String {
    written(text, is_secure, LOGIN_LASTS.as_secs())
}

/// What takes the cookie away, by whichever name the browser has it.
#[must_use]
pub fn cleared() -> [String; 2] {
    [true, false].map(|is_secure| written("", is_secure, 0))
}

fn written(text: &str, is_secure: bool, seconds: u64) -> String {
    let (name, secure) = if is_secure { (SECURE, "; Secure") } else { (PLAIN, "") };
    format!("{name}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(lines: &[&str], only_secure: bool) -> Option<String> {
        let request = lines
            .iter()
            .fold(TestRequest::default(), |request, line| request.append_header((header::COOKIE, *line)));
        login(request.to_http_request().headers(), only_secure).map(str::to_owned)
    }

    #[test]
    fn the_cookie_is_found_among_others_and_the_safer_one_comes_first() {
        assert_eq!(read(&["a=b; ghostlight_session=x;c"], false).as_deref(), Some("x"));
        assert_eq!(read(&["ghostlight_session=x; __Host-ghostlight=y"], false).as_deref(), Some("y"));
        assert_eq!(read(&["a=b", "__Host-ghostlight=y"], true).as_deref(), Some("y"));
        for none in ["", "ghostlight_session", "xghostlight_session=x", "GHOSTLIGHT_SESSION=x"] {
            assert_eq!(read(&[none], false), None, "{none}");
        }
    }

    #[test]
    fn behind_tls_a_cookie_that_anybody_could_have_set_is_not_taken() {
        assert_eq!(read(&["ghostlight_session=x"], true), None);
    }

    #[test]
    fn of_two_cookies_of_one_name_neither_is_taken() {
        assert_eq!(read(&["ghostlight_session=x; ghostlight_session=y"], false), None);
        assert_eq!(read(&["ghostlight_session=x", "ghostlight_session=x"], false), None);
    }

    #[test]
    fn no_script_sees_the_cookie_and_no_other_site_has_it_sent() {
        let plain = "ghostlight_session=x; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict";
        assert_eq!(set("x", false), plain);
        let secure = "__Host-ghostlight=x; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(set("x", true), secure);
        assert!(cleared().iter().all(|cookie| cookie.contains("Max-Age=0; HttpOnly")));
    }
}
