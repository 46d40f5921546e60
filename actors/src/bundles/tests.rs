//! Bundles over a journal in memory: what happens when several import, and others save, at the same time.

use super::*;
use crate::catalogue::SaveWorkflow;
use crate::testing::{agents, elsewhere, key, ledger, local, name};
use ghostlight_model::definitions::Precondition;
use ghostlight_model::language::Format;

fn document(workflow: &str, description: &str) -> String {
    format!(
        "ghostlight: 1\nname: {workflow}\ndescription: {description}\nnodes:\n  a: {{ type: agent_call, agent: noop }}\n"
    )
}

async fn open(ledger: &Ledger) -> Bundles {
    let agents = agents(ledger).await;
    let catalogue = Catalogue::open(ledger.clone(), agents.clone()).unwrap();
    Bundles::new(ledger.clone(), catalogue, agents)
}

async fn save(bundles: &Bundles, workflow: &str, description: &str) {
    let save = SaveWorkflow {
        source: document(workflow, description),
        format: Format::Yaml,
        name: None,
        message: String::new(),
        precondition: Precondition::None,
        key: None,
    };
    bundles.catalogue.save(save, &local()).await.unwrap();
}

/// A bundle of two workflows, of which one has two versions.
async fn bundle() -> Bundle {
    let (ledger, _) = ledger();
    let bundles = open(&ledger).await;
    save(&bundles, "one", "a").await;
    save(&bundles, "one", "b").await;
    save(&bundles, "two", "a").await;
    let mut bundle = bundles.export(&name("one"), true).await.unwrap();
    bundle.workflows.extend(bundles.export(&name("two"), true).await.unwrap().workflows);
    bundle
}

#[tokio::test]
async fn of_many_equal_imports_under_one_key_one_stores_and_the_others_see_what_it_stored() {
    let (ledger, _) = ledger();
    let bundle = bundle().await;
    let imports = (0..8).map(|_| {
        // Each as another process would have it, which knows nothing of the others.
        let (ledger, bundle) = (elsewhere(&ledger), bundle.clone());
        async move { open(&ledger).await.import(bundle, false, Some(&key("k", "f")), &local()).await.unwrap() }
    });
    let imported = futures::future::join_all(imports).await;
    assert_eq!(imported.iter().filter(|imported| imported.stored).count(), 1);
    let bundles = open(&ledger).await;
    assert_eq!(bundles.catalogue.versions(&name("one")).unwrap().len(), 2);
    assert_eq!(bundles.catalogue.versions(&name("two")).unwrap().len(), 1);
    let reused = bundles.import(bundle, false, Some(&key("k", "other")), &local()).await;
    assert!(matches!(reused, Err(ImportError::Key(KeyRefusal::Reused))));
}

#[tokio::test]
async fn imports_and_saves_at_the_same_time_leave_whole_versions_in_one_order() {
    let (ledger, _) = ledger();
    let (bundle, bundles) = (bundle().await, open(&ledger).await);
    let caller = local();
    let imports = (0..4).map(|_| bundles.import(bundle.clone(), false, None, &caller));
    let saves = (0..4).map(|number| {
        let bundles = bundles.clone();
        async move { save(&bundles, "two", &format!("mine {number}")).await }
    });
    let (imported, _) =
        futures::future::join(futures::future::join_all(imports), futures::future::join_all(saves)).await;
    assert!(imported.iter().all(Result::is_ok));
    let again = open(&ledger).await;
    for workflow in ["one", "two"] {
        let versions: Vec<u64> = again
            .catalogue
            .versions(&name(workflow))
            .unwrap()
            .iter()
            .rev()
            .map(|head| head.version)
            .collect();
        assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>(), "{workflow}");
    }
    assert_eq!(again.catalogue.versions(&name("one")).unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_deleted_here_is_not_brought_back_by_an_import() {
    let (ledger, _) = ledger();
    let bundles = open(&ledger).await;
    save(&bundles, "one", "mine").await;
    bundles.catalogue.delete(&name("one"), Precondition::None, None, &local()).await.unwrap();
    let head = ledger.journal.head();
    let refused = bundles.import(bundle().await, false, None, &local()).await;
    let Err(ImportError::Refused(items)) = refused else { panic!("{refused:?}") };
    assert_eq!((items[0].outcome, items[0].version), (Outcome::Refused, 1));
    assert_eq!(ledger.journal.head(), head);
    assert!(matches!(bundles.export(&name("none"), false).await, Err(ExportError::Unknown(_))));
}
