//! The text of a token: `glt_p_`, 30 random characters, 6 characters of checksum.
//!
//! The prefix lets scanners find a token that was committed by mistake, and the checksum lets them and us tell a token
//! from a text that merely looks like one without asking a store. Characters are those of base62 (`0-9A-Za-z`): no
//! punctuation, so that a double click selects the whole. The checksum is CRC-32 (IEEE 802.3, as in zlib) over all
//! characters before it, as six digits in base 62.

use ghostlight_world::Random;

/// What the token of a person begins with.
pub const PREFIX: &str = "glt_p_";
/// How many random characters follow it: 178 bits.
const RANDOM_CHARS: usize = 30;
const CHECKSUM_CHARS: usize = 6;
/// The length of a token in bytes.
pub const TOKEN_BYTES: usize = PREFIX.len() + RANDOM_CHARS + CHECKSUM_CHARS;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A fresh token.
pub fn generate(random: &dyn Random) -> String {
    let mut text = String::with_capacity(TOKEN_BYTES);
    text.push_str(PREFIX);
    while text.len() < PREFIX.len() + RANDOM_CHARS {
        let mut byte = [0];
        random.fill(&mut byte);
        // 248 is the largest multiple of 62 in a byte: taking more would make some characters likelier than others.
        if byte[0] < 248 {
            text.push(char::from(DIGITS[usize::from(byte[0] % 62)]));
        }
    }
    let checksum = checksum(&text);
    text.push_str(&checksum);
    text
}

/// Whether `text` has the shape and the checksum of a token. Says nothing about whether it was ever made.
pub fn is_well_formed(text: &str) -> bool {
    let Some((body, sum)) = text.split_at_checked(TOKEN_BYTES - CHECKSUM_CHARS) else { return false };
    let alphabet =
        body.strip_prefix(PREFIX).is_some_and(|random| random.bytes().all(|b| b.is_ascii_alphanumeric()));
    alphabet && sum == checksum(body)
}

fn checksum(body: &str) -> String {
    let mut rest = crc32(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghostlight_world::RealRandom;
    use ghostlight_world::sim::SimRandom;

    #[test]
    fn the_checksum_is_the_crc_that_everybody_has() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_token_is_well_formed_and_none_is_made_twice() {
        let all: std::collections::HashSet<String> = (0..1000).map(|_| generate(&RealRandom)).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|text| text.len() == TOKEN_BYTES && is_well_formed(text)));
    }

    /// SECURITY T3: mutants are rejected by their checksum alone.
    #[test]
    fn every_typo_of_one_character_is_rejected_by_the_checksum() {
        let token = generate(&SimRandom::new(1));
        for at in 0..token.len() {
            for digit in DIGITS {
                let mut bytes = token.clone().into_bytes();
                bytes[at] = *digit;
                let mutant = String::from_utf8(bytes).unwrap();
                assert_eq!(is_well_formed(&mutant), mutant == token, "{at}");
            }
        }
    }

    #[test]
    fn what_is_no_token_is_rejected_whatever_it_is() {
        let token = generate(&SimRandom::new(2));
        for text in
            ["", "glt_p_", "ä", &token[1..], &token[..token.len() - 1], &format!("{token}0"), &"ä".repeat(21)]
        {
            assert!(!is_well_formed(text), "{text}");
        }
    }
}
