//! The list of the engine's mutants, held to the code: `scripts/engine-mutants` carries them out, which takes too long here;
//! but for those that change a text, which are carried out here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tilescope::attention::cases::single;
use tilescope::attention::dropout::Keep;
use tilescope::attention::{Dropout, Expected, Precision, Problem, expected};
use tilescope::machine::Run;
use tilescope::schedule::{Algorithm, Plan, Schedule, Setting, Tiling, algorithm};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LIST: &str = include_str!("../mutants/engine.txt");
const SURVIVORS: &str = include_str!("../mutants/survivors.txt");

/// What is changed, where, into what, and the test that tells: the library or a file of tests, and its name.
#[derive(Debug, Default)]
struct Mutant {
    name: String,
    fields: BTreeMap<String, String>,
    from: Vec<String>,
    to: Vec<String>,
}

fn mutants() -> Vec<Mutant> {
    let mut mutants: Vec<Mutant> = Vec::new();
    for line in LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').expect("a name in brackets").to_owned();
            mutants.push(Mutant { name, ..Mutant::default() });
            continue;
        }
        let mutant = mutants.last_mut().expect("a name first");
        if let Some(text) = line.strip_prefix("- ") {
            mutant.from.push(text.to_owned());
        } else if let Some(text) = line.strip_prefix('+') {
            mutant.to.push(text.trim_start_matches(' ').to_owned());
        } else {
            let (key, value) = line.split_once(' ').expect("a field and what it says");
            let before = mutant.fields.insert(key.to_owned(), value.trim().to_owned());
            assert!(before.is_none(), "{}: {key} twice", mutant.name);
        }
    }
    mutants
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of Rust in a folder and below.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(below(&path)),
            path if path.extension().is_some_and(|of| of == "rs") => found.push(path),
            _ => {}
        }
    }
    found
}

/// The file that a module of a target stands in.
fn file_of(target: &str, modules: &[&str]) -> Option<PathBuf> {
    let root = Path::new(ROOT);
    let folder = if target == "lib" { root.join("src") } else { root.join("tests").join(target) };
    let modules: PathBuf = modules.iter().filter(|module| **module != "tests").collect();
    let files = match modules.as_os_str().is_empty() {
        true => vec![root.join("tests").join(format!("{target}.rs")), folder.join("main.rs")],
        false => vec![folder.join(&modules).with_extension("rs"), folder.join(&modules).join("mod.rs")],
    };
    files.into_iter().find(|file| file.is_file())
}

#[test]
fn every_mutant_has_its_place_and_its_test() {
    let (mutants, mut names, mut places) = (mutants(), BTreeSet::new(), Vec::new());
    for Mutant { name, fields, from, to } in &mutants {
        assert!(names.insert(name), "two mutants are called {name}");
        let keys: Vec<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(keys, ["breaks", "file", "test"], "{name}");
        let (from, to, file) = (from.join("\n"), to.join("\n"), &fields["file"]);
        let plain = from.replace(['«', '»'], "");
        let text = read(&Path::new(ROOT).join(file));
        let count = text.matches(&plain).count();
        assert_eq!(count, 1, "{name}: {plain:?} stands {count} times in {file}");
        let part = match from.split_once('«') {
            Some((before, rest)) => {
                let (part, behind) = rest.split_once('»').unwrap_or_else(|| panic!("{name}: a mark without its end"));
                assert!(!behind.contains(['«', '»']), "{name} has one place");
                let start = text.find(&plain).expect("it was counted") + before.len();
                places.push((file, start..start + part.len(), name));
                part
            }
            None => &from,
        };
        assert!(part != to, "{name} changes nothing");
        let (target, test) = fields["test"].split_once(' ').expect("a target and a test");
        let mut path: Vec<&str> = test.split("::").collect();
        let function = path.pop().expect("a name");
        let of = file_of(target, &path).unwrap_or_else(|| panic!("{name}: no file of {target} {test}"));
        let head = format!("fn {function}(");
        let text = read(&of);
        let above = text.split(&head).next().filter(|above| above.len() < text.len());
        let above = above.unwrap_or_else(|| panic!("{name}: {} has no {function}", of.display()));
        let is_test = above.lines().rev().take(3).any(|line| line.trim() == "#[test]");
        assert!(is_test, "{name}: {function} is no test");
    }
    // One build holds them all.
    for (n, (file, place, name)) in places.iter().enumerate() {
        let meets =
            places[..n].iter().find(|(of, other, _)| of == file && other.start < place.end && place.start < other.end);
        assert!(meets.is_none(), "{name} changes what {:?} changes", meets.map(|meets| meets.2));
    }
    assert!(mutants.len() >= 60, "{} mutants are too few", mutants.len());
}

/// A result of a text is not what it should be, its keys in three parts where it has a loop over them.
fn is_wrong(text: &str, problem: &Problem) -> bool {
    let algorithm = Algorithm::read("changed", text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"));
    let plan = Plan::of_problem(problem, 0, Tiling { br: 2, bc: 3 }, Precision::F64);
    let splits = if algorithm.has_splits() { 3 } else { 1 };
    let run =
        Run::new(Schedule::of(&algorithm, Setting { splits, ..Setting::new(plan.clone()) }), problem, 0, 0, |_| true);
    let run = run.expect("it runs");
    let all: Vec<Expected> = if algorithm.is_backward() {
        let ones = ndarray::Array2::ones((problem.shape.n_q, problem.shape.d_v));
        let stored = algorithm::stored_for_gradients(&algorithm, &plan);
        let (queries, keys) =
            expected::backward(problem, (0, 0..1), &[ones.view()], Precision::F64, stored).expect("a rule");
        queries.into_iter().chain(keys).collect()
    } else {
        let stored = algorithm::stored(&algorithm, &plan);
        let (reference, bound) = expected::forward(problem, (0, 0), Precision::F64, stored);
        Expected::of_forward(&reference, &bound)
    };
    let results = all.iter().filter_map(|of| Some(of.compare(run.results().called(of.name)?.view())));
    let results: Vec<_> = results.collect();
    assert!(results.len() >= 2, "{} results", results.len());
    results.iter().any(|of| !of.is_right())
}

/// Those that change a text: what it gives is wrong with the change, and right without.
#[test]
fn changed_texts_are_wrong() {
    let mut problem = single(7, 11, 3);
    problem.dropout = Some(Dropout { rate: 0.5, keep: Keep::by_seed(3, &problem.shape) });
    let mut changed = 0;
    for mutant in mutants().into_iter().filter(|mutant| mutant.fields["file"].ends_with(".tile")) {
        let text = read(&Path::new(ROOT).join(&mutant.fields["file"]));
        let with = text.replace(&mutant.from.join("\n"), &mutant.to.join("\n"));
        assert!(!is_wrong(&text, &problem), "{} without its change", mutant.name);
        assert!(is_wrong(&with, &problem), "{} survives", mutant.name);
        changed += 1;
    }
    assert!(changed >= 3, "{changed} are too few: the list was not read");
}

/// The survivors of the mutation run are of code that is there, each under a reason.
#[test]
fn every_survivor_has_its_place_and_its_reason() {
    let (mut reason, mut known, mut texts) = ("", BTreeSet::new(), BTreeMap::new());
    for line in SURVIVORS.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(said) = line.strip_prefix("== ") {
            reason = said;
            continue;
        }
        assert!(reason.ends_with('.'), "{line} stands under {reason:?}");
        assert!(known.insert(line), "{line} stands twice");
        let fields: Vec<&str> = line.splitn(4, " | ").collect();
        let [file, function, change, code] = fields[..] else {
            panic!("{line}: a file, a function, a change, its line")
        };
        assert!(file.starts_with("src/schedule/") || file.starts_with("src/machine/"), "{line}");
        assert!(!change.is_empty(), "{line}");
        let text = texts.entry(file).or_insert_with(|| read(&Path::new(ROOT).join(file)));
        let head = format!("fn {function}");
        let behind = text.split(&head).skip(1).filter(|rest| rest.starts_with(['(', '<']));
        let holds = |body: &str| body.lines().any(|line| line.trim() == code) || code == "*";
        assert!(behind.clone().count() > 0, "{line}: no such function");
        assert!(behind.clone().any(holds), "{line}: no such line in it");
    }
    assert!(known.len() > 100, "{} survivors are too few: the list was not read", known.len());
}

/// Every room of the engine has mutants, and the rules that a wrong number would come from have many.
#[test]
fn mutants_are_spread_over_the_engine() {
    let mutants = mutants();
    let of = |folder: &str| mutants.iter().filter(|mutant| mutant.fields["file"].starts_with(folder)).count();
    for (folder, least) in
        [("src/schedule/language/", 40), ("src/machine/", 25), ("src/trace/", 10), ("src/playback/", 10)]
    {
        assert!(of(folder) >= least, "{folder} has {} mutants", of(folder));
    }
    for file in
        ["cost", "closed", "walk", "setting", "effects", "variant", "ledger", "lexer", "check/scope", "check/races"]
    {
        assert!(of(&format!("src/schedule/language/{file}.rs")) > 0, "{file}");
    }
    let machine = below(&Path::new(ROOT).join("src/machine"));
    assert!(machine.len() >= 20, "the machine was not found");
    for file in ["meter", "lazy", "recording", "evaluate", "compile", "rows", "product", "hidden", "hbm", "watch"] {
        assert!(of(&format!("src/machine/{file}.rs")) > 0, "{file}");
    }
}
