//! Known faults, chosen at start by the environment variable `GHOSTLIGHT_PLANTED_BUG`: the proof that the suites which look
//! for such faults can find them. Without the feature `planted-bugs` there are none, and asking costs nothing.

/// A fault that can be planted. Each breaks one promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// An append is answered before the disk has it.
    AckBeforeSync,
    /// The folder is not synced when a file in it gets its name.
    NoDirFsync,
    /// Now and then an append is made twice.
    ApplyTwice,
    /// What leaves memory with a due time is not woken after a restart.
    LostTimer,
    /// A question may be decided again.
    DoubleApproval,
    /// An append is taken although its stream is not where its owner believes.
    StaleOwner,
    /// Followers are told of a commit before the disk has it.
    FeedBeforeDurable,
    /// Checksums are not looked at.
    SkipCrc,
    /// A snapshot claims to hold one more event than it does.
    SnapshotAhead,
    /// What fails is tried without end.
    RetryForever,
    /// The idempotency key is another one with each attempt.
    KeyChanges,
    /// With what was dropped goes whatever was written together with it.
    CompactTooMuch,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::AckBeforeSync,
        Self::NoDirFsync,
        Self::ApplyTwice,
        Self::LostTimer,
        Self::DoubleApproval,
        Self::StaleOwner,
        Self::FeedBeforeDurable,
        Self::SkipCrc,
        Self::SnapshotAhead,
        Self::RetryForever,
        Self::KeyChanges,
        Self::CompactTooMuch,
    ];

    /// What it is called in the variable.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "bug_ack_before_sync",
            Self::NoDirFsync => "bug_no_dir_fsync",
            Self::ApplyTwice => "bug_apply_twice",
            Self::LostTimer => "bug_lost_timer",
            Self::DoubleApproval => "bug_double_approval",
            Self::StaleOwner => "bug_stale_owner",
            Self::FeedBeforeDurable => "bug_feed_before_durable",
            Self::SkipCrc => "bug_skip_crc",
            Self::SnapshotAhead => "bug_snapshot_ahead",
            Self::RetryForever => "bug_retry_forever",
            Self::KeyChanges => "bug_key_changes",
            Self::CompactTooMuch => "bug_compact_too_much",
        }
    }

    /// The one that was asked for.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn planted() -> Option<Self> {
        use std::sync::OnceLock;
        static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
        let chosen = || {
            let name = std::env::var("GHOSTLIGHT_PLANTED_BUG").ok()?;
            Self::ALL.into_iter().find(|bug| bug.name() == name)
        };
        *CHOSEN.get_or_init(chosen)
    }

    /// None is there.
    #[cfg(not(feature = "planted-bugs"))]
    #[must_use]
    #[inline(always)]
    pub const fn planted() -> Option<Self> {
        None
    }

    /// Whether it was asked for.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn is_planted(self) -> bool {
        Self::planted() == Some(self)
    }

    /// None is there.
    #[cfg(not(feature = "planted-bugs"))]
    #[must_use]
    #[inline(always)]
    pub const fn is_planted(self) -> bool {
        false
    }
}
