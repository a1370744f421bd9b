//! A short part of `cargo xtask sim`.

use spg_sim::{Options, Spec, campaign, run};

#[test]
fn every_invariant_holds_for_two_thousand_seeds() {
    let done = campaign(0, 2000, 2, None);
    assert_eq!(done.seeds, 2000);
    assert!(done.invocations > 20_000, "so little happened that nothing was shown: {done:?}");
    let failures: Vec<String> =
        done.failures.iter().map(|(seed, v)| format!("seed {seed}: {}: {}", v.invariant, v.text)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_seed_is_replayed_exactly_and_another_is_another() {
    let told = |seed| run(&Spec::drawn(seed), &Options { story: true, ..Options::default() });
    for seed in 0..40 {
        let (first, again) = (told(seed), told(seed));
        assert_eq!(first.story, again.story, "seed {seed}");
        let silent = run(&Spec::drawn(seed), &Options::default());
        assert_eq!((first.hash, first.events), (again.hash, again.events), "seed {seed}");
        assert_eq!((silent.hash, silent.events), (first.hash, first.events), "telling seed {seed} changed it");
        assert_ne!(first.hash, told(seed + 1).hash);
    }
}
