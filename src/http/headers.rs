//! The headers that a request may have, as the OpenAPI document describes them: one type for each, to stand among the `params`
//! of the operations that honour it. What they mean, and how their form is checked, stands in [`super::request`].

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Required, schema::Object};

use super::request::KEY_BYTES_MAX;

/// `Idempotency-Key`.
pub struct Once;
/// `If-Match`.
pub struct IfMatch;
/// `Prefer`.
pub struct Wait;

impl IntoParams for Once {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        // Spaces at the ends of a header are nobody's: HTTP takes them away.
        let key = text()
            .min_length(Some(1))
            .max_length(Some(KEY_BYTES_MAX))
            .pattern(Some("^[!-~]([ -~]*[!-~])?$"))
            .build();
        let description = "The same request under the same key is done once within 24 hours, and answered again as it was. Another \
                           request under it is refused with 422 `key_reused`, one that comes while the first is answered with 409 \
                           `key_in_progress`.";
        vec![header("Idempotency-Key", description, key)]
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tag = r#"(W/)?("[!#-+\--~]*"|[!#-+\--~]+)"#;
        let tags = text().pattern(Some(format!(r"^(\*|{tag}( *, *{tag})*)$"))).build();
        let description = "One of these tags is the `ETag` of the current version, or it is `*` and there is one; else nothing is \
                           changed, and the answer is 412 `precondition_failed`. Weak tags fit nothing.";
        vec![header("If-Match", description, tags)]
    }
}

impl IntoParams for Wait {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "With `wait=N` the answer comes when the run has ended, or after N seconds, at most 60; \
                           `Preference-Applied` says so. Other wishes are left out (RFC 7240).";
        vec![header("Prefer", description, text().build())]
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn header(name: &str, description: &str, schema: Object) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
