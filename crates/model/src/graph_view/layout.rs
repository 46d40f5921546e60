//! Where nodes and edges of a picture stand: rows by level, ordered so that few edges cross.
//!
//! An edge that spans several levels passes through a point on each of them, which takes part in the ordering. Rows are
//! ordered by the mean place of their neighbours, down and up a few times, then moved towards them without overlap.

use super::Picture;

/// The most points that long edges pass through; beyond that they are drawn straight.
const POINTS_MAX: usize = 20_000;
const ORDER_SWEEPS: usize = 6;
const PLACE_SWEEPS: usize = 8;
/// Free space between what stands side by side.
pub(super) const GAP: f64 = 28.0;
const ROW_HEIGHT: f64 = 104.0;
const MARGIN: f64 = 24.0;

/// The places.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    /// The centres of the nodes.
    pub nodes: Vec<(f64, f64)>,
    /// For each edge: the points that it passes between its ends.
    pub bends: Vec<Vec<(f64, f64)>>,
}

struct Item {
    width: f64,
    above: Vec<usize>,
    below: Vec<usize>,
    x: f64,
}

/// Lays out a picture whose nodes are as wide as `widths` say.
pub(super) fn layout(picture: &Picture, widths: &[f64], top: f64) -> Layout {
    let levels = picture.nodes.iter().map(|node| node.level + 1).max().unwrap_or(0);
    let mut items: Vec<Item> = widths
        .iter()
        .map(|width| Item { width: *width, above: Vec::new(), below: Vec::new(), x: 0.0 })
        .collect();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); levels];
    for (at, node) in picture.nodes.iter().enumerate() {
        rows[node.level].push(at);
    }
    let spans = picture
        .edges
        .iter()
        .map(|edge| picture.nodes[edge.to].level.saturating_sub(picture.nodes[edge.from].level + 1));
    let has_points = spans.sum::<usize>() <= POINTS_MAX;
    let mut passed: Vec<Vec<usize>> = Vec::with_capacity(picture.edges.len());
    for edge in &picture.edges {
        let mut points = Vec::new();
        let mut before = edge.from;
        let between = picture.nodes[edge.from].level + 1..picture.nodes[edge.to].level;
        for level in if has_points { between } else { 0..0 } {
            let point = items.len();
            items.push(Item { width: 12.0, above: vec![before], below: Vec::new(), x: 0.0 });
            items[before].below.push(point);
            rows[level].push(point);
            points.push(point);
            before = point;
        }
        items[before].below.push(edge.to);
        items[edge.to].above.push(before);
        passed.push(points);
    }
    order(&mut rows, &items);
    place(&rows, &mut items);
    let left = items.iter().map(|item| item.x - item.width / 2.0).fold(f64::INFINITY, f64::min);
    let shift = MARGIN - if left.is_finite() { left } else { 0.0 };
    items.iter_mut().for_each(|item| item.x += shift);
    let right = items.iter().map(|item| item.x + item.width / 2.0).fold(0.0, f64::max);
    let mut y_of = vec![0.0; items.len()];
    let mut y = top + ROW_HEIGHT / 2.0;
    for row in &rows {
        row.iter().for_each(|at| y_of[*at] = y);
        y += ROW_HEIGHT;
    }
    let at = |item: &usize| (items[*item].x, y_of[*item]);
    Layout {
        width: right + MARGIN,
        height: y - ROW_HEIGHT / 2.0 + MARGIN / 2.0,
        nodes: (0..picture.nodes.len()).map(|node| at(&node)).collect(),
        bends: passed.iter().map(|points| points.iter().map(at).collect()).collect(),
    }
}

/// Orders rows by the mean place of their neighbours; what has none stays where it is.
fn order(rows: &mut [Vec<usize>], items: &[Item]) {
    let mut place = vec![0.0_f64; items.len()];
    let number = |row: &[usize], place: &mut Vec<f64>| {
        row.iter().enumerate().for_each(|(at, item)| place[*item] = at as f64);
    };
    rows.iter().for_each(|row| number(row, &mut place));
    for sweep in 0..ORDER_SWEEPS {
        let down = sweep % 2 == 0;
        let count = rows.len();
        for step in 0..count {
            let row = &mut rows[if down { step } else { count - 1 - step }];
            let wanted = |item: usize| {
                let near = if down { &items[item].above } else { &items[item].below };
                mean(near.iter().map(|other| place[*other])).unwrap_or(place[item])
            };
            let mut keyed: Vec<(f64, usize)> = row.iter().map(|item| (wanted(*item), *item)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *row = keyed.into_iter().map(|(_, item)| item).collect();
            number(row, &mut place);
        }
    }
}

/// Gives each item its x: near its neighbours, in the order of its row, without overlap.
fn place(rows: &[Vec<usize>], items: &mut [Item]) {
    for row in rows {
        let wanted: Vec<f64> = vec![0.0; row.len()];
        settle(row, &wanted, items);
    }
    for sweep in 0..PLACE_SWEEPS {
        let down = sweep % 2 == 0;
        for step in 0..rows.len() {
            let row = &rows[if down { step } else { rows.len() - 1 - step }];
            let wanted: Vec<f64> = row
                .iter()
                .map(|item| {
                    let item = &items[*item];
                    let near = if down { &item.above } else { &item.below };
                    mean(near.iter().map(|other| items[*other].x)).unwrap_or(item.x)
                })
                .collect();
            settle(row, &wanted, items);
        }
    }
}

/// Puts a row as near to where its items want to be as their order and widths allow: neighbours that collide become a group,
/// which stands at the mean of what its members want.
fn settle(row: &[usize], wanted: &[f64], items: &mut [Item]) {
    // A group: the x of its first item, how many items it has, the sum of wanted places of that first item.
    let mut groups: Vec<(f64, usize, f64)> = Vec::new();
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    for (index, item) in row.iter().enumerate() {
        if let Some(before) = index.checked_sub(1) {
            offset += (items[row[before]].width + items[*item].width) / 2.0 + GAP;
        }
        offsets.push(offset);
        // In shifted places, order is all that is asked for: this is regression to an ascending row.
        let mut group = (wanted[index] - offset, 1, wanted[index] - offset);
        while let Some(last) = groups.last().filter(|last| last.0 >= group.0) {
            let (count, sum) = (last.1 + group.1, last.2 + group.2);
            group = (sum / count as f64, count, sum);
            groups.pop();
        }
        groups.push(group);
    }
    let shifted = groups.iter().flat_map(|(x, count, _)| std::iter::repeat_n(*x, *count));
    for ((item, offset), x) in row.iter().zip(&offsets).zip(shifted) {
        items[*item].x = x + offset;
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
