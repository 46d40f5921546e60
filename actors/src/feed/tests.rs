//! The feed as its users see it: a hub over a journal in memory, and subscribers of all paces.

use std::collections::BTreeSet;
use std::time::Duration;

use bytestring::ByteString;
use futures::FutureExt;
use ghostlight_model::ids::{AttemptId, RunId};
use ghostlight_model::workflow::Risk;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::streams;
use crate::views::testing::{
    Log, approval, asked, completed, completed_step, created, failed_step, run, started, step,
};

/// Longer than anything here takes; time is paused where it would be waited for.
const LONG: Duration = Duration::from_secs(30);

struct House {
    log: Log,
    feed: FeedHandle,
}

impl House {
    fn new() -> Self {
        Self::with(FeedLimits::default())
    }

    /// A feed whose ring holds `frames` frames.
    fn small(frames: usize) -> Self {
        Self::with(FeedLimits { ring_frames: frames, ..FeedLimits::default() })
    }

    fn with(limits: FeedLimits) -> Self {
        let log = Log::new();
        Self { feed: FeedHandle::new(log.journal.clone(), limits), log }
    }

    /// Lets the hub follow until it has shown all that is committed, then ends it as a crash would.
    async fn follow(&self) {
        let head = self.log.journal.head();
        let caught_up = async {
            while self.feed.stats().head < head {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            end = self.feed.follow() => panic!("the hub ended: {end:?}"),
            () = caught_up => {}
        }
    }

    fn spawn_hub(&self) -> tokio::task::JoinHandle<()> {
        let feed = self.feed.clone();
        tokio::spawn(async move { feed.follow().await.unwrap() })
    }

    /// `count` steps of a run.
    fn steps(&self, number: u32, count: u32) {
        for n in 0..count {
            self.log.run(run(number), "incident", &[completed_step("verify", n + 1)]);
        }
    }

    fn subscribe(&self, request: FeedRequest) -> Subscription {
        self.feed.subscribe(request).unwrap()
    }

    fn after(&self, after: u64) -> Subscription {
        self.subscribe(FeedRequest { after: Some(after), ..FeedRequest::default() })
    }
}

fn of_run(number: u32) -> FeedRequest {
    FeedRequest {
        filter: FeedFilter { run: Some(run(number)), ..FeedFilter::default() },
        ..FeedRequest::default()
    }
}

async fn next(subscription: &mut Subscription) -> FeedItem {
    tokio::time::timeout(LONG, subscription.next()).await.expect("in time").expect("an item")
}

/// The sequences of the next `count` frames of records, whatever stands between them.
async fn sequences(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut found = Vec::new();
    while found.len() < count {
        if let FeedItem::Frame { sequence: Some(sequence), .. } = next(subscription).await {
            found.push(sequence);
        }
    }
    found
}

/// The data of the next frame, which must be of this type.
async fn data(subscription: &mut Subscription, name: &str) -> Value {
    let item = next(subscription).await;
    let frame: Value = serde_json::from_str(&item.text()).unwrap();
    assert_eq!(frame["type"], name, "{frame}");
    frame["data"].clone()
}

fn attempt(number: u32) -> AttemptId {
    AttemptId { step: step("verify"), number }
}

/// S3-4e: however many watch, and wherever they begin, each gets the same frames in the same order.
#[tokio::test]
async fn two_hundred_watchers_get_identical_sequences() {
    const RECORDS: u32 = 1_500;
    let house = House::small(256);
    house.steps(0, 300);
    let hub = house.spawn_hub();
    let watchers: Vec<_> = (0..200_u32)
        .map(|number| {
            let mut subscription = house.after(0);
            tokio::spawn(async move {
                let mut hash = blake3::Hasher::new();
                let mut expected = 1;
                while expected <= u64::from(RECORDS) {
                    if let FeedItem::Frame { sequence, bytes, .. } = next(&mut subscription).await {
                        assert_eq!(sequence, Some(expected));
                        expected += 1;
                        hash.update(bytes.as_bytes());
                    }
                    // Every watcher has a pace of its own.
                    if expected % (u64::from(number) + 2) == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                hash.finalize()
            })
        })
        .collect();
    for n in 300..RECORDS {
        house.log.run(run(n % 7), "incident", &[completed_step("verify", n)]);
        if n % 16 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut hashes = BTreeSet::new();
    for watcher in watchers {
        hashes.insert(watcher.await.unwrap().to_hex().to_string());
    }
    assert_eq!(hashes.len(), 1);
    assert_eq!(house.feed.stats().subscriptions, 0);
    hub.abort();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whenever a watcher stops, lags and comes back with its cursor, and whenever the hub dies, it gets every record once.
    /// Shows S2-2.1e, S3-4c, S3-4d.
    #[test]
    fn a_watcher_that_resumes_by_its_cursor_misses_nothing(
        ring in 1_usize..12,
        steps in prop::collection::vec((0_u32..9, 0_usize..12, any::<bool>(), any::<bool>()), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::small(ring);
            let mut subscription = house.after(0);
            let mut seen = Vec::new();
            for (appended, read, leaves, follows) in steps {
                house.steps(0, appended);
                if follows {
                    house.follow().await;
                }
                let there = usize::try_from(house.log.journal.head()).unwrap() - seen.len();
                let shown = usize::try_from(house.feed.stats().head).unwrap().saturating_sub(seen.len());
                // What a replay finds is there without the hub; what is live is there once the hub has shown it.
                let reachable = there.min(shown);
                seen.extend(sequences(&mut subscription, read.min(reachable)).await);
                if leaves {
                    // What was given out is the cursor; what was only queued is given again.
                    assert_eq!(subscription.cursor(), seen.last().copied().unwrap_or(0));
                    subscription = house.after(subscription.cursor());
                }
            }
            house.follow().await;
            let left = usize::try_from(house.log.journal.head()).unwrap() - seen.len();
            seen.extend(sequences(&mut subscription, left).await);
            let all: Vec<_> = (1..=house.log.journal.head()).collect();
            assert_eq!(seen, all);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// A run's watcher proves by the sequences of its stream that nothing is missing, whatever else the ring is full of.
    #[test]
    fn a_watcher_of_a_run_gets_its_stream_densely(
        ring in 1_usize..8,
        steps in prop::collection::vec((0_u32..2, 0_u32..6, 0_usize..8, any::<bool>()), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::small(ring);
            let mut subscription = house.subscribe(of_run(1));
            let (mut seen, mut written) = (Vec::new(), 0);
            for (number, appended, read, leaves) in steps {
                house.steps(number, appended);
                written += if number == 1 { appended as usize } else { 0 };
                house.follow().await;
                for _ in 0..read.min(written - seen.len()) {
                    seen.push(stream_sequence(&mut subscription).await);
                }
                if leaves {
                    let request = FeedRequest { after: Some(subscription.cursor()), ..of_run(1) };
                    subscription = house.subscribe(request);
                }
            }
            while seen.len() < written {
                seen.push(stream_sequence(&mut subscription).await);
            }
            assert_eq!(seen, (1..=written as u64).collect::<Vec<_>>());
        });
    }
}

/// The next record's place in its stream.
async fn stream_sequence(subscription: &mut Subscription) -> u64 {
    loop {
        if let FeedItem::Frame { stream_sequence: Some(place), .. } = next(subscription).await {
            return place;
        }
    }
}

#[tokio::test]
async fn a_watcher_that_was_too_slow_is_told_and_gets_what_it_missed() {
    let house = House::small(4);
    let mut subscription = house.after(0);
    house.steps(0, 2);
    house.follow().await;
    assert!(matches!(next(&mut subscription).await, FeedItem::Hello { head: 0, .. }));
    assert_eq!(sequences(&mut subscription, 2).await, [1, 2]);
    house.steps(0, 20);
    house.follow().await;
    let stats = house.feed.stats();
    assert_eq!((stats.sent, stats.slowest_lag), (2, 20));
    assert_eq!(next(&mut subscription).await, FeedItem::Lagged { after: 2, head: 22 });
    assert_eq!(sequences(&mut subscription, 20).await, (3..=22).collect::<Vec<_>>());
    assert_eq!(house.feed.stats().lagged, 1);
    house.steps(0, 1);
    house.follow().await;
    assert_eq!(sequences(&mut subscription, 1).await, [23]);
    let stats = house.feed.stats();
    assert_eq!((stats.sent, stats.slowest_lag), (23, 0));
}

#[tokio::test]
async fn a_hub_that_lags_behind_the_journal_shows_what_it_missed() {
    let house = House::new();
    let hub = house.spawn_hub();
    let mut subscription = house.after(0);
    house.steps(0, 1);
    assert_eq!(sequences(&mut subscription, 1).await, [1]);
    // More commits than wait for a follower, before the hub gets its turn.
    house.steps(0, 3_000);
    assert_eq!(sequences(&mut subscription, 3_000).await, (2..=3_001).collect::<Vec<_>>());
    hub.abort();
}

#[tokio::test]
async fn a_feed_begins_at_the_head_and_a_runs_feed_at_its_beginning() {
    let house = House::new();
    for number in 0..3 {
        house.log.run(run(number), "incident", &[created("incident", &[]), started("verify", 1)]);
    }
    house.follow().await;
    let mut all = house.subscribe(FeedRequest::default());
    let mut one = house.subscribe(of_run(1));
    let mut late = house.subscribe(FeedRequest { after: Some(3), ..of_run(1) });
    house.log.run(run(1), "incident", &[completed_step("verify", 1)]);
    house.log.run(run(2), "incident", &[completed_step("verify", 1)]);
    house.log.run(run(1), "incident", &[completed()]);
    house.follow().await;
    assert_eq!(sequences(&mut all, 3).await, [7, 8, 9]);
    assert_eq!(sequences(&mut late, 3).await, [4, 7, 9]);
    assert!(matches!(next(&mut one).await, FeedItem::Hello { head: 6, .. }));
    let mut places = Vec::new();
    for _ in 0..4 {
        let FeedItem::Frame { sequence, stream_sequence, .. } = next(&mut one).await else {
            panic!("a frame")
        };
        places.push((sequence.unwrap(), stream_sequence.unwrap()));
    }
    assert_eq!(places, [(3, 1), (4, 2), (7, 3), (9, 4)]);
}

#[tokio::test]
async fn a_runs_feed_that_lags_reads_its_own_stream() {
    let house = House::small(3);
    house.log.run(run(1), "incident", &[created("incident", &[])]);
    let mut one = house.subscribe(of_run(1));
    house.follow().await;
    assert_eq!(sequences(&mut one, 1).await, [1]);
    // The next poll would find it live; meanwhile others fill the ring.
    house.steps(0, 10);
    house.steps(1, 2);
    house.steps(0, 10);
    house.follow().await;
    assert_eq!(sequences(&mut one, 2).await, [12, 13]);
}

/// P4.
#[tokio::test]
async fn records_that_are_damaged_are_a_gap_and_the_feed_of_their_run_ends() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::damaged(dir.path(), "team-of-1", |log| {
        for number in 0..3 {
            let team = format!("team-of-{number}");
            log.run(run(number), "incident", &[created("incident", &[("team", &team)])]);
        }
    });
    let house = House { feed: FeedHandle::new(log.journal.clone(), FeedLimits::default()), log };
    house.follow().await;
    let mut all = house.after(0);
    assert_eq!(sequences(&mut all, 1).await, [1]);
    assert_eq!(next(&mut all).await, FeedItem::Gap { from: 1, to: 2, reason: GapReason::Damage });
    assert_eq!(sequences(&mut all, 1).await, [3]);
    house.log.run(run(2), "incident", &[started("detect", 1)]);
    // As the runtime does when it sets the run aside, whose labels nobody knows.
    house.log.run(run(1), "incident", &[started("detect", 1)]);
    house.log.run(run(2), "incident", &[started("detect", 2)]);
    house.follow().await;
    assert_eq!(sequences(&mut all, 3).await, [4, 5, 6]);
    let labels = vec![("team".to_owned(), "team-of-2".to_owned())];
    let filter = FeedFilter { labels, ..FeedFilter::default() };
    let labelled = FeedRequest { after: Some(2), filter, ..FeedRequest::default() };
    assert_eq!(sequences(&mut house.subscribe(labelled), 3).await, [3, 4, 6]);
    let mut of_damaged = house.subscribe(FeedRequest { after: Some(0), ..of_run(1) });
    let last = loop {
        match next(&mut of_damaged).await {
            FeedItem::Hello { .. } => {}
            other => break other,
        }
    };
    assert!(matches!(&last, FeedItem::Closing { reason } if reason.contains("is damaged")), "{last:?}");
}

/// Shows S3-4d.
#[tokio::test]
async fn a_cursor_that_cannot_be_continued_is_answered_with_a_gap() {
    let house = House::new();
    house.steps(0, 5);
    house.follow().await;
    let other = FeedRequest { after: Some(3), log: Some(Uuid::from_u128(9)), ..FeedRequest::default() };
    for (request, gap) in [
        (other.clone(), FeedItem::Gap { from: 3, to: 5, reason: GapReason::OtherLog }),
        (
            FeedRequest { after: Some(9), ..FeedRequest::default() },
            FeedItem::Gap { from: 9, to: 5, reason: GapReason::BeyondHead },
        ),
        (
            FeedRequest { filter: of_run(0).filter, ..other },
            FeedItem::Gap { from: 3, to: 0, reason: GapReason::OtherLog },
        ),
    ] {
        let mut subscription = house.subscribe(request);
        next(&mut subscription).await;
        assert_eq!(next(&mut subscription).await, gap);
        assert_eq!(gap.cursor(), Some(subscription.cursor()));
    }
    let same =
        FeedRequest { after: Some(3), log: Some(house.log.journal.log_id()), ..FeedRequest::default() };
    let mut subscription = house.subscribe(same);
    assert_eq!(sequences(&mut subscription, 2).await, [4, 5]);
}

#[tokio::test]
async fn labels_are_those_of_the_run_however_long_ago_it_was_created() {
    let house = House::small(2);
    house.log.run(run(0), "incident", &[created("incident", &[("team", "ops")])]);
    house.log.run(run(1), "incident", &[created("incident", &[("team", "dev")])]);
    // The hub begins here: it never saw the runs' first records.
    let feed = FeedHandle::new(house.log.journal.clone(), FeedLimits::default());
    let house = House { feed, ..house };
    let labels = vec![("team".to_owned(), "ops".to_owned())];
    let filter = FeedFilter { labels, ..FeedFilter::default() };
    let mut subscription = house.subscribe(FeedRequest { filter, live: true, ..FeedRequest::default() });
    house.steps(1, 1);
    house.steps(0, 1);
    house.follow().await;
    assert_eq!(sequences(&mut subscription, 1).await, [4]);
    house.feed.live(LiveEvent::token(run(1), attempt(1), "not this".into()));
    house.feed.live(LiveEvent::token(run(0), attempt(1), "this".into()));
    assert_eq!(data(&mut subscription, "step.token").await["text"], "this");
}

#[tokio::test]
async fn the_text_so_far_comes_first_and_goes_on_without_a_hole() {
    let house = House::new();
    house.log.run(run(0), "campaign", &[created("campaign", &[]), started("verify", 1)]);
    house.follow().await;
    for piece in ["one ", "two "] {
        house.feed.live(LiveEvent::token(run(0), attempt(1), piece.into()));
    }
    let mut subscription = house.subscribe(FeedRequest { live: true, ..FeedRequest::default() });
    let mut quiet = house.subscribe(FeedRequest::default());
    next(&mut subscription).await;
    let so_far = data(&mut subscription, "step.token").await;
    assert_eq!(so_far, serde_json::json!({ "attempt": 1, "offset": 0, "text": "one two " }));
    house.feed.live(LiveEvent::token(run(0), attempt(1), "three".into()));
    house.feed.live(LiveEvent::progress(run(0), attempt(1), Some(0.5), "half".into()));
    assert_eq!(data(&mut subscription, "step.token").await["offset"], 8);
    assert_eq!(data(&mut subscription, "step.progress").await["ratio"], 0.5);
    house.log.run(run(0), "campaign", &[completed_step("verify", 1)]);
    house.follow().await;
    assert_eq!(sequences(&mut subscription, 1).await, [3]);
    assert_eq!(sequences(&mut quiet, 1).await, [3]);
    // The attempt has ended: nobody is given its text any more.
    let mut late = house.subscribe(FeedRequest { live: true, ..FeedRequest::default() });
    next(&mut late).await;
    assert_eq!(late.next().now_or_never(), None);
    house.feed.live(LiveEvent::actor_started("runs/x".into(), 1));
    data(&mut late, "actor.started").await;
}

#[tokio::test]
async fn live_events_that_flood_the_ring_cost_a_watcher_no_record() {
    let house = House::small(8);
    let mut subscription =
        house.subscribe(FeedRequest { live: true, after: Some(0), ..FeedRequest::default() });
    house.steps(0, 1);
    house.follow().await;
    assert_eq!(sequences(&mut subscription, 1).await, [1]);
    for _ in 0..50 {
        house.feed.live(LiveEvent::token(run(0), attempt(9), "x".into()));
    }
    let whole = data(&mut subscription, "step.token").await;
    assert_eq!(whole["text"], "x".repeat(50));
    house.steps(0, 1);
    house.follow().await;
    assert_eq!(sequences(&mut subscription, 1).await, [2]);
}

#[tokio::test]
async fn types_and_workflow_leave_out_the_rest_and_hidden_records_keep_their_place() {
    let house = House::new();
    house.log.run(run(0), "incident", &[created("incident", &[]), started("verify", 1)]);
    house.log.run(run(1), "campaign", &[created("campaign", &[]), failed_step("verify")]);
    house.log.raw(streams::token("secret"), 110, r#"{"label":"x","hash":"y"}"#);
    house.log.run(run(1), "campaign", &[asked(approval(1), Risk::Low)]);
    house.follow().await;
    let types = Some(TypeFilter::parse("run.*,approval.requested").unwrap());
    let filter = FeedFilter { types, ..FeedFilter::default() };
    let mut typed = house.subscribe(FeedRequest { after: Some(0), filter, ..FeedRequest::default() });
    assert_eq!(sequences(&mut typed, 3).await, [1, 3, 6]);
    let workflow = Some(ghostlight_model::ids::Name::new("campaign").unwrap());
    let filter = FeedFilter { workflow, ..FeedFilter::default() };
    let mut one = house.subscribe(FeedRequest { after: Some(0), filter, ..FeedRequest::default() });
    assert_eq!(sequences(&mut one, 3).await, [3, 4, 6]);
    let filter = FeedFilter { audience: Audience::Reader, ..FeedFilter::default() };
    let mut reader = house.subscribe(FeedRequest { after: Some(4), filter, ..FeedRequest::default() });
    next(&mut reader).await;
    assert_eq!(data(&mut reader, HIDDEN).await["reason"], "forbidden");
    assert_eq!(sequences(&mut reader, 1).await, [6]);
}

#[tokio::test]
async fn a_closing_feed_says_so_after_what_it_has() {
    let house = House::new();
    let hub = house.spawn_hub();
    let mut subscription = house.after(0);
    assert!(matches!(next(&mut subscription).await, FeedItem::Hello { .. }));
    house.steps(0, 1);
    assert_eq!(sequences(&mut subscription, 1).await, [1]);
    house.steps(0, 2);
    house.log.journal.close();
    hub.await.unwrap();
    assert_eq!(sequences(&mut subscription, 2).await, [2, 3]);
    assert!(matches!(next(&mut subscription).await, FeedItem::Closing { .. }));
    assert_eq!(subscription.next().await, None);
    assert!(matches!(house.feed.subscribe(FeedRequest::default()), Err(FeedError::Closing { .. })));
}

#[tokio::test]
async fn there_are_only_so_many_subscriptions() {
    let house = House::with(FeedLimits { subscriptions: 2, ..FeedLimits::default() });
    let first = house.after(0);
    let _second = house.after(0);
    let third = house.feed.subscribe(FeedRequest::default());
    assert!(matches!(third, Err(FeedError::TooMany { max: 2 })));
    drop(first);
    assert!(house.feed.subscribe(FeedRequest::default()).is_ok());
}

#[tokio::test]
async fn all_watchers_share_the_bytes_of_a_frame() {
    let house = House::new();
    let (mut one, mut other) = (house.after(0), house.after(0));
    house.steps(0, 1);
    house.follow().await;
    let bytes = |item: FeedItem| -> ByteString { item.text() };
    next(&mut one).await;
    next(&mut other).await;
    let (one, other) = (bytes(next(&mut one).await), bytes(next(&mut other).await));
    assert_eq!(one.as_ptr(), other.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_end_of_a_run_is_told_once_it_has_ended() {
    let house = House::new();
    let wait = |id: RunId, timeout: Duration| {
        let feed = house.feed.clone();
        tokio::spawn(async move { feed.wait_for_end(id, timeout).await.unwrap() })
    };
    let hub = house.spawn_hub();
    house.log.run(run(0), "incident", &[created("incident", &[])]);
    assert!(!wait(run(0), Duration::from_secs(5)).await.unwrap());
    assert!(!wait(run(9), Duration::from_secs(5)).await.unwrap());
    let waiting: Vec<_> = (0..20).map(|_| wait(run(0), LONG)).collect();
    while house.feed.waiters() < 20 {
        tokio::task::yield_now().await;
    }
    house.log.run(run(0), "incident", &[completed_step("verify", 1), completed()]);
    for waiter in waiting {
        assert!(waiter.await.unwrap());
    }
    // Who goes away leaves nothing behind.
    assert!(house.feed.wait_for_end(run(9), LONG).now_or_never().is_none());
    // It is over already, with a straggler's result behind it.
    house.log.raw(streams::run(run(0)), 40, r#"{"step":"verify","attempt":1}"#);
    assert!(wait(run(0), Duration::ZERO).await.unwrap());
    assert_eq!(house.feed.waiters(), 0);
    hub.abort();
}

#[tokio::test]
async fn a_run_that_was_opened_again_has_not_ended() {
    let house = House::new();
    let reopened = ghostlight_model::event::RunReopened::default();
    house.log.run(run(0), "incident", &[created("incident", &[]), completed()]);
    assert!(house.feed.wait_for_end(run(0), Duration::ZERO).await.unwrap());
    house.log.run(run(0), "incident", &[reopened.into()]);
    house.steps(0, 100);
    assert!(!house.feed.wait_for_end(run(0), Duration::ZERO).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_a_run_has_lived_on_from_and_that_is_shown_late_is_not_taken_for_its_end() {
    let house = House::new();
    let reopened = ghostlight_model::event::RunReopened::default();
    house.log.run(run(0), "incident", &[created("incident", &[]), completed(), reopened.into()]);
    let feed = house.feed.clone();
    let waiting = tokio::spawn(async move { feed.wait_for_end(run(0), LONG).await.unwrap() });
    while house.feed.waiters() == 0 {
        tokio::task::yield_now().await;
    }
    // Only now does the hub come to what is in the journal already.
    let hub = house.spawn_hub();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!waiting.is_finished());
    house.log.run(run(0), "incident", &[completed()]);
    assert!(waiting.await.unwrap());
    assert_eq!(house.feed.waiters(), 0);
    hub.abort();
}
