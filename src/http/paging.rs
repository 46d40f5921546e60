//! Pages and labels, as queries name them.

use ghostlight_actors::views::{PAGE_ROWS_DEFAULT, Page};

use super::problem::{Code, Problem};

/// The page that a query asks for. Its bounds are checked by who makes it.
#[must_use]
pub fn page(limit: Option<u16>, cursor: Option<String>) -> Page {
    Page { limit: limit.unwrap_or(PAGE_ROWS_DEFAULT), cursor }
}

/// Labels as `key=value`, several with commas between them.
///
/// # Errors
/// [`Code::BadQuery`] for one without an equals sign.
pub fn labels(text: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let label = |part: &str| match part.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Problem::new(Code::BadQuery, "`label` is `key=value`, several with commas between them")),
    };
    text.split(',').map(label).collect()
}

/// The value of that name, or a problem that lists those that there are.
///
/// # Errors
/// [`Code::BadQuery`].
pub fn one_of<T>(
    parameter: &str,
    text: Option<&str>,
    find: impl FnOnce(&str) -> Option<T>,
    known: &str,
) -> Result<Option<T>, Problem> {
    match text.map(|text| find(text).ok_or(text)) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => Err(Problem::new(Code::BadQuery, format!("`{parameter}` is one of: {known}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs() {
        let two = vec![("team".to_owned(), "ops".to_owned()), ("a".to_owned(), "b=c".to_owned())];
        assert_eq!(labels(Some("team=ops,a=b=c")).unwrap(), two);
        assert_eq!(labels(None).unwrap(), vec![]);
        for bad in ["", "team", "=x", "a=b,"] {
            assert_eq!(labels(Some(bad)).unwrap_err().code(), Code::BadQuery, "{bad}");
        }
    }
}
