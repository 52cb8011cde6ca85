//! `tilescope lessons check`: every number of lessons recomputed, the typed ones named, and pairs of languages compared.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::Failure;
use crate::cli::failure::{print, print_json};
use crate::files::shown;
use crate::playback::lesson::check::{Report, check};
use crate::playback::lesson::{Engine, pair};
use crate::sentence::Sentence;

use super::found::{Named, built_in, engine, of_file, pair_of, paths_of, place};

/// What was recomputed of one lesson.
#[derive(Serialize)]
struct Checked {
    path: String,
    title: String,
    claims: usize,
    answers: usize,
    distractors: usize,
    numbers: usize,
    builds: usize,
    wrong_builds: usize,
    faults: Vec<String>,
}

pub fn main(paths: &[PathBuf], json: bool) -> Result<(), Failure> {
    let engine = engine(0);
    let mut all = Vec::new();
    let mut tell = |checked: Checked| -> Result<(), Failure> {
        if !json {
            print(&checked.line())?;
        }
        all.push(checked);
        Ok(())
    };
    if paths.is_empty() {
        built_in().iter().try_for_each(|named| tell(one(named, &engine)))?;
    }
    for path in paths {
        for file in paths_of(path)? {
            tell(of_path(&file, &engine)?)?;
        }
    }
    if json {
        print_json(&all)?;
    }
    let faults: Vec<&String> = all.iter().flat_map(|lesson| &lesson.faults).collect();
    match faults.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::Check((*only).clone())),
        [first, rest @ ..] => Err(Failure::Check(format!("{first} (and {} more)", rest.len()))),
    }
}

fn one(named: &Named, engine: &Engine) -> Checked {
    let (title, report) = match named.lesson() {
        // What it lists is checked where it stands.
        Ok(lesson) if named.is_plan() => (lesson.title, Report::default()),
        Ok(lesson) => (lesson.title.clone(), check(&lesson, engine)),
        Err(error) => (String::new(), Report { faults: vec![error], ..Report::default() }),
    };
    Checked::new(&named.path, title, &report)
}

/// The lesson in a file, held against the other language beside it.
fn of_path(path: &Path, engine: &Engine) -> Result<Checked, Failure> {
    let named = of_file(path)?;
    let mut checked = one(&named, engine);
    if let Some(beside) = pair_of(path) {
        let other = of_file(&beside)?;
        if let (Ok(lesson), Ok(other)) = (named.lesson(), other.lesson()) {
            let differ = pair::differences(&lesson, &other);
            checked.faults.extend(differ.iter().map(|error| place(&shown(&beside), error)));
        }
    }
    Ok(checked)
}

impl Checked {
    fn new(path: &str, title: String, report: &Report) -> Self {
        Self {
            title,
            claims: report.claims,
            answers: report.answers,
            distractors: report.distractors,
            numbers: report.placeholders,
            builds: report.builds,
            wrong_builds: report.wrong_builds,
            faults: report.faults.iter().map(|error| place(path, error)).collect(),
            path: path.to_owned(),
        }
    }

    fn line(&self) -> String {
        let counts = Sentence::new(
            "{0} {0|claim|claims}, {1} {1|answer|answers}, {2} wrong {2|choice|choices}, {3} {3|number|numbers}, \
             {4} {4|build|builds} ({5} wrong {5|one|ones})",
        );
        let counts = counts.with(self.claims).with(self.answers).with(self.distractors).with(self.numbers);
        let counts = counts.with(self.builds).with(self.wrong_builds);
        let verdict = if self.faults.is_empty() { "ok" } else { "FAILED" };
        let mut line = format!("{}: {counts} {verdict}\n", self.path);
        for fault in &self.faults {
            line.push_str(&format!("  {fault}\n"));
        }
        line
    }
}
