//! A lesson of one's own: its files, what its expressions ask of rows and gradients, its pair in the other language, its
//! worksheets. What expressions give is held against sums written out here.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use crate::common::program::{ok, refused, tilescope};
use ndarray::{Array4, ArrayView1};
use proptest::prelude::*;
use tilescope::attention::Precision;
use tilescope::attention::input::random;
use tilescope::attention::npz_out::{NpyArray, write_npz};
use tilescope::playback::lesson::expr::{self, Value};
use tilescope::playback::lesson::worksheet::{Form, Sheet, mark};
use tilescope::playback::lesson::{Engine, Language, Lesson, LessonError, Scene, library::LESSONS, parse};

fn lesson_text(body: &str) -> String {
    format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n{body}")
}

fn scene(lines: &str) -> Scene {
    parse(&lesson_text(&format!("```scene\n{lines}\n```\n"))).expect("a lesson").beats[0].scene.clone()
}

fn eval(source: &str, scene: &Scene) -> Result<Value, LessonError> {
    Engine::new().eval(&expr::parse(source, 1, 1).unwrap_or_else(|fault| panic!("{source}: {fault}")), scene)
}

#[track_caller]
fn number(source: &str, scene: &Scene) -> f64 {
    match eval(source, scene) {
        Ok(Value::Number(number)) => number,
        other => panic!("{source}: {other:?}"),
    }
}

#[track_caller]
fn near(source: &str, scene: &Scene, expected: f64) {
    let got = number(source, scene);
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{source}: {got}, and not {expected}");
}

fn fault(source: &str, scene: &Scene) -> String {
    match eval(source, scene) {
        Err(fault) => fault.what.to_string(),
        Ok(value) => panic!("{source} gives {value:?}"),
    }
}

#[test]
fn lists_give_what_their_sums_give() {
    let toy = Scene::default();
    for (source, expected) in [
        ("sum(each(j, 0, 5, j^2))", 30.0),
        ("sum(each(j, 3, 3, j))", 0.0),
        ("len(each(j, 2, 7, 0))", 5.0),
        ("sum(each(i, 0, 3, each(j, 0, 4, 10 * i + j)))", 138.0),
        // The inner name hides the outer, and both hide a name of the scene.
        ("sum(each(j, 0, 3, sum(each(j, 0, 2, j))))", 3.0),
        ("sum(each(n, 0, 3, n)) + n", 19.0),
        ("mean([1, 2, 6])", 3.0),
        ("var([1, 2, 6])", 14.0 / 3.0),
        ("var([7])", 0.0),
        ("mean([[1, 2], [6]], 3)", 3.0),
        ("argmax([3, 9, 9, 1])", 1.0),
        ("argmin([3, 1, 9, 1])", 1.0),
        ("argmax([-inf, -5])", 1.0),
        ("entropy([0.5, 0.25, 0.25])", 1.5),
        ("entropy([1, 0])", 0.0),
        ("norm([3, 4])", 5.0),
        ("dot([1, 2, 3], [4, 5, 6])", 32.0),
        ("at([5, 6, 7], 2)", 7.0),
        ("at(softmax([0, ln(3)]), 1)", 0.75),
        ("sum(softmax([-inf, -inf]))", 0.0),
        ("at(softmax([-inf, 1e300, -5]), 1)", 1.0),
        ("min(3, [1, 2])", 1.0),
        ("max([3, 4], 1)", 4.0),
    ] {
        near(source, &toy, expected);
    }
    for source in ["min([1, 0/0, 2])", "max(0/0, 5)", "sum([1, 0/0])", "mean([0/0])", "norm([0/0])", "var([1, 0/0])"] {
        assert!(number(source, &toy).is_nan(), "{source} hides a NaN");
    }
    for (source, told) in [
        ("argmax([1, 0/0])", "NaN"),
        ("argmax([])", "at least one number"),
        ("mean(each(j, 0, 0, j))", "at least one number"),
        ("sum()", "at least one number"),
        ("sum([\"a\"])", "is a number, and this is a text"),
        ("entropy([0.5, 0.4])", "sum to 0.9"),
        ("entropy([1.5, -0.5])", "sum to 1"),
        ("entropy([0/0])", "sum to NaN"),
        ("dot([1], [1, 2])", "1 and 2"),
        ("dot([1])", "two lists"),
        ("at([1, 2], 2)", "there are 2, from 0"),
        ("at([1, 2], -1)", "whole number"),
        ("at(1, 0)", "a list is needed"),
        ("each(j, 0, 4)", "each takes a name"),
        ("each(\"j\", 0, 4, 1)", "each takes a name"),
        ("each(inf, 0, 4, 1)", "each takes a name"),
        ("each(j, from=0, 4, 1)", "each takes a name"),
        ("each(j, 0, 0.5, 1)", "whole number"),
        ("each(j, 0, inf, 1)", "whole number"),
        ("each(j, 0, 4097, 1)", "each makes at most 4096, and these are 4097"),
        ("each(j, 0, 2, k)", "there is no `k`"),
        ("row(0).scores.x", "no part `x`"),
    ] {
        let words = fault(source, &toy);
        assert!(words.contains(told), "{source}: {words}");
    }
}

/// No expression takes long, whatever it repeats.
#[test]
fn too_much_work_is_refused() {
    let count = scene("input: count");
    let deep = format!("{}1{}", "sum(each(j, 0, 4096, ".repeat(12), "))".repeat(12));
    for source in [
        deep.as_str(),
        "sum(each(i, 0, 4000, each(j, 0, 4000, 1)))",
        "len(each(i, 0, 1024, each(j, 0, 1024, row(i).weights)))",
        "sum(each(i, 0, 4096, moved(n=1000000, br=1, bc=1)))",
        "sum(each(i, 0, 4096, gradient().D(i)))",
        "sum(each(i, 0, 4096, run().error))",
        "sum(each(i, 0, 4096, each(k, 1, 4096, row(0).average(1))))",
        "len(each(i, 0, 4096, each(j, 0, 1024, k(j))))",
    ] {
        let words = fault(source, &count);
        assert!(words.contains("too much work") || words.contains("too many"), "{source}: {words}");
    }
    let typed = "each(a,0,4096,each(b,0,4096,each(c,0,4096,1)))";
    assert!(tilescope::playback::lesson::quantity::read(typed, "").is_err());
}

fn dot(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn rows_and_vectors_are_those_of_the_input() {
    let input = random::read("random:7,11,3,4,2", 5).expect("an input").problem;
    let here = scene("input: random:7,11,3,4,2 seed 5\nhead: 3\nblocks: 2x3");
    let (q, k, v) = (
        input.q.slice(ndarray::s![0, 3, .., ..]),
        input.k.slice(ndarray::s![0, 1, .., ..]),
        input.v.slice(ndarray::s![0, 1, .., ..]),
    );
    for i in [0, 1, 6] {
        let s: Vec<f64> = (0..11).map(|j| q.row(i).dot(&k.row(j)) / 3f64.sqrt()).collect();
        let m = s.iter().copied().fold(f64::MIN, f64::max);
        let e: Vec<f64> = s.iter().map(|s| (s - m).exp()).collect();
        let l: f64 = e.iter().sum();
        for j in [0, 4, 10] {
            near(&format!("at(row({i}).scores, {j})"), &here, s[j]);
            near(&format!("at(row({i}).weights, {j})"), &here, e[j] / l);
            near(&format!("scale * dot(q({i}), k({j}))"), &here, s[j]);
            near(&format!("sum(each(c, 0, d, at(q({i}), c) * at(k({j}), c)))"), &here, s[j] * 3f64.sqrt());
        }
        for c in 0..3 {
            let o: f64 = (0..11).map(|j| e[j] / l * v[[j, c]]).sum();
            near(&format!("sum(each(j, 0, n_k, row({i}).p(j) * at(v(j), {c})))"), &here, o);
            near(&format!("at(row({i}).exact_output, {c})"), &here, o);
            let got = number(&format!("at(row({i}).output, {c})"), &here);
            assert!((got - o).abs() < 1e-5, "{got} {o}");
        }
        let bits: f64 = e.iter().map(|e| -(e / l) * (e / l).log2()).sum();
        near(&format!("entropy(row({i}).weights)"), &here, bits);
        near(&format!("argmax(row({i}).weights)"), &here, s.iter().position(|x| *x == m).expect("it is there") as f64);
    }
    near("kv_head", &here, 1.0);
    near("heads / kv_heads", &here, 2.0);
    // Other choices by name.
    near(
        "row(2, head=1).s(0)",
        &here,
        dot(input.q.slice(ndarray::s![0, 1, 2, ..]), input.k.slice(ndarray::s![0, 0, 0, ..])) / 3f64.sqrt(),
    );
    near("row(2, scale=2).s(0)", &here, 2.0 * q.row(2).dot(&k.row(0)));
    near("row(2, alibi=0.5).s(0) - row(2).s(0)", &here, -0.5 * 6.0);
    near("row(2, keys=\"q\", prefix=0).s(2)", &scene("input: random:7,7,3"), {
        let q = random::read("random:7,7,3", 0).expect("an input").problem.q;
        let row = q.slice(ndarray::s![0, 0, 2, ..]);
        dot(row, row) / 3f64.sqrt()
    });
    assert!(fault("row(0, head=4).lse", &here).contains("no head 4"));
    assert!(fault("row(0, softcap=-1).lse", &here).contains("softcap is -1"));
    assert!(fault("row(0, scene=\"toy\").lse", &here).contains("takes no `scene`"));
    assert!(fault("row(0, br=0).lse", &here).contains("br is 0"));
    assert!(
        fault("q(7)", &here).contains("there are 7 queries") && fault("k(11)", &here).contains("there are 11 keys")
    );
}

/// The row of six keys: dO = 1 and values 10..60, so that dP is the value, and D the average.
#[test]
fn gradients_are_those_of_the_definition() {
    let row = scene("input: row");
    for (j, expected) in [-1.425, -1.85, -3.4, 0.075, 2.3, 4.3].into_iter().enumerate() {
        near(&format!("gradient().dS(0, {j})"), &row, expected);
        near(&format!("gradient().dP(0, {j})"), &row, 10.0 * (j + 1) as f64);
        near(&format!("gradient().dV({j}) - row(0).p({j})"), &row, 0.0);
    }
    near("gradient().D(0)", &row, 38.5);
    near("sum(each(j, 0, n_k, gradient().dS(0, j)))", &row, 0.0);
    // Against differences: the gradient of the sum of O.
    let here = scene("input: random:5,6,3,4,2 seed 2\nhead: 1\nprecision: f64");
    for (i, c) in [(0, 0), (4, 2)] {
        let by_hand = format!("scale * sum(each(j, 0, n_k, gradient().dS({i}, j) * at(k(j), {c})))");
        near(&format!("gradient().dQ({i}, {c}) - {by_hand}"), &here, 0.0);
    }
    let of_keys = "sum(each(h, 0, 2, sum(each(i, 0, n_q, gradient(head=h).dS(i, 3) * at(q(i, head=h), 1)))))";
    near(&format!("gradient().dK(3, 1) - scale * {of_keys}"), &here, 0.0);
    // The run of a text agrees with them, within its format.
    let backward = scene("input: random:9,9,4 seed 2\nalgorithm: flash2-backward\nblocks: 4x2");
    assert!(number("run().error", &backward) < 1e-4);
    assert!(number("abs(run().dQ(8, 3) - gradient().dQ(8, 3))", &backward) < 1e-4);
    assert!(number("abs(run().dK(8, 3) - gradient().dK(8, 3))", &backward) < 1e-4);
    assert!(fault("run().o(0)", &backward).contains("makes no O"));
    assert!(fault("run(\"flash2\").dQ(0)", &backward).contains("makes no dQ"));
    assert!(fault("run().dV(9)", &backward).contains("there are 9 rows of 4"));
    assert!(fault("gradient().dS(9, 0)", &backward).contains("9 queries"));
}

/// `q`, `k` and `v` of 4 queries, 5 keys and d = 2.
/// dQ by hand: the parts of the key blocks, each rounded to f32, added in every order.
#[test]
fn orders_of_additions_are_tried_by_hand() {
    let toy = scene("input: toy");
    let part = |i: usize, c: usize, block: usize| {
        let keys = format!("each(j, {}, {}, gradient().dS({i}, j) * at(k(j), {c}))", 4 * block, 4 * block + 4);
        number(&format!("scale * sum({keys})"), &toy) as f32
    };
    let parts: Vec<[f32; 4]> = (0..16)
        .flat_map(|i| (0..4).map(move |c| (i, c)))
        .map(|(i, c)| [0, 1, 2, 3].map(|block| part(i, c, block)))
        .collect();
    let mut found: Vec<Vec<f32>> = Vec::new();
    for n in 0..256 {
        let order = [n / 64, n / 16 % 4, n / 4 % 4, n % 4];
        if (0..4).all(|block| order.contains(&block)) {
            let sum = |of: &[f32; 4]| order.iter().fold(0.0f32, |sum, &block| sum + of[block]);
            found.push(parts.iter().map(sum).collect());
        }
    }
    assert_eq!(found.len(), 24);
    let of = |n: usize| found.iter().map(move |sums| f64::from(sums[n]));
    let apart = |n: usize| of(n).fold(f64::MIN, f64::max) - of(n).fold(f64::MAX, f64::min);
    let largest = (0..parts.len()).map(apart).fold(0.0, f64::max);
    found.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    found.dedup();
    near("gradient().orders()", &toy, found.len() as f64);
    near("gradient().apart()", &toy, largest);
    assert!(found.len() > 1 && largest > 0.0, "{} {largest}", found.len());
    // Two parts add up to the same either way, and one has no order.
    for blocks in ["8x8", "4x16", "16x8"] {
        near("gradient().orders()", &scene(&format!("input: toy\nblocks: {blocks}")), 1.0);
    }
    let fine = fault("gradient().orders()", &scene("input: toy\nblocks: 4x2"));
    assert!(fine.contains("more than 6 key blocks"), "{fine}");
    let capped = fault("gradient().orders()", &scene("input: toy\nsoftcap: 5"));
    assert!(capped.contains("softcap"), "{capped}");
}

/// The rule of splits, as a name of lessons.
#[test]
fn splits_are_those_of_the_rule() {
    let toy = scene("input: toy");
    near("splits(108, 9, 64)", &toy, 10.0);
    near("splits(sms=2 * 108, blocks=9, n=64)", &toy, 22.0);
    assert!(fault("splits(0, 1, 1)", &toy).contains("at least one SM"));
    assert!(fault("splits(108, 9)", &toy).contains("`n` is missing"));
}

fn own_npz() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let of = |rows: usize, by: f64| {
        Array4::from_shape_fn((1, 1, rows, 2), |(_, _, i, c)| by * (2 * i + c) as f64).into_dyn()
    };
    let arrays = [("q", of(4, 0.25)), ("k", of(5, -0.5)), ("v", of(5, 1.0))];
    let arrays =
        arrays.each_ref().map(|(name, values)| (*name, NpyArray { values: values.view(), precision: Precision::F64 }));
    write_npz(&mut bytes, &arrays).expect("it is written");
    bytes.into_inner()
}

const OWN: &str = "```scene\ninput: own.npz\nalgorithm: deep/own.tile\nblocks: 2x2\nshow: map\n```\n```claim\nn_q == 4 and n_k == 5\n\
                   algorithm == \"deep/own.tile\"\nvalue(2, 1) == 5\nrun().error < 0.0001\nmoved() == moved(\"flash2\")\n\
                   moved(\"deep/own.tile\") == moved()\n```\n";

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
    fs::write(&path, text).expect("it is written");
    name.to_owned()
}

#[test]
fn a_lesson_reads_what_lies_beside_it_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let flash2 = include_str!("../../src/schedule/algorithms/flash2.tile");
    write(at, "course/own.npz", own_npz());
    write(at, "course/deep/own.tile", flash2);
    write(at, "course/lesson.md", lesson_text(OWN));
    // By any path to it.
    ok(at, &["lessons", "check", "course/lesson.md"]);
    ok(&at.join("course"), &["lessons", "check", "lesson.md"]);
    ok(&at.join("course/deep"), &["lessons", "check", "../lesson.md"]);
    write(at, "outside.npz", own_npz());
    write(at, "course/a folder.npz/x", "");
    write(at, "course/not.npz", "no archive");
    write(at, "course/bad.tile", "title: nothing");
    for (line, told) in [
        ("input: ../outside.npz", "is elsewhere"),
        ("input: deep/../../outside.npz", "is elsewhere"),
        ("input: /etc/outside.npz", "is elsewhere"),
        ("input: none.npz", "none.npz: there is no such file"),
        ("input: a folder.npz", "this is a folder"),
        ("input: not.npz", "not.npz: "),
        ("input: own.csv", "is no input"),
        ("algorithm: ../own.tile", "is elsewhere"),
        ("algorithm: none.tile", "none.tile: there is no such file"),
        ("algorithm: bad.tile", "bad.tile:1:"),
        ("algorithm: flash9", "is no algorithm"),
    ] {
        write(at, "course/lesson.md", lesson_text(&format!("```scene\n{line}\n```\n")));
        let told_line = refused(at, &["lessons", "check", "course/lesson.md"], 1);
        assert!(told_line.contains("course/lesson.md:") && told_line.contains(told), "{line}: {told_line}");
    }
    // A lesson that is no file has none.
    for line in ["input: own.npz", "algorithm: own.tile"] {
        let fault = parse(&lesson_text(&format!("```scene\n{line}\n```\n"))).expect_err(line).to_string();
        assert!(fault.starts_with("line 8, column") && fault.contains("only a lesson in a file"), "{fault}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_beside_a_lesson_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("own.npz")).status().expect("mkfifo");
    assert!(made.success());
    write(folder.path(), "lesson.md", lesson_text("```scene\ninput: own.npz\n```\n"));
    assert!(refused(folder.path(), &["lessons", "check", "lesson.md"], 1).contains("not a regular file"));
}

#[test]
fn a_folder_of_lessons_is_checked_in_pairs() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let english = lesson_text("Here are {n} tokens.\n```scene\nshow: map\n```\n```claim\nn == 16\n```\n");
    let chinese =
        english.replace("goal: g\n", "goal: g\nlanguage: zh\n").replace("Here are {n} tokens.", "共 {n} 个词元。");
    for (first, second) in [("a.md", "a.zh.md"), ("b.en.md", "b.zh.md"), ("en/c.md", "zh/c.md")] {
        write(at, first, &english);
        write(at, second, &chinese);
    }
    write(at, "README.md", "# what this is");
    write(at, "notes.txt", "no lesson");
    let told = ok(at, &["lessons", "check", "."]);
    assert_eq!(told.lines().filter(|line| line.ends_with(" ok")).count(), 6, "{told}");
    for (from, to, line, differs) in [
        ("{n} 个", "{n + 1} 个", 7, "this beat has no `n`"),
        ("n == 16", "n > 1", 7, "this beat has no `n == 16`"),
        ("minutes: 5", "minutes: 6", 1, "takes 5 minutes, and this one 6"),
        ("language: zh", "language: en", 1, "both lessons of a pair are in one language"),
        ("## b\n", "## b\n```scene\nblocks: 2x2\n```\n", 7, "the scene of this beat differs from that of line 6"),
        ("show: map", "show: chart", 7, "the show of this beat differs from that of line 6"),
        ("## b\n", "## a\n\n## b\n", 1, "has 1 beat, and this one 2"),
        ("## b\n", "## b\n```say\nx\n```\n", 7, "the say of this beat differs"),
    ] {
        let name = write(at, "a.zh.md", chinese.replacen(from, to, 1));
        let told = refused(at, &["lessons", "check", "."], 1);
        assert!(told.contains(&format!("{name}:{line}: ")) && told.contains(differs), "{to}: {told}");
    }
    let empty = at.join("empty");
    fs::create_dir(&empty).expect("a folder");
    assert!(refused(at, &["lessons", "check", "empty"], 2).contains("a folder without lessons"));
}

#[test]
fn every_lesson_has_a_worksheet_whose_key_is_right() {
    let mut engine = Engine::new();
    for (entry, language) in
        LESSONS.iter().flat_map(|entry| [Language::English, Language::Chinese].map(|of| (entry, of)))
    {
        let lesson = entry.lesson(language).expect("it parses");
        for seed in [1, 2, 7] {
            engine.reseed(seed);
            let sheet = Sheet::new(&lesson, &engine).expect("a sheet");
            assert!(sheet.tasks.len() >= 3, "{}", entry.stem);
            for task in &sheet.tasks {
                // As the key has it: a letter stands before its text, a number before its unit.
                let answer = match &task.form {
                    Form::Choice(_) => task.answer.split(':').next().expect("a letter").to_owned(),
                    Form::Name(_) => task.answer.split([' ', '或']).next().expect("a name").to_owned(),
                    _ => task.answer.clone(),
                };
                let marked = mark(&lesson, task.number, &answer, &engine).expect("marked").expect("a task");
                assert!(marked.is_right, "{} {seed} {}: {answer}: {}", entry.stem, task.number, marked.reason);
                for wrong in
                    ["", "  ", "?", "Q, Q, Q, Q", "Z", "12345678", "br: 0", "bug: none; step: 99999999", "\u{0}"]
                {
                    let marked = mark(&lesson, task.number, wrong, &engine).expect("marked").expect("a task");
                    assert!(!marked.is_right && !marked.reason.is_empty(), "{} {}: {wrong}", entry.stem, task.number);
                }
            }
            let after = sheet.tasks.len() + 1;
            assert_eq!(mark(&lesson, after, "1", &engine).expect("marked"), None);
            assert_eq!(mark(&lesson, 0, "1", &engine).expect("marked"), None);
        }
    }
}

const VARIED: &str = "Row {row(13).visits} of {n}.\n```scene\ninput: real\nshow: map\n```\n```predict\nkind: number\n\
    question: Where does head {head} of {n} tokens look?\nanswer: argmax(row(n - 1).weights)\ntolerance: 0\n\
    wrong: n | There are keys 0 to {n - 1}.\nfeedback: Key {argmax(row(n - 1).weights)}.\n\
    vary: head: 0 | 3 | 8; prefix: 14 | 15 | 16\n```\n";

#[test]
fn a_seed_has_its_own_numbers() {
    let lesson = parse(&lesson_text(VARIED)).expect("a lesson");
    let report = tilescope::playback::lesson::check::check(&lesson, &Engine::new());
    assert_eq!(report.faults, []);
    let mut engine = Engine::new();
    let mut asked = std::collections::BTreeSet::new();
    for seed in 0..60 {
        engine.reseed(seed);
        let sheet = Sheet::new(&lesson, &engine).expect("a sheet");
        assert_eq!(sheet, Sheet::new(&lesson, &Engine::with_seed(seed)).expect("a sheet"), "the seed alone makes it");
        let task = &sheet.tasks[0];
        let marked = mark(&lesson, 1, &task.answer, &engine).expect("marked").expect("a task");
        assert!(marked.is_right, "{seed}: {}", marked.reason);
        asked.insert(task.ask.clone());
    }
    assert_eq!(asked.len(), 9, "{asked:?}");
    // Each of them is a question, or the lesson is not.
    for (from, to, told) in [
        ("0 | 3 | 8", "0 | 9", "with head: 9; prefix: 14: line"),
        ("prefix: 14 | 15 | 16", "prefix: 14 | 99", "with head: 0; prefix: 99: line"),
        ("wrong: n |", "wrong: if(head == 3, argmax(row(n - 1).weights), n) |", "with head: 3; prefix: 14: line"),
        ("head: 0", "abacus: 0", "has no `abacus`"),
        ("vary: head: 0 | 3 | 8", "vary: seed: 0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21", "66 ways"),
        ("vary: head: 0", "vary: head", "is needed"),
    ] {
        let text = lesson_text(&VARIED.replacen(from, to, 1));
        let faults = match parse(&text) {
            Ok(lesson) => tilescope::playback::lesson::check::check(&lesson, &Engine::new()).faults,
            Err(fault) => vec![fault],
        };
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|fault| fault.contains(told)), "{to}: {shown:?}");
    }
    // What is varied is no number of the scene any more.
    let typed = lesson_text(&VARIED.replacen("of {n}.", "of 16.", 1));
    let faults = tilescope::playback::lesson::check::check(&parse(&typed).expect("a lesson"), &Engine::new()).faults;
    assert!(faults.iter().any(|fault| fault.what.to_string().starts_with("16 is typed")), "{faults:?}");
}

#[test]
fn worksheets_are_written_and_marked() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let told = ok(at, &["worksheet", "--lesson", "4", "--seed", "1..3", "--lang", "zh", "--output", "a/sheets"]);
    assert!(told.starts_with("6 files are in a/sheets"), "{told}");
    let sheet = fs::read_to_string(at.join("a/sheets/04-online-softmax.zh.seed-02.html")).expect("a sheet");
    let key = fs::read_to_string(at.join("a/sheets/04-online-softmax.zh.seed-02.key.html")).expect("a key");
    assert!(
        sheet.starts_with("<!DOCTYPE html>") && sheet.contains("<html lang=\"zh-Hans\">") && sheet.contains("种子: 2")
    );
    // Nothing is needed from elsewhere, and the sheet does not tell what the key does.
    for page in [&sheet, &key] {
        assert!(
            !page.contains("<script") && !page.contains("src=") && !page.contains("href=") && !page.contains("url(")
        );
        assert_eq!(page.matches("<section>").count(), page.matches("</section>").count());
    }
    let lesson = LESSONS[3].lesson(Language::Chinese).expect("it parses");
    let first = Sheet::new(&lesson, &Engine::with_seed(2)).expect("a sheet").tasks.swap_remove(0);
    assert!(key.contains(&format!("答: {}", first.answer)) && !sheet.contains(&format!("答: {}", first.answer)));
    // Written again, it is the same.
    ok(at, &["worksheet", "--lesson", "4", "--seed", "2", "--lang", "zh", "--output", "b"]);
    assert_eq!(fs::read_to_string(at.join("b/04-online-softmax.zh.seed-02.html")).expect("a sheet"), sheet);

    let engine = Engine::with_seed(7);
    let lesson = LESSONS[3].lesson(Language::English).expect("it parses");
    let right = |number: usize| -> String {
        let sheet = Sheet::new(&lesson, &engine).expect("a sheet");
        sheet.tasks[number - 1].answer.split(':').next().expect("a letter").to_owned()
    };
    write(
        at,
        "answers.csv",
        format!(
            "person,seed,question,answer\nAnn,7,1,{}\nAnn,7,2,{}\nBob,7,1,\"1\"\nBob,7,2,\nBob,7,3,bug: no-max\n",
            right(1),
            right(2)
        ),
    );
    let told = ok(at, &["worksheet", "--lesson", "4", "--grade", "answers.csv"]);
    assert!(told.contains("Ann: 2 of 2") && told.contains("Bob: 0 of 3"), "{told}");
    assert!(told.contains("This keeps old weights as they are") && told.contains("nothing was answered"), "{told}");
    let marks: serde_json::Value =
        serde_json::from_str(&ok(at, &["worksheet", "--lesson", "4", "--grade", "answers.csv", "--json"]))
            .expect("JSON");
    let points: Vec<u64> =
        marks.as_array().expect("a list").iter().map(|one| one["points"].as_u64().expect("points")).collect();
    assert_eq!(points, [1, 1, 0, 0, 0]);
    assert_eq!((&marks[2]["person"], &marks[2]["right_answer"]), (&"Bob".into(), &right(1).into()));
    // The same as JSON, and a line each.
    let first = right(1);
    let ann = |answer: &str| format!("{{\"person\": \"Ann\", \"seed\": 7, \"question\": 1, \"answer\": {answer}}}");
    write(at, "list.json", format!("[{}]", ann(&first)));
    write(at, "lines.json", ann(&format!("\"{first}\"")) + "\n\n");
    for name in ["list.json", "lines.json"] {
        assert!(ok(at, &["worksheet", "--lesson", "4", "--grade", name]).contains("Ann: 1 of 1"));
    }
    for (name, text, told) in [
        ("x.csv", "", "no answers"),
        ("x.csv", "person,seed,answer\na,1,2\n", "no column question"),
        ("x.csv", "person,seed,question,answer\na,x,1,2\n", "x.csv:2: the seed is “x”"),
        ("x.csv", "person,seed,question,answer\na,1,0,2\n", "x.csv:2: there is no question 0"),
        ("x.csv", "person,seed,question,answer\na,1,99,2\n", "x.csv:2: there is no question 99"),
        (
            "x.csv",
            "person,seed,question,answer\na,1,1,2\n\na,1,1,3\n",
            "x.csv:4: a answered question 1 of seed 1 before, at x.csv:2",
        ),
        ("x.json", "[{\"person\": 1}]", "x.json: "),
        ("x.json", "{\"person\": \"a\"}\n", "x.json:1: "),
        ("x.json", &"[".repeat(100_000), "x.json: "),
    ] {
        write(at, name, text);
        let line = refused(at, &["worksheet", "--lesson", "4", "--grade", name], 2);
        assert!(line.contains(told), "{text:.80}: {line}");
    }
    write(at, "bytes.csv", [0xff, 0xfe, 0]);
    write(at, "a file", "");
    let none = format!("there are {} lessons", LESSONS.len());
    for (arguments, told) in [
        (&["--lesson", "4", "--grade", "bytes.csv"][..], "not UTF-8"),
        (&["--lesson", "4", "--grade", "a"], "a folder"),
        (&["--lesson", "4", "--grade", "none.csv"], "no such file"),
        (&["--lesson", "99", "--output", "x"], none.as_str()),
        (&["--lesson", "0", "--output", "x"], none.as_str()),
        (&["--lesson", "none.md", "--output", "x"], "no such file"),
        (&["--lesson", "4", "--seed", "30..1", "--output", "x"], "turn them round"),
        (&["--lesson", "4", "--output", "a file"], "this is a file, where a folder is needed"),
        (&["--lesson", "4"], "--output"),
        (&["--lesson", "4", "--lang", "fr", "--output", "x"], "en or zh"),
    ] {
        let line = refused(at, &[&["worksheet"], arguments].concat(), 2);
        assert!(line.contains(told), "{arguments:?}: {line}");
    }
    // One of one's own, with a file beside it; its words are no HTML.
    write(at, "own/own.npz", own_npz());
    write(
        at,
        "own/mine.md",
        lesson_text(
            "A < B & `c`.\n```scene\ninput: own.npz\n```\n```predict\nkind: number\n\
        question: How <many> keys?\nanswer: n_k\ntolerance: 0\nfeedback: {n_k}.\n```\n",
        ),
    );
    ok(at, &["worksheet", "--lesson", "own/mine.md", "--output", "own"]);
    let sheet = fs::read_to_string(at.join("own/mine.en.seed-01.html")).expect("a sheet");
    assert!(sheet.contains("A &lt; B &amp; <code>c</code>.") && sheet.contains("How &lt;many&gt; keys?"), "{sheet}");
    let silent = write(at, "own/silent.md", lesson_text("Nothing.\n"));
    assert!(refused(at, &["worksheet", "--lesson", &silent, "--output", "x"], 2).contains("asks nothing"));
}

/// What the window keeps, as it stands in its file.
#[cfg(feature = "app")]
#[test]
fn answers_are_written_a_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let given = |beat: usize, task: &str, answer: &str, right: bool, shown: bool| serde_json::json!({"beat": beat, "task": task, "answer": answer, "is_right": right, "is_shown": shown});
    let kept = serde_json::json!({"version": 1, "lessons": {
        "04-online-softmax": {"beat": 3, "given": [
            given(0, "question", "1", false, false),
            given(0, "question", "e^-1.775", true, false),
            given(2, "change", "bug: forget-alpha", true, true),
            given(3, "build", "plain", false, false),
        ]},
        "gone.md": {"given": [given(7, "question", "\"x\"\n", false, false)]},
        "05-flash2": {"beat": 1},
    }});
    write(at, "settings.json", kept.to_string());
    let lines = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let told = ok(at, &[&["lessons", "answers", "--from", ".", "--person", "ann"], arguments].concat());
        told.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    };
    let all = lines(&[]);
    assert_eq!(all.len(), 5);
    let first = serde_json::json!({"person": "ann", "lesson": "4", "title": "The online softmax", "beat": 1,
        "heading": "The line is about to rise", "task": "question", "try": 1, "answer": "1", "right": false, "shown": false});
    assert_eq!(all[0], first);
    assert_eq!(
        (&all[1]["try"], &all[1]["right"], &all[2]["task"], &all[2]["shown"]),
        (&2.into(), &true.into(), &"change".into(), &true.into())
    );
    assert_eq!(
        (&all[4]["lesson"], &all[4]["title"], &all[4]["answer"]),
        (&"gone.md".into(), &serde_json::Value::Null, &"\"x\"\n".into())
    );
    assert_eq!(lines(&["--lesson", "4"]).len(), 4);
    assert_eq!(lines(&["--lesson", "gone.md"]).len(), 1);
    assert_eq!(lines(&["--lesson", "8"]).len(), 0);
    ok(at, &["lessons", "answers", "--from", ".", "--output", "all.jsonl"]);
    assert_eq!(fs::read_to_string(at.join("all.jsonl")).expect("a file").lines().count(), 5);
    // The example of the documentation is what is written.
    let readme = include_str!("../../lessons/README.md");
    let example = readme.lines().find(|line| line.starts_with("{\"person\"")).expect("an example");
    let example: serde_json::Value = serde_json::from_str(example).expect("JSON");
    let mut like = all[1].clone();
    like["try"] = 1.into();
    assert_eq!(example, like);
    // Nothing is kept yet; and what cannot be read is told, and left as it is.
    assert_eq!(ok(at, &["lessons", "answers", "--from", "none"]), "");
    write(at, "settings.json", "{");
    let line = refused(at, &["lessons", "answers", "--from", "."], 2);
    assert!(line.contains("settings.json: ") && at.join("settings.json").is_file(), "{line}");
    let closed = tilescope(at, &["lessons", "answers", "--from", "settings.json"]);
    assert_eq!(closed.status.code(), Some(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any answer to any task is marked, and right only where it is read as the right one.
    #[test]
    fn any_answer_is_marked(number in 0usize..12, answer in ".{0,24}", seed in 0u64..9) {
        let lesson: Lesson = LESSONS[4].lesson(Language::English).expect("it parses");
        let marked = mark(&lesson, number, &answer, &Engine::with_seed(seed)).expect("marked");
        prop_assert!(marked.is_none_or(|mark| mark.is_right == mark.reason.is_empty()));
    }
}
