//! What breaks: actors of every kind, supervisors, threads, and the process with or without what no sync had reached.

use std::time::Duration;

use ghostlight_supervision::ExitReason;
use ghostlight_supervision::core::Event;

use crate::house::{Action, House};
use crate::scenery::agents;
use crate::tree::{LifeKey, Role};

/// What a trace says of the end of a process, which concerns all runs.
pub const PROCESS_ENDS: &str = "the process ends";

/// What breaks again and again: the power, which does so once.
pub const POWER: u8 = u8::MAX;

impl House {
    /// Something breaks, and something else after a while.
    pub(crate) fn fault(&mut self) {
        if self.is_calm {
            return;
        }
        match self.rng.u8(..40) {
            // In the middle of an append, where it hurts.
            0 | 38 | 39 => self.power_fails_with_an_append = true,
            1 => self.process_ends(false),
            2..=9 => self.breaks("workflow_actor", |role| matches!(role, Role::Workflow(_))),
            10..=16 => self.breaks("attempt_actor", |role| matches!(role, Role::Execution(..))),
            17 | 18 => self.breaks("gate_actor", |role| matches!(role, Role::Gate(..))),
            19..=21 => self.breaks("timers_actor", |role| matches!(role, Role::Timers)),
            22 => self.breaks("timers_actor", |role| matches!(role, Role::Router)),
            23..=25 => self.breaks("run_supervisor", |role| matches!(role, Role::Run(_))),
            26 => self.breaks("middle_supervisor", |role| matches!(role, Role::Runs)),
            27 => {
                let child = self
                    .anyone(|role| matches!(role, Role::Execution(..) | Role::Workflow(_) | Role::Run(_)));
                child.into_iter().for_each(|child| self.lose_thread(child));
            }
            28 | 29 => {
                let child = self.anyone(|role| matches!(role, Role::Timers));
                child.into_iter().for_each(|child| self.hang(child));
            }
            // The same again and again, until somebody gives up.
            30..=33 => {
                let (kind, times) = (self.rng.u8(..3), self.rng.u8(2..7));
                self.breaks_again(kind, times);
            }
            34 | 35 => self.agents = agents(false, &mut self.rng),
            _ => {}
        }
        let after = Duration::from_millis(self.rng.u64(..6_000));
        self.post(after, Action::Fault);
    }

    fn process_ends(&mut self, with_the_power: bool) {
        let lost = self.end_process(with_the_power);
        self.note(None, |_| format!("{PROCESS_ENDS}; {lost} appends are lost"));
        self.reached.sometimes("fault", if lost > 0 { "process_with_loss" } else { "process" });
        self.recall_all();
        self.boot();
    }

    fn breaks(&mut self, what: &'static str, is_one: impl Fn(&Role) -> bool) {
        if let Some(life) = self.anyone(is_one) {
            self.reached.sometimes("fault", what);
            self.break_one(life);
        }
    }

    fn break_one(&mut self, life: LifeKey) {
        let reason = ExitReason::Panicked { message: "a bug".into(), location: "nowhere:1:1".into() };
        let run = self.lives.get(&life).and_then(|life| life.role.run());
        self.note(run, |house| format!("{:?} panics", house.lives.get(&life).map(|life| &life.role)));
        self.end_life(life, reason);
    }

    /// One actor after another of one kind breaks, within the period of any intensity.
    pub(crate) fn breaks_again(&mut self, kind: u8, times: u8) {
        if self.is_calm || times == 0 {
            return;
        }
        if kind == POWER {
            return self.process_ends(true);
        }
        let life = self.anyone(|role| match kind {
            0 => matches!(role, Role::Timers),
            1 => matches!(role, Role::Runs | Role::Router),
            _ => matches!(role, Role::Workflow(_)),
        });
        life.into_iter().for_each(|life| self.break_one(life));
        // It comes up again in between.
        self.post(Duration::from_millis(300), Action::Again(kind, times - 1));
    }

    /// One of the living whose role is this, by chance.
    pub(crate) fn anyone(&mut self, is_one: impl Fn(&Role) -> bool) -> Option<LifeKey> {
        let all: Vec<LifeKey> = self
            .lives
            .iter()
            .filter(|(_, life)| life.is_up && is_one(&life.role))
            .map(|(key, _)| *key)
            .collect();
        if all.is_empty() { None } else { Some(all[self.rng.usize(..all.len())]) }
    }

    /// A child hangs from now on.
    pub(crate) fn hang(&mut self, key: LifeKey) {
        self.lives.entry(key).and_modify(|life| life.hangs = true);
    }

    /// What never said that it is up is given up when faults stop: nobody waits for ever in the product.
    pub(crate) fn heal(&mut self) {
        for life in self.lives.values_mut() {
            (life.is_stubborn, life.is_stuck, life.hangs) = (false, false, false);
        }
        let silent: Vec<LifeKey> = self
            .lives
            .iter()
            .filter(|(_, life)| !life.is_up && life.node.is_none())
            .map(|(key, _)| *key)
            .collect();
        for key in silent {
            self.post(Duration::from_millis(900), Action::Begin(key));
        }
    }

    /// The thread of some children is lost.
    pub(crate) fn lose_thread(&mut self, key: LifeKey) {
        let lost: Vec<LifeKey> = self
            .lives
            .keys()
            .filter(|life| life.node == key.node && life.child >= key.child)
            .copied()
            .collect();
        let lost = lost.into_iter().map(|life| (life.child, life.incarnation)).collect();
        self.hear(key.node, Event::Lost(lost));
    }

    /// The process is asked to go down.
    pub fn shut_down(&mut self) {
        self.is_going_down = true;
        if let Some(root) = self.root {
            self.hear(root, Event::Shutdown(ExitReason::SHUTDOWN));
        }
    }

    /// Whether anything of the process is there.
    pub fn is_down(&self) -> bool {
        self.root.is_none() && self.nodes.is_empty() && self.lives.is_empty()
    }
}
