//! Laws of a retry with another version, on random runs.

use proptest::prelude::*;

use super::laws::{Behaviour, Scene, go_on, play, result, scene};
use super::*;

/// The scene with these nodes mended, and all of them doing what they are there for.
fn mended(scene: &Scene, is_mended: impl Fn(&str) -> bool) -> Scene {
    let line = |line: &str| match line.trim_start().split_once(": { ") {
        Some((id, rest)) if is_mended(id) => format!("  {id}: {{ description: mended, {rest}\n"),
        _ => format!("{line}\n"),
    };
    let behaviours = vec![Behaviour::Completes; scene.behaviours.len()];
    Scene { yaml: scene.yaml.lines().map(line).collect(), behaviours }
}

fn with(scene: &Scene) -> Retry {
    let revision = Revision { version: 2, next: workflow(&scene.yaml) };
    Retry { revision: Some(revision), ..Retry::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// S1-4.1g: what a retry refuses to change is what it keeps, and with all else changed the run goes to the same end in
    /// any order and with any crashes, and does nothing again that was finished.
    #[test]
    fn a_failed_run_goes_on_with_another_version_to_the_same_end_whatever_crashes(
        scene in scene(),
        choices in proptest::collection::vec(0usize..100, 1..60),
        crashes in proptest::collection::vec(any::<bool>(), 0..40),
    ) {
        let failed = play(&scene, &choices, &[]);
        if failed.run.status != RunStatus::Failed {
            return Ok(());
        }
        let everything = hazards(&failed.run, &with(&mended(&scene, |_| true)));
        let begun: BTreeSet<String> = match everything {
            Ok(_) => BTreeSet::new(),
            Err(Rejection::NotEditable { violations }) => {
                violations.iter().map(|one| one.path.trim_start_matches("/nodes/").to_owned()).collect()
            }
            Err(other) => panic!("{other:?}"),
        };
        let next = mended(&scene, |id| !begun.contains(id));
        let mut bench = failed.clone();
        let told = hazards(&bench.run, &with(&next)).unwrap();
        for path in &told.kept {
            let top = path.as_str().split('.').next().unwrap();
            prop_assert!(begun.contains(top), "{path} is kept and may be changed\n{}", scene.yaml);
        }
        let names = bench.give(Command::Retry(Box::new(with(&next)))).unwrap();
        // Nothing to mend is no revision of the plan, but a version is one all the same.
        prop_assert_eq!(&names[..2], ["plan.revised", "run.reopened"]);
        prop_assert_eq!((bench.run.version, bench.run.workflow.hash), (2, workflow(&next.yaml).hash));
        let calm = go_on(bench.clone(), &next, &[0], &[]);
        let wild = go_on(bench, &next, &choices, &crashes);
        prop_assert_eq!(result(&calm.run), result(&wild.run), "{}", next.yaml);
        prop_assert_eq!(calm.run.status, RunStatus::Completed, "{}", next.yaml);
    }
}
