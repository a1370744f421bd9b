//! Each scenario again with the process ended before and after each effect, and with each step given twice.
#![allow(clippy::print_stdout, reason = "a table for people")]

use spg_sim::scenarios::scenarios;

#[test]
fn a_process_may_end_at_any_effect_and_each_step_may_run_twice() {
    let mut table = String::new();
    let mut failures = Vec::new();
    for scenario in scenarios() {
        let tried = scenario.try_everywhere();
        assert!(tried.effects >= 5, "{} has no effects to end at", scenario.name);
        assert_eq!(tried.runs, 1 + 2 * tried.ended_at + tried.repeated);
        table += &format!(
            "{:<50} {:>4} effects, {:>4} invocations, {:>4} runs\n",
            scenario.name, tried.effects, tried.invocations, tried.runs
        );
        failures.extend(tried.failures);
    }
    println!("{table}");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
