//! What `ghostlight explain` shows: one page for each code, from docs/diagnostics.
//!
//! The examples of the pages are run by the tests below: the bad one gives the code, the good one does not.

use super::Code;

macro_rules! pages {
    ($($variant:ident $id:ident;)*) => {
        impl Code {
            /// Its page, as Markdown: what it means, an example that gives it, what to do, and the example mended.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../../../../docs/diagnostics/", stringify!($id), ".md")),)*
                }
            }
        }
    };
}

pages! {
    Syntax GL0101;
    DuplicateKey GL0102;
    TextTooLarge GL0103;
    TooDeep GL0104;
    TooManyAliases GL0105;
    UnsupportedYaml GL0106;
    StringTooLong GL0107;
    TooManyValues GL0108;
    TooManyProblems GL0109;
    CompilerFailed GL0110;
    NotFormatted GL0111;
    HiddenCharacter GL0112;
    LookAlike GL0113;
    BadEncoding GL0114;
    UnknownKey GL0201;
    MissingKey GL0202;
    WrongType GL0203;
    BadValue GL0204;
    BadName GL0205;
    ReservedId GL0206;
    BadDuration GL0207;
    NotSupportedYet GL0208;
    NewerLanguage GL0209;
    NoLanguageVersion GL0210;
    KeyNotForType GL0211;
    BadSchema GL0212;
    BackoffOutlastsPeriod GL0213;
    UnknownName GL0214;
    SchemaTooComplex GL0215;
    ReservedLabel GL0216;
    NoNodes GL0301;
    TooManyNodes GL0302;
    TooManyEdges GL0303;
    UnknownNode GL0304;
    SelfDependency GL0305;
    DuplicateDependency GL0306;
    Cycle GL0307;
    Unreachable GL0308;
    Isolated GL0309;
    JoinWithoutParents GL0310;
    JoinKind GL0311;
    QuorumTooLarge GL0312;
    BadBinding GL0401;
    BadCondition GL0402;
    BadTemplate GL0403;
    UnknownVariable GL0404;
    NotUpstream GL0405;
    MaySkip GL0406;
    UnknownField GL0407;
    ConditionTooComplex GL0408;
    TemplateTooComplex GL0409;
    NoError GL0410;
    ValueInText GL0411;
    UnknownAgent GL0501;
    UnknownCapability GL0502;
    BadSecret GL0503;
    ForbiddenTarget GL0504;
    BadAddress GL0505;
    BadCommand GL0506;
    StrategyEndsWrite GL0507;
    UnknownChild GL0508;
    TooManySelectors GL0701;
    SelectorVariable GL0702;
    SelectorChoosesNothing GL0703;
    BadParameters GL0711;
    UnknownParameter GL0712;
    UnusedParameter GL0713;
    BadPlaceholder GL0714;
    ParameterInText GL0715;
    ParameterValue GL0716;
    BadPointer GL0717;
    TypeMismatch GL0801;
    MissingField GL0802;
    ExtraField GL0803;
    UndeclaredField GL0804;
    NeverEqual GL0805;
    NoContextDefault GL0806;
}

#[cfg(test)]
mod tests;
