//! Durations and sizes as people write them: `15m`, `1h30m`, `PT15M`, `8MiB`.

use std::time::Duration;

/// The longest duration that a document may name: ten years of 365 days.
pub const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Reads `500ms`, `1s`, `15m`, `1h30m`, `2d` or the ISO 8601 form `PT15M`, `P1DT12H`. A plain number, a negative one, months and
/// years are no durations. `None` also beyond [`DURATION_MAX`].
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let parsed =
        if let Some(iso) = text.strip_prefix('P') { iso_duration(iso) } else { short_duration(text) };
    parsed.filter(|duration| *duration <= DURATION_MAX)
}

fn short_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u32); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    sum(text, &UNITS)
}

fn iso_duration(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let days = if date.is_empty() { Some(Duration::ZERO) } else { sum(date, &[("D", 86_400_000)]) };
    let time = match time {
        None if date.is_empty() => None,
        None => Some(Duration::ZERO),
        Some(time) => sum(time, &[("H", 3_600_000), ("M", 60_000), ("S", 1000)]),
    };
    days?.checked_add(time?)
}

/// Adds up numbers with units, which stand in the order of `units` and at most once each. Units count milliseconds.
fn sum(text: &str, units: &[(&str, u32)]) -> Option<Duration> {
    let mut units = units.iter();
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let (_, milliseconds) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, *milliseconds)?)?;
        rest = tail;
    }
    Some(total)
}

fn scaled(number: &str, milliseconds: u32) -> Option<Duration> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(u64::from(milliseconds)).map(Duration::from_millis);
    }
    let (whole, fraction) = number.split_once('.')?;
    if whole.is_empty() || fraction.is_empty() || number.len() > 20 {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(number * f64::from(milliseconds) / 1000.0).ok()
}

/// Reads `8MiB`, `64KiB`, `10MB`, `512B` in bytes.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?.trim_end();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_both_forms() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("1s", 1000),
            ("0s", 0),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1.5s", 1500),
            ("PT15M", 900_000),
            ("PT1H30M", 5_400_000),
            ("P1DT12H", 129_600_000),
            ("P2D", 172_800_000),
            ("PT0.5S", 500),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "15",
            "m",
            "-1s",
            "1 s",
            "1y",
            "P",
            "PT",
            "P1Y",
            "P1M",
            "1s1h",
            "1s1s",
            "1e3s",
            "99999999999999999999s",
            "4000d",
            "ä",
            "1.s",
            ".5s",
            "1..5s",
            "PT1",
            "T1S",
            "１s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(bytes("8MiB"), Some(8 << 20));
        assert_eq!(bytes("512B"), Some(512));
        assert_eq!(bytes("10 MB"), Some(10_000_000));
        for text in ["8", "MiB", "-1KiB", "1TiB", "99999999999999999999GiB", ""] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
