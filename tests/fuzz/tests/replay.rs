//! The kept corpora, and seeded mutations of them, through every target: what the long runs found stays found.
//!
//! A failure names the target and writes the input to the folder of the test's temporary files; it replays with
//! `cargo xtask fuzz TARGET --input FILE`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may give up loudly, and says which input it was")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use spg_fuzz::{TARGETS, Target};
use spg_ledger::{StreamEvent, read_record};

const SEED: u64 = 0x5350_4755;
/// Per target, beside the corpus itself: a second or two, also where nothing is optimised.
const MUTATIONS: usize = 2000;
const MUTATIONS_AT_ONCE_MAX: usize = 4;
const INPUT_BYTES_MAX: usize = 8 * 1024;
/// What the corpora may take in the repository.
const CORPUS_BYTES_MAX: usize = 640 * 1024;

#[test]
fn envelope() {
    replay("envelope");
}

#[test]
fn payload() {
    replay("payload");
}

#[test]
fn queue_message() {
    replay("queue_message");
}

#[test]
fn stream_record() {
    replay("stream_record");
}

#[test]
fn status_answer() {
    replay("status_answer");
}

#[test]
fn http_event() {
    replay("http_event");
}

#[test]
fn every_target_has_a_corpus_a_program_and_a_test() {
    let folder = |path: &str| {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    targets.sort_unstable();
    assert_eq!(folder("corpus"), targets);
    assert_eq!(folder("fuzz/fuzz_targets"), targets);
    let tests = include_str!("replay.rs");
    assert!(targets.iter().all(|name| tests.contains(&format!("fn {name}() {{\n    replay(\"{name}\");"))));
}

/// Else nothing that is checked of an event is checked.
#[test]
fn the_stream_s_seeds_are_events() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/stream_record");
    for seed in ["finalised", "corrected", "attention"] {
        let batch: StreamEvent = serde_json::from_slice(&fs::read(folder.join(seed)).unwrap()).unwrap();
        assert!(batch.records.iter().any(|record| read_record(record).unwrap().is_some()), "{seed}");
    }
}

#[test]
fn the_corpora_are_small() {
    let bytes: usize = TARGETS.iter().flat_map(|target| corpus(target.name)).map(|input| input.len()).sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes: minimise them with `cargo xtask fuzz --keep`");
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let inputs = corpus(name);
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| run(*target, input));
    let words = dictionary(name);
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for _ in 0..MUTATIONS {
        let mut input = inputs[random.random_range(0..inputs.len())].clone();
        for _ in 0..random.random_range(1..=MUTATIONS_AT_ONCE_MAX) {
            mutate(&mut input, &inputs, &words, &mut random);
        }
        input.truncate(INPUT_BYTES_MAX);
        run(*target, &input);
    }
}

fn run(target: Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.input", target.name));
        fs::write(&path, input).unwrap();
        eprintln!("{} does not hold for {}", target.name, path.display());
        std::panic::resume_unwind(panic);
    }
}

fn mutate(input: &mut Vec<u8>, inputs: &[Vec<u8>], words: &[Vec<u8>], random: &mut ChaCha8Rng) {
    let at = random.random_range(0..=input.len());
    let until = random.random_range(at..=input.len().min(at + 16));
    match random.random_range(0..6) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 => drop(input.drain(at..until)),
        2 => drop(input.splice(at..until, [random.random::<u8>()])),
        3 => {
            let other = &inputs[random.random_range(0..inputs.len())];
            let from = random.random_range(0..=other.len());
            let part = &other[from..other.len().min(from + 32)];
            drop(input.splice(at..until, part.iter().copied()));
        }
        4 => {
            let copy = input[at..until].to_vec();
            drop(input.splice(at..at, copy));
        }
        _ => drop(input.splice(at..until, words[random.random_range(0..words.len())].iter().copied())),
    }
}

/// In the order of their names: a seed draws the same everywhere.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The words of libFuzzer's dictionary: `"..."`, one a line, with `\"` and `\\` in them.
fn dictionary(name: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries").join(format!("{name}.dict"));
    let text = fs::read_to_string(file).unwrap();
    let words = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    words.map(|word| word.replace("\\\"", "\"").replace("\\\\", "\\").into_bytes()).collect()
}
