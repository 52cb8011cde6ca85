//! The seven folders of the window: what each may import, no circle among their files, one meaning for each name.

use std::fs;
use std::path::Path;

use super::{File, ROOT, files, no_faults};

/// Folders of `src/app/`, each of which may import only those before it; `mod.rs` is the face for other rooms and tests.
const FOLDERS: [&str; 7] = ["tongue", "ink", "run", "message", "state", "panels", "shell"];

/// The names of an import, each by its whole path: `a::{b, c::d as e}` is `a::b` and `a::c::d`.
fn names_of(import: &str) -> Vec<String> {
    let import = import.trim();
    let Some((before, inside)) = import.split_once('{') else {
        let plain = import.split(" as ").next().unwrap_or(import).trim();
        return vec![plain.trim_end_matches("::self").to_owned()];
    };
    let inside = inside.strip_suffix('}').expect("a group closes");
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inside.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            c => parts.last_mut().expect("there is one").push(c),
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| names_of(&format!("{before}{}", part.trim()))).collect()
}

/// A file of `src/app/` as a module, such as `app::panels::far`.
fn module_of(file: &File) -> String {
    let path = file.path["src/".len()..].trim_end_matches(".rs").trim_end_matches("/mod");
    path.replace('/', "::")
}

/// What a file of `src/app/` takes from others of it: the line, and the whole path from `app` on.
fn taken_by(file: &File) -> Vec<(usize, String)> {
    let mut taken = imports(file);
    taken.retain(|(_, path)| path.starts_with("app::"));
    taken
}

/// The lines of a file, each with its number and whether it is an import; an import is one line.
fn statements(file: &File) -> Vec<(usize, bool, String)> {
    let mut found = Vec::new();
    let mut lines = file.code();
    while let Some((number, first)) = lines.next() {
        let mut text = first.trim().to_owned();
        let is_import = ["use ", "pub use "].iter().any(|start| text.starts_with(start));
        while is_import && !text.ends_with(';') {
            let Some((_, more)) = lines.next() else { break };
            text = format!("{text} {}", more.trim());
        }
        found.push((number, is_import, text));
    }
    found
}

/// What a file of `src/app/` takes from other files: the line, and the whole path from the root of the library on.
fn imports(file: &File) -> Vec<(usize, String)> {
    let module = module_of(file);
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let absolute = |path: &str| match path.strip_prefix("crate::") {
        Some(rest) => Some(rest.to_owned()),
        None => path.strip_prefix("super::").map(|rest| format!("{parent}::{rest}")),
    };
    let tests = tests_of(file);
    let mut found = Vec::new();
    for (line, is_import, text) in statements(file) {
        let paths: Vec<String> = if is_import {
            names_of(text.trim_start_matches("pub ").trim_start_matches("use ").trim_end_matches(';'))
        } else {
            let starts = ["crate::", "super::"].iter().flat_map(|root| text.match_indices(root));
            let is_path = |c: &char| c.is_alphanumeric() || "_:".contains(*c);
            starts.map(|(start, _)| text[start..].chars().take_while(is_path).collect()).collect()
        };
        // In a test `super` is the file itself.
        let paths = paths.iter().filter(|path| line < tests || !path.starts_with("super::"));
        found.extend(paths.filter_map(|path| absolute(path)).map(|path| (line, path)));
    }
    found
}

/// The line on which the tests of a file begin.
fn tests_of(file: &File) -> usize {
    let mut lines = file.text.lines();
    lines.position(|line| line == "#[cfg(test)]").map_or(usize::MAX, |at| at + 1)
}

/// The files of `src/app/` but its face.
fn files_of_app() -> Vec<File> {
    let mut found = files("src/app", &["rs"]);
    found.retain(|file| file.path != "src/app/mod.rs");
    assert!(found.len() > 100, "the window was not found");
    found
}

#[test]
fn an_import_is_read_name_by_name() {
    assert_eq!(names_of("crate::a::B"), ["crate::a::B"]);
    assert_eq!(
        names_of("crate::a::{self, B as C, d::{E, F}}"),
        ["crate::a", "crate::a::B", "crate::a::d::E", "crate::a::d::F"]
    );
    let text = "//! A file.\n\nuse crate::app::{\n    ink::draw,\n    run,\n};\nuse super::seen::Look;\n\nfn f() {\n    \
        crate::app::shell::f();\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
    let file = File { path: "src/app/state/x.rs".into(), text: text.into() };
    let taken: Vec<String> = taken_by(&file).into_iter().map(|(_, path)| path).collect();
    assert_eq!(taken, ["app::ink::draw", "app::run", "app::state::seen::Look", "app::shell::f"]);
}

#[test]
fn folders_of_the_window_import_only_those_before_them() {
    let mut faults = Vec::new();
    let place = |folder: &str| FOLDERS.iter().position(|known| *known == folder);
    for file in files_of_app() {
        let folder = file.path.split('/').nth(2).unwrap_or_default().to_owned();
        let Some(own) = place(&folder) else {
            faults.push(format!("{}: {folder} is no folder of ARCHITECTURE.md", file.path));
            continue;
        };
        for (line, path) in taken_by(&file) {
            let other = path.split("::").nth(1).unwrap_or_default();
            match place(other) {
                Some(other) if other <= own => {}
                Some(_) => faults.push(format!("{}:{line}: {folder} may not import {path}", file.path)),
                None => faults.push(format!("{}:{line}: {path}: the face is for other rooms", file.path)),
            }
        }
    }
    no_faults(faults);
}

/// A room or a test that reached past the face could not be followed by it.
#[test]
fn the_window_has_one_face() {
    let face = fs::read_to_string(Path::new(ROOT).join("src/app/mod.rs")).expect("it is there");
    let modules = face.lines().filter(|line| line.contains("mod ") && line.ends_with(';'));
    assert_eq!(modules.filter(|line| line.starts_with("mod ")).count(), FOLDERS.len(), "a folder is open to others");
    assert!(!face.contains("pub mod"), "a folder is open to others");
}

#[test]
fn no_files_of_the_window_import_each_other_in_a_circle() {
    let files = files_of_app();
    let modules: Vec<String> = files.iter().map(module_of).collect();
    let module_at = |path: &str| {
        let is_of = |module: &&String| path == **module || path.starts_with(&format!("{module}::"));
        modules.iter().filter(is_of).max_by_key(|module| module.len()).cloned()
    };
    let mut left: Vec<(String, Vec<String>)> = Vec::new();
    for (file, module) in files.iter().zip(&modules) {
        let mut taken: Vec<String> = taken_by(file).iter().filter_map(|(_, path)| module_at(path)).collect();
        // A file calls its own parts by their bare names.
        let children =
            modules.iter().filter(|other| other.rsplit_once("::").is_some_and(|(parent, _)| parent == module));
        taken.extend(
            children
                .filter(|child| {
                    let name = format!("{}::", child.rsplit_once("::").expect("it has a parent").1);
                    let before = |at: usize| file.text[..at].chars().next_back();
                    file.code().any(|(_, line)| line.contains(&name))
                        && file
                            .text
                            .match_indices(&name)
                            .any(|(at, _)| before(at).is_none_or(|c| !c.is_alphanumeric() && !"_:".contains(c)))
                })
                .cloned(),
        );
        taken.retain(|other| other != module);
        left.push((module.clone(), taken));
    }
    // What imports nothing that is left is in no circle.
    loop {
        let names: Vec<String> = left.iter().map(|(module, _)| module.clone()).collect();
        let before = left.len();
        left.retain(|(_, taken)| taken.iter().any(|other| names.contains(other)));
        if left.len() == before {
            break;
        }
    }
    no_faults(
        left.into_iter()
            .map(|(module, taken)| format!("{module} is in a circle, or hangs on one: {taken:?}"))
            .collect(),
    );
}

/// One name means one thing within the window, also beside what it takes from other rooms.
#[test]
fn no_type_of_the_window_has_the_name_of_another() {
    let mut defined: Vec<(String, String)> = Vec::new();
    let mut faults = Vec::new();
    let files = files_of_app();
    for file in &files {
        let tests = tests_of(file);
        for (line, text) in file.code().filter(|(line, _)| *line < tests) {
            let text = text.trim_start_matches("pub ").trim_start_matches("pub(super) ");
            let kinds = ["struct ", "enum ", "trait ", "type "];
            let Some(rest) = kinds.iter().find_map(|kind| text.strip_prefix(kind)) else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            if let Some((_, other)) = defined.iter().find(|(known, _)| *known == name) {
                faults.push(format!("{}:{line}: {name} is also in {other}", file.path));
            }
            defined.push((name, file.path.clone()));
        }
    }
    for file in &files {
        for (line, _, text) in statements(file).into_iter().filter(|(_, is_import, _)| *is_import) {
            let aliases = text.split(" as ").skip(1).filter(|alias| alias.starts_with(char::is_uppercase));
            faults.extend(aliases.map(|alias| format!("{}:{line}: {alias} is another name for a type", file.path)));
        }
        for (line, path) in imports(file).into_iter().filter(|(_, path)| !path.starts_with("app::")) {
            let name = path.rsplit("::").next().unwrap_or_default();
            if let Some((_, other)) = defined.iter().find(|(known, _)| known == name) {
                faults.push(format!("{}:{line}: {path}, and {other} has a {name} too", file.path));
            }
        }
    }
    no_faults(faults);
}
