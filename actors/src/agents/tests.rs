//! The registry over a journal in memory and folders of files.

use std::path::Path;

use ghostlight_model::definitions::agent::DisabledBy;
use tempfile::TempDir;

use super::*;
use crate::definition_files::FileOutcome;
use crate::keys::KeyRefusal;
use crate::testing::{agents, elsewhere, key, ledger, local, name, open_agents};

/// An agent that does nothing, and differs by its description.
fn document(agent: &str, description: &str) -> String {
    format!("ghostlight: 1\nname: {agent}\nkind: builtin\nbuiltin: noop\ndescription: {description}\n")
}

fn folder(files: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        write(folder.path(), file, text);
    }
    folder
}

fn write(folder: &Path, file: &str, text: &str) {
    std::fs::write(folder.join(file), text).unwrap();
}

async fn save(registry: &AgentRegistry, agent: &str, text: String) -> Result<SavedAgent, AgentError> {
    registry.save(&name(agent), text, Format::Yaml, Precondition::None, None, &local()).await
}

#[tokio::test]
async fn the_built_in_agents_exist_without_a_file_and_without_a_record() {
    let (ledger, _) = ledger();
    let registry = agents(&ledger).await;
    for builtin in Builtin::ALL {
        let info = registry.get(&name(builtin.as_str())).unwrap();
        assert_eq!((info.kind(), info.managed_by.clone()), (Some("builtin"), ManagedBy::BuiltIn));
        let directory = registry.directory();
        let entry = directory.get(&info.name).unwrap();
        assert!(registry.callable(&info.name, &entry.version).is_ok());
    }
    assert_eq!(ledger.journal.head(), 0);
    let refused = save(&registry, "noop", document("noop", "mine")).await;
    assert!(matches!(refused, Err(AgentError::BuiltIn(_))));
}

#[tokio::test]
async fn a_saved_agent_survives_a_restart_and_every_version_stays_callable() {
    let (ledger, _) = ledger();
    let registry = agents(&ledger).await;
    let first = save(&registry, "helper", document("helper", "one")).await.unwrap();
    assert_eq!(first.sequence, ledger.journal.head());
    let second = save(&registry, "helper", document("helper", "two")).await.unwrap();
    assert!(save(&registry, "helper", document("helper", "two")).await.unwrap().unchanged);
    assert_eq!(registry.directory().get(&name("helper")).unwrap().version, second.hash);

    let registry = agents(&ledger).await;
    let info = registry.get(&name("helper")).unwrap();
    assert_eq!(info.definition.as_ref().unwrap().description, "two");
    let hashes: Vec<DefinitionHash> = info.versions.iter().map(|version| version.hash).collect();
    assert_eq!(hashes, [second.hash, first.hash]);
    assert_eq!(info.managed_by, ManagedBy::Api);
    let built = registry.callable(&name("helper"), &first.hash).unwrap();
    assert!(Arc::ptr_eq(&built, &registry.callable(&name("helper"), &first.hash).unwrap()));
    let unknown = registry.callable(&name("helper"), &DefinitionHash::of(b"never")).err().unwrap();
    assert_eq!((unknown.class, unknown.happened), (ErrorClass::Capability, Happened::No));
    assert!(registry.callable(&name("nobody"), &first.hash).is_err());
}

#[tokio::test]
async fn a_disabled_agent_stays_disabled_over_a_restart_until_it_is_enabled() {
    let (ledger, _) = ledger();
    let registry = agents(&ledger).await;
    let before = registry.directory();
    let info = registry.disable(&name("noop"), "noisy", None, &local()).await.unwrap();
    assert_eq!(info.disabled, Some(DisabledBy::Person("noisy".into())));
    assert!(!registry.directory().get(&name("noop")).unwrap().enabled);
    assert!(before.get(&name("noop")).unwrap().enabled, "who holds a directory sees it whole");

    let registry = agents(&ledger).await;
    assert!(!registry.get(&name("noop")).unwrap().is_enabled());
    registry.enable(&name("noop"), None, &local()).await.unwrap();
    assert!(registry.directory().get(&name("noop")).unwrap().enabled);
    assert!(matches!(registry.enable(&name("nobody"), None, &local()).await, Err(AgentError::Unknown(_))));
}

#[tokio::test]
async fn what_a_file_defines_is_the_files_and_a_bad_file_is_reported_beside_the_others() {
    let (ledger, _) = ledger();
    let folder = folder(&[
        ("a.yaml", document("alpha", "one")),
        ("b.yaml", "kind: [".into()),
        ("c.toml", "ghostlight = 1\nname = \"gamma\"\nkind = \"builtin\"\nbuiltin = \"noop\"\n".into()),
        ("d.yaml", document("alpha", "another file")),
    ]);
    let (registry, reports) = open_agents(&ledger, Some(folder.path()), false).await;
    let refused: Vec<&str> =
        reports.iter().filter(|report| report.is_refused()).map(|report| report.file.as_str()).collect();
    assert_eq!(refused, ["b.yaml", "d.yaml"]);
    assert_eq!(reports[0].outcome, FileOutcome::Added(name("alpha")));
    assert!(registry.directory().get(&name("gamma")).is_some());
    let info = registry.get(&name("alpha")).unwrap();
    assert_eq!(info.managed_by, ManagedBy::File("a.yaml".into()));
    let refused = save(&registry, "alpha", document("alpha", "two")).await;
    assert!(matches!(refused, Err(AgentError::ManagedByFile { file, .. }) if file == "a.yaml"));

    let head = ledger.journal.head();
    let (_, reports) = open_agents(&ledger, Some(folder.path()), false).await;
    assert_eq!(reports[0].outcome, FileOutcome::Unchanged(name("alpha")));
    assert_eq!(ledger.journal.head(), head, "a restart writes nothing");
}

#[tokio::test]
async fn a_removed_file_disables_its_agent_a_broken_one_does_not_and_its_return_enables_it() {
    let (ledger, _) = ledger();
    let folder = folder(&[("a.yaml", document("alpha", "one")), ("b.yaml", document("beta", "one"))]);
    let (registry, _) = open_agents(&ledger, Some(folder.path()), false).await;
    std::fs::remove_file(folder.path().join("a.yaml")).unwrap();
    write(folder.path(), "b.yaml", "kind: [");
    registry.reload().await.unwrap();
    let alpha = registry.get(&name("alpha")).unwrap();
    assert_eq!((alpha.disabled, alpha.versions.len()), (Some(DisabledBy::FileRemoval), 1));
    assert!(registry.get(&name("beta")).unwrap().is_enabled());
    assert!(matches!(registry.enable(&name("alpha"), None, &local()).await, Err(AgentError::FileIsGone(_))));

    write(folder.path(), "a.yaml", &document("alpha", "one"));
    registry.reload().await.unwrap();
    let alpha = registry.get(&name("alpha")).unwrap();
    assert_eq!((alpha.disabled, alpha.versions.len()), (None, 1));
    // The file now defines somebody else.
    write(folder.path(), "a.yaml", &document("omega", "one"));
    registry.reload().await.unwrap();
    assert!(!registry.get(&name("alpha")).unwrap().is_enabled());
    assert!(registry.get(&name("omega")).unwrap().is_enabled());
}

#[tokio::test]
async fn a_reload_tells_of_each_file_whether_it_is_new_changed_gone_or_refused_and_takes_it_whole_or_not_at_all()
 {
    let (ledger, _) = ledger();
    let folder = folder(&[("a.yaml", document("alpha", "one")), ("b.yaml", document("beta", "one"))]);
    write(folder.path(), "d.yaml", &document("delta", "one"));
    write(folder.path(), "e.yaml", &document("epsilon", "one"));
    let (registry, _) = open_agents(&ledger, Some(folder.path()), false).await;
    let before = registry.directory().get(&name("delta")).unwrap().version;
    write(folder.path(), "a.yaml", &document("alpha", "two"));
    std::fs::remove_file(folder.path().join("b.yaml")).unwrap();
    write(folder.path(), "c.yaml", &document("gamma", "one"));
    write(folder.path(), "d.yaml", "ghostlight: 1\nname: delta\nkind: builtin\nbuiltin: nop\n");
    let reports = registry.reload().await.unwrap();
    let outcomes: Vec<_> =
        reports.iter().map(|report| (report.file.as_str(), report.outcome.clone())).collect();
    assert_eq!(
        outcomes,
        [
            ("a.yaml", FileOutcome::Saved(name("alpha"))),
            ("b.yaml", FileOutcome::Removed(name("beta"))),
            ("c.yaml", FileOutcome::Added(name("gamma"))),
            ("d.yaml", FileOutcome::Refused("the definition has errors".into())),
            ("e.yaml", FileOutcome::Unchanged(name("epsilon"))),
        ]
    );
    assert_eq!((reports[3].diagnostics[0].line, reports[3].diagnostics[0].column), (4, 10));
    assert_eq!(registry.directory().get(&name("delta")).unwrap().version, before);
}

#[tokio::test]
async fn a_file_that_is_not_loaded_or_not_as_it_stands_there_is_known_by_what_it_would_define() {
    let (ledger, _) = ledger();
    let folder = folder(&[("a.yaml", document("alpha", "one"))]);
    let (registry, _) = open_agents(&ledger, Some(folder.path()), false).await;
    assert_eq!(registry.not_loaded(), []);
    write(folder.path(), "a.yaml", &(document("alpha", "one") + "capabilities: [counting]\n"));
    write(folder.path(), "b.yaml", &document("beta", "one"));
    write(folder.path(), "c.yaml", "ghostlight: 1\nname: gamma\nkind: magic\n");
    write(folder.path(), "delta.yaml", "kind: [");
    let found: Vec<_> = registry
        .not_loaded()
        .into_iter()
        .map(|file| (file.agent.to_string(), file.capabilities.len(), file.is_usable))
        .collect();
    let found: Vec<_> = found.iter().map(|(agent, offers, good)| (agent.as_str(), *offers, *good)).collect();
    assert_eq!(found, [("alpha", 1, true), ("beta", 0, true), ("gamma", 0, false), ("delta", 0, false)]);
    registry.reload().await.unwrap();
    assert_eq!(registry.not_loaded().len(), 2, "what has mistakes stays");
}

#[tokio::test]
async fn a_file_may_define_a_built_in_agent_otherwise_for_as_long_as_it_is_there() {
    let (ledger, _) = ledger();
    let folder = folder(&[("noop.yaml", document("noop", "mine"))]);
    let (registry, _) = open_agents(&ledger, Some(folder.path()), false).await;
    let info = registry.get(&name("noop")).unwrap();
    assert_eq!(info.managed_by, ManagedBy::File("noop.yaml".into()));
    assert_eq!(info.definition.unwrap().description, "mine");
    std::fs::remove_file(folder.path().join("noop.yaml")).unwrap();
    for registry in [registry.clone(), open_agents(&ledger, Some(folder.path()), false).await.0] {
        registry.reload().await.unwrap();
        let info = registry.get(&name("noop")).unwrap();
        assert_eq!((info.managed_by.clone(), info.is_enabled()), (ManagedBy::BuiltIn, true));
        assert!(
            registry.callable(&info.name, &info.versions[1].hash).is_ok(),
            "what was called stays callable"
        );
    }
}

#[tokio::test]
async fn what_reaches_into_this_machine_is_granted_by_files_only() {
    let (ledger, _) = ledger();
    let asking = [
        "kind: command\ncommand: [/bin/true]\n",
        "kind: http\nurl: https://example.org/\nallow: [10.0.0.0/8]\n",
        "kind: http\nurl: https://example.org/\nheaders: { authorization: \"${file:/etc/hostname}\" }\n",
        "kind: http\nurl: https://example.org/\nheaders: { authorization: \"Bearer ${env:TOKEN}\" }\n",
        "kind: builtin\nbuiltin: http-probe\nallow: [127.0.0.0/8]\n",
        "kind: builtin\nbuiltin: log-analysis\nread: [/var/log]\n",
    ];
    let text = |kind: &str| format!("ghostlight: 1\nname: helper\n{kind}");
    let strict = agents(&ledger).await;
    for kind in asking {
        let refused = save(&strict, "helper", text(kind)).await;
        assert!(matches!(refused, Err(AgentError::NotGranted(_))), "{kind}: {refused:?}");
    }
    let harmless = "kind: http\nurl: https://example.org/\nheaders: { x-team: ops }\n";
    save(&strict, "helper", text(harmless)).await.unwrap();

    let (open, _) = open_agents(&ledger, None, true).await;
    for kind in asking {
        save(&open, "helper", text(kind)).await.unwrap();
    }
    let folder = folder(&[("helper.yaml", text(asking[0]))]);
    let (from_file, reports) = open_agents(&ledger, Some(folder.path()), false).await;
    assert!(!reports[0].is_refused(), "{reports:?}");
    assert_eq!(from_file.get(&name("helper")).unwrap().kind(), Some("command"));
}

#[tokio::test]
async fn a_definition_with_errors_or_another_name_is_not_saved() {
    let (ledger, _) = ledger();
    let registry = agents(&ledger).await;
    let broken = save(&registry, "helper", "kind: magic".into()).await;
    assert!(matches!(broken, Err(AgentError::Invalid(_))));
    let elsewhere = save(&registry, "helper", document("other", "one")).await;
    assert!(matches!(elsewhere, Err(AgentError::NameMismatch { .. })));
    assert_eq!(ledger.journal.head(), 0);
}

#[tokio::test]
async fn of_many_who_save_at_once_all_are_in_the_history_and_the_directory_has_the_last() {
    let (ledger, _) = ledger();
    let registry = agents(&ledger).await;
    let saves = (0..32).map(|number| save(&registry, "helper", document("helper", &format!("d{number}"))));
    let saved = futures::future::join_all(saves).await;
    assert!(saved.iter().all(Result::is_ok));
    let info = registry.get(&name("helper")).unwrap();
    assert_eq!(info.versions.len(), 32);
    let last = info.versions[0].hash;
    assert_eq!(registry.directory().get(&name("helper")).unwrap().version, last);
    assert_eq!(info.definition.unwrap().hash, last);
}

#[tokio::test]
async fn saves_and_switches_of_many_threads_and_two_registries_leave_no_agent_without_its_definition() {
    let (ledger, _) = ledger();
    let (one, other) = (agents(&ledger).await, agents(&ledger).await);
    save(&one, "helper", document("helper", "first")).await.unwrap();
    save(&other, "helper", document("helper", "second")).await.unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let registry = if thread % 2 == 0 { &one } else { &other };
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for turn in 0..20 {
                        save(registry, "helper", document("helper", &format!("{thread}/{turn}")))
                            .await
                            .unwrap();
                        registry.disable(&name("helper"), "", None, &local()).await.unwrap();
                        registry.enable(&name("helper"), None, &local()).await.unwrap();
                    }
                });
            });
        }
    });
    for registry in [&one, &other] {
        // What the other one wrote last is seen by the next who decides.
        registry.disable(&name("helper"), "done", None, &local()).await.unwrap();
        let info = registry.get(&name("helper")).unwrap();
        assert_eq!(info.definition.unwrap().hash, info.versions[0].hash);
        assert_eq!(registry.directory().get(&name("helper")).unwrap().version, info.versions[0].hash);
    }
    assert_eq!(agents(&ledger).await.get(&name("helper")).unwrap().versions.len(), 162);
}

/// What people see of an agent.
fn shown(info: &AgentInfo) -> (Option<String>, Option<DisabledBy>, usize, u64) {
    let description = info.definition.as_ref().map(|definition| definition.description.clone());
    (description, info.disabled.clone(), info.versions.len(), info.sequence)
}

#[tokio::test]
async fn an_agent_is_changed_once_under_a_key_and_shown_again_as_it_was_then() {
    let (ledger, _) = ledger();
    let mut registry = agents(&ledger).await;
    let (helper, by) = (name("helper"), local());
    let [of_save, of_disable, of_enable, of_nothing] = ["s", "d", "e", "n"].map(|name| key(name, "f"));
    let mut first = None;
    for round in 0..3 {
        let text = document("helper", "one");
        let made = registry.save(&helper, text, Format::Yaml, Precondition::None, Some(&of_save), &by).await;
        let disabled = registry.disable(&helper, "noisy", Some(&of_disable), &by).await.unwrap();
        let enabled = registry.enable(&helper, Some(&of_enable), &by).await.unwrap();
        let nothing = registry.enable(&helper, Some(&of_nothing), &by).await.unwrap();
        let seen = (made.unwrap(), shown(&disabled), shown(&enabled), shown(&nothing));
        match &first {
            None => {
                assert_eq!((seen.0.version, seen.0.unchanged, seen.1.2), (1, false, 1));
                save(&registry, "helper", document("helper", "two")).await.unwrap();
                first = Some((seen, ledger.journal.head()));
            }
            Some((first, head)) => assert_eq!((&seen, ledger.journal.head()), (first, *head), "{round}"),
        }
        if round == 1 {
            registry = agents(&elsewhere(&ledger)).await;
        }
        let reused = registry.disable(&helper, "noisy", Some(&key("e", "g")), &by).await;
        assert!(matches!(reused, Err(AgentError::Key(KeyRefusal::Reused))));
        let now = registry.get(&helper).unwrap();
        assert_eq!((shown(&now).0.as_deref(), now.is_enabled()), (Some("two"), true));
    }
}

#[tokio::test]
async fn of_equal_saves_of_an_agent_in_two_processes_one_makes_a_version_and_both_get_it() {
    let (ledger, _) = ledger();
    let (one, other) = (agents(&ledger).await, agents(&elsewhere(&ledger)).await);
    let (helper, by) = (name("helper"), local());
    for round in 0..16 {
        let (text, key) = (document("helper", &format!("d{round}")), key(&format!("k{round}"), "f"));
        let ask = |registry: &AgentRegistry| {
            let (registry, helper, text, key, by) =
                (registry.clone(), helper.clone(), text.clone(), key.clone(), by.clone());
            async move {
                registry.save(&helper, text, Format::Yaml, Precondition::None, Some(&key), &by).await.unwrap()
            }
        };
        let (a, b) = futures::future::join(ask(&one), ask(&other)).await;
        assert_eq!(a, b);
        assert_eq!((a.version, a.unchanged), (round + 1, false));
    }
}
