//! Pages and labels, as queries name them.

use ghostlight_actors::views::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, Page};

use super::problem::{Code, Problem};

/// The page that a query asks for. Its cursor is checked by who makes the page.
///
/// # Errors
/// [`Code::BadQuery`] unless it has 1 to [`PAGE_ROWS_MAX`] rows: also where there is nothing to list.
pub fn page(limit: Option<u16>, cursor: Option<String>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(PAGE_ROWS_DEFAULT);
    if limit == 0 || limit > PAGE_ROWS_MAX {
        return Err(Problem::new(Code::BadQuery, format!("`limit` is 1 to {PAGE_ROWS_MAX}")));
    }
    Ok(Page { limit, cursor })
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

/// The values of these names, which have commas between them: in the order of `all`, each once. None when nothing is said.
///
/// # Errors
/// [`Code::BadQuery`], with the names that there are.
pub fn several_of<T: Copy>(
    parameter: &str,
    text: Option<&str>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<Vec<T>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let named: Vec<&str> = text.split(',').collect();
    if named.iter().all(|word| all.iter().any(|value| name(*value) == *word)) {
        return Ok(all.iter().copied().filter(|value| named.contains(&name(*value))).collect());
    }
    let known = all.iter().map(|value| name(*value)).collect::<Vec<_>>().join(", ");
    let detail = format!("`{parameter}` is one of: {known}; several with commas between them");
    Err(Problem::new(Code::BadQuery, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_200_rows_and_50_when_nothing_is_said() {
        for bad in [0, PAGE_ROWS_MAX + 1, u16::MAX] {
            assert_eq!(page(Some(bad), None).unwrap_err().code(), Code::BadQuery, "{bad}");
        }
        let limits = [None, Some(1), Some(200)].map(|limit| page(limit, None).unwrap().limit);
        assert_eq!(limits, [50, 1, 200]);
    }

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
