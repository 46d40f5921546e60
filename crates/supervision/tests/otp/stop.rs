//! Children that are asked to stop, and those that must be killed.

use ghostlight_supervision::{ChildRef, ExitReason, Shutdown, StableAddr, SupervisorError};
use tokio::time::Instant;

use super::*;

async fn end_of(child: &ChildRef) -> ExitReason {
    child.down().await.reason
}

/// A child that is busy past its time is killed, without a hook being run on it; the other ends with a shutdown.
#[tokio::test(start_paused = true)]
async fn sup_stop_timeout() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new, Log::default());
        let root = start(one_for_one(), Vec::new).await;
        let supervisor = root.supervisor();
        let quick = supervisor.start_child(puppet("quick", &addr(), &log)).await.expect("starts");
        let busy = graceful_puppet("busy", &addr(), &log).shutdown_timeout(ms(500));
        let busy = supervisor.start_child(busy).await.expect("starts").expect("a child");
        stop(root).await;
        assert_eq!(end_of(&quick.expect("a child")).await, ExitReason::SHUTDOWN);
        assert_eq!(end_of(&busy).await, ExitReason::Killed);
        assert_eq!(log.line(), "+quick +busy finishing-busy -quick ~quick");
    })
    .await;
}

/// Under simple_one_for_one too, a child that is busy past its time is killed, and the others end with a shutdown.
#[tokio::test(start_paused = true)]
async fn sup_stop_timeout_dynamic() {
    on_one_arbiter(async {
        let root = start(simple(), Vec::new).await;
        let supervisor = root.supervisor();
        let mut children = Vec::new();
        for time in [ms(0), ms(400), ms(600), ms(60_000)] {
            let spec = stops_within("child", time).shutdown_timeout(ms(500));
            children.push(supervisor.start_child(spec).await.expect("starts").expect("a child"));
        }
        stop(root).await;
        let mut ends = Vec::new();
        for child in &children {
            ends.push(end_of(child).await);
        }
        let (shutdown, killed) = (ExitReason::SHUTDOWN, ExitReason::Killed);
        assert_eq!(ends, [shutdown.clone(), shutdown, killed.clone(), killed]);
    })
    .await;
}

/// A child that is to be killed ends killed, without having been asked; the other ends with a shutdown.
#[tokio::test(start_paused = true)]
async fn sup_stop_brutal_kill() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new, Log::default());
        let root = start(one_for_one(), Vec::new).await;
        let supervisor = root.supervisor();
        let asked = supervisor.start_child(puppet("asked", &addr(), &log)).await.expect("starts");
        let killed = graceful_puppet("killed", &addr(), &log).shutdown(Shutdown::BrutalKill);
        let killed = supervisor.start_child(killed).await.expect("starts").expect("a child");
        stop(root).await;
        assert_eq!(end_of(&asked.expect("a child")).await, ExitReason::SHUTDOWN);
        assert_eq!(end_of(&killed).await, ExitReason::Killed);
        assert_eq!(log.line(), "+asked +killed -asked ~asked");
    })
    .await;
}

/// Ten children under simple_one_for_one that are to be killed all end killed, and no time passes.
#[tokio::test(start_paused = true)]
async fn sup_stop_brutal_kill_dynamic() {
    on_one_arbiter(async {
        let root = start(simple(), Vec::new).await;
        let mut children = Vec::new();
        for _ in 0..10 {
            let spec = stops_within("child", ms(60_000)).shutdown(Shutdown::BrutalKill);
            children.push(root.supervisor().start_child(spec).await.expect("starts").expect("a child"));
        }
        let begun = Instant::now();
        stop(root).await;
        assert_eq!(begun.elapsed(), ms(0));
        for child in &children {
            assert_eq!(end_of(child).await, ExitReason::Killed);
        }
    })
    .await;
}

/// Children under simple_one_for_one stop all at once: it takes as long as the one that must be killed when its time is over, and
/// not as long as one after another.
#[tokio::test(start_paused = true)]
async fn simple_one_for_one_shutdown() {
    on_one_arbiter(async {
        let root = start(simple(), Vec::new).await;
        for time in [ms(1000), ms(1000), ms(5000)] {
            let spec = stops_within("child", time).shutdown_timeout(ms(2000));
            root.supervisor().start_child(spec).await.expect("starts");
        }
        let begun = Instant::now();
        stop(root).await;
        let took = begun.elapsed();
        assert!(took >= ms(2000) && took < ms(2010), "{took:?}");
    })
    .await;
}

/// A child that ignores the request to stop, as one that cut its link does, cannot hang its termination: the supervisor
/// answers others meanwhile, and it is killed when its time is over.
#[tokio::test(start_paused = true)]
async fn child_unlink() {
    on_one_arbiter(async {
        let root = start(one_for_one(), Vec::new).await;
        let supervisor = root.supervisor();
        let naughty = stops_within("naughty", HOUR * 24).shutdown_timeout(ms(1000));
        let child = supervisor.start_child(naughty).await.expect("starts").expect("a child");
        let begun = Instant::now();
        let terminated = supervisor.terminate_child(child.key());
        assert_eq!(supervisor.count_children().await, Ok(counted(1, 1)), "it is still there");
        assert_eq!(supervisor.delete_child(child.key()).await, Err(SupervisorError::Running));
        assert_eq!(begun.elapsed(), ms(0), "and nobody waited");
        terminated.await.expect("ends");
        assert!(begun.elapsed() >= ms(1000) && begun.elapsed() < ms(1010), "{:?}", begun.elapsed());
        assert_eq!(end_of(&child).await, ExitReason::Killed);
        assert_eq!(supervisor.count_children().await, Ok(counted(1, 0)));
        stop(root).await;
    })
    .await;
}
