//! Ordered sources merged into one list of rows, where the newer source hides the older.

use std::cmp::Ordering;
use std::iter::Peekable;

use bytes::Bytes;

use crate::views::Row;

/// A source of keys in the order of reading: a value, or `None` where the row was removed.
pub(super) type Source<'a, E> = Box<dyn Iterator<Item = Result<(Bytes, Option<Bytes>), E>> + 'a>;

/// The first `limit` rows of `sources`, the newest source first. Every source has its keys in ascending order (in
/// descending order if `reverse`), each once; a removed row hides the same key of older sources. The first error
/// met ends the merge.
pub(super) fn merge<E>(sources: Vec<Source<'_, E>>, reverse: bool, limit: usize) -> Result<Vec<Row>, E> {
    let mut sources: Vec<Peekable<Source<'_, E>>> = sources.into_iter().map(Iterator::peekable).collect();
    let mut rows = Vec::new();
    while rows.len() < limit {
        let Some(key) = next_key(&mut sources, reverse)? else { break };
        let mut newest = None;
        for source in &mut sources {
            let same_key = |item: &Result<(Bytes, _), E>| matches!(item, Ok((other, _)) if *other == key);
            if let Some(Ok((_, value))) = source.next_if(same_key) {
                newest.get_or_insert(value);
            }
        }
        rows.extend(newest.flatten().map(|value| Row { key, value }));
    }
    Ok(rows)
}

/// The key that comes next in the order of reading, over all sources.
fn next_key<E>(sources: &mut [Peekable<Source<'_, E>>], reverse: bool) -> Result<Option<Bytes>, E> {
    let mut next: Option<Bytes> = None;
    for source in sources {
        if let Some(Err(error)) = source.next_if(Result::is_err) {
            return Err(error);
        }
        let Some(Ok((key, _))) = source.peek() else { continue };
        let earlier = if reverse { Ordering::Greater } else { Ordering::Less };
        if next.as_ref().is_none_or(|next| key.cmp(next) == earlier) {
            next = Some(key.clone());
        }
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Layer = BTreeMap<u8, Option<u8>>;

    fn source(layer: &Layer, reverse: bool) -> Source<'_, String> {
        let item = |(key, value): (&u8, &Option<u8>)| {
            Ok((Bytes::copy_from_slice(&[*key]), value.map(|value| Bytes::copy_from_slice(&[value]))))
        };
        if reverse { Box::new(layer.iter().rev().map(item)) } else { Box::new(layer.iter().map(item)) }
    }

    proptest! {
        #[test]
        fn a_merge_is_what_one_map_would_hold(
            layers in prop::collection::vec(
                prop::collection::btree_map(0u8..20, prop::option::of(any::<u8>()), 0..12), 0..4),
            reverse: bool,
            limit in 0usize..30,
        ) {
            let mut model = BTreeMap::new();
            for layer in layers.iter().rev() {
                model.extend(layer.iter().map(|(key, value)| (*key, *value)));
            }
            let mut expected: Vec<(u8, u8)> =
                model.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            if reverse {
                expected.reverse();
            }
            expected.truncate(limit);
            let sources = layers.iter().map(|layer| source(layer, reverse)).collect();
            let merged = merge(sources, reverse, limit).expect("no source fails");
            let merged: Vec<(u8, u8)> = merged.iter().map(|row| (row.key[0], row.value[0])).collect();
            prop_assert_eq!(merged, expected);
        }
    }

    #[test]
    fn a_failing_source_fails_the_merge() {
        let failing: Source<'_, &str> = Box::new(std::iter::once(Err("damaged page")));
        assert_eq!(merge(vec![failing], false, 10), Err("damaged page"));
    }
}
