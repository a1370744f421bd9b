fn main() {
    let n: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(100);
    let mode = std::env::args().nth(2);
    if mode.as_deref() == Some("variants") {
        for defect in spg_sim::Defect::ALL {
            let found = (0..n).find_map(|seed| {
                let r = spg_sim::run(&spg_sim::Spec::drawn(seed), &spg_sim::Options { defect: Some(defect), ..Default::default() });
                r.violation.map(|v| (seed, v))
            });
            match found { Some((s, v)) => println!("{:<28} {:<26} {s}  {}", defect.name(), v.invariant.to_string(), v.text), None => println!("{:<28} NOT CAUGHT", defect.name()) }
        }
        return;
    }
    let one = mode.is_some();
    let t = std::time::Instant::now();
    let (from, to) = if one { (n, n + 1) } else { (0, n) };
    let mut events = 0; let mut bad = 0;
    for seed in from..to {
        let spec = spg_sim::Spec::drawn(seed);
        let r = spg_sim::run(&spec, &spg_sim::Options { story: one, ..Default::default() });
        events += r.events;
        if one { println!("{spec:#?}"); for l in &r.story { println!("{l}"); } }
        if let Some(v) = r.violation { bad += 1; if bad < 40 { println!("{seed}: {v:?}"); } }
    }
    println!("{bad} bad of {}, {} events, {:?}", to - from, events, t.elapsed());
}
