//! The calls: OTP's answer table.

use super::Supervisor;
use super::child::{Child, Origin, State};
use super::event::{
    Answer, CallId, ChildInfo, Counts, Event, Request, Spec, SpecInfo, SupervisorError, Target,
};
use super::flags::SpecError;
use super::group::Phase;
use super::roster::ChildId;
use crate::Key;

impl<P> Supervisor<P> {
    pub(super) fn call(&mut self, call: CallId, request: Request<P>) {
        match (&self.phase, request) {
            // Looking changes nothing and never waits.
            (_, Request::Which) => self.which(call),
            (_, Request::WhichOne(target)) => {
                let answer = self.present(&target).map(|(key, child)| Answer::Child(info(key, child)));
                self.reply(call, answer);
            }
            (_, Request::GetSpec(target)) => {
                let answer = self.present(&target).map(|(key, child)| {
                    Answer::Spec(SpecInfo { key: key.clone(), policy: child.policy.clone() })
                });
                self.reply(call, answer);
            }
            (_, Request::Count) => self.count(call),
            (Phase::Closing { .. } | Phase::Done, _) => self.reply(call, Err(SupervisorError::ShuttingDown)),
            (Phase::New | Phase::Booting { .. } | Phase::Regroup { .. }, request) => {
                self.deferred.push_back(Event::Call(call, request));
            }
            (Phase::Active, Request::Start(spec)) => self.add(call, spec),
            (Phase::Active, Request::Terminate(target)) => match self.locate(&target) {
                Ok(Some(id)) => self.stop(id, vec![call]),
                Ok(None) => self.reply(call, Ok(Answer::Terminated)),
                Err(error) => self.reply(call, Err(error)),
            },
            (Phase::Active, Request::Restart(key)) => match self.without_process(&key) {
                Ok(id) => self.start(id, Origin::ByHand(call)),
                Err(error) => self.reply(call, Err(error)),
            },
            (Phase::Active, Request::Delete(key)) => {
                let answer = self.without_process(&key).map(|id| self.forget(id));
                self.reply(call, answer.map(|()| Answer::Deleted));
            }
        }
    }

    fn add(&mut self, call: CallId, spec: Spec<P>) {
        if let Err(error) = self.admit(&spec) {
            return self.reply(call, Err(error));
        }
        let id = self.roster.push(spec.key, Child::new(spec.policy, spec.payload));
        self.start(id, Origin::Added(call));
    }

    fn admit(&self, spec: &Spec<P>) -> Result<(), SupervisorError> {
        if let Some(child) = self.roster.find(&spec.key).and_then(|id| self.roster.get(id)) {
            return Err(match child.1.has_process() {
                true => SupervisorError::AlreadyStarted,
                false => SupervisorError::AlreadyPresent,
            });
        }
        spec.policy.validate(&self.flags)?;
        if spec.key.is_empty() {
            return Err(SpecError::MissingKey.into());
        }
        if self.roster.len() >= self.flags.max_children {
            return Err(SupervisorError::MaxChildren);
        }
        Ok(())
    }

    /// The child that a call is about; none when it is about a life that is over.
    fn locate(&self, target: &Target) -> Result<Option<ChildId>, SupervisorError> {
        match *target {
            Target::Key(_) if self.flags.anonymous => Err(SupervisorError::SimpleOneForOne),
            Target::Key(ref key) => self.roster.find(key).map(Some).ok_or(SupervisorError::NotFound),
            // As in OTP, where a pid is taken for a name that no child bears.
            Target::Child(..) | Target::Stranger { .. } if !self.flags.is_dynamic() => {
                Err(SupervisorError::NotFound)
            }
            Target::Child(id, incarnation) => {
                let child = self.roster.get(id).map(|(_, child)| child);
                Ok(child.filter(|child| child.is_known_by(incarnation)).map(|_| id))
            }
            Target::Stranger { alive: true } => Err(SupervisorError::NotFound),
            Target::Stranger { alive: false } => Ok(None),
        }
    }

    /// The child that a call is about, which must be there.
    fn present(&self, target: &Target) -> Result<(&Key, &Child<P>), SupervisorError> {
        let id = self.locate(target)?.ok_or(SupervisorError::NotFound)?;
        self.roster.get(id).ok_or(SupervisorError::NotFound)
    }

    fn without_process(&self, key: &Key) -> Result<ChildId, SupervisorError> {
        if self.flags.anonymous {
            return Err(SupervisorError::SimpleOneForOne);
        }
        let id = self.roster.find(key).ok_or(SupervisorError::NotFound)?;
        let (_, child) = self.roster.get(id).ok_or(SupervisorError::NotFound)?;
        match child.state {
            State::Idle => Ok(id),
            State::Restarting(_) => Err(SupervisorError::Restarting),
            State::Starting(_) | State::Running | State::Stopping(_) => Err(SupervisorError::Running),
        }
    }

    fn which(&mut self, call: CallId) {
        let list = self.roster.iter().rev().map(|(_, key, child)| info(key, child)).collect();
        self.reply(call, Ok(Answer::Children(list)));
    }

    fn count(&mut self, call: CallId) {
        let mut counts = Counts { specs: self.roster.len(), ..Counts::default() };
        for (_, _, child) in self.roster.iter() {
            counts.active += usize::from(child.has_process());
            counts.supervisors += usize::from(Self::is_supervisor(child));
        }
        counts.workers = counts.specs - counts.supervisors;
        self.reply(call, Ok(Answer::Counts(counts)));
    }
}

fn info<P>(key: &Key, child: &Child<P>) -> ChildInfo {
    ChildInfo {
        key: key.clone(),
        state: child.state(),
        kind: child.policy.kind,
        incarnation: child.incarnation,
    }
}
