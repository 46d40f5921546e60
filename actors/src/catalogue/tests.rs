//! The catalogue over a journal in memory.

use std::collections::BTreeSet;

use ghostlight_model::definitions::Fold;
use ghostlight_model::diagnostic::Code;

use super::*;
use crate::definition_files::{FileOutcome, FileReport};
use crate::keys::{KeyRefusal, lookup};
use crate::streams;
use crate::testing::{agents, elsewhere, key, ledger, local, name};
use crate::views::{Page, QueryError};

/// A workflow of one step that differs by its description.
fn document(workflow: &str, description: &str) -> String {
    format!(
        "ghostlight: 1\nname: {workflow}\ndescription: {description}\n# kept\nnodes:\n  a: {{ type: agent_call, agent: noop }}\n"
    )
}

fn save(source: String, precondition: Precondition) -> SaveWorkflow {
    SaveWorkflow { source, format: Format::Yaml, name: None, message: String::new(), precondition, key: None }
}

async fn open(ledger: &Ledger) -> Catalogue {
    Catalogue::open(ledger.clone(), agents(ledger).await).unwrap()
}

async fn saved(catalogue: &Catalogue, workflow: &str, description: &str) -> Saved {
    let document = document(workflow, description);
    catalogue.save(save(document, Precondition::None), &local()).await.unwrap()
}

#[tokio::test]
async fn a_saved_version_is_there_as_it_was_sent_after_a_restart() {
    let (ledger, _) = ledger();
    let first = open(&ledger).await;
    let made = saved(&first, "deploy", "one").await;
    assert_eq!((made.version, made.unchanged), (1, false));
    assert_eq!(made.sequence, ledger.journal.head());
    saved(&first, "deploy", "two").await;

    let second = open(&ledger).await;
    let version = second.get(&name("deploy"), Some(1)).await.unwrap().unwrap();
    assert_eq!(&*version.source, document("deploy", "one"));
    assert_eq!((version.hash, version.latest, version.deleted), (made.hash, 2, false));
    assert_eq!(version.saved_by.as_deref(), Some("local"));
    assert_eq!(version.compiled.as_ref().unwrap().description, "one");
    assert_eq!(second.get(&name("deploy"), None).await.unwrap().unwrap().version, 2);
    assert!(second.get(&name("deploy"), Some(3)).await.unwrap().is_none());
    assert!(second.get(&name("other"), None).await.unwrap().is_none());
    let versions: Vec<u64> =
        second.versions(&name("deploy")).unwrap().iter().map(|head| head.version).collect();
    assert_eq!(versions, [2, 1]);
}

#[tokio::test]
async fn a_document_larger_than_an_event_is_kept_as_a_blob() {
    let (ledger, _) = ledger();
    let long = format!("{}# {}\n", document("long", "x"), "y".repeat(200_000));
    open(&ledger).await.save(save(long.clone(), Precondition::None), &local()).await.unwrap();
    let version = open(&ledger).await.get(&name("long"), None).await.unwrap().unwrap();
    assert_eq!(&*version.source, long);
}

#[tokio::test]
async fn the_same_document_makes_no_version_in_whatever_format_it_comes() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    let made = saved(&catalogue, "deploy", "one").await;
    let head = ledger.journal.head();
    let as_json = catalogue.get(&name("deploy"), None).await.unwrap().unwrap();
    let source = as_json.compiled.as_ref().unwrap().document.to_string();
    let save = SaveWorkflow { format: Format::Json, ..save(source, Precondition::None) };
    let again = catalogue.save(save, &local()).await.unwrap();
    assert_eq!((again.version, again.unchanged, again.sequence), (1, true, made.sequence));
    assert_eq!(ledger.journal.head(), head);
}

#[tokio::test]
async fn of_many_who_save_at_once_each_gets_a_version_of_its_own_and_equals_share_one() {
    let (ledger, _) = ledger();
    // Two handles, as two processes would have: neither knows what the other writes.
    let (one, other) = (open(&ledger).await, open(&ledger).await);
    let saves = (0..32).map(|number| {
        let catalogue = if number % 2 == 0 { one.clone() } else { other.clone() };
        async move { saved(&catalogue, "deploy", &format!("d{number}")).await.version }
    });
    let versions: BTreeSet<u64> = futures::future::join_all(saves).await.into_iter().collect();
    assert_eq!(versions, (1..=32).collect());

    let equal = (0..32).map(|_| saved(&one, "equal", "same"));
    let made = futures::future::join_all(equal).await;
    assert!(made.iter().all(|saved| saved.version == 1));
    assert_eq!(made.iter().filter(|saved| !saved.unchanged).count(), 1);
}

#[tokio::test]
async fn of_two_edits_of_one_version_the_second_is_refused_with_the_current_tag() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    let tag = format!("\"{}\"", saved(&catalogue, "deploy", "one").await.etag());
    let edit = |text: &str| save(document("deploy", text), Precondition::Match(tag.clone()));
    let first = catalogue.save(edit("two"), &local()).await.unwrap();
    match catalogue.save(edit("three"), &local()).await {
        Err(SaveError::PreconditionFailed { current, .. }) => assert_eq!(current, Some(first.etag())),
        other => panic!("{other:?}"),
    }
    // The answer to the first edit was lost, and it is asked for again.
    assert!(catalogue.save(edit("two"), &local()).await.unwrap().unchanged);
    let delete = catalogue.delete(&name("deploy"), Precondition::Match(tag), None, &local()).await;
    assert!(matches!(delete, Err(EditError::PreconditionFailed { .. })));
}

#[tokio::test]
async fn a_workflow_that_must_be_new_is_refused_when_there_is_one() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    let made = catalogue.save(save(document("deploy", "one"), Precondition::Absent), &local()).await.unwrap();
    match catalogue.save(save(document("deploy", "two"), Precondition::Absent), &local()).await {
        Err(SaveError::Exists { current, .. }) => assert_eq!(current, made.etag()),
        other => panic!("{other:?}"),
    }
}

/// Shows S3-5k.
#[tokio::test]
async fn a_document_with_errors_another_name_or_unknown_agents_is_not_saved() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    let broken = catalogue.save(save("nodes: 1".into(), Precondition::None), &local()).await;
    assert!(matches!(broken, Err(SaveError::Invalid { .. })));

    let typo = document("deploy", "one").replace("noop", "nop");
    match catalogue.save(save(typo, Precondition::None), &local()).await {
        Err(SaveError::Invalid { diagnostics, .. }) => {
            let unknown = diagnostics.iter().find(|found| found.code == Code::UnknownAgent).unwrap();
            assert!(unknown.help.as_deref().unwrap_or_default().contains("noop"), "{unknown:?}");
            assert_eq!(unknown.line, 6);
        }
        other => panic!("{other:?}"),
    }
    let nobody = document("deploy", "one").replace("agent: noop", "capability: telepathy");
    match catalogue.save(save(nobody, Precondition::None), &local()).await {
        Err(SaveError::Invalid { diagnostics, .. }) => {
            assert!(diagnostics.iter().any(|found| found.code == Code::UnknownCapability));
        }
        other => panic!("{other:?}"),
    }
    let elsewhere =
        SaveWorkflow { name: Some(name("other")), ..save(document("deploy", "one"), Precondition::None) };
    assert!(matches!(catalogue.save(elsewhere, &local()).await, Err(SaveError::NameMismatch { .. })));
    assert!(ledger.streams("workflow/").unwrap().is_empty());
}

#[tokio::test]
async fn a_deleted_workflow_takes_no_runs_and_no_versions_until_it_is_restored() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    saved(&catalogue, "deploy", "one").await;
    catalogue.delete(&name("deploy"), Precondition::None, None, &local()).await.unwrap();

    let catalogue = open(&ledger).await;
    assert!(matches!(catalogue.runnable(&name("deploy"), None), Err(CatalogueError::Deleted)));
    assert!(catalogue.compiled(&name("deploy"), 1).is_ok(), "runs that follow it go on");
    let refused = catalogue.save(save(document("deploy", "two"), Precondition::None), &local()).await;
    assert!(matches!(refused, Err(SaveError::Deleted { .. })));
    let shown = |with_deleted| {
        let filter = WorkflowFilter { with_deleted, ..WorkflowFilter::default() };
        let catalogue = catalogue.clone();
        async move { catalogue.list(filter, Page::default()).await.unwrap().items.len() }
    };
    assert_eq!((shown(false).await, shown(true).await), (0, 1));

    catalogue.restore(&name("deploy"), Precondition::None, None, &local()).await.unwrap();
    assert_eq!(catalogue.runnable(&name("deploy"), None).unwrap().1, 1);
    assert!(matches!(
        catalogue.restore(&name("other"), Precondition::None, None, &local()).await,
        Err(EditError::Unknown { .. })
    ));
    assert!(matches!(catalogue.runnable(&name("other"), None), Err(CatalogueError::Unknown)));
}

#[tokio::test]
async fn equal_definitions_share_one_compiled_form() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    saved(&catalogue, "deploy", "one").await;
    let first = catalogue.compiled(&name("deploy"), 1).unwrap();
    saved(&catalogue, "deploy", "two").await;
    saved(&catalogue, "deploy", "one").await;
    assert!(Arc::ptr_eq(&first, &catalogue.compiled(&name("deploy"), 3).unwrap()));
    assert!(Arc::ptr_eq(&first, &catalogue.compile_document(&first.document, None).unwrap()));
    assert!(matches!(catalogue.compile_document(&Value::Null, None), Err(CatalogueError::Unusable(_))));
}

/// Shows S3-6b.
#[tokio::test]
async fn pages_list_what_changed_last_first_and_a_cursor_is_bound_to_its_filter() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    for number in 0..5 {
        saved(&catalogue, &format!("w{number}"), "x").await;
    }
    let filter = WorkflowFilter { q: Some("W".into()), ..WorkflowFilter::default() };
    let first = catalogue.list(filter.clone(), Page { limit: 3, cursor: None }).await.unwrap();
    let names = |page: &crate::views::PageOf<WorkflowSummary>| {
        page.items.iter().map(|item| item.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["w4", "w3", "w2"]);
    assert_eq!(first.items[0].description, "x");
    let page = Page { limit: 3, cursor: first.next.clone() };
    let second = catalogue.list(filter, page.clone()).await.unwrap();
    assert_eq!((names(&second), second.next), (vec!["w1".to_owned(), "w0".to_owned()], None));
    let other = catalogue.list(WorkflowFilter::default(), page).await;
    assert!(matches!(other, Err(ListError::Query(QueryError::CursorOfAnotherFilter))));
    let bad = catalogue.list(WorkflowFilter::default(), Page { limit: 3, cursor: Some("1é".into()) }).await;
    assert!(matches!(bad, Err(ListError::Query(QueryError::CursorMalformed))));
}

#[tokio::test]
async fn a_changed_file_makes_a_version_and_a_bad_one_is_reported_beside_the_others() {
    let (ledger, _) = ledger();
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: String| std::fs::write(folder.path().join(file), text).unwrap();
    write("a.yaml", document("alpha", "one"));
    write("b.yaml", "nodes: [".into());
    write("c.json", "{}".into());
    write("notes.txt", "not a workflow".into());
    let load = || async {
        let catalogue = open(&ledger).await;
        let reports = catalogue.load_files(folder.path().to_owned()).await.unwrap();
        (catalogue, reports)
    };
    let outcome = |reports: &[FileReport]| reports[0].outcome.clone();

    let (catalogue, reports) = load().await;
    assert_eq!(outcome(&reports), FileOutcome::Saved(name("alpha")));
    let refused: Vec<&str> =
        reports.iter().filter(|report| report.is_refused()).map(|report| report.file.as_str()).collect();
    assert_eq!(refused, ["b.yaml", "c.json"]);
    assert!(!reports[1].diagnostics.is_empty());

    // Somebody goes on from the file's version: a file that nobody touched does not undo that.
    saved(&catalogue, "alpha", "edited").await;
    let (catalogue, reports) = load().await;
    assert_eq!(outcome(&reports), FileOutcome::Unchanged(name("alpha")));
    assert_eq!(catalogue.versions(&name("alpha")).unwrap().len(), 2);

    write("a.yaml", document("alpha", "two"));
    let (catalogue, reports) = load().await;
    assert_eq!(outcome(&reports), FileOutcome::Saved(name("alpha")));
    assert_eq!(catalogue.versions(&name("alpha")).unwrap().len(), 3);

    catalogue.delete(&name("alpha"), Precondition::None, None, &local()).await.unwrap();
    write("a.yaml", document("alpha", "three"));
    let (catalogue, reports) = load().await;
    assert!(reports[0].is_refused(), "what a person deleted, a file does not bring back");
    assert_eq!(catalogue.versions(&name("alpha")).unwrap().len(), 3);
}

#[tokio::test]
async fn a_store_that_is_closed_refuses_and_reading_goes_on() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    saved(&catalogue, "deploy", "one").await;
    ledger.journal.close();
    let refused = catalogue.save(save(document("deploy", "two"), Precondition::None), &local()).await;
    assert!(matches!(refused, Err(SaveError::Store(StoreError::Unavailable))));
    assert_eq!(catalogue.get(&name("deploy"), None).await.unwrap().unwrap().version, 1);
}

fn under(key: IdempotencyKey, description: &str) -> SaveWorkflow {
    SaveWorkflow { key: Some(key), ..save(document("deploy", description), Precondition::None) }
}

#[tokio::test]
async fn a_save_under_a_key_is_made_once_and_answered_again_with_its_own_version() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    let made = catalogue.save(under(key("k", "one"), "one"), &local()).await.unwrap();
    assert_eq!((made.version, made.unchanged, ledger.journal.head()), (1, false, made.sequence + 1));
    saved(&catalogue, "deploy", "two").await;
    catalogue.delete(&name("deploy"), Precondition::None, None, &local()).await.unwrap();
    let head = ledger.journal.head();
    for catalogue in [catalogue, open(&elsewhere(&ledger)).await] {
        assert_eq!(catalogue.save(under(key("k", "one"), "one"), &local()).await.unwrap(), made);
        let other = catalogue.save(under(key("k", "two"), "three"), &local()).await;
        assert!(matches!(other, Err(SaveError::Key(KeyRefusal::Reused))), "{other:?}");
        let other =
            catalogue.restore(&name("deploy"), Precondition::None, Some(&key("k", "three")), &local()).await;
        assert!(matches!(other, Err(EditError::Key(KeyRefusal::Reused))), "{other:?}");
    }
    assert_eq!(ledger.journal.head(), head);
}

#[tokio::test]
async fn a_save_that_changes_nothing_takes_its_key_alone_and_stays_unchanged_when_it_is_asked_again() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    let first = saved(&catalogue, "deploy", "one").await;
    let nothing = catalogue.save(under(key("k", "f"), "one"), &local()).await.unwrap();
    assert_eq!((nothing.version, nothing.unchanged, nothing.sequence), (1, true, first.sequence));
    assert_eq!(ledger.journal.head(), first.sequence + 1, "the key and nothing else");
    saved(&catalogue, "deploy", "two").await;
    assert_eq!(catalogue.save(under(key("k", "f"), "one"), &local()).await.unwrap(), nothing);
}

#[tokio::test]
async fn a_save_that_is_refused_or_not_taken_by_the_store_leaves_its_key_free() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    saved(&catalogue, "deploy", "one").await;
    let absent = SaveWorkflow { precondition: Precondition::Absent, ..under(key("k", "f"), "two") };
    assert!(matches!(catalogue.save(absent, &local()).await, Err(SaveError::Exists { .. })));
    assert_eq!(lookup(&*ledger.journal, "k").unwrap().stream_sequence(), 0);
    assert_eq!(catalogue.save(under(key("k", "g"), "two"), &local()).await.unwrap().version, 2);
}

/// Neither process knows what the other is answering: the journal alone decides.
#[tokio::test]
async fn of_equal_saves_in_two_processes_one_makes_a_version_and_all_get_it() {
    let (ledger, _) = ledger();
    let (one, other) = (open(&ledger).await, open(&elsewhere(&ledger)).await);
    for round in 0..32 {
        let text = format!("d{round}");
        let ask = || under(key(&text, "f"), &text);
        // Others save at the same time, so that versions are decided again.
        let (a, b, _) = futures::future::join3(
            one.save(ask(), &local()),
            other.save(ask(), &local()),
            saved(&one, "deploy", &format!("other{round}")),
        )
        .await;
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(a, b);
        assert!(!a.unchanged);
    }
    let stream = streams::workflow(&name("deploy"));
    assert_eq!(ledger.journal.head_of(&stream).unwrap().unwrap().sequence, 64);
    assert_eq!(ledger.streams("key/").unwrap().len(), 32);
}

#[tokio::test]
async fn deleting_and_restoring_under_a_key_is_done_once() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    saved(&catalogue, "deploy", "one").await;
    let (deploy, by) = (name("deploy"), local());
    let (of_delete, of_restore) = (key("d", "f"), key("r", "f"));
    let delete = || catalogue.delete(&deploy, Precondition::None, Some(&of_delete), &by);
    let restore = || catalogue.restore(&deploy, Precondition::None, Some(&of_restore), &by);
    let (deleted, restored) = (delete().await.unwrap(), restore().await.unwrap());
    saved(&catalogue, "deploy", "two").await;
    assert_eq!((delete().await.unwrap(), restore().await.unwrap()), (deleted, restored));
    assert!(catalogue.runnable(&deploy, None).is_ok(), "it was not deleted again");
}

/// As after a client that went away in the middle: the journal has it, and what is in memory does not.
#[tokio::test]
async fn what_a_key_stands_for_is_known_when_it_is_asked_again() {
    let (ledger, _) = ledger();
    let (one, other) = (open(&ledger).await, open(&elsewhere(&ledger)).await);
    let made = other.save(under(key("k", "f"), "one"), &local()).await.unwrap();
    assert!(one.versions(&name("deploy")).is_none());
    assert_eq!(one.save(under(key("k", "f"), "one"), &local()).await.unwrap(), made);
    assert_eq!(one.runnable(&name("deploy"), None).unwrap().1, 1);
}

#[tokio::test]
async fn an_earlier_version_comes_back_as_a_new_one_with_its_message_and_the_pages_of_versions_say_so() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    for text in ["one", "two", "three"] {
        saved(&catalogue, "deploy", text).await;
    }
    let back = SaveWorkflow { message: "two was wrong".into(), ..save(String::new(), Precondition::None) };
    let rolled = catalogue.roll_back(&name("deploy"), 1, back.clone(), &local()).await.unwrap();
    assert_eq!((rolled.version, rolled.unchanged), (4, false));
    let version = open(&ledger).await.get(&name("deploy"), None).await.unwrap().unwrap();
    assert_eq!((&*version.source, version.message.as_str()), (&*document("deploy", "one"), "two was wrong"));
    assert!(catalogue.roll_back(&name("deploy"), 4, back.clone(), &local()).await.unwrap().unchanged);
    let none = catalogue.roll_back(&name("deploy"), 9, back, &local()).await;
    assert!(matches!(none, Err(SaveError::Unknown { version: Some(9), .. })));

    let page = Page { limit: 3, cursor: None };
    let first = catalogue.versions_page(&name("deploy"), &page).unwrap().unwrap();
    let numbers: Vec<u64> = first.items.iter().map(|head| head.version).collect();
    assert_eq!(numbers, [4, 3, 2]);
    let rest =
        catalogue.versions_page(&name("deploy"), &Page { cursor: first.next, ..page }).unwrap().unwrap();
    assert_eq!((rest.items[0].version, rest.items.len(), rest.next), (1, 1, None));
}

#[tokio::test]
async fn workflows_are_found_by_whom_they_are_for() {
    let (ledger, _) = ledger();
    let catalogue = open(&ledger).await;
    for workflow in ["open", "closed"] {
        saved(&catalogue, workflow, "x").await;
    }
    catalogue
        .change_visibility(&name("open"), Visibility::Public, Precondition::None, None, &local())
        .await
        .unwrap();
    let found = async |visibility| {
        let filter = WorkflowFilter { visibility, ..WorkflowFilter::default() };
        let page = open(&ledger).await.list(filter, Page { limit: 9, cursor: None }).await.unwrap();
        page.items.iter().map(|row| row.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(VisibilityFilter::Public).await, ["open"]);
    assert_eq!(found(VisibilityFilter::Mine(Some("local".into()))).await, ["open", "closed"]);
    assert!(found(VisibilityFilter::Mine(Some("token:x".into()))).await.is_empty());
}
