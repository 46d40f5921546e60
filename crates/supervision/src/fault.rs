//! Faults on demand: what a bug, a kill or a silence would do to a child, for tests and for those who want to see it.
//!
//! Nothing here happens by itself. A tree refuses every fault until [`Tree::permit_faults`] was called on it, and a crate
//! built without the feature `chaos` has no code in which a child could be made to break. A fault is made to one life of
//! a child: a later one never meets it. What follows is the supervisor's affair, as with any other end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::tree::Tree;

/// The longest time that a child hangs on demand, if nobody kills it before.
pub const HANG_MAX: Duration = Duration::from_secs(30);

/// What is done to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It panics inside its own code, in its next poll, which is at once.
    Panic,
    /// It is killed: dropped at its next await, without any hook.
    Kill,
    /// It makes no progress, as behind an await that never ends: neither messages nor timers nor a shutdown reach it, a kill
    /// does. After [`HANG_MAX`] it goes on where it stood.
    Hang,
}

/// Why a fault was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Nobody allowed faults in this tree, or this program was built without them.
    #[error("faults are not permitted in this tree")]
    NotPermitted,
    /// There is nothing at this path.
    #[error("no such child")]
    NotFound,
    /// It is not up.
    #[error("the child is not running")]
    NotRunning,
}

impl Tree {
    /// Allows [`Tree::inject`] from now on. Without the feature `chaos` this changes nothing.
    pub fn permit_faults(&self) {
        self.shared.faults.store(cfg!(feature = "chaos"), Ordering::Release);
    }

    /// Makes an actor block its thread for this long, as a bug would, when it next handles a message; it then goes on with it.
    ///
    /// # Errors
    /// [`FaultError`]; nothing was done.
    #[cfg(feature = "chaos")]
    pub fn block(&self, path: &str, time: std::time::Duration) -> Result<(), FaultError> {
        if !self.shared.faults.load(Ordering::Acquire) {
            return Err(FaultError::NotPermitted);
        }
        let child = self.child(path).ok_or(FaultError::NotFound)?;
        let is_made = child.is_alive() && child.node.plant_block(child.incarnation, time);
        if is_made { Ok(()) } else { Err(FaultError::NotRunning) }
    }

    /// Makes a fault to the child at a path. Its supervisor then does what its specification says.
    ///
    /// # Errors
    /// [`FaultError`]; nothing was done.
    pub fn inject(&self, path: &str, fault: Fault) -> Result<(), FaultError> {
        if !self.shared.faults.load(Ordering::Acquire) {
            return Err(FaultError::NotPermitted);
        }
        let child = self.child(path).ok_or(FaultError::NotFound)?;
        let is_made = child.is_alive()
            && match fault {
                Fault::Kill => child.kill(),
                #[cfg(feature = "chaos")]
                Fault::Panic | Fault::Hang => child.node.inject(child.incarnation, fault),
                #[cfg(not(feature = "chaos"))]
                Fault::Panic | Fault::Hang => false,
            };
        if is_made { Ok(()) } else { Err(FaultError::NotRunning) }
    }
}
