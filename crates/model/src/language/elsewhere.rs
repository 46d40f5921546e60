//! Values as other products write them inside of a text, `{{ a }}`, `${{ steps.a.output }}`, `${a.b}`, `look at $a.b`, and
//! what they would be here.
//!
//! A binding is all of a text, and templates stand where people read. Anywhere else such a text is passed on as it is, which is
//! rarely what was meant. Only what names something that can be read counts: `$5`, `$HOME` and the template of somebody
//! else are none of ours.

use super::names::{Refusal, Visible};
use super::of_run::RUN;
use crate::diagnostic::Code;
use crate::language::document::shorten;

/// The longest text between braces that is looked at.
const INSIDE_BYTES_MAX: usize = 256;
/// Words that stand before the name of a step elsewhere.
const BEFORE_STEPS: [&str; 9] =
    ["steps", "nodes", "node", "needs", "jobs", "tasks", "activities", "outputs", "states"];
/// Words that stand before what it gave.
const OUTPUTS: [&str; 5] = ["output", "outputs", "result", "results", "json"];

/// How Airflow reads what a task gave: `ti.xcom_pull(task_ids='a')`.
const XCOM: &str = "xcom_pull";

/// A value in a text, as it was written, and as a binding when it is a plain path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written<'t> {
    pub text: &'t str,
    pub binding: Option<String>,
}

/// Warns of a text that is passed on as it is although it has something like a binding in it.
pub(super) fn warn(text: &str, visible: &dyn Visible) -> Option<Refusal> {
    let Written { text: written, binding } = find(text, visible)?;
    let message = format!("`{}` is passed on as it stands, and not replaced by a value", shorten(written));
    let help = match binding {
        // n8n writes an expression as `={{ … }}`.
        Some(binding) if text.trim().trim_start_matches('=') == written => format!("write `{binding}`: a binding is all of a text"),
        Some(binding) => {
            let read = binding.trim_start_matches('$');
            format!(
                "give it a field of its own: `{binding}`; or make the text in a node of type `transform`, as \
                 `expression: '\"…\" + string({read})'`"
            )
        }
        None => "a binding is all of a text: `$node.field[0]`; what has to be computed is the `expression` of a node of type \
                 `transform`, and its value is bound"
            .to_owned(),
    };
    Some(Refusal::new(Code::ValueInText, message).help(help))
}

/// What to write instead of a text that begins like a binding and is none.
pub(super) fn binding(text: &str, visible: &dyn Visible) -> String {
    match find(text, visible) {
        Some(Written { text: written, binding: Some(binding) }) if written == text && written != binding => {
            let why = match written.contains(binding.trim_start_matches('$')) {
                true => "a binding has no braces",
                false => "a binding has no braces, and names a node by its id alone",
            };
            format!("write `{binding}`: {why}")
        }
        Some(Written { text: written, binding: Some(binding) })
            if written != text && !text[written.len()..].starts_with(['.', '[']) =>
        {
            let read = binding.trim_start_matches('$');
            format!(
                "a binding is all of a text: `{binding}`; give what stands around it in a field of its own, or make the text in a \
                 node of type `transform`, as `expression: '\"…\" + string({read})'`; a text that begins with `$` is written with `$$`"
            )
        }
        Some(Written { binding: None, .. }) if text.starts_with("${") => "a binding is a path alone, without braces: `$node.field[0]`; what has to be computed \
                 is the `expression` of a node of type `transform`, and its value is bound"
            .to_owned(),
        _ if text.starts_with("${") && text.contains("secrets.") => {
            "secrets stand in the file of the agent that needs them, as `${env:NAME}` or `${file:PATH}`".to_owned()
        }
        _ if text.starts_with("${") => {
            "nothing that can be read has this name: a binding is `$input.x`, `$context.x` or `$node.x`, without braces; a text that \
             begins with `$` is written with `$$`"
                .to_owned()
        }
        _ => "a binding is all of a text: `$node.field[0]`; give what stands around it in a field of its own, or write `$$` for a \
                 text that begins with `$`"
            .to_owned(),
    }
}

/// The first value in a text that names something which can be read.
pub(super) fn find<'t>(text: &'t str, visible: &dyn Visible) -> Option<Written<'t>> {
    let mut from = 0;
    while let Some(at) = text[from..].find(['$', '{']).map(|at| from + at) {
        let rest = &text[at..];
        if rest.starts_with("$$") {
            from = at + 2;
            continue;
        }
        let found = between(rest, "${{", "}}")
            .or_else(|| between(rest, "{{", "}}"))
            .or_else(|| between(rest, "${", "}"));
        if let Some((written, inside)) = found {
            if let Some(binding) = read(inside, visible) {
                return Some(Written { text: written, binding });
            }
            from = at + written.len();
            continue;
        }
        if let Some(path) = rest.strip_prefix('$')
            && !text[..at].ends_with(|c: char| c.is_alphanumeric())
            && let Some(length) = path_length(path, visible)
        {
            let written = &rest[..=length];
            return Some(Written { text: written, binding: Some(written.to_owned()) });
        }
        from = at + 1;
    }
    None
}

/// What stands at the beginning of `text` between `open` and `close`, with them and without.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<(&'t str, &'t str)> {
    let rest = text.strip_prefix(open)?;
    let end = rest.bytes().take(INSIDE_BYTES_MAX).collect::<Vec<u8>>();
    let end = end.windows(close.len()).position(|window| window == close.as_bytes())?;
    Some((&text[..open.len() + end + close.len()], &rest[..end]))
}

/// The bytes of the path at the beginning of `text`, if its first word can be read.
fn path_length(text: &str, visible: &dyn Visible) -> Option<usize> {
    let word_length = |text: &str| text.find(|c: char| !is_of_word(c)).unwrap_or(text.len());
    let mut length = word_length(text);
    is_readable(&text[..length], visible).then_some(())?;
    loop {
        let rest = &text[length..];
        // A full stop behind a value ends the sentence.
        if let Some(key) = rest.strip_prefix('.').map(word_length).filter(|key| *key > 0) {
            length += 1 + key;
        } else if let Some((_, inside)) = between(rest, "[", "]")
            && !inside.is_empty()
            && inside.bytes().all(|byte| byte.is_ascii_digit())
        {
            length += inside.len() + 2;
        } else {
            return Some(length);
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_readable(word: &str, visible: &dyn Visible) -> bool {
    matches!(word, "input" | "context" | RUN)
        || visible.locals().iter().any(|local| local.as_str() == word)
        || visible.find(word).is_some()
}

/// Whether an expression of another product reads something that is here, and as which binding where it is a plain path.
fn read(expression: &str, visible: &dyn Visible) -> Option<Option<String>> {
    let expression = expression.trim().trim_start_matches(['$', '=', '.', '-']).trim();
    let is_separator = |c: char| !is_of_word(c) && c != '-';
    let words: Vec<&str> = expression.split(is_separator).filter(|word| !word.is_empty()).collect();
    let is_path = expression.chars().all(|c| !is_separator(c) || ".[]'\"".contains(c));
    let (root, rest) = root_of(&words, visible)?;
    if !is_path && !words.contains(&XCOM) {
        return Some(None);
    }
    let steps = rest.iter().map(|word| match word.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("[{word}]"),
        false => format!(".{word}"),
    });
    Some(Some(format!("${root}{}", steps.collect::<String>())))
}

/// What the words of a path begin at, by the name that it has here, and what is left of them.
fn root_of<'w>(words: &'w [&'w str], visible: &dyn Visible) -> Option<(String, &'w [&'w str])> {
    let (first, rest) = words.split_first()?;
    if BEFORE_STEPS.contains(first) && !is_readable(first, visible) {
        let (step, rest) = rest.split_first()?;
        let id = step.replace('-', "_").to_lowercase();
        let rest = match rest.split_first() {
            Some((output, rest)) if OUTPUTS.contains(output) => rest,
            _ => rest,
        };
        return visible.find(&id).map(|_| (id, rest));
    }
    if is_readable(first, visible) {
        return Some(((*first).to_owned(), rest));
    }
    match *first {
        "inputs" | "params" | "parameters" => Some(("input".to_owned(), rest)),
        "vars" | "env" if rest.len() == 1 => Some(("context".to_owned(), rest)),
        "ti" | "task_instance" if rest.contains(&XCOM) => {
            let task = rest.iter().find(|word| visible.find(word).is_some())?;
            Some(((*task).to_owned(), &[]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::language::tests::yaml;

    #[test]
    fn a_text_that_names_nothing_here_is_passed_on_without_a_word() {
        for text in [
            "$$a.b and so on",
            "costs $5, or $ 3, or 5$",
            "export PATH=$HOME/bin:$PATH",
            "Hello {{ name }}, {{#if x}}yes{{/if}}",
            "US$a",
            "twice $$a",
            "a {{ a",
            "in ${HOME}/${USER}",
            "{a}",
            "mail a@b.c about a.b",
        ] {
            let text = serde_json::to_string(text).unwrap();
            let document = format!(
                "ghostlight: 1\nname: w\nnodes:\n  a: {{type: agent_call, agent: x}}\n  \
                 b: {{type: agent_call, agent: x, needs: [a], input: {{text: {text}}}}}\n"
            );
            let told: Vec<_> = yaml(&document).diagnostics.into_iter().map(|one| one.code.name()).collect();
            assert_eq!(told, [""; 0], "{text}");
        }
    }

    #[test]
    fn templates_where_they_belong_are_not_told() {
        let document = "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, description: see $input}\n  \
                        b: {type: human_gate, needs: [a], action: 'Look at {{ a.b }} for $a.b', impact: '{{ input.x }}'}\n";
        assert_eq!(yaml(document).diagnostics, []);
    }
}
