//! No file imports one that imports it, straight or through others.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Imports, imports};
use crate::{assert_none, is_product, rules, sources};

#[test]
fn no_file_of_the_product_is_in_a_circle_and_no_tool_in_a_new_one() {
    let (rules, sources) = (rules(), sources());
    let crates: BTreeSet<&str> = sources.keys().filter_map(|path| Some(path.split_once("/src/")?.0)).collect();
    let mut findings = Vec::new();
    for folder in crates {
        let imports = imports(&sources, folder);
        let mut circles = circles(&imports);
        circles.retain(|circle| is_product(folder) || circle.len() > 2);
        let (count, files) = (circles.len(), circles.iter().map(Vec::len).sum::<usize>());
        let (count_max, files_max) = rules.known_circles.get(folder).copied().unwrap_or_default();
        if count > count_max || files > files_max {
            let allowed = format!("{count_max} with {files_max} are allowed");
            findings.push(format!("{folder}: circles of imports: {count} with {files} files, {allowed}"));
            findings.extend(circles.iter().map(|circle| tied(&imports, circle)));
        }
    }
    let what_to_do = "Each line is a file, another that it imports, and the names that it takes. Move those names to a file \
        below both, or the code that needs them to the file that has them, until the lines lead one way only.";
    assert_none(&findings, what_to_do);
}

/// Files that all reach each other.
fn circles(imports: &Imports) -> BTreeSet<Vec<&str>> {
    let reached: BTreeMap<_, _> = imports.keys().map(|file| (file.as_str(), reached(imports, file))).collect();
    let circle = |file: &str| reached[file].iter().copied().filter(|other| reached[other].contains(file)).collect();
    imports.keys().map(|file| circle(file)).filter(|circle: &Vec<_>| circle.len() > 1).collect()
}

fn reached<'i>(imports: &'i Imports, start: &'i str) -> BTreeSet<&'i str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        open.extend(imports[file].keys().map(String::as_str).filter(|file| reached.insert(*file)));
    }
    reached
}

/// Who takes what from whom in a circle.
fn tied(imports: &Imports, circle: &[&str]) -> String {
    let mut lines = format!("  circle of {} files", circle.len());
    for file in circle {
        for (other, names) in imports[*file].iter().filter(|(other, _)| circle.contains(&other.as_str())) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines += &format!("\n    {file} -> {other}: {}", names.join(", "));
        }
    }
    lines
}

#[test]
fn a_circle_is_found_whatever_way_a_name_takes() {
    let lib = "mod a; mod b; mod c; pub use b::{B, inner as renamed}; pub struct Root;";
    let check = |expected: usize, a: &str, b: &str| {
        let files = [("x/src/lib.rs", lib), ("x/src/a.rs", a), ("x/src/b.rs", b), ("x/src/c.rs", "pub fn c() {}")];
        let sources = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        let imports = imports(&sources, "x");
        assert_eq!(circles(&imports).len(), expected, "{a} | {b}: {imports:#?}");
    };
    let b = "use crate::a::A; pub struct B; pub fn inner() {} text! { pub struct Made; }";
    check(1, "use crate::B; pub struct A;", b);
    check(1, "use crate::{c::c, b::{self as other}}; pub struct A;", b);
    check(1, "use super::*; pub struct A(B);", b);
    check(1, "pub struct A; fn f() { crate::renamed(); }", b);
    check(1, "pub struct A; fn f() { super::b::Made; }", b);
    check(1, "pub struct A; fn f() { use self::super::b as it; it::B; }", "#[with = \"super::a::A\"] pub struct B;");
    // Nothing that is used, or only in comments, texts and tests; a child that takes what its parent defines.
    check(0, "use super::*; pub(super) struct A; // crate::b::B", b);
    check(0, "pub struct A; const T: &str = r#\"use \"crate::b::B;\"#;\n#[cfg(test)]\nmod tests { use crate::B; }", b);
    check(0, "use crate::Root; pub struct A; fn f(b: char) -> char { if b == '\"' { b } else { '\\'' } }", b);
}
