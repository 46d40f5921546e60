//! SVG: what browsers show, readable on light and dark ground, with titles for who hears it read.

use std::fmt::Write;

use super::layout::layout;
use super::{Line, Picture, Shape, Shown, cut};
use crate::workflow::DependencyKind;

const CAPTION_CHARACTERS_MAX: usize = 34;
const HALF_HEIGHT: f64 = 24.0;
const HEAD: f64 = 64.0;

/// Colours stand where they are used: not everything that shows SVG knows variables, or dark ground.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1b1b1f}.ground{fill:#fafafc}\
.name{font-size:16px;font-weight:700}.about{font-size:12px}.id{font-size:13px;font-weight:600}.caption{font-size:11px}\
.about,.caption,.label{fill:#5b5b66}.node path{fill:#fff;stroke:#8a8a96;stroke-width:1.4}\
.call path{fill:#eef4ff}.gate path{fill:#fff6dd}.edge path{fill:none;stroke:#8a8a96;stroke-width:1.4}\
.soft path,.on-error path{stroke-dasharray:6 4}.optional path{stroke-dasharray:2 4}\
.critical path{stroke:#b3400d;stroke-width:2.4}.edge .head{fill:#8a8a96;stroke:none}.critical .head{fill:#b3400d}\
.label{font-size:11px;paint-order:stroke;stroke:#fafafc;stroke-width:4px;stroke-linejoin:round}\
@media (prefers-color-scheme:dark){text{fill:#ececf1}.ground{fill:#17171b}.about,.caption,.label{fill:#a9a9b6}\
.node path{fill:#24242b;stroke:#777784}.call path{fill:#1f2a3d}.gate path{fill:#3a321c}.edge path{stroke:#777784}\
.critical path{stroke:#ff9d66}.edge .head{fill:#777784}.critical .head{fill:#ff9d66}.label{stroke:#17171b}}";

pub(super) fn write(picture: &Picture) -> String {
    let widths: Vec<f64> = picture.nodes.iter().map(width).collect();
    let about = cut(&picture.description, 120);
    let top = if about.is_empty() { HEAD - 20.0 } else { HEAD };
    let places = layout(picture, &widths, top);
    let text_width =
        (picture.name.chars().count() as f64 * 10.0).max(about.chars().count() as f64 * 6.6) + 48.0;
    // Labels of edges at the right border need room too.
    let (width, height) = (places.width.max(text_width), places.height.max(top));
    let mut out = String::new();
    // Writing into a text does not fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-labelledby=\"title about\">\n<title id=\"title\">{}</title>\n<desc id=\"about\">{}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n<text class=\"name\" x=\"24\" y=\"30\">{}</text>\n",
        escaped(&format!("Workflow {}", picture.name)),
        escaped(&summary(picture)),
        escaped(&picture.name),
    );
    if !about.is_empty() {
        let _ = writeln!(out, "<text class=\"about\" x=\"24\" y=\"50\">{}</text>", escaped(&about));
    }
    // Edges first, critical ones last among them: nodes lie above lines.
    let mut labels = String::new();
    for critical in [false, true] {
        for (at, line) in picture.edges.iter().enumerate().filter(|(_, line)| line.critical == critical) {
            let (from, to) = (places.nodes[line.from], places.nodes[line.to]);
            let mut points = vec![(from.0, from.1 + HALF_HEIGHT)];
            points.extend(&places.bends[at]);
            points.push((to.0, to.1 - HALF_HEIGHT));
            edge(&mut out, &mut labels, picture, line, &points);
        }
    }
    for (at, shown) in picture.nodes.iter().enumerate() {
        node(&mut out, shown, places.nodes[at], widths[at]);
    }
    out.push_str(&labels);
    out.push_str("</svg>\n");
    out
}

fn summary(picture: &Picture) -> String {
    let path: Vec<&str> =
        picture.nodes.iter().filter(|node| node.critical).map(|node| node.id.as_str()).collect();
    format!(
        "{} {} nodes. Critical path: {}.",
        picture.description,
        picture.nodes.len(),
        cut(&path.join(", "), 1000)
    )
}

/// As wide as its texts, and as its outline takes from the sides.
fn width(node: &Shown) -> f64 {
    let id = node.id.chars().count() as f64 * 8.0;
    let caption = node.caption(CAPTION_CHARACTERS_MAX).chars().count() as f64 * 6.3;
    let sides = match node.shape {
        Shape::Diamond => 72.0,
        Shape::Hexagon | Shape::Fork | Shape::Join | Shape::Pill | Shape::Flag => 48.0,
        Shape::Double => 36.0,
        Shape::Round | Shape::Box => 28.0,
    };
    id.max(caption).max(56.0) + sides
}

fn node(out: &mut String, node: &Shown, (x, y): (f64, f64), width: f64) {
    let (l, r, t, b) = (x - width / 2.0, x + width / 2.0, y - HALF_HEIGHT, y + HALF_HEIGHT);
    let outline = match node.shape {
        Shape::Round => rounded(l, t, r, b, 10.0),
        Shape::Pill => rounded(l, t, r, b, HALF_HEIGHT),
        Shape::Box => polygon(&[(l, t), (r, t), (r, b), (l, b)]),
        Shape::Double => format!(
            "{} {}",
            polygon(&[(l, t), (r, t), (r, b), (l, b)]),
            polygon(&[(l + 5.0, t + 5.0), (r - 5.0, t + 5.0), (r - 5.0, b - 5.0), (l + 5.0, b - 5.0)])
        ),
        Shape::Hexagon => {
            polygon(&[(l, y), (l + 16.0, t), (r - 16.0, t), (r, y), (r - 16.0, b), (l + 16.0, b)])
        }
        // Cut at top and bottom, so that two lines of text fit into it.
        Shape::Diamond => {
            polygon(&[(l, y), (l + 34.0, t), (r - 34.0, t), (r, y), (r - 34.0, b), (l + 34.0, b)])
        }
        Shape::Fork => polygon(&[(l + 18.0, t), (r - 18.0, t), (r, b), (l, b)]),
        Shape::Join => polygon(&[(l, t), (r, t), (r - 18.0, b), (l + 18.0, b)]),
        Shape::Flag => polygon(&[(l, t), (r, t), (r, b), (l, b), (l + 16.0, y)]),
    };
    let class = match node.shape {
        Shape::Round | Shape::Box => " call",
        Shape::Hexagon => " gate",
        _ => "",
    };
    let critical = if node.critical { " critical" } else { "" };
    let _ = writeln!(
        out,
        "<g class=\"node{class}{critical}\"><title>{}</title><path d=\"{outline}\"/>\
         <text class=\"id\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text class=\"caption\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>",
        escaped(&told(node)),
        y - 2.5,
        escaped(&node.id),
        y + 13.5,
        escaped(&node.caption(CAPTION_CHARACTERS_MAX)),
    );
}

/// Everything about a node, for its title.
fn told(node: &Shown) -> String {
    let mut told = format!("{}: {}", node.id, node.caption(usize::MAX));
    if let (Some(when), true) = (&node.when, node.kind != "condition") {
        let _ = write!(told, ", when {when}");
    }
    if !node.description.is_empty() {
        let _ = write!(told, ". {}", node.description);
    }
    if node.critical {
        told.push_str(" (on the critical path)");
    }
    told
}

fn edge(out: &mut String, labels: &mut String, picture: &Picture, line: &Line, points: &[(f64, f64)]) {
    let class = match line.kind {
        _ if line.on_error => " on-error",
        DependencyKind::Hard => "",
        DependencyKind::Soft => " soft",
        DependencyKind::Optional => " optional",
    };
    let critical = if line.critical { " critical" } else { "" };
    let (from, to) = (&picture.nodes[line.from].id, &picture.nodes[line.to].id);
    let when = line.when.as_ref().map(|when| format!(" when {when}")).unwrap_or_default();
    let kind = class.trim_start().replace('-', " ");
    let title = format!("{from} to {to}{}{kind}{when}", if kind.is_empty() { "" } else { ", " });
    let (Some(first), Some(end)) = (points.first(), points.last()) else { return };
    let mut path = format!("M{:.1} {:.1}", first.0, first.1);
    for (index, pair) in points.windows(2).enumerate() {
        // The last piece ends where the head begins.
        let is_last = index + 2 == points.len();
        let (a, b) = (pair[0], (pair[1].0, pair[1].1 - if is_last { 7.0 } else { 0.0 }));
        let middle = f64::midpoint(a.1, b.1);
        let _ = write!(path, " C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}", a.0, b.0, b.0, b.1);
    }
    let head = polygon(&[(end.0, end.1), (end.0 - 4.5, end.1 - 9.0), (end.0 + 4.5, end.1 - 9.0)]);
    let _ = writeln!(
        out,
        "<g class=\"edge{class}{critical}\"><title>{}</title><path d=\"{path}\"/><path class=\"head\" d=\"{head}\"/></g>",
        escaped(&title)
    );
    let label = line.label();
    if !label.is_empty() {
        let (a, b) = (points[points.len() - 2], *end);
        let (x, y) = (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1));
        let _ = writeln!(
            labels,
            "<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y + 3.5,
            escaped(&label)
        );
    }
}

fn polygon(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    format!("M{}Z", points.join("L"))
}

fn rounded(l: f64, t: f64, r: f64, b: f64, radius: f64) -> String {
    let arc = |x: f64, y: f64| format!("A{radius:.1} {radius:.1} 0 0 1 {x:.1} {y:.1}");
    format!(
        "M{:.1} {t:.1}H{:.1}{}V{:.1}{}H{:.1}{}V{:.1}{}Z",
        l + radius,
        r - radius,
        arc(r, t + radius),
        b - radius,
        arc(r - radius, b),
        l + radius,
        arc(l, b - radius),
        t + radius,
        arc(l + radius, t)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
