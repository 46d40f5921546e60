//! From bytes to the text of a document: UTF-8 and nothing else, with or without a byte order mark.

use super::document::TEXT_BYTES_MAX;
use crate::diagnostic::{Code, Diagnostic, Span};

/// The text that `bytes` hold, without its byte order mark.
///
/// # Errors
/// GL0103 when there are more than [`TEXT_BYTES_MAX`], GL0114 with the place of the first byte that is not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, Box<Diagnostic>> {
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(Box::new(too_large(bytes.len())));
    }
    let refuse = |span, message: String| Box::new(bad_encoding(span, message));
    if let Some(encoding) = other_encoding(bytes) {
        return Err(refuse(Span::default(), format!("the document is written in {encoding}")));
    }
    std::str::from_utf8(bytes).map(without_mark).map_err(|error| {
        let at = error.valid_up_to();
        let before = std::str::from_utf8(bytes.get(..at).unwrap_or_default()).unwrap_or_default();
        let byte = bytes.get(at).copied().unwrap_or_default();
        refuse(place_after(before), format!("byte {at} of the document (0x{byte:02X}) is not UTF-8"))
    })
}

/// UTF-16 and UTF-32 as their marks and their zeros give them away: a document begins with characters of ASCII.
fn other_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..]
        | [0, 0, 0xfe, 0xff, ..]
        | [0, 0, 0, 1..=0x7f, ..]
        | [1..=0x7f, 0, 0, 0, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, 0, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..] => {
            Some("UTF-16")
        }
        _ => None,
    }
}

pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

pub(super) fn too_large(bytes: usize) -> Diagnostic {
    let message = format!("the document has {bytes} bytes; at most {TEXT_BYTES_MAX} are read");
    Diagnostic::new(Code::TextTooLarge, Span::default(), message)
}

/// A zero byte, which some readers take for the end of the text and others do not.
pub(super) fn check_zero(text: &str) -> Option<Diagnostic> {
    let at = text.find('\0')?;
    let message = format!("byte {at} of the document is zero, which ends texts elsewhere");
    Some(Diagnostic::new(Code::BadEncoding, place_after(&text[..at]), message).help("delete it"))
}

fn bad_encoding(span: Span, message: String) -> Diagnostic {
    Diagnostic::new(Code::BadEncoding, span, message).help("save it as UTF-8")
}

fn place_after(text: &str) -> Span {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { line: count(line), column: count(column), end_line: count(line), end_column: count(column + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf_8_with_or_without_a_mark() {
        assert_eq!(decode("a: ä".as_bytes()), Ok("a: ä"));
        assert_eq!(decode(b"\xef\xbb\xbfa: 1"), Ok("a: 1"));
        assert_eq!(decode(b""), Ok(""));
    }

    #[test]
    fn other_encodings_are_named() {
        let utf_16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        for (bytes, name) in [
            (utf_16("name: w"), "UTF-16"),
            (utf_16("\u{feff}name: w"), "UTF-16"),
            ("na".encode_utf16().flat_map(u16::to_be_bytes).collect(), "UTF-16"),
            ("na".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(), "UTF-32"),
            ("na".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(), "UTF-32"),
        ] {
            let told = decode(&bytes).unwrap_err();
            assert!(told.code == Code::BadEncoding && told.message.contains(name), "{told:?}");
        }
    }

    #[test]
    fn a_byte_that_is_not_utf_8_has_a_place() {
        let told = decode(b"a: 1\nb: caf\xe9\n").unwrap_err();
        assert_eq!((told.code, told.line, told.column), (Code::BadEncoding, 2, 7));
        assert!(told.message.contains("0xE9"), "{}", told.message);
        // A lone surrogate has no form in UTF-8 either.
        assert_eq!(decode(b"\xed\xa0\xbd").unwrap_err().code, Code::BadEncoding);
    }
}
