//! The codes that a failed step may have by our own word, with what they mean and what to do. Agents may say others.

use std::borrow::Cow;

/// One code of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCode {
    /// The code as it stands in `error.code`.
    pub code: Cow<'static, str>,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

/// What a code of a failed step means; none where an agent gave it a meaning of its own.
#[must_use]
pub fn explain(code: &str) -> Option<FailureCode> {
    let found = FAILURES.iter().find(|(known, ..)| *known == code);
    // The number behind these is that of a status or a signal.
    let family = || {
        let (family, number) = code.rsplit_once('_')?;
        number.parse::<u16>().ok()?;
        FAMILIES.iter().find(|(known, ..)| known.strip_suffix("_N") == Some(family))
    };
    let class = || CLASSES.iter().find(|(known, ..)| *known == code);
    let (_, meaning, help) = found.or_else(family).or_else(class)?;
    Some(FailureCode { code: Cow::Owned(code.to_owned()), meaning, help })
}

/// What the classes of failures mean: the words that stand beside a failed step before its code is asked for.
const CLASSES: &[(&str, &str, &str)] = &[
    (
        "transient",
        "A class of failures: a passing trouble of the network or of who was called.",
        "It is tried again as `retry` says; look at the error's code and message.",
    ),
    (
        "rate_limit",
        "A class of failures: who was called asked to be called less often.",
        "It is tried again after the time that was asked for; lower `limits` of the agent.",
    ),
    (
        "timeout",
        "A class of failures: no answer, or no sign of life, in the time given.",
        "Give the step or the agent a longer `timeout`, or let the agent show progress.",
    ),
    (
        "data",
        "A class of failures: an input or output does not fit what was declared, or cannot be made.",
        "It is not tried again: mend what gives the value. `ghostlight runs show RUN` has the error's code.",
    ),
    (
        "configuration",
        "A class of failures: the definition, the agent's file or the machine is not set up for this call.",
        "Mend the file that the message names; `ghostlight check` knows most of it.",
    ),
    (
        "credential",
        "A class of failures: a secret or a permission was refused.",
        "Look at the secret that the agent's file refers to; the run goes on with `runs retry`.",
    ),
    (
        "capability",
        "A class of failures: the agent cannot do what was asked, or none is enabled that can.",
        "`ghostlight agents list` shows who offers what, and who is enabled.",
    ),
    (
        "agent_bug",
        "A class of failures: the agent broke its protocol.",
        "docs/AGENTS.md says what an agent may answer; its last words stand in the step's error.",
    ),
    (
        "rejected",
        "A class of failures: a person said no, did not answer in time, or what came out was not good enough.",
        "`on_error` of the gate says what follows; `runs retry` asks again.",
    ),
    (
        "budget",
        "A class of failures: a limit of money, tokens or size.",
        "docs/LIMITS.md has the limits of sizes.",
    ),
    (
        "cancelled",
        "A class of failures: the work was cancelled.",
        "Somebody cancelled the run; `ghostlight runs show RUN` says who.",
    ),
    (
        "unknown",
        "A class of failures: nobody can tell what happened.",
        "An agent says more with `class` and `happened` in its error line, or with `exit_codes`.",
    ),
];

/// All codes, those with a number as `http_N`.
pub fn all() -> impl Iterator<Item = FailureCode> {
    FAILURES.iter().chain(FAMILIES).map(|(code, meaning, help)| FailureCode {
        code: Cow::Borrowed(code),
        meaning,
        help,
    })
}

type Row = (&'static str, &'static str, &'static str);

/// Codes with a number.
const FAMILIES: &[Row] = &[
    (
        "exit_N",
        "the program of the agent ended with this status",
        "look at the log of the attempt; `exit_codes` in the agent's file says what a status means",
    ),
    (
        "http_N",
        "the server of the agent answered with this status",
        "`errors` in the agent's file says what a status means and whether it is safe to try again",
    ),
    (
        "signal_N",
        "the program of the agent was ended by this signal",
        "9 is what the machine does when memory runs out; else look at the log of the attempt",
    ),
];

/// All others.
const FAILURES: &[Row] = &[
    (
        "agent_disabled",
        "the agent that the step calls is disabled",
        "`ghostlight agents show NAME` says why; once it is enabled, `ghostlight runs retry RUN` goes on",
    ),
    (
        "agent_error",
        "the agent said that it failed, and gave no code",
        "its message and its log say more; have it give a `code` of its own",
    ),
    (
        "agent_not_usable",
        "the agent's definition cannot be made ready to be called",
        "the message names what is missing; mend the agent's file and reload it, then retry the run",
    ),
    (
        "agent_unknown",
        "there is no agent of this name any more",
        "add its file or change the workflow; then retry the run",
    ),
    (
        "agent_version_unknown",
        "the version of the agent with which the step began is not known any more",
        "retry the run: it takes the version that there is now",
    ),
    (
        "analysis_interrupted",
        "the built-in agent was interrupted while it read",
        "it is tried again where a `retry` allows it; else retry the run",
    ),
    (
        "approval_expired",
        "nobody answered the question in time, and `on_timeout` says reject",
        "give it a longer `timeout`, or go on without it behind a `soft` dependency",
    ),
    (
        "approval_rejected",
        "a person said no",
        "that is an answer: what should follow from it stands behind a `soft` dependency or `on_error`",
    ),
    (
        "attempt_not_prepared",
        "the attempt could not be prepared on this machine",
        "the log says why: the folder for attempts has to be writable and have space",
    ),
    (
        "binding_failed",
        "a binding of the step's input found no value",
        "the message names the binding and how far its path led; give the field in the step before, or declare it",
    ),
    (
        "cancelled",
        "the attempt was cancelled while it was under way",
        "the run, or the branch that lost, was cancelled; nothing has to be done",
    ),
    (
        "capability_unknown",
        "no enabled agent offers the capability",
        "add an agent that offers it, or enable one; then retry the run",
    ),
    (
        "child_cancelled",
        "the run that the step started was cancelled",
        "retry this run: it starts another one",
    ),
    (
        "child_failed",
        "the run that the step started has failed",
        "`ghostlight runs show` on the step's child says why; mend that, then retry this run",
    ),
    (
        "child_not_started",
        "the run that the step was to start was refused",
        "the message says why: a workflow that does not exist or is deleted, or an input that does not fit",
    ),
    (
        "child_too_deep",
        "more than eight runs would stand above each other",
        "a workflow that starts itself needs an end; flatten what is deeper",
    ),
    (
        "closed_stdout",
        "the program closed its output and went on without an answer",
        "an agent writes its result before it closes its output",
    ),
    (
        "command_not_found",
        "the program of the agent does not exist",
        "check the path in `command` of the agent's file; nothing is looked up in PATH",
    ),
    (
        "command_not_permitted",
        "the program of the agent may not be executed",
        "make it executable for the user of the daemon",
    ),
    (
        "command_not_started",
        "the program of the agent could not be started",
        "the message has the reason of the system",
    ),
    (
        "condition_failed",
        "a condition could not be evaluated",
        "the message says on which value; ask with `has(node.field)` before a field is read that may be absent",
    ),
    (
        "connect_failed",
        "no connection to the server of the agent came about",
        "check its address and whether it is up from where the daemon runs",
    ),
    (
        "connection_lost",
        "the connection to the server of the agent broke",
        "it is tried again where a `retry` allows it and the effect does",
    ),
    (
        "connection_refused",
        "nothing listens at the address of the agent",
        "start it, or mend the address in the agent's file",
    ),
    (
        "disk_full",
        "there was no room on the disk for the attempt, for all of its time",
        "make room on the disk of the data folder; nothing had begun, and it is tried again where a `retry` allows it",
    ),
    (
        "dns_failed",
        "the name of the server cannot be resolved",
        "check the name in the address, and the resolver of the machine",
    ),
    (
        "earlier_attempt_alive",
        "the program of an earlier attempt could not be ended",
        "see what holds it on the machine; the step is tried again where a `retry` allows it",
    ),
    (
        "egress_refused",
        "the address is one that the agent may not reach",
        "private and loopback addresses are reached only when `allow` of the agent's file names them",
    ),
    (
        "expression_failed",
        "the `expression` of a transform could not be evaluated",
        "the message says on which value; ask with `has(node.field)` before a field is read that may be absent",
    ),
    (
        "family_too_large",
        "the run and those below it would have more than 100,000 runs under way",
        "start fewer at the same time: `max_parallel`, or a map over fewer items",
    ),
    (
        "file_not_readable",
        "the file cannot be read, or stands outside of the folders that may be",
        "name its folder in `read` of the agent's file",
    ),
    (
        "header_invalid",
        "a header of the agent's definition is not a valid one",
        "mend `headers` in the agent's file; a secret may have a line break at its end",
    ),
    (
        "heartbeat_lost",
        "the agent said nothing for longer than its `heartbeat`",
        "have it report progress more often, or give it a longer `heartbeat`",
    ),
    (
        "http_client_unavailable",
        "no client for requests could be made",
        "the message says why, mostly certificates of the machine that cannot be read",
    ),
    (
        "input_invalid",
        "the agent does not take this input",
        "the message names the field; `ghostlight agents show NAME` shows what it takes",
    ),
    (
        "input_schema_mismatch",
        "the input does not fit the schema of the agent",
        "the message names the field and where it came from; `ghostlight agents show NAME` shows what it takes",
    ),
    (
        "interrupted",
        "the attempt was cut off before it could report",
        "the daemon or the attempt's actor ended; a `read` is made again by itself, a `write` asks what happened",
    ),
    (
        "interrupted_too_often",
        "the step was cut off a hundred times in a row",
        "find out what ends it, the agent may take the machine's memory; then retry the run",
    ),
    (
        "list_expected",
        "`over` of a map gave something else than a list",
        "bind a list; of a mapping, `transform` makes one",
    ),
    (
        "machine_exhausted",
        "the machine has no processes or files left for the attempt",
        "it is tried again where a `retry` allows it; lower the slots of the daemon or raise its limits",
    ),
    (
        "merge_failed",
        "the parents of a join do not agree on a key",
        "say how to merge it: `merge: { key: last }`, `append`, `sum` or another rule",
    ),
    (
        "no_result",
        "the agent ended well and gave no result",
        "have it print a JSON value, or a line `{\"type\": \"result\", \"output\": …}`",
    ),
    (
        "no_verdict",
        "the judge gave something else than a verdict",
        "a judge answers `true`, `false` or `{\"passed\": true, \"reason\": \"…\"}`",
    ),
    (
        "output_failed",
        "the output of the run could not be made",
        "a binding in `output` found no value; the message names it",
    ),
    (
        "output_not_json",
        "what the agent printed or answered is not JSON",
        "messages for people go to stderr; stdout holds JSON only",
    ),
    (
        "output_rejected",
        "a person did not accept the output that was escalated",
        "that is an answer: change the work, or what `success` asks, and retry the run",
    ),
    (
        "output_schema_mismatch",
        "the output does not fit the schema of the agent",
        "the message names the field: the agent, or `output_schema` in its file, is wrong",
    ),
    (
        "output_too_complex",
        "the output of the agent is nested too deep or has too many values",
        "have it give less, or a reference to where the rest is",
    ),
    (
        "output_too_large",
        "what the step would give is larger than an output may be",
        "give less, or a reference to where the rest is; docs/LIMITS.md has the limits",
    ),
    (
        "output_too_long",
        "the agent gave more bytes than it may",
        "raise `limits: { output_bytes: … }` in its file, or have it give less",
    ),
    (
        "process_ended",
        "the daemon ended while the attempt was under way",
        "a `read` is made again by itself, a `write` asks what happened",
    ),
    (
        "protocol_violation",
        "a line of the agent does not follow the protocol",
        "the message quotes the rule; docs/AGENTS.md lists the lines",
    ),
    (
        "request_invalid",
        "the request to the agent's server cannot be made",
        "mend `url` and `headers` in the agent's file",
    ),
    (
        "response_encoded",
        "the server compressed its answer although nobody asked for it",
        "have it answer without `Content-Encoding`",
    ),
    (
        "run_too_large",
        "the inputs and outputs of the run are larger than 256 MiB together",
        "give references instead of large values, or split the work into runs of its own",
    ),
    (
        "secret_unavailable",
        "a secret that the agent's file names is not there",
        "set the variable for the daemon, or put the file where it can read it; then retry the run",
    ),
    (
        "signal_timeout",
        "the signal did not come in time",
        "send it with `ghostlight runs signal`, or give it a longer `timeout`; then retry the run",
    ),
    (
        "strategy_ends_write",
        "the agent writes, and the strategy of `supervision` would cut it off",
        "use `one_for_one`, or move the write to a workflow of its own",
    ),
    (
        "success_not_met",
        "the output did not meet `success` of the step, however often it was made again",
        "`ghostlight runs show RUN` and the step's verdicts say what was wrong; change the work, the judge or `redo`",
    ),
    (
        "text_failed",
        "the question of a gate could not be written",
        "the template in `action` or `impact` reads a value that was not there; the message names it",
    ),
    (
        "time_expected",
        "`until` of a wait gave something else than a time",
        "bind a text like `2026-12-24T18:00:00Z`",
    ),
    (
        "timeout",
        "the attempt took longer than its `timeout`",
        "give it a longer `timeout` at the node or in the agent's file, or find out what it waits for",
    ),
    (
        "tls_failed",
        "the server's certificate was not accepted",
        "check its name and date, and whether the machine knows who signed it",
    ),
    (
        "told_to_fail",
        "the built-in agent `fail` failed, as it was told to",
        "nothing is wrong; it is for trials",
    ),
    (
        "too_many_items",
        "a map or a loop would have more items or passes than it may",
        "split the list, or give parts of it to runs of their own; docs/LIMITS.md has the limits",
    ),
    ("url_invalid", "the address is no URL that can be asked", "write it whole: `https://host/path`"),
    (
        "value_missing",
        "a value of the step could not be read back from the store",
        "`ghostlight store verify` says whether something is damaged",
    ),
    (
        "value_unavailable",
        "a value of the run could not be read back from the store",
        "`ghostlight store verify` says whether something is damaged",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn codes_are_sorted_and_have_their_texts() {
        for table in [FAMILIES, FAILURES] {
            assert!(table.is_sorted_by(|one, two| one.0 < two.0));
        }
        for FailureCode { code, meaning, help } in all() {
            assert!(!meaning.is_empty() && !meaning.ends_with('.') && !help.ends_with('.'), "{code}");
        }
        assert_eq!(explain("exit_137").unwrap().code, "exit_137");
        assert_eq!(explain("exit_x"), None);
        assert_eq!(explain("of_an_agent"), None);
    }

    /// Words with an underscore in the code about failures that are no codes.
    const OTHER_WORDS: [&str; 9] = [
        "agent_bug",
        "rate_limit",
        "snake_case",
        "is_cut",
        "is_false",
        "is_zero",
        "latency_ms",
        "new_error",
        "store_unavailable",
    ];

    /// The part of a source before its tests, without its comments.
    fn source(file: &Path) -> String {
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
    }

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }

    /// The texts in a source that look like a code.
    fn words(text: &str) -> BTreeSet<String> {
        let is_code = |word: &&str| {
            word.contains('_')
                && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                && !word.starts_with('_')
        };
        text.split('"').filter(is_code).map(str::to_owned).collect()
    }

    #[test]
    fn every_class_of_failures_is_explained() {
        use crate::failure::ErrorClass as Class;
        let all = [
            Class::Transient,
            Class::RateLimit,
            Class::Timeout,
            Class::Data,
            Class::Configuration,
            Class::Credential,
            Class::Capability,
            Class::AgentBug,
            Class::Rejected,
            Class::Budget,
            Class::Cancelled,
            Class::Unknown,
        ];
        for class in all {
            assert!(explain(class.as_str()).is_some(), "{class:?}");
        }
    }

    #[test]
    fn every_code_that_the_program_gives_a_failure_is_explained() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut sources = Vec::new();
        for folder in ["crates/model/src/run", "crates/agents/src", "actors/src/runs", "actors/src/agents"] {
            files(&root.join(folder), &mut sources);
        }
        // Tests, and the names of what must always hold, give no codes.
        let gives_none =
            |file: &PathBuf| file.to_string_lossy().contains("/tests") || file.ends_with("run/invariants.rs");
        sources.retain(|file| !gives_none(file));
        let mut seen = BTreeSet::new();
        for file in sources {
            let text = source(&file);
            if text.contains("Failure") {
                seen.extend(words(&text));
            }
        }
        let known = |word: &String| explain(word).is_some() || OTHER_WORDS.contains(&word.as_str());
        let unknown: Vec<&String> = seen.iter().filter(|word| !known(word)).collect();
        assert_eq!(unknown, [""; 0], "give these a line in the table");
        let unused: Vec<&str> = FAILURES
            .iter()
            .map(|row| row.0)
            .filter(|code| code.contains('_') && !seen.contains(*code))
            .collect();
        assert_eq!(unused, [""; 0], "nothing gives these codes any more");
    }
}
