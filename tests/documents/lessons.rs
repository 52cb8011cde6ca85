//! Lessons: what their parser knows, as it stands in its sources, and what lessons/README.md says of it.

use std::collections::BTreeSet;

use tilescope::attention::input::random;
use tilescope::playback::lesson::check::check;
use tilescope::playback::lesson::{BUGS, Distance, Engine, MOST_BYTES, parse};
use tilescope::schedule::spec::CHOICES;
use tilescope::schedule::{Algorithm, algorithm};

use super::{below, code, no_faults, read};

const FOLDER: &str = "src/playback/lesson";

/// The part of a source that begins with `start`, up to the next line that closes as far left as it begins.
fn part(path: &str, start: &str) -> String {
    let text = read(&format!("{FOLDER}/{path}"));
    let at = text.find(start).unwrap_or_else(|| panic!("{path} has no {start:?}"));
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let indent: String = text[line..].chars().take_while(|c| *c == ' ').collect();
    let end = text[at..].find(&format!("\n{indent}}}")).map_or(text.len(), |end| at + end);
    text[at..end].to_owned()
}

fn literals(text: &str) -> impl Iterator<Item = String> + '_ {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned))
}

/// What a `match` in a part of a source knows: the texts left of `=>`.
fn arms(path: &str, start: &str) -> BTreeSet<String> {
    let text = part(path, start);
    let arms = text.lines().filter_map(|line| line.split_once("=>")).map(|(arm, _)| arm);
    let found: BTreeSet<String> = arms
        .filter(|arm| arm.trim_start().starts_with('"'))
        .flat_map(|arm| literals(arm).collect::<Vec<_>>())
        .collect();
    assert!(!found.is_empty(), "{path}: {start} knows nothing");
    found
}

/// The keys that a cue takes: `take("key")`, `need("key")`, `all("key")`, `value("key")`.
fn keys(path: &str) -> BTreeSet<String> {
    let text = read(&format!("{FOLDER}/{path}"));
    let text = text.split("#[cfg(test)]").next().expect("a text has a start").to_owned();
    let takes = [".take(\"", ".need(\"", ".all(\"", " value(\"", "= value(\""];
    let found = takes.iter().flat_map(|take| text.split(take).skip(1)).filter_map(|rest| rest.split('"').next());
    found.map(str::to_owned).collect()
}

/// Words between backticks: of letters, digits, `_` and `-`.
fn told(text: &str) -> BTreeSet<String> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    code(text).into_iter().flat_map(|code| code.split(move |c| !in_word(c))).map(str::to_owned).collect()
}

/// The lines of the text that cards are, with loops and kernels.
fn cards() -> BTreeSet<String> {
    let text = Algorithm::read("cards", &read(&format!("{FOLDER}/build/cards.tile"))).expect("the cards are a text");
    let labels = text.text().lines.iter().map(|line| line.label.clone());
    labels.chain(["for i", "for j", "end", "kernel"].map(str::to_owned)).collect()
}

/// The choices of a run that a scene may make.
fn choices() -> BTreeSet<String> {
    CHOICES.iter().map(|choice| choice.name.to_owned()).filter(|name| name != "scene").collect()
}

/// Everything that a lesson may write, by where it is known.
fn known() -> Vec<(&'static str, BTreeSet<String>)> {
    vec![
        ("header", keys("document.rs")),
        ("cue", arms("document.rs", "fn add(")),
        ("scene", arms("scene.rs", "pub fn set(")),
        ("input", arms("scene_text.rs", "pub(super) fn input(")),
        ("mask", arms("scene_text.rs", "pub(super) fn mask(")),
        ("step", arms("scene_text.rs", "pub(super) fn at(")),
        ("selection", arms("scene_text.rs", "pub(super) fn selection(")),
        ("view", Distance::ALL.iter().map(|distance| distance.name().to_owned()).collect()),
        ("bug", BUGS.iter().map(|&bug| bug.to_owned()).collect()),
        ("figure", arms("figure.rs", "pub(super) fn parse(")),
        ("predict", keys("predict.rs")),
        ("kind of question", arms("predict.rs", "pub(super) fn parse(")),
        ("click", arms("predict.rs", "fn click_on(")),
        ("change", keys("cue.rs")),
        ("build", keys("build/parse.rs")),
        ("kind of build", arms("build/parse.rs", "pub(in super::super) fn parse(")),
        ("operation of a card", cards()),
        ("name", arms("functions.rs", "fn name(")),
        ("function", arms("functions.rs", "fn call(")),
        ("count", arms("counts.rs", "fn count(")),
        ("modelled", arms("clock.rs", "fn modelled(")),
        ("tiles", arms("counts.rs", "fn tiles(")),
        ("traffic", arms("objects.rs", "impl Scope for Moved")),
        ("row", arms("row.rs", "impl Scope for Row")),
        ("run", arms("results.rs", "impl Scope for Results")),
        ("gradient", arms("gradient.rs", "impl Scope for Gradient")),
        ("piece", arms("objects.rs", "impl Scope for Piece")),
        ("hardware", arms("objects.rs", "impl Scope for Chip")),
        ("built-in function", arms("expr/eval.rs", "fn built_in(")),
        ("function of lists", arms("expr/lists.rs", "fn call(")),
        ("choice", choices()),
    ]
}

#[test]
fn the_readme_has_all_that_the_parser_knows() {
    let told = told(&read("lessons/README.md"));
    let mut faults = Vec::new();
    for (what, known) in known() {
        let missing = known.iter().filter(|known| !known.split(' ').all(|word| told.contains(word)));
        faults.extend(missing.map(|word| format!("{what} `{word}` is not in lessons/README.md")));
    }
    no_faults(faults);
}

#[test]
fn the_parser_knows_all_that_the_readme_has() {
    let mut words: BTreeSet<String> = known().into_iter().flat_map(|(_, known)| known).collect();
    let sources = below(FOLDER).into_iter().filter(|file| file.ends_with(".rs"));
    for text in sources.map(|file| read(&file)) {
        // Without tests, which write what is wrong.
        let text = text.split("#[cfg(test)]").next().expect("a text has a start");
        words.extend(literals(text).flat_map(|text| {
            let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            text.split(move |c| !in_word(c)).map(str::to_owned).collect::<Vec<_>>()
        }));
    }
    // What a formula may be made of.
    let update = read(&format!("{FOLDER}/build/update.tile"));
    words.extend(update.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
    // The values of choices.
    let choices =
        ["spec/values.rs", "spec/modifiers.rs", "arrival.rs"].map(|file| read(&format!("src/schedule/{file}")));
    let values = choices.iter().flat_map(|text| literals(text)).map(|text| text.trim_end_matches(':').to_owned());
    words.extend(values.filter(|text| text.chars().all(char::is_alphanumeric)));
    words.extend(algorithm::ALL.iter().map(|algorithm| algorithm.name().to_owned()));
    words.insert(random::PREFIX.trim_end_matches(':').to_owned());
    let table = read("lessons/README.md");
    // From the cues on: what stands before is an example and file names.
    let (_, table) = table.split_once("## Cues").expect("it has cues");
    let is_word = |word: &&String| word.len() > 1 && word.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    // `[lists]` stands for any list.
    let told = told(table);
    let unknown = told.iter().filter(is_word).filter(|word| !words.contains(*word) && *word != "lists");
    let unknown: Vec<String> = unknown.cloned().collect();
    assert_eq!(unknown, Vec::<String>::new(), "lessons/README.md has what no lesson can write");
}

#[test]
fn the_example_of_the_readme_is_a_lesson() {
    let text = read("lessons/README.md");
    let (_, rest) = text.split_once("````text\n").expect("it has an example");
    let (example, _) = rest.split_once("\n````").expect("the example ends");
    let lesson = parse(example).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(check(&lesson, &Engine::new()).faults, vec![]);
}

#[test]
fn limits_are_those_told() {
    let text = read("lessons/README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&format!("at most {} KiB and 64 beats, a cue at most 64 lines", MOST_BYTES >> 10)));
    assert!(text.contains("`bar` (`text = expression`, repeated, 24 at most)"));
    assert!(text.contains("at most 60 characters, 24 full-width ones in Chinese"));
    let lesson = |body: &str| {
        let text = format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n{body}");
        parse(&text).map(|lesson| check(&lesson, &Engine::new()).faults.len())
    };
    let show = "```scene\nshow: map\n```\n";
    let beats = |count: usize| format!("## b\n{show}").repeat(count);
    assert_eq!((lesson(&beats(64)).ok(), lesson(&beats(65)).ok()), (Some(0), None));
    let bars = |count: usize| format!("## b\n{show}```figure\ntitle: t\n{}```\n", "bar: a = 1\n".repeat(count));
    assert_eq!((lesson(&bars(24)).ok(), lesson(&bars(25)).ok()), (Some(0), None));
    let lines = |count: usize| format!("## b\n{show}```scene\n{}```\n", "head: 0\n".repeat(count));
    assert_eq!((lesson(&lines(64)).ok(), lesson(&lines(65)).ok()), (Some(0), None));
    let said = |length: usize| format!("## b\n{show}```say\n{}\n```\n", "a".repeat(length));
    assert_eq!((lesson(&said(60)).ok(), lesson(&said(61)).ok()), (Some(0), Some(1)));
}
