//! The table of all codes: number, name, severity, meaning. A number is never given to another rule.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Severity;

macro_rules! codes {
    ($($variant:ident $id:literal $name:literal $severity:ident $meaning:literal;)*) => {
        /// Which rule a document broke. Prints as `GL0103`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code {
            $(#[doc = $meaning] #[serde(rename = $id)] $variant,)*
        }

        impl Code {
            /// All codes, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number as people quote it: `GL0103`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The name of the rule in snake_case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    // 01: the text
    Syntax "GL0101" "syntax" Error "the text is not well-formed YAML, JSON or TOML";
    DuplicateKey "GL0102" "duplicate_key" Error "a mapping has the same key twice, so one of the values would be lost";
    TextTooLarge "GL0103" "text_too_large" Error "the document is larger than 16 MiB";
    TooDeep "GL0104" "too_deep" Error "mappings and lists are nested deeper than 64 levels";
    TooManyAliases "GL0105" "too_many_aliases" Error "aliases of YAML would repeat more than 100,000 values, or texts of more than 16 MiB";
    UnsupportedYaml "GL0106" "unsupported_yaml" Error "the document uses a feature of YAML that has no meaning here: tags, several documents, keys that are no words";
    StringTooLong "GL0107" "string_too_long" Error "a text is longer than its place allows";
    TooManyValues "GL0108" "too_many_values" Error "the document has more than 2,000,000 values";
    TooManyProblems "GL0109" "too_many_problems" Error "there are more problems than are shown";
    CompilerFailed "GL0110" "compiler_failed" Error "the compiler could not finish, which is no fault of the document";
    NotFormatted "GL0111" "not_formatted" Error "the formatter cannot keep something that stands in the document";
    HiddenCharacter "GL0112" "hidden_character" Error "a name, a key or a text has a character that cannot be seen, or changes how the text around it looks";
    LookAlike "GL0113" "look_alike" Error "a name has a letter of another script that looks like the one which is meant";
    BadEncoding "GL0114" "bad_encoding" Error "the document is not UTF-8";
    // 02: the shape
    UnknownKey "GL0201" "unknown_key" Error "a key is not known at this place";
    MissingKey "GL0202" "missing_key" Error "a key that is required at this place is missing";
    WrongType "GL0203" "wrong_type" Error "a value has another type than its key needs";
    BadValue "GL0204" "bad_value" Error "a value is not one of those its key takes, or out of range";
    BadName "GL0205" "bad_name" Error "a name or an id does not have the required shape";
    ReservedId "GL0206" "reserved_id" Error "the id of a node is a word of the language";
    BadDuration "GL0207" "bad_duration" Error "a duration is neither like `15m` nor like `PT15M`";
    NotSupportedYet "GL0208" "not_supported_yet" Error "the language has this word, but this version of Ghostlight does not support it yet";
    NewerLanguage "GL0209" "newer_language" Error "the document is written in a newer version of the language";
    NoLanguageVersion "GL0210" "no_language_version" Warning "the document does not say in which version of the language it is written";
    KeyNotForType "GL0211" "key_not_for_type" Error "the key means nothing for a node of this type";
    BadSchema "GL0212" "bad_schema" Error "a JSON Schema does not compile";
    BackoffOutlastsPeriod "GL0213" "backoff_outlasts_period" Error "the waits before the restarts that are allowed take longer than the period in which they are counted, so a run that keeps crashing would never be set aside";
    UnknownName "GL0214" "unknown_name" Error "a node names a timeout, a retry or a resource that the file does not declare";
    SchemaTooComplex "GL0215" "schema_too_complex" Error "the JSON Schemas of a document are too large, or have too many patterns";
    ReservedLabel "GL0216" "reserved_label" Error "the name of a label begins with `ghostlight.`, as only those do that Ghostlight sets itself";
    // 03: the graph
    NoNodes "GL0301" "no_nodes" Error "a workflow needs at least one node";
    TooManyNodes "GL0302" "too_many_nodes" Error "a workflow has more than 10,000 nodes";
    TooManyEdges "GL0303" "too_many_edges" Error "a workflow has more than 50,000 dependencies";
    UnknownNode "GL0304" "unknown_node" Error "a dependency names a node that does not exist";
    SelfDependency "GL0305" "self_dependency" Error "a node depends on itself";
    DuplicateDependency "GL0306" "duplicate_dependency" Error "the same dependency is written twice";
    Cycle "GL0307" "cycle" Error "nodes depend on each other in a circle, so none of them can ever start";
    Unreachable "GL0308" "unreachable" Error "no path leads from a start node to this node";
    Isolated "GL0309" "isolated" Warning "a node has no dependency in either direction, although the workflow has several nodes";
    JoinWithoutParents "GL0310" "join_without_parents" Error "a join has nothing to gather";
    JoinKind "GL0311" "join_kind" Error "a join counts its parents by `require`, so `soft` and `optional` mean nothing there";
    QuorumTooLarge "GL0312" "quorum_too_large" Error "a join wants more parents to complete than it has";
    // 04: what is read while a run goes on
    BadBinding "GL0401" "bad_binding" Error "a string that begins with `$` is no binding";
    BadCondition "GL0402" "bad_condition" Error "a condition is not a CEL expression";
    BadTemplate "GL0403" "bad_template" Error "a text is not a template";
    UnknownVariable "GL0404" "unknown_variable" Error "a binding, condition or template reads something that does not exist";
    NotUpstream "GL0405" "not_upstream" Error "a binding, condition or template reads a node that does not stand before its own";
    MaySkip "GL0406" "may_be_skipped" Error "a binding, condition or template reads a node that may have been skipped";
    UnknownField "GL0407" "unknown_field" Error "a binding reads a field that the node never has";
    ConditionTooComplex "GL0408" "condition_too_complex" Error "a condition goes beyond what can be evaluated in bounded time";
    TemplateTooComplex "GL0409" "template_too_complex" Error "a template goes beyond what can be rendered in bounded time and memory";
    NoError "GL0410" "no_error" Error "a binding, condition or template reads the error of a node that cannot have failed by then";
    ValueInText "GL0411" "value_in_text" Warning "a text has something like a binding or a template in it, and is passed on as it stands";
    // 05: agents
    UnknownAgent "GL0501" "unknown_agent" Error "a node names an agent or tool that is not registered";
    UnknownCapability "GL0502" "unknown_capability" Error "no registered agent offers the capability";
    BadSecret "GL0503" "bad_secret" Error "a reference to a secret is neither `${env:NAME}` nor `${file:PATH}`";
    ForbiddenTarget "GL0504" "forbidden_target" Error "an `allow` entry names an address that no agent may reach";
    BadAddress "GL0505" "bad_address" Error "an address or an `allow` entry does not have the required shape";
    BadCommand "GL0506" "bad_command" Error "a command is not given as words that begin with an absolute path";
    StrategyEndsWrite "GL0507" "strategy_ends_write" Error "under the strategy of `supervision` the crash of one actor would cut off a step that writes, and nobody would know what it did";
    UnknownChild "GL0508" "unknown_child" Warning "a node runs a workflow that does not exist";
    // 07: what is chosen and filled in before a run: selectors and templates
    TooManySelectors "GL0701" "too_many_selectors" Error "a workflow has more than 64 selectors";
    SelectorVariable "GL0702" "selector_variable" Error "the condition of a selector reads something else than `labels` and `input`";
    SelectorChoosesNothing "GL0703" "selector_chooses_nothing" Warning "a selector names no workflow, version, input or context, so that it only ends the search";
    BadParameters "GL0711" "bad_parameters" Error "`parameters` of a template is not a JSON Schema of an object with properties";
    UnknownParameter "GL0712" "unknown_parameter" Error "a template has no parameter of this name";
    UnusedParameter "GL0713" "unused_parameter" Warning "nothing in the template uses the parameter";
    BadPlaceholder "GL0714" "bad_placeholder" Error "`${param.` does not begin a placeholder like `${param.name}`, or stands where none may stand";
    ParameterInText "GL0715" "parameter_in_text" Error "a list or a mapping cannot stand inside a text";
    ParameterValue "GL0716" "parameter_value" Error "the value of a parameter is missing or does not fit its schema";
    BadPointer "GL0717" "bad_pointer" Error "a JSON pointer names no value of the workflow that a parameter could stand for";
    // 08: types, as far as schemas declare them
    TypeMismatch "GL0801" "type_mismatch" Error "a value is given where its type is never taken: the schemas of both sides contradict each other";
    MissingField "GL0802" "missing_field" Error "the input of a call never has a field that its agent requires";
    ExtraField "GL0803" "extra_field" Error "the input of a call has a field that its agent never takes";
    UndeclaredField "GL0804" "undeclared_field" Error "a binding, condition or template reads a field that the schema of what it reads does not declare";
    NeverEqual "GL0805" "never_equal" Error "a condition compares values that are never equal, or have no order";
    NoContextDefault "GL0806" "no_context_default" Warning "a binding, condition or template reads a key of `context` that has no default value, so it works only in runs that bring it";
}

impl Code {
    /// The code of that number or name.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(text) || code.name() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_ascending() {
        let ids: Vec<_> = Code::ALL.iter().map(|code| code.id()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert_eq!(Code::ALL.iter().map(|code| code.name()).collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn a_code_serialises_as_its_number_and_is_found_by_number_and_name() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.id());
            assert_eq!(Code::find(code.id()), Some(*code));
            assert_eq!(Code::find(code.name()), Some(*code));
        }
        assert_eq!(Code::find("GL9999"), None);
    }
}
