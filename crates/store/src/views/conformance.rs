//! What every implementation of [`Views`] has to do. Each check gets a fresh, empty backend.

#![allow(clippy::unwrap_used)]

use super::*;

/// Runs every check, each on a backend of its own.
pub(crate) fn check_all<V: Views>(mut fresh: impl FnMut() -> V) {
    let checks: [fn(&dyn Views); 9] = [
        a_new_view_is_empty_and_begins_at_zero,
        a_batch_is_read_at_once_and_moves_the_cursor,
        the_last_change_of_a_key_wins,
        ranges_go_page_by_page_both_ways,
        views_do_not_see_each_other,
        a_batch_that_does_not_follow_changes_nothing,
        what_exceeds_a_limit_changes_nothing,
        another_format_drops_the_rows,
        a_reset_view_is_empty_and_a_view_not_begun_is_refused,
    ];
    for check in checks {
        check(&fresh());
    }
}

fn name(text: &str) -> ViewName {
    ViewName::new(text).unwrap()
}

fn batch(follows: u64, cursor: u64, rows: &[(&'static str, &'static str)]) -> ViewBatch {
    let mut batch = ViewBatch::new(follows, cursor);
    for (key, value) in rows {
        batch.put(*key, *value);
    }
    batch
}

fn keys(views: &dyn Views, view: &ViewName, range: Range) -> Vec<String> {
    let text = |row: Row| String::from_utf8(row.key.to_vec()).unwrap();
    views.range(view, &range).unwrap().into_iter().map(text).collect()
}

fn all() -> Range {
    Range { limit: 100, ..Range::default() }
}

fn a_new_view_is_empty_and_begins_at_zero(views: &dyn Views) {
    let runs = name("runs");
    assert_eq!(views.begin(&runs, 1), Ok(0));
    assert_eq!(views.cursor(&runs), Ok(0));
    assert_eq!(views.get(&runs, b"a"), Ok(None));
    assert_eq!(views.range(&runs, &all()), Ok(Vec::new()));
}

fn a_batch_is_read_at_once_and_moves_the_cursor(views: &dyn Views) {
    let runs = name("runs");
    views.begin(&runs, 1).unwrap();
    views.apply(&runs, batch(0, 7, &[("a", "1"), ("", "empty key")])).unwrap();
    assert_eq!(views.cursor(&runs), Ok(7));
    assert_eq!(views.begin(&runs, 1), Ok(7));
    assert_eq!(views.get(&runs, b"a"), Ok(Some(Bytes::from("1"))));
    assert_eq!(keys(views, &runs, all()), ["", "a"]);
}

fn the_last_change_of_a_key_wins(views: &dyn Views) {
    let runs = name("runs");
    views.begin(&runs, 1).unwrap();
    let mut changes = batch(0, 1, &[("a", "1"), ("b", "1")]);
    changes.put("a", "2").delete("b").delete("never there");
    views.apply(&runs, changes).unwrap();
    views.apply(&runs, batch(1, 2, &[("a", "3")])).unwrap();
    assert_eq!(views.get(&runs, b"a"), Ok(Some(Bytes::from("3"))));
    assert_eq!(keys(views, &runs, all()), ["a"]);
}

fn ranges_go_page_by_page_both_ways(views: &dyn Views) {
    let runs = name("runs");
    views.begin(&runs, 1).unwrap();
    let rows = [("p/1", ""), ("p/2", ""), ("p/3", ""), ("o/9", ""), ("q/1", "")];
    views.apply(&runs, batch(0, 1, &rows)).unwrap();
    let page = |after: Option<&'static str>, limit, reverse| {
        let (prefix, after) = (Bytes::from("p/"), after.map(Bytes::from));
        keys(views, &runs, Range { prefix, after, limit, reverse })
    };
    assert_eq!(page(None, 2, false), ["p/1", "p/2"]);
    assert_eq!(page(Some("p/2"), 2, false), ["p/3"]);
    assert_eq!(page(Some("p/3"), 2, false), [""; 0]);
    assert_eq!(page(None, 2, true), ["p/3", "p/2"]);
    assert_eq!(page(Some("p/2"), 2, true), ["p/1"]);
    assert_eq!(page(Some("a"), 9, true), [""; 0]);
    assert_eq!(page(Some("z"), 9, false), [""; 0]);
    assert_eq!(page(Some("a"), 9, false), ["p/1", "p/2", "p/3"]);
    assert_eq!(page(None, 0, false), [""; 0]);
}

fn views_do_not_see_each_other(views: &dyn Views) {
    let (run, runs) = (name("run"), name("runs"));
    for view in [&run, &runs] {
        views.begin(view, 1).unwrap();
        assert_eq!(views.range(view, &all()), Ok(Vec::new()));
        views.apply(view, batch(0, 1, &[("k", "v")])).unwrap();
    }
    views.reset(&run).unwrap();
    assert_eq!(keys(views, &runs, all()), ["k"]);
}

fn a_batch_that_does_not_follow_changes_nothing(views: &dyn Views) {
    let runs = name("runs");
    views.begin(&runs, 1).unwrap();
    views.apply(&runs, batch(0, 5, &[("a", "1")])).unwrap();
    for wrong in [0, 4, 6] {
        let refused = views.apply(&runs, batch(wrong, 9, &[("a", "2")]));
        assert_eq!(refused, Err(ViewError::Conflict { actual: 5 }));
    }
    assert_eq!(views.get(&runs, b"a"), Ok(Some(Bytes::from("1"))));
    assert_eq!(views.cursor(&runs), Ok(5));
}

fn what_exceeds_a_limit_changes_nothing(views: &dyn Views) {
    let runs = name("runs");
    views.begin(&runs, 1).unwrap();
    let mut large_value = batch(0, 1, &[("a", "1")]);
    large_value.put("b", vec![0; ROW_VALUE_BYTES_MAX + 1]);
    let mut large_key = batch(0, 1, &[("a", "1")]);
    large_key.put(vec![0; ROW_KEY_BYTES_MAX + 1], "");
    let mut large_batch = batch(0, 1, &[("a", "1")]);
    for n in 0..=BATCH_BYTES_MAX / ROW_VALUE_BYTES_MAX {
        large_batch.put(n.to_be_bytes().to_vec(), vec![0; ROW_VALUE_BYTES_MAX]);
    }
    for (refused, what) in [(large_value, "value"), (large_key, "key"), (large_batch, "batch")] {
        let error = views.apply(&runs, refused).unwrap_err();
        assert!(matches!(error, ViewError::TooLarge { what: named, .. } if named == what), "{error}");
    }
    assert_eq!(views.range(&runs, &all()), Ok(Vec::new()));
    let mut largest = ViewBatch::new(0, 1);
    largest.put(vec![7; ROW_KEY_BYTES_MAX], vec![7; ROW_VALUE_BYTES_MAX]);
    views.apply(&runs, largest).unwrap();
}

fn another_format_drops_the_rows(views: &dyn Views) {
    let runs = name("runs");
    views.begin(&runs, 1).unwrap();
    views.apply(&runs, batch(0, 5, &[("a", "1")])).unwrap();
    assert_eq!(views.begin(&runs, 2), Ok(0));
    assert_eq!(views.get(&runs, b"a"), Ok(None));
    views.apply(&runs, batch(0, 1, &[("b", "1")])).unwrap();
    assert_eq!(keys(views, &runs, all()), ["b"]);
}

fn a_reset_view_is_empty_and_a_view_not_begun_is_refused(views: &dyn Views) {
    let runs = name("runs");
    let refused = Err(ViewError::NotBegun { view: runs.clone() });
    assert_eq!(views.cursor(&runs), refused);
    assert_eq!(views.reset(&runs).map(|()| 0), refused);
    views.begin(&runs, 1).unwrap();
    views.apply(&runs, batch(0, 5, &[("a", "1")])).unwrap();
    views.reset(&runs).unwrap();
    assert_eq!(views.cursor(&runs), Ok(0));
    assert_eq!(views.range(&runs, &all()), Ok(Vec::new()));
}
