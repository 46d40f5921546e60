//! Any history of a view, compared with a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Act {
    Apply(Vec<(u8, Option<u8>)>),
    Flush,
    Reset,
    CloseAndOpen,
    AbandonAndOpen,
    Range { prefix: Option<u8>, after: Option<u8>, limit: usize, reverse: bool },
}

fn act() -> impl Strategy<Value = Act> {
    let changes = prop::collection::vec((0u8..40, prop::option::weighted(0.7, any::<u8>())), 0..8);
    let range = (prop::option::of(0u8..40), prop::option::of(0u8..40), 0usize..20, any::<bool>());
    prop_oneof![
        6 => changes.prop_map(Act::Apply),
        3 => Just(Act::Flush),
        1 => Just(Act::Reset),
        1 => Just(Act::CloseAndOpen),
        1 => Just(Act::AbandonAndOpen),
        6 => range.prop_map(|(prefix, after, limit, reverse)| Act::Range { prefix, after, limit, reverse }),
    ]
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys of one or two bytes, so that some are prefixes of others.
fn key(number: u8) -> Vec<u8> {
    if number < 8 { vec![number] } else { vec![number % 8, number] }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Overlay and database together are one ordered map; after a crash the rows are exactly those of the cursor.
    #[test]
    fn a_view_is_always_the_map_that_its_cursor_says(acts in prop::collection::vec(act(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = opened(options(dir.path()));
        store.views().begin(&runs(), 1).unwrap();
        let mut model = Rows::new();
        // What the view held at each cursor since it was last reset. A reset may be lost in a crash as well.
        let mut cursor = 0;
        let mut history: BTreeMap<u64, Vec<Rows>> = BTreeMap::from([(0, vec![Rows::new()])]);
        for act in acts {
            match act {
                Act::Apply(changes) => {
                    let mut batch = ViewBatch::new(cursor, cursor + 1);
                    for (number, value) in changes {
                        match value {
                            Some(value) => {
                                batch.put(key(number), vec![value]);
                                model.insert(key(number), vec![value]);
                            }
                            None => {
                                batch.delete(key(number));
                                model.remove(&key(number));
                            }
                        }
                    }
                    store.views().apply(&runs(), batch).unwrap();
                    cursor += 1;
                    history.entry(cursor).or_default().push(model.clone());
                }
                Act::Flush => {
                    store.flush();
                    prop_assert_eq!(store.stats().waiting_bytes, 0);
                }
                Act::Reset => {
                    store.views().reset(&runs()).unwrap();
                    (cursor, model) = (0, Rows::new());
                }
                Act::CloseAndOpen => {
                    store.close();
                    store = opened(options(dir.path()));
                    prop_assert_eq!(store.set_aside(), None);
                    prop_assert_eq!(store.views().begin(&runs(), 1), Ok(cursor));
                }
                Act::AbandonAndOpen => {
                    drop(store);
                    store = opened(options(dir.path()));
                    prop_assert_eq!(store.set_aside(), None);
                    cursor = store.views().begin(&runs(), 1).unwrap();
                    model = rows(&*store.views()).into_iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
                    prop_assert!(history[&cursor].contains(&model), "rows of no moment at cursor {}", cursor);
                }
                Act::Range { prefix, after, limit, reverse } => {
                    let prefix = prefix.map(key).unwrap_or_default();
                    let after = after.map(key);
                    let wanted = |key: &Vec<u8>| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| {
                        if reverse { key < after } else { key > after }
                    });
                    let mut expected: Vec<Vec<u8>> = model.keys().filter(|key| wanted(key)).cloned().collect();
                    if reverse {
                        expected.reverse();
                    }
                    expected.truncate(limit);
                    let after = after.clone().map(Bytes::from);
                    let range = Range { prefix: prefix.clone().into(), after, limit, reverse };
                    let found = store.views().range(&runs(), &range).unwrap();
                    prop_assert_eq!(found.into_iter().map(|row| row.key.to_vec()).collect::<Vec<_>>(), expected);
                }
            }
            for number in [0, 7, 8, 39] {
                let found = store.views().get(&runs(), &key(number)).unwrap().map(|value| value.to_vec());
                prop_assert_eq!(found.as_ref(), model.get(&key(number)));
            }
        }
    }
}
