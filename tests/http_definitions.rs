//! What is kept in versions, over HTTP: workflows, what is chosen among them, templates, and bundles of all of them.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{Inside, ONE};
use serde_json::{Value, json};

const WORKFLOWS: &str = "/api/v1/workflows";

async fn save(inside: &Inside, text: &str) -> Value {
    inside.post_yaml(WORKFLOWS, text).await.ok()
}

/// A run follows the version that it began with, and draws its graph for as long as it can be read.
/// Shows S3-1a, S3-1b, S3-1c, S3-1d, S3-1e.
#[tokio::test]
async fn every_save_is_a_version_that_stays_and_runs_show_the_graph_of_theirs() {
    let inside = Inside::start();
    let path = |rest: &str| format!("{WORKFLOWS}/one{rest}");
    let first = inside.post_yaml(&format!("{WORKFLOWS}?message=the%20first"), ONE).await.ok();
    let run = inside.post(&path("/runs"), &json!({})).await.ok();
    let longer = format!("{ONE}  b: {{ type: agent_call, agent: noop, needs: [a] }}\n");
    let put = inside.request("PUT", &path("")).header("content-type", "application/yaml");
    let second = inside.send(put.header("x-ghostlight-message", "one more step").body(longer.clone())).await;
    assert_eq!((second.status, &second.body["version"]), (201, &json!(2)));
    let same = inside.post_yaml(&format!("{WORKFLOWS}?message=again"), &longer).await;
    assert_eq!((same.status, &same.body["unchanged"], &same.body["version"]), (200, &json!(true), &json!(2)));

    let versions = inside.get(&path("/versions?limit=1")).await.ok();
    let newest = &versions["items"][0];
    assert_eq!(
        (&newest["version"], &newest["message"], &newest["author"]),
        (&json!(2), &json!("one more step"), &json!("local"))
    );
    assert_eq!((newest["hash"] == first["hash"], newest["at"].is_string()), (false, true));
    let next = versions["next_cursor"].as_str().unwrap();
    let rest = inside.get(&path(&format!("/versions?cursor={next}"))).await.ok();
    assert_eq!((&rest["items"][0]["hash"], &rest["next_cursor"]), (&first["hash"], &Value::Null));

    inside.send(inside.request("DELETE", &path(""))).await;
    assert_eq!(inside.get(&path("?version=1")).await.ok()["source"], ONE);
    let id = run["id"].as_str().unwrap();
    let inside = inside.restart();
    let plan = inside.get(&format!("/api/v1/runs/{id}/plan")).await.ok();
    assert_eq!(plan["levels"], json!([["a"]]), "{plan}");
    assert_eq!(inside.get(&format!("/api/v1/runs/{id}")).await.ok()["version"], 1);
    let steps = inside.get(&format!("/api/v1/runs/{id}/steps")).await.ok();
    assert_eq!((&steps["items"][0]["path"], &steps["items"][1]), (&json!("a"), &Value::Null), "{steps}");
    assert_eq!(inside.get(&path("?version=2")).await.ok()["deleted"], true);
}

/// Shows S3-1b, S3-1c.
#[tokio::test]
async fn two_versions_are_compared_and_an_earlier_one_comes_back_as_a_new_one() {
    let inside = Inside::start();
    let path = |rest: &str| format!("{WORKFLOWS}/one{rest}");
    save(&inside, ONE).await;
    let second =
        format!("{}  b: {{ type: agent_call, agent: noop, needs: [a] }}\n", ONE.replace("n: 1", "n: 2"));
    let tag = inside.post_yaml(WORKFLOWS, &second).await.header("etag").to_owned();
    let diff = inside.get(&path("/diff")).await.ok();
    assert_eq!((&diff["from"], &diff["to"], &diff["identical"]), (&json!(1), &json!(2), &json!(false)));
    assert_eq!(
        diff["nodes"]["changed"][0]["changes"],
        json!([{ "path": "/nodes/a/input/n", "from": 1, "to": 2 }])
    );
    assert_eq!(diff["nodes"]["added"][0]["id"], "b");
    assert_eq!(diff["edges"]["added"], json!([{ "from": "a", "to": "b", "kind": "hard" }]));
    let back = inside.get(&path("/diff?from=2&to=1")).await.ok();
    assert_eq!(back["nodes"]["removed"][0]["id"], "b");
    assert_eq!(inside.get(&path("/diff?from=2&to=2")).await.ok()["identical"], true);
    assert_eq!(inside.get(&path("/diff?to=7")).await.code(), "unknown_version");

    let roll = |key: &str, tag: &str| {
        let request = inside.request("POST", &path("/rollback")).header("idempotency-key", key);
        inside.send(request.header("if-match", tag).json(&json!({ "version": 1, "message": "two broke it" })))
    };
    let stale = roll("a", "\"other-1\"").await;
    assert_eq!((stale.status, stale.code()), (412, "precondition_failed"));
    let rolled = roll("b", &tag).await;
    assert_eq!((rolled.status, &rolled.body["version"]), (201, &json!(3)));
    save(&inside, &second).await;
    let again = roll("b", &tag).await;
    assert_eq!((again.status, &again.body), (201, &rolled.body));
    let versions = inside.get(&path("/versions")).await.ok();
    assert_eq!(
        (&versions["items"][0]["version"], &versions["items"][1]["message"]),
        (&json!(4), &json!("two broke it"))
    );
    let third = inside.get(&path("?version=3")).await.ok();
    assert_eq!(third["source"], ONE);
    let none = inside.post(&path("/rollback"), &json!({ "version": 9 })).await;
    assert_eq!((none.status, none.code()), (404, "unknown_version"));
}

#[tokio::test]
async fn whom_a_workflow_is_for_is_said_found_and_kept_over_a_restart() {
    let inside = Inside::start();
    save(&inside, ONE).await;
    save(&inside, &ONE.replace("name: one", "name: two")).await;
    let answer = inside.get(&format!("{WORKFLOWS}/one")).await;
    let tag = answer.header("etag").to_owned();
    let if_changed =
        || inside.send(inside.request("GET", &format!("{WORKFLOWS}/one")).header("if-none-match", &tag));
    assert_eq!(if_changed().await.status, 304);
    let shown = answer.ok();
    assert_eq!((&shown["owner"], &shown["visibility"]), (&json!("local"), &json!("private")));
    let publish = |word: &str| {
        let request = inside.request("PUT", &format!("{WORKFLOWS}/one/visibility"));
        inside.send(request.json(&json!({ "visibility": word })))
    };
    assert_eq!(publish("public").await.ok()["visibility"], "public");
    assert_eq!(
        if_changed().await.ok()["visibility"],
        "public",
        "it is another one although its version is the same"
    );
    assert_eq!(publish("everybody").await.code(), "bad_json");
    let inside = inside.restart();
    let names = async |filter: &str| {
        let list = inside.get(&format!("{WORKFLOWS}?visibility={filter}")).await.ok();
        list["items"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("public").await, ["one"]);
    assert_eq!(names("mine").await, ["one", "two"]);
    assert_eq!(names("all").await, ["one", "two"]);
    assert_eq!(inside.get(&format!("{WORKFLOWS}?visibility=x")).await.code(), "bad_query");
    assert_eq!(inside.get(&format!("{WORKFLOWS}/one")).await.ok()["version"], 1, "it makes no version");
}

#[tokio::test]
async fn a_name_that_is_not_there_is_answered_with_the_nearest_that_is() {
    let inside = Inside::start();
    save(&inside, &ONE.replace("name: one", "name: incident-response")).await;
    for path in ["", "/versions", "/diff"] {
        let answer = inside.get(&format!("{WORKFLOWS}/incident-respone{path}")).await;
        assert_eq!(answer.code(), "unknown_workflow");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("did you mean `incident-response`?"), "{detail}");
    }
    let long = "x".repeat(1_100);
    let refused = inside.post_yaml(&format!("{WORKFLOWS}?message={long}"), ONE).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_value"));
}

/// A workflow with selectors before its one step.
fn selecting(name: &str, selectors: &str) -> String {
    ONE.replace("name: one\n", &format!("name: {name}\nselectors: {selectors}\n"))
}

/// Shows S1-4.1d, S2-5.3a, S2-5.3b, S2-5.3c.
#[tokio::test]
async fn labels_and_input_choose_the_workflow_of_a_run_and_a_dry_run_says_which_rule_did() {
    let inside = Inside::start();
    let rules = "[{when: 'labels.team == \"db\"', workflow: repair-db, version: 1, input: {page: true, n: 1}}, {when: input.n > 5, version: 1}]";
    save(&inside, &ONE.replace("name: one", "name: incident")).await;
    save(&inside, &selecting("incident", rules)).await;
    save(&inside, &ONE.replace("name: one", "name: repair-db")).await;
    save(&inside, &ONE.replace("name: one", "name: repair-db").replace("n: 1", "n: 2")).await;
    let path = format!("{WORKFLOWS}/incident/runs");
    let of_the_database = json!({ "input": { "n": 7 }, "labels": { "team": "db" } });
    let run = inside.post(&path, &of_the_database).await.ok();
    assert_eq!((&run["workflow"], &run["version"]), (&json!("repair-db"), &json!(1)), "{run}");
    assert_eq!(run["input"], json!({ "n": 7, "page": true }), "what the caller gave stands");
    assert_eq!(run["selected_by"], json!({ "workflow": "incident", "version": 2, "rule": 1 }));
    let listed = inside.get("/api/v1/runs?label=ghostlight.selected_by%3Dincident@2%231").await.ok();
    assert_eq!(listed["items"][0]["id"], run["id"]);
    let large = inside.post(&path, &json!({ "input": { "n": 6 } })).await.ok();
    assert_eq!((&large["workflow"], &large["version"]), (&json!("incident"), &json!(1)), "{large}");
    let plain = inside.post(&path, &json!({ "input": { "n": 1 } })).await.ok();
    assert_eq!((&plain["version"], &plain["selected_by"]), (&json!(2), &Value::Null), "{plain}");

    inside.until("/api/v1/runs?status=running", |list| list["items"] == json!([])).await;
    let count = inside.ghostlight.journal.head();
    let dry = json!({ "dry_run": true, "input": { "n": 9 } });
    let answer = inside.post(&path, &dry).await;
    assert_eq!(answer.status, 200);
    let selected = &answer.body["selected"];
    assert_eq!(
        (&selected["workflow"], &selected["version"], &selected["rule"]),
        (&json!("incident"), &json!(1), &json!(2))
    );
    let why: Vec<_> = selected["why"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tried| (&tried["matched"], tried["error"].is_string()))
        .collect();
    assert_eq!(why, [(&json!(false), true), (&json!(true), false)], "{selected}");
    assert_eq!((&answer.body["valid"], &answer.body["plan"]["levels"]), (&json!(true), &json!([["a"]])));
    assert_eq!(inside.ghostlight.journal.head(), count, "nothing was stored");
}

/// Shows S1-4.1d.
#[tokio::test]
async fn selectors_that_lead_nowhere_or_in_a_circle_start_nothing_and_say_why() {
    let inside = Inside::start();
    save(&inside, &selecting("left", "[{when: 'true', workflow: right}]")).await;
    let start = async |name: &str| inside.post(&format!("{WORKFLOWS}/{name}/runs"), &json!({})).await;
    let nowhere = start("left").await;
    assert_eq!((nowhere.status, nowhere.code()), (422, "selection_failed"));
    assert_eq!(
        nowhere.body["detail"],
        "rule 1 of workflow `left` chooses workflow `right`, which does not exist"
    );
    save(&inside, &selecting("right", "[{when: 'true', workflow: left}]")).await;
    let circle = start("left").await;
    assert_eq!(circle.body["detail"], "selectors choose each other in a circle: left -> right -> left");
    for number in 1..=9 {
        let next = format!("[{{when: 'true', workflow: w{}}}]", number + 1);
        save(&inside, &selecting(&format!("w{number}"), &next)).await;
    }
    let long = start("w1").await;
    assert_eq!((long.status, long.code()), (422, "selection_failed"), "{long:?}");
    assert_eq!(inside.get("/api/v1/runs").await.ok()["items"], json!([]));
    let label = json!({ "labels": { "ghostlight.selected_by": "x@1#1" } });
    assert_eq!(inside.post(&format!("{WORKFLOWS}/w9/runs"), &label).await.code(), "invalid_value");
}

const TEMPLATES: &str = "/api/v1/templates";

const TEMPLATE: &str = "ghostlight: 1
name: call
parameters: { type: object, properties: { agent: { type: string }, n: { type: integer, default: 1 } } }
nodes:
  a: { type: agent_call, agent: '${param.agent}', input: { n: '${param.n}' } }
";

/// What was seen and what is changed are the same, for workflows and templates alike.
#[tokio::test]
async fn a_restore_and_a_change_of_visibility_are_refused_where_another_version_was_seen() {
    let inside = Inside::start();
    for (all, text, name) in [(WORKFLOWS, ONE, "one"), (TEMPLATES, TEMPLATE, "call")] {
        let first = inside.post_yaml(all, text).await.header("etag").to_owned();
        let path = |rest: &str| format!("{all}/{name}{rest}");
        let second = inside.post_yaml(all, &format!("{text}description: again\n")).await;
        let second = second.header("etag").to_owned();
        let send = |method: &str, rest: &str, tag: &str| {
            let request = inside.request(method, &path(rest)).header("if-match", tag);
            let request = match method {
                "PUT" => request.json(&json!({ "visibility": "public" })),
                _ => request,
            };
            inside.send(request)
        };
        let stale = send("PUT", "/visibility", &first).await;
        assert_eq!((stale.status, stale.code()), (412, "precondition_failed"), "{name}");
        assert_eq!(send("PUT", "/visibility", &second).await.ok()["visibility"], "public");
        assert_eq!(send("DELETE", "", &second).await.status, 204);
        let stale = send("POST", "/restore", &first).await;
        assert_eq!((stale.status, stale.code()), (412, "precondition_failed"), "{name}");
        assert_eq!(send("POST", "/restore", &second).await.ok()["deleted"], false);
        // It is restored already: a lost answer is asked for again.
        assert_eq!(send("POST", "/restore", &first).await.status, 200);
    }
}

/// Shows S0-5.3d, S2-5.3d.
#[tokio::test]
async fn a_template_is_saved_in_versions_and_makes_workflows_that_run() {
    let inside = Inside::start();
    let saved = inside.post_yaml(&format!("{TEMPLATES}?message=first"), TEMPLATE).await;
    assert_eq!((saved.status, saved.header("location")), (201, "/api/v1/templates/call"));
    let path = |rest: &str| format!("{TEMPLATES}/call{rest}");
    let put = inside.request("PUT", &path("")).header("content-type", "application/yaml");
    let second =
        put.header("if-match", saved.header("etag")).body(TEMPLATE.replace("default: 1", "default: 5"));
    assert_eq!(inside.send(second).await.ok()["version"], 2);
    let shown = inside.get(&path("")).await.ok();
    assert_eq!(
        (&shown["version"], &shown["parameters"]["properties"]["n"]["default"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(inside.get(&path("/versions")).await.ok()["items"][1]["message"], "first");

    let made = inside
        .post(&path("/instantiate"), &json!({ "name": "made", "parameters": { "agent": "noop" } }))
        .await
        .ok();
    assert_eq!((&made["document"]["nodes"]["a"]["input"]["n"], &made["saved"]), (&json!(5), &Value::Null));
    assert_eq!(inside.get(&format!("{WORKFLOWS}/made")).await.status, 404, "it was not to be saved");
    let body = json!({ "name": "made", "parameters": { "agent": "noop" }, "version": 1, "save": true });
    let make = || {
        inside.send(inside.request("POST", &path("/instantiate")).header("idempotency-key", "m").json(&body))
    };
    let first = make().await;
    assert_eq!((first.status, first.header("location")), (201, "/api/v1/workflows/made"));
    let again = make().await;
    assert_eq!((again.status, again.body), (201, first.body));
    let run = inside
        .send(
            inside
                .request("POST", &format!("{WORKFLOWS}/made/runs"))
                .header("prefer", "wait=10")
                .json(&json!({})),
        )
        .await
        .ok();
    assert_eq!(run["output"]["a"]["n"], 2, "{run}");

    let wrong =
        inside.post(&path("/instantiate"), &json!({ "name": "x", "parameters": { "agnet": 1 } })).await;
    assert_eq!((wrong.status, wrong.code()), (422, "invalid_definition"));
    let told: Vec<_> =
        wrong.body["diagnostics"].as_array().unwrap().iter().map(|d| (&d["code"], &d["line"])).collect();
    assert_eq!(told, [(&json!("GL0712"), &json!(3)), (&json!("GL0716"), &json!(3))]);

    assert_eq!(inside.send(inside.request("DELETE", &path(""))).await.status, 204);
    assert_eq!(inside.post(&path("/instantiate"), &json!({ "name": "x" })).await.code(), "template_deleted");
    inside.post(&path("/restore"), &json!({})).await.ok();
    let inside = inside.restart();
    let publish = inside.request("PUT", &path("/visibility")).json(&json!({ "visibility": "public" }));
    inside.send(publish).await.ok();
    assert_eq!(inside.get(&path("")).await.ok()["visibility"], "public");
}

/// Shows S0-5.3d.
#[tokio::test]
async fn built_in_templates_are_there_from_the_start_and_any_workflow_becomes_one() {
    let inside = Inside::start();
    let list = inside.get(TEMPLATES).await.ok();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["approval-chain", "incident-response", "map-over-list"]);
    let release = json!({ "name": "release", "parameters": { "what": "Release" }, "save": true });
    let made = inside.post(&format!("{TEMPLATES}/approval-chain/instantiate"), &release).await;
    assert_eq!(made.status, 201);
    let gone = inside.send(inside.request("DELETE", &format!("{TEMPLATES}/approval-chain"))).await;
    assert_eq!((gone.status, gone.code()), (409, "built_in_template"));
    let near = inside.get(&format!("{TEMPLATES}/aproval-chain")).await;
    assert!(near.body["detail"].as_str().unwrap().contains("did you mean `approval-chain`?"), "{near:?}");

    save(&inside, ONE).await;
    let from = format!("{TEMPLATES}/from-workflow");
    let wanted = json!({ "workflow": "one", "name": "one-of", "parameters": { "n": "/nodes/a/input/n" }, "save": true });
    let made = inside.post(&from, &wanted).await;
    assert_eq!((made.status, made.header("location")), (201, "/api/v1/templates/one-of"));
    assert_eq!(
        made.body["document"]["parameters"]["properties"]["n"],
        json!({ "type": "integer", "default": 1 })
    );
    let again = inside.post(&format!("{TEMPLATES}/one-of/instantiate"), &json!({ "name": "one" })).await.ok();
    assert_eq!(again["document"], inside.get(&format!("{WORKFLOWS}/one")).await.ok()["definition"]);
    let wrong = inside.post(&from, &json!({ "workflow": "one", "parameters": { "x": "/nodes/b" } })).await;
    assert_eq!(
        (wrong.code(), &wrong.body["diagnostics"][0]["path"]),
        ("invalid_definition", &json!("/nodes/b"))
    );
}

/// A workflow that starts nothing of its own: its selectors choose one that calls an agent.
async fn team(inside: &Inside, agent: &Value) -> Value {
    let put = inside.request("PUT", "/api/v1/agents/caller").json(agent);
    inside.send(put).await.ok();
    save(inside, &ONE.replace("name: one", "name: child").replace("agent: noop", "agent: caller")).await;
    save(inside, &ONE.replace("name: one", "name: parent")).await;
    inside
        .post_yaml(
            &format!("{WORKFLOWS}?message=choose"),
            &selecting("parent", "[{when: 'true', workflow: child}]"),
        )
        .await
        .ok();
    inside.get(&format!("{WORKFLOWS}/parent/bundle?all_versions=true")).await.ok()
}

fn caller() -> Value {
    json!({ "ghostlight": 1, "name": "caller", "kind": "http", "url": "https://agents.example/caller" })
}

fn outcomes(items: &Value) -> Vec<String> {
    let one =
        |item: &Value| format!("{} {}", item["name"].as_str().unwrap(), item["outcome"].as_str().unwrap());
    items.as_array().unwrap().iter().map(one).collect()
}

/// Shows S0-5.3d.
#[tokio::test]
async fn a_bundle_holds_all_that_a_workflow_names_and_is_taken_in_whole() {
    let bundle = team(&Inside::start(), &caller()).await;
    let names: Vec<_> = bundle["workflows"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(
        (names, &bundle["agents"][0]["name"]),
        (vec![json!("parent"), json!("child")], &json!("caller"))
    );
    assert_eq!(bundle["workflows"][0]["versions"].as_array().unwrap().len(), 2);

    let inside = Inside::start();
    let import = format!("{WORKFLOWS}/import");
    let head = inside.ghostlight.journal.head();
    let dry = inside.post(&format!("{import}?dry_run=true"), &bundle).await.ok();
    assert_eq!(outcomes(&dry["items"]), ["caller created", "parent created", "child created"]);
    assert_eq!((&dry["dry_run"], inside.ghostlight.journal.head()), (&json!(true), head));
    let taken = || inside.send(inside.request("POST", &import).header("idempotency-key", "i").json(&bundle));
    let first = taken().await;
    assert_eq!(
        (first.status, &first.body["stored"], &first.body["items"]),
        (200, &json!(true), &dry["items"])
    );
    assert!(first.header("ghostlight-sequence").parse::<u64>().unwrap() > head);
    let head = inside.ghostlight.journal.head();
    let again = taken().await.ok();
    assert_eq!((&again["stored"], inside.ghostlight.journal.head()), (&json!(false), head));
    assert_eq!(outcomes(&again["items"]), ["caller unchanged", "parent unchanged", "child unchanged"]);

    let inside = inside.restart();
    let versions = inside.get(&format!("{WORKFLOWS}/parent/versions")).await.ok();
    assert_eq!(
        (&versions["items"][0]["version"], &versions["items"][0]["message"]),
        (&json!(2), &json!("choose"))
    );
    assert_eq!(inside.get("/api/v1/agents/caller").await.ok()["hash"], bundle["agents"][0]["hash"]);
    let dry = json!({ "dry_run": true });
    let selected = inside.post(&format!("{WORKFLOWS}/parent/runs"), &dry).await.ok();
    assert_eq!(selected["selected"]["workflow"], "child");
    save(&inside, &ONE.replace("name: one", "name: child")).await;
    let next = inside.post(&import, &bundle).await.ok();
    assert_eq!(outcomes(&next["items"]), ["caller unchanged", "parent unchanged", "child new_version"]);
}

#[tokio::test]
async fn of_a_bundle_that_is_refused_in_one_part_nothing_is_stored_and_every_part_says_why() {
    let mut command = caller();
    command["kind"] = json!("command");
    command["command"] = json!(["/bin/true"]);
    command.as_object_mut().unwrap().remove("url");
    let bundle = team(&Inside::start_granting(), &command).await;
    let inside = Inside::start();
    let import = format!("{WORKFLOWS}/import");
    let head = inside.ghostlight.journal.head();
    let refused = inside.post(&import, &bundle).await;
    assert_eq!((refused.status, refused.code()), (422, "import_refused"));
    let items = &refused.body["state"]["items"];
    assert_eq!(outcomes(items), ["caller refused", "parent created", "child refused"]);
    assert!(items[0]["reason"].as_str().unwrap().contains("an agent of kind `command`"), "{items}");
    assert_eq!(items[2]["diagnostics"][0]["code"], "GL0501", "{items}");
    assert_eq!(inside.ghostlight.journal.head(), head);

    let mut changed = bundle.clone();
    changed["workflows"][0]["versions"][0]["source"] = json!("name: parent");
    let forged = inside.post(&import, &changed).await;
    assert_eq!((forged.status, forged.code()), (422, "invalid_bundle"));
    let newer = inside.post(&import, &json!({ "ghostlight_bundle": 99 })).await;
    assert_eq!(newer.body["detail"], "the bundle has format 99, and this program reads format 1");
    let small = Inside::start_with(|settings| settings.definition_bytes_max = 1_000);
    let large = small.post(&import, &bundle).await;
    assert_eq!((large.status, large.code()), (413, "body_too_large"));
}
