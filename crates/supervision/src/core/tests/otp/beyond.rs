//! What OTP's suite leaves out. The third of these, a jump of the wall clock, is about the shell: `tests/otp/trees.rs`.

use super::*;

/// A restart exactly one period ago still counts, and one a hair older does not.
#[test]
fn boundary_second_of_the_window() {
    for (apart, forgiven) in [(999, false), (1000, false), (1001, true)] {
        let flags = Flags::one_for_one().intensity(1, ms(1000));
        let mut world = World::boot(flags, vec![worker("a")]);
        world.crash("a");
        world.pass(ms(apart));
        world.crash("a");
        assert_eq!(world.exit.is_none(), forgiven, "{apart} ms apart");
        world.end();
    }
}

/// Two children that die in the same instant are two restarts under one_for_one, and one of the whole group under the other
/// strategies, where the second is found dead when the first one's group is stopped.
#[test]
fn two_children_dying_in_the_same_instant() {
    for strategy in ALL_STRATEGIES {
        for allowed in [1, 2] {
            let mut world = World::boot(flags(strategy, allowed), vec![worker("a"), worker("b")]);
            world.die("a", crash());
            world.die("b", crash());
            world.settle();
            if strategy == Strategy::OneForOne && allowed == 1 {
                world.assert_gave_up_on("b");
            } else {
                assert_eq!((world.exit.clone(), world.which().as_str()), (None, "b:running a:running"));
            }
            world.end();
        }
    }
}
