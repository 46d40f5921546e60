//! Several agents that can do the same, through the real house.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod house;

use std::collections::BTreeMap;

use ghostlight_model::run::RunStatus;

use house::{close, ended, open, start};

const MANY: &str = "
ghostlight: 1
name: many
nodes:
  list: { type: transform, value: { items: [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29] } }
  all: { type: map, needs: [list], over: $list.items, max_parallel: 3, node: { type: agent_call, capability: digging } }
";

/// Who is done sooner is asked more often, whatever the order of names.
/// Shows S4-T4d, S4-T4h.
#[test]
fn of_three_agents_of_different_speed_the_faster_ones_get_more() {
    let folder = tempfile::tempdir().unwrap();
    let agents = folder.path().join("agents");
    std::fs::create_dir_all(&agents).unwrap();
    for (agent, time) in [("a-slow", "600ms"), ("b-middle", "60ms"), ("c-fast", "1ms")] {
        let text = format!(
            "ghostlight: 1\nname: {agent}\nkind: builtin\nbuiltin: sleep\nwith: {{ for: {time} }}\ncapabilities: [digging]\n"
        );
        std::fs::write(agents.join(format!("{agent}.yaml")), text).unwrap();
    }
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, MANY).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed, "{:?}", read.run.failure);
        let mut done = BTreeMap::new();
        for agent in read.run.walk().filter_map(|(_, _, step)| step.agent.clone()) {
            *done.entry(agent.to_string()).or_insert(0) += 1;
        }
        let [slow, middle, fast] =
            ["a-slow", "b-middle", "c-fast"].map(|agent| done.get(agent).copied().unwrap_or(0));
        assert_eq!(slow + middle + fast, 30);
        assert!(slow >= 1 && slow < middle && middle < fast, "{done:?}");
        close(ghostlight, house).await;
    });
}
