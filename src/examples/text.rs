//! English text, as far as rules of thumb go: sentences, words, syllables, readability, the passive voice.

/// Behind these a full stop ends no sentence.
const ABBREVIATIONS: [&str; 10] = ["e.g.", "i.e.", "etc.", "vs.", "Dr.", "Mr.", "Mrs.", "Ms.", "No.", "St."];

/// The forms of `to be` that a passive begins with.
const FORMS_OF_BE: [&str; 8] = ["am", "are", "be", "been", "being", "is", "was", "were"];

/// Participles that do not end in `ed`, the frequent ones.
const PARTICIPLES: [&str; 30] = [
    "begun", "broken", "brought", "built", "chosen", "done", "drawn", "driven", "found", "given", "held",
    "hidden", "kept", "known", "led", "left", "lost", "made", "meant", "put", "read", "seen", "sent", "set",
    "shown", "sold", "taken", "told", "thought", "written",
];

/// Words that say nothing about what a text is about.
const FUNCTION_WORDS: [&str; 74] = [
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "do", "does", "each", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "may", "more", "most", "no", "not", "of", "on", "one", "only", "or",
    "other", "our", "she", "so", "some", "such", "than", "that", "the", "their", "them", "there", "these",
    "they", "this", "to", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will",
    "with", "you", "your",
];

/// The words of a text as they stand there, without what surrounds them.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let inside = |c: char| c.is_alphanumeric() || c == '\'' || c == '’' || c == '-';
    text.split(move |c| !inside(c))
        .map(|word| word.trim_matches(['\'', '’', '-']))
        .filter(|word| !word.is_empty())
}

/// Whether a word says what a text is about.
pub(super) fn is_telling(word: &str) -> bool {
    word.chars().any(char::is_alphabetic) && !FUNCTION_WORDS.contains(&word.to_lowercase().as_str())
}

/// The sentences of a text. A line ends one too.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    text.lines().flat_map(sentences_of_line).collect()
}

fn sentences_of_line(line: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut begin = 0;
    for (at, c) in line.char_indices().filter(|(_, c)| matches!(c, '.' | '!' | '?')) {
        let end = at + c.len_utf8();
        let rest = &line[end..];
        let closing = rest.chars().take_while(|c| matches!(c, '"' | '”' | ')' | '\''));
        let end = end + closing.map(char::len_utf8).sum::<usize>();
        let goes_on = line[end..].chars().next().is_some_and(|next| !next.is_whitespace());
        let is_short = ABBREVIATIONS.iter().any(|short| line[begin..end].ends_with(short));
        let next = line[end..].trim_start().chars().next();
        if goes_on || (is_short && next.is_some()) || next.is_some_and(char::is_lowercase) {
            continue;
        }
        sentences.push(line[begin..end].trim());
        begin = end;
    }
    let rest = line[begin..].trim();
    if !rest.is_empty() {
        sentences.push(rest);
    }
    sentences
}

/// How many syllables an English word has, by its groups of vowels: right for nine words out of ten.
pub(super) fn syllables(word: &str) -> usize {
    let word = word.to_lowercase();
    let is_vowel = |c: char| "aeiouyäöüáéíóúàèìòù".contains(c);
    let letters: Vec<char> = word.chars().collect();
    let begins = |at: &usize| is_vowel(letters[*at]) && (*at == 0 || !is_vowel(letters[*at - 1]));
    let groups = (0..letters.len()).filter(begins).count();
    // A last `e` is silent, unless an `l` behind a consonant makes it heard: `table`, not `tale`.
    let before = |back: usize| letters.len().checked_sub(back).map(|at| letters[at]);
    let ends_in_e = before(1) == Some('e') && before(2).is_some_and(|c| !is_vowel(c));
    let is_heard = before(2) == Some('l') && before(3).is_some_and(|c| !is_vowel(c));
    // So is the `e` of a past tense, but behind `t` and `d`.
    let ends_in_ed = word.ends_with("ed") && before(3).is_some_and(|c| !is_vowel(c) && c != 't' && c != 'd');
    let silent = usize::from((ends_in_e && !is_heard) || ends_in_ed);
    groups.saturating_sub(silent).max(1)
}

/// The Flesch reading ease: 100 is very easy, 60 plain English, below 30 hard. Of a text without words it is 100.
///
/// After R. Flesch, "A new readability yardstick", Journal of Applied Psychology 32 (1948).
pub(super) fn reading_ease(text: &str) -> f64 {
    let sentences = sentences(text).len();
    let (words, syllables) =
        words(text).fold((0, 0), |(count, sum), word| (count + 1, sum + syllables(word)));
    if words == 0 || sentences == 0 {
        return 100.0;
    }
    let ratio = |a: usize, b: usize| a as f64 / b as f64;
    206.835 - 1.015 * ratio(words, sentences) - 84.6 * ratio(syllables, words)
}

/// Whether a sentence seems to be in the passive voice: a form of `to be`, perhaps an adverb, and a participle.
pub(super) fn is_passive(sentence: &str) -> bool {
    let words: Vec<String> = words(sentence).map(str::to_lowercase).collect();
    let is_participle =
        |word: &String| PARTICIPLES.contains(&word.as_str()) || (word.len() > 4 && word.ends_with("ed"));
    words.iter().enumerate().any(|(at, word)| {
        let mut rest = words[at + 1..].iter().skip_while(|next| next.ends_with("ly") || *next == "not");
        FORMS_OF_BE.contains(&word.as_str()) && rest.next().is_some_and(is_participle)
    })
}

/// Where a phrase stands in a text as whole words, whatever its case: byte ranges in order, which do not overlap.
pub(super) fn places(text: &str, phrase: &str) -> Vec<std::ops::Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric();
    let mut places = Vec::new();
    let mut from = 0;
    for (at, _) in text.char_indices() {
        if at < from {
            continue;
        }
        let Some(length) = length_of(&text[at..], phrase) else { continue };
        let end = at + length;
        let is_whole = !text[..at].chars().next_back().is_some_and(is_word)
            && !text[end..].chars().next().is_some_and(is_word);
        if is_whole {
            places.push(at..end);
            from = end;
        }
    }
    places
}

/// How many bytes of the text are the phrase, if it begins with it.
fn length_of(text: &str, phrase: &str) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in phrase.chars() {
        let found = rest.next()?;
        if !found.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    (!phrase.is_empty()).then(|| text.len() - rest.as_str().len())
}

/// A text with another phrase at each place of one; where it began with a capital, so does the other.
pub(super) fn replaced(text: &str, phrase: &str, with: &str) -> (String, usize) {
    let places = places(text, phrase);
    let mut new = String::with_capacity(text.len());
    let mut end = 0;
    for place in &places {
        new.push_str(&text[end..place.start]);
        let is_capital = text[place.clone()].chars().next().is_some_and(char::is_uppercase);
        new.push_str(&if is_capital { capitalised(with) } else { with.to_owned() });
        end = place.end;
    }
    new.push_str(&text[end..]);
    (new, places.len())
}

/// A text with a capital in front.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// As much of a text as fits, up to the end of a word.
pub(super) fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let cut: String = text.chars().take(max + 1).collect();
    let end = cut.rfind(char::is_whitespace).unwrap_or_default();
    cut[..end].trim_end_matches([' ', ',', ';', ':', '-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        for (text, expected) in [
            ("One. Two! Three?", &["One.", "Two!", "Three?"][..]),
            ("It takes 3.5 seconds, e.g. Monday. Then?", &["It takes 3.5 seconds, e.g. Monday.", "Then?"]),
            ("He said \"no.\" She left", &["He said \"no.\"", "She left"]),
            ("See example.com now. yes", &["See example.com now. yes"]),
            ("A\nB", &["A", "B"]),
            ("", &[]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_found_with_what_belongs_to_them() {
        let found: Vec<_> = words("It's a well-known 'case' – 42 times.").collect();
        assert_eq!(found, ["It's", "a", "well-known", "case", "42", "times"]);
        assert!(is_telling("Pool") && !is_telling("The") && !is_telling("42"));
    }

    #[test]
    fn syllables_are_counted_as_they_are_heard() {
        for (word, count) in [
            ("a", 1),
            ("table", 2),
            ("tale", 1),
            ("walked", 1),
            ("wanted", 2),
            ("readability", 5),
            ("the", 1),
            ("42", 1),
        ] {
            assert_eq!(syllables(word), count, "{word}");
        }
    }

    #[test]
    fn short_words_in_short_sentences_are_easy() {
        let easy = reading_ease("The cat sat on the mat. It was fat.");
        let hard = reading_ease("Organisational considerations necessitate comprehensive reconfiguration.");
        assert!(easy > 100.0 && hard < 0.0, "{easy} {hard}");
        assert!((reading_ease("") - 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_passive_voice_is_a_form_of_be_with_a_participle() {
        for (sentence, is) in [
            ("The run was quickly restarted.", true),
            ("It is not known.", true),
            ("The daemon restarts the run.", false),
            ("It was red.", false),
        ] {
            assert_eq!(is_passive(sentence), is, "{sentence}");
        }
    }

    #[test]
    fn phrases_are_replaced_as_whole_words_and_keep_their_capital() {
        assert_eq!(
            replaced("Cheap, cheaper and cheap", "cheap", "affordable"),
            ("Affordable, cheaper and affordable".to_owned(), 2)
        );
        assert_eq!(replaced("straße", "", "x"), ("straße".to_owned(), 0));
        assert_eq!(places("Überall über", "über").len(), 1);
    }

    #[test]
    fn texts_are_cut_between_words() {
        assert_eq!(shortened("one two, three", 9), "one two");
        assert_eq!(shortened("one two", 7), "one two");
        assert_eq!(shortened("onetwothree", 5), "");
        assert_eq!(capitalised("élan"), "Élan");
    }
}
