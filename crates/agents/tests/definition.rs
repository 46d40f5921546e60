//! From the text of an agent file to an answer.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use ghostlight_model::agent::compile;
use ghostlight_model::failure::{ErrorClass, Happened};
use ghostlight_model::language::{Format, Source};
use serde_json::{Value, json};
use support::server::{Script, Server, response};
use support::{House, call};

async fn called(house: &House, text: &str, input: Value) -> Result<Value, (ErrorClass, Happened)> {
    let compiled = compile(&Source { text, format: Format::Yaml });
    let definition = compiled.agent.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let outcome = house.call(&definition, call(input)).await;
    outcome.map(|answer| (*answer.output).clone()).map_err(|failure| (failure.class, failure.happened))
}

/// Shows S3-3f.
#[tokio::test]
async fn a_command_agent_answers_as_its_file_says() {
    let house = House::new();
    std::fs::write(house.env.agents_dir.join("count.sh"), "test \"$MODE\" = count || exit 75\nwc -c")
        .unwrap();
    let file = |mode: &str| {
        format!(
            "ghostlight: 1\nname: counter\nkind: command\ncommand: [/bin/sh, ./count.sh]\nenv: {{ MODE: {mode} }}\n\
             exit_codes: {{ 75: transient }}\neffect: read\ntimeout: 5s\n"
        )
    };
    assert!(called(&house, &file("count"), json!({})).await.unwrap().as_u64().unwrap() > 100);
    assert_eq!(
        called(&house, &file("other"), json!({})).await,
        Err((ErrorClass::Transient, Happened::Unknown))
    );
}

/// Shows S3-3f.
#[tokio::test]
async fn an_http_agent_answers_as_its_file_says() {
    let server = Server::start(Script::Write(response("409 No", "text/plain", "", ""))).await;
    let file = format!(
        "ghostlight: 1\nname: ticket\nkind: http\nurl: {}\nallow: [127.0.0.0/8]\nheaders: {{ X-Team: ops }}\n\
         errors: [{{ status: 409, class: data, retry_safe: true }}]\n",
        server.url()
    );
    assert_eq!(called(&House::new(), &file, json!({})).await, Err((ErrorClass::Data, Happened::No)));
    assert!(server.requests.lock().unwrap()[0].contains("x-team: ops"));
}

/// Shows S3-3f.
#[tokio::test]
async fn a_built_in_agent_answers_as_its_file_says() {
    let file =
        "ghostlight: 1\nname: flaky\nkind: builtin\nbuiltin: fail\nwith: { class: rate_limit, times: 1 }\n";
    assert_eq!(called(&House::new(), file, json!({})).await, Err((ErrorClass::RateLimit, Happened::No)));
    assert_eq!(called(&House::new(), file, json!({"times": 0})).await, Ok(json!({"attempt": 1})));
}
