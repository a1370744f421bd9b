//! Which file of a crate takes which names from which other file.

use std::collections::{BTreeMap, BTreeSet};

use crate::Sources;
use crate::source::{is_word, tokens, without_tests};

/// From a file to the files that it imports, with the names that it takes.
pub type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The imports inside the crates of `folder/src`: the library and each program.
pub fn imports(sources: &Sources, folder: &str) -> Imports {
    let mut imports = Imports::new();
    let src = format!("{folder}/src");
    let roots = [format!("{src}/lib.rs"), format!("{src}/main.rs")].into_iter();
    let programs = sources.keys().filter(|path| path.rsplit_once('/').unwrap().0 == format!("{src}/bin")).cloned();
    for root in roots.chain(programs).filter(|root| sources.contains_key(root)) {
        let mut krate = Crate { sources, modules: BTreeMap::new() };
        krate.read(&[], &root, root.rsplit_once('/').unwrap().0, &tokens(without_tests(&sources[&root])));
        krate.collect(&mut imports);
    }
    imports
}

/// The modules by their paths.
struct Crate<'s> {
    sources: &'s Sources,
    modules: BTreeMap<Vec<String>, Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// What it defines.
    items: BTreeSet<String>,
    uses: Vec<Use>,
    /// Every name and path in its code.
    paths: BTreeSet<Vec<String>>,
}

struct Use {
    path: Vec<String>,
    /// The name that it gives here; `*` for all.
    name: String,
    hands_on: bool,
}

impl Crate<'_> {
    /// Reads a module and the modules in it, whose files lie in the folder `children`.
    fn read(&mut self, at: &[String], file: &str, children: &str, tokens: &[&str]) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        let (mut depth, mut in_macro, mut index) = (0, false, 0);
        while index < tokens.len() {
            let token = tokens[index];
            let next = tokens.get(index + 1).copied().unwrap_or_default();
            let before = if index == 0 { "" } else { tokens[index - 1] };
            depth += nesting(token);
            in_macro &= depth > 0 || token == "!";
            match token {
                "use" if next != "<" => {
                    let end = index + tokens[index..].iter().position(|token| *token == ";").unwrap();
                    let hands_on = depth == 0 && matches!(before, "pub" | ")");
                    use_tree(&tokens[index + 1..end], &[], hands_on, &mut module.uses);
                    index = end;
                }
                "mod" if depth == 0 => {
                    let child = [at, &[next.to_owned()]].concat();
                    let grandchildren = format!("{children}/{next}");
                    index += 2;
                    if tokens[index] == "{" {
                        let length = closing(&tokens[index + 1..]);
                        self.read(&child, file, &grandchildren, &tokens[index + 1..=index + length]);
                        index += 1 + length;
                    } else {
                        let files = [format!("{grandchildren}.rs"), format!("{grandchildren}/mod.rs")];
                        let child_file = files.iter().find(|file| self.sources.contains_key(*file));
                        let child_file = child_file.unwrap_or_else(|| panic!("{file}: mod {next} has no file"));
                        let text = without_tests(&self.sources[child_file]);
                        self.read(&child, child_file, &grandchildren, &crate::source::tokens(text));
                    }
                }
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" if depth == 0 => {
                    module.items.insert(next.to_owned());
                }
                "!" if depth == 0 && before == "macro_rules" => _ = module.items.insert(next.to_owned()),
                // What a macro makes has its name from what the macro is given.
                "!" if depth == 0 && is_word(before) => in_macro = matches!(next, "(" | "[" | "{"),
                _ if in_macro => _ = module.items.insert(token.to_owned()),
                _ if is_word(token) && !matches!(before, "." | "::") => {
                    let mut path = vec![token.to_owned()];
                    while let ["::", name, ..] = tokens[index + 1..]
                        && is_word(name)
                    {
                        path.push(name.to_owned());
                        index += 2;
                    }
                    module.paths.insert(path);
                }
                _ => {}
            }
            index += 1;
        }
        self.modules.insert(at.to_vec(), module);
    }

    fn collect(&self, imports: &mut Imports) {
        for (at, module) in &self.modules {
            let taken = imports.entry(module.file.clone()).or_default();
            let used = module.uses.iter().filter(|it| !it.hands_on && it.name != "*").map(|it| &it.path);
            // A word alone that is the name of a child module is a variable, and `pub(super)` takes nothing.
            let is_name = |word: &str| !["crate", "self", "super"].contains(&word) && self.child(at, word).is_none();
            let said = module.paths.iter().filter(|path| path.len() > 1 || is_name(&path[0]));
            let found = used.chain(said).filter_map(|path| self.find(at, path, 0));
            for (file, name) in found.filter(|(file, _)| *file != module.file) {
                taken.entry(file).or_default().insert(name);
            }
        }
    }

    fn child(&self, at: &[String], name: &str) -> Option<Vec<String>> {
        let child = [at, &[name.to_owned()]].concat();
        self.modules.contains_key(&child).then_some(child)
    }

    /// The file to which a path in the module `at` leads, and the name there; none out of this crate.
    fn find(&self, at: &[String], path: &[String], depth: usize) -> Option<(String, String)> {
        const DEPTH_MAX: usize = 16;
        let module = &self.modules[at];
        let Some((first, rest)) = path.split_first() else {
            return Some((module.file.clone(), at.last().cloned().unwrap_or_default()));
        };
        match first.as_str() {
            "crate" => return self.find(&[], rest, depth),
            "self" => return self.find(at, rest, depth),
            "super" => return self.find(&at[..at.len().saturating_sub(1)], rest, depth),
            _ if depth > DEPTH_MAX => return None,
            _ => {}
        }
        if let Some(child) = self.child(at, first) {
            return self.find(&child, rest, depth);
        }
        if module.items.contains(first) {
            return Some((module.file.clone(), first.clone()));
        }
        if let Some(named) = module.uses.iter().find(|it| it.name == *first) {
            return self.find(at, &[&named.path, rest].concat(), depth + 1);
        }
        let mut all = module.uses.iter().filter(|it| it.name == "*");
        all.find_map(|it| self.find(at, &[&it.path, path].concat(), depth + 1))
    }
}

fn nesting(token: &str) -> i32 {
    i32::from(matches!(token, "{" | "(" | "[")) - i32::from(matches!(token, "}" | ")" | "]"))
}

/// How many tokens lie before the bracket that closes what is open.
fn closing(tokens: &[&str]) -> usize {
    let mut depth = 1;
    let closes = |token: &&str| {
        depth += nesting(token);
        depth == 0
    };
    tokens.iter().position(closes).unwrap()
}

/// Reads what follows `use`: `a::{b, c::{self, D as E}, f::*}`.
fn use_tree(tokens: &[&str], prefix: &[String], hands_on: bool, uses: &mut Vec<Use>) {
    let mut path = prefix.to_vec();
    for (index, token) in tokens.iter().enumerate() {
        match *token {
            "{" => {
                let mut depth = 0;
                let branches = tokens[index + 1..tokens.len() - 1].split(|token| {
                    depth += nesting(token);
                    depth == 0 && *token == ","
                });
                branches.filter(|it| !it.is_empty()).for_each(|it| use_tree(it, &path, hands_on, uses));
                return;
            }
            "as" | "*" => break,
            "self" if !path.is_empty() => {}
            word => path.extend((word != "::").then(|| word.to_owned())),
        }
    }
    let last = tokens.last().filter(|it| **it != "self").map(|it| (*it).to_owned());
    let name = last.or_else(|| path.last().cloned()).unwrap();
    uses.push(Use { path, name, hands_on });
}
