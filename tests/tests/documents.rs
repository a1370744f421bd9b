//! What the documents say is there: links, names, commands, parameters, examples.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::Value;
use tests::binaries::workspace;
use tests::template::Template;

/// Where documents and what they name are looked for; everything else is built, or not ours.
const FOLDERS: [&str; 5] = ["docs", "functions", "shared", "infra", "tests"];
const TOP_LEVEL: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "template.yaml",
    "samconfig.toml",
];
const SOURCES: [&str; 6] = ["rs", "yaml", "toml", "json", "py", "txt"];

/// All files of the project with one of these endings.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = TOP_LEVEL.iter().map(|name| workspace().join(name)).collect();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|name| workspace().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { found.push(entry) }
        }
    }
    found.retain(|path| path.extension().is_some_and(|ending| endings.contains(&ending.to_str().unwrap())));
    found.retain(|path| path.exists());
    found
}

/// Every document: its path in the workspace and its text.
fn documents() -> BTreeMap<String, String> {
    let named = |path: PathBuf| (path.strip_prefix(workspace()).unwrap().display().to_string(), text(&path));
    files(&["md"]).into_iter().map(named).collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document(name: &str) -> String {
    text(&workspace().join(name))
}

fn captures(pattern: &str, text: &str) -> Vec<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// The text outside fenced and indented code.
fn prose(document: &str) -> String {
    let mut fenced = false;
    let lines = document.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence && !line.starts_with("    ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The name under which a heading can be linked to.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.trim().replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for (name, document) in documents() {
        for target in captures(r"\]\(([^)\s]+)\)", &prose(&document)) {
            if target.starts_with("https://") {
                continue;
            }
            seen += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let folder = workspace().join(&name).parent().unwrap().to_owned();
            let linked = if path.is_empty() { workspace().join(&name) } else { folder.join(path) };
            let known = linked.exists()
                && (fragment.is_empty()
                    || captures(r"(?m)^#+ (.+)$", &text(&linked)).iter().any(|heading| anchor(heading) == fragment));
            if !known {
                broken.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(seen > 10, "{seen} links");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn what_is_named_in_code_letters_exists() {
    let sources: String =
        files(&SOURCES).iter().filter(|path| !path.ends_with("documents.rs")).map(|path| text(path)).collect();
    let words: BTreeSet<String> = captures(r"([A-Za-z_][A-Za-z0-9_]*)", &sources).into_iter().collect();
    let mut unknown = Vec::new();
    let mut seen = 0;
    for (name, document) in documents() {
        for word in captures(r"`([A-Za-z]+)`", &prose(&document)) {
            // A name of ours or of AWS has several capitals inside; a plain word proves nothing.
            if word.chars().skip(1).any(char::is_uppercase) {
                seen += 1;
                if !words.contains(&word) {
                    unknown.push(format!("{name}: {word}"));
                }
            }
        }
    }
    assert!(seen > 30, "{seen} names");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn the_configuration_page_has_every_parameter_with_its_default_and_no_other() {
    let page = document("docs/use/configuration.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Parameters")).unwrap();
    let row = Regex::new(r"(?m)^\| `([A-Za-z]+)` \| (?:`([^`]*)`)? ?\|").unwrap();
    let told: BTreeMap<String, Option<String>> =
        row.captures_iter(section).map(|row| (row[1].to_owned(), row.get(2).map(|m| m.as_str().to_owned()))).collect();
    let template = Template::load();
    let parameters = template.section("Parameters").as_object().unwrap();
    let default = |parameter: &Value| parameter["Default"].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let real: BTreeMap<String, Option<String>> =
        parameters.iter().map(|(name, parameter)| (name.clone(), default(parameter))).collect();
    assert_eq!(told, real);
}

#[test]
fn every_output_that_is_named_is_one() {
    let mut outputs: BTreeSet<String> = BTreeSet::new();
    for template in [Template::load(), Template::read("infra/consumer/template.yaml")] {
        outputs.extend(template.section("Outputs").as_object().unwrap().keys().cloned());
    }
    let mut named = 0;
    for (name, document) in documents() {
        let in_words = captures(r"outputs? `([A-Za-z]+)`", &document);
        let in_commands = captures(r"<([A-Z][A-Za-z]+(?:Url|Arn|Name))>", &document);
        for output in in_words.into_iter().chain(in_commands) {
            named += 1;
            assert!(outputs.contains(&output), "{name}: {output} is no output");
        }
    }
    assert!(named > 5, "{named} outputs");
}

#[test]
fn every_command_of_xtask_that_is_named_is_one() {
    let main = document("infra/xtask/src/main.rs");
    let commands = main.split("enum Command {").nth(1).unwrap().split("\n}").next().unwrap();
    let commands: BTreeSet<String> =
        captures(r"(?m)^    ([A-Z][A-Za-z]+)", commands).iter().map(|name| name.to_lowercase()).collect();
    for (name, document) in documents() {
        for command in captures(r"cargo xtask ([a-z]+)", &document) {
            assert!(commands.contains(&command), "{name}: cargo xtask {command}");
        }
    }
}

#[test]
fn the_workflow_has_a_job_for_each_step_of_the_tests() {
    let steps = captures(r#"Step \{\s*name: "([a-z]+)""#, &document("infra/xtask/src/test.rs"));
    let steps: Vec<String> = steps.into_iter().filter(|step| step != "build").collect();
    let jobs = captures(r"(?m)^        step: \[(.*)\]$", &document(".github/workflows/test.yml"));
    assert_eq!(jobs, [steps.join(", ")], "`build` is part of each job");
}

#[test]
fn what_is_shown_as_json_is_json_and_the_event_is_the_example() {
    for (name, document) in documents() {
        for block in captures(r"(?s)```json\n(.*?)```", &document) {
            assert!(serde_json::from_str::<Value>(&block).is_ok(), "{name}: {block}");
        }
    }
    let blocks = captures(r"(?s)```json\n(.*?)```", &document("docs/use/events.md"));
    let shown: Vec<Value> = blocks.iter().map(|block| serde_json::from_str(block).unwrap()).collect();
    let example: Value = serde_json::from_str(&document("infra/events/examples/transaction-finalised.json")).unwrap();
    assert!(shown.contains(&example["detail"]), "{shown:#?}");
}

#[test]
fn the_events_page_has_every_field_and_every_reason() {
    let page = document("docs/use/events.md");
    let (fields, reasons) = page.split_once("Reasons that explain").unwrap();
    let schema: Value = serde_json::from_str(&document("infra/events/transaction-finalised.schema.json")).unwrap();
    let real: BTreeSet<String> =
        schema["properties"]["detail"]["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(captures(r"(?m)^\| `([A-Za-z]+)` \|", fields).into_iter().collect::<BTreeSet<_>>(), real);

    let rows: String =
        reasons.lines().filter(|line| line.starts_with("| `")).map(|row| row.split('|').nth(1).unwrap()).collect();
    let told: BTreeSet<String> = captures(r"`([A-Z][A-Za-z]+)`", &rows).into_iter().collect();
    let source = document("shared/domain/src/attention.rs");
    let (_, variants) = source.split_once("pub enum AttentionReason {").unwrap();
    let (variants, _) = variants.split_once('}').unwrap();
    assert_eq!(told, captures(r"(?m)^    (\w+),", variants).into_iter().collect());
}

/// The numbers at the head of cells; none for words.
fn numbers(row: &str) -> Vec<Option<i64>> {
    // In millionths, so that money is no float here either.
    let millionths = |text: &str| {
        let text = text.replace([',', '*'], "");
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("{whole}{part:0<6}");
        (!whole.is_empty() && part.len() <= 6).then(|| digits.parse().ok()).flatten()
    };
    let cells = row.trim_matches('|').split('|').map(str::trim);
    cells.map(|cell| cell.split(' ').next().and_then(millionths)).collect()
}

#[test]
fn the_costs_are_calculated_right() {
    const CENT: i64 = 10_000;
    let page = document("docs/use/cost.md");
    let mut sums = Vec::new();
    for name in ["Per million payments", "Per month"] {
        let section = page.split("\n## ").find(|section| section.starts_with(name)).unwrap();
        let mut sum = 0;
        for row in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what")) {
            match numbers(row)[..] {
                [_, _, Some(quantity), Some(price), Some(dollars)] => {
                    let exact = quantity * price / 1_000_000;
                    assert!((exact - dollars).abs() <= CENT * 6 / 10, "{row}: {exact}");
                    sum += dollars;
                }
                [_, _, None, None, Some(total)] => assert_eq!(total, sum, "{row}"),
                _ => panic!("{row}"),
            }
        }
        assert!(sum > 0, "{name}");
        sums.push(sum);
    }
    let table = page.split("\n## ").find(|section| section.starts_with("The same")).unwrap();
    let rows: Vec<_> = table.lines().map(numbers).filter(|row| row.iter().all(Option::is_some)).collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let (payments, dollars) = (row[0].unwrap() / 1_000_000, row[1].unwrap());
        let exact = sums[1] + sums[0] * payments / 1_000_000;
        assert!((exact - dollars).abs() <= CENT, "{payments} payments: {exact}");
    }
}
