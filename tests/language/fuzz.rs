//! Texts that nobody wrote: those of the program with tokens, lines and bytes lost, doubled, exchanged, made huge or odd.
//!
//! Whatever is read is refused in lines that say so, or carried out: counted as its closed form has it, with the same
//! state however a step is reached, and told in a trace that can be read back. A few thousand texts, always the same;
//! with `TILESCOPE_FUZZ_SECONDS` as many as there is time for, from a seed that is told (`TILESCOPE_FUZZ_SEED` gives it).

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tilescope::attention::{Precision, Problem};
use tilescope::machine::{Run, provenance};
use tilescope::schedule::language::{self, MOST_DIAGNOSTICS, Setting, TEXTS, VARIANTS, closed_form, counted, visits};
use tilescope::schedule::{Algorithm, Arrival, Plan, Schedule, Tiling};
use tilescope::trace::{Export, Origin, Tiles, read, write_json};

use super::common;
use super::random_texts;
use super::sections;

const CASES: u64 = 4000;
const WRONG: &str = include_str!("../data/wrong.tiles");
const PAGE: &str = include_str!("../../src/schedule/language/README.md");

/// The texts that are changed, and every token of theirs.
struct Corpus {
    /// First those that can be carried out.
    texts: Vec<String>,
    right: usize,
    tokens: Vec<String>,
}

impl Corpus {
    fn new() -> Self {
        let mut texts: Vec<String> = TEXTS.iter().map(|(_, text)| (*text).to_owned()).collect();
        texts.extend(VARIANTS.iter().map(|(_, _, text)| (*text).to_owned()));
        texts.extend(PAGE.split("```tile\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned));
        texts.extend((0..20).map(random_texts::text_of));
        let right = texts.len();
        let wrong = WRONG.split("--- ").skip(1).filter_map(|text| text.split_once('\n'));
        texts.extend(wrong.map(|(_, text)| {
            text.lines().filter(|line| !line.starts_with('#')).fold(String::new(), |text, line| text + line + "\n")
        }));
        let mut tokens: Vec<String> = texts.iter().flat_map(|text| tokens(text)).map(str::to_owned).collect();
        tokens.sort();
        tokens.dedup();
        Self { texts, right, tokens }
    }

    fn any(&self, rng: &mut ChaCha8Rng) -> &str {
        let count = if rng.random_range(0..5) > 0 { self.right } else { self.texts.len() };
        &self.texts[rng.random_range(0..count)]
    }
}

/// Words, numbers, runs of spaces, ends of lines, and signs one by one.
fn tokens(text: &str) -> Vec<&str> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let is_like = |c: char| match first {
            _ if first.is_ascii_alphanumeric() => c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'),
            ' ' => c == ' ',
            _ => false,
        };
        let end = rest.char_indices().skip(1).find(|(_, c)| !is_like(*c)).map_or(rest.len(), |(at, _)| at);
        tokens.push(&rest[..end]);
        rest = &rest[end..];
    }
    tokens
}

/// What no person writes.
fn odd(rng: &mut ChaCha8Rng) -> String {
    let n = rng.random_range(1..80usize);
    match rng.random_range(0..20) {
        0 => "1e308".into(),
        1 => "99999999999999999999999999999999".into(),
        2 => "-0.0".into(),
        3 => "inf - inf".into(),
        4 => "1e-400".into(),
        5 => format!("{}Q{}", "(".repeat(n), ")".repeat(n)),
        6 => "(".repeat(n * 20),
        7 => "-".repeat(n),
        8 => "^T".repeat(n),
        9 => " + S".repeat(n * 3),
        10 => "x".repeat(n * 30),
        11 => "\0".into(),
        12 => "\r\n".into(),
        13 => "\t".into(),
        14 => "\u{feff}".into(),
        15 => "\u{3b1}\u{301}\u{1f600}".into(),
        16 => format!("{:1$}", "", n * 20),
        17 => "\n".repeat(n * 20),
        18 => "; m = m".repeat(n),
        _ => "\u{2028}".into(),
    }
}

/// A text of the corpus with some changes: mostly few, so that it may still be one.
fn changed(corpus: &Corpus, rng: &mut ChaCha8Rng) -> String {
    let mut text = corpus.any(rng).to_owned();
    let changes = [1, 1, 1, 1, 2, 2, 3, 9][rng.random_range(0..8)];
    for _ in 0..changes {
        text = match rng.random_range(0..10) {
            0..5 => with_tokens(&text, corpus, rng),
            5..9 => with_lines(&text, corpus, rng),
            _ => with_bytes(&text, rng),
        };
    }
    match rng.random_range(0..40) {
        0 => text.replace('\n', "\r\n"),
        1 => text.trim_end().to_owned(),
        2 => text.replace("  ", " "),
        _ => text,
    }
}

fn with_tokens(text: &str, corpus: &Corpus, rng: &mut ChaCha8Rng) -> String {
    let mut all: Vec<String> = tokens(text).into_iter().map(str::to_owned).collect();
    let says: Vec<usize> = (0..all.len()).filter(|&at| !all[at].trim().is_empty()).collect();
    if says.is_empty() {
        return odd(rng);
    }
    let mut any = || says[rng.random_range(0..says.len())];
    let (at, other) = (any(), any());
    match rng.random_range(0..9) {
        0 => all[at].clear(),
        1 => all[at] = all[at].repeat(2),
        2 => all[at] = format!("{0} {0}", all[at]),
        3 => all.swap(at, other),
        4 => all[at] = all[other].clone(),
        5 | 6 => all[at] = corpus.tokens[rng.random_range(0..corpus.tokens.len())].clone(),
        7 => all[at] = odd(rng),
        _ => all[at] = format!("({}", all[at]) + ")",
    }
    all.concat()
}

fn with_lines(text: &str, corpus: &Corpus, rng: &mut ChaCha8Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return odd(rng);
    }
    let (at, to) = (rng.random_range(0..lines.len()), rng.random_range(0..lines.len()));
    match rng.random_range(0..9) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        3 => {
            let line = lines.remove(at);
            lines.insert(to.min(lines.len()), line);
        }
        4 => lines[at] = format!("  {}", lines[at]),
        5 => lines[at] = lines[at].strip_prefix("  ").unwrap_or(&lines[at]).to_owned(),
        6 => {
            let other = corpus.any(rng);
            let count = other.lines().count().max(1);
            lines.insert(at, other.lines().nth(rng.random_range(0..count)).unwrap_or_default().to_owned());
        }
        7 => {
            // Everything below stands further in.
            lines[at..].iter_mut().for_each(|line| *line = format!("  {line}"));
        }
        _ => {
            let condition = [" when seen", " unless full", " when bias", " unless dropout", " when causal", " once"];
            lines[at] += condition[rng.random_range(0..condition.len())];
        }
    }
    lines.join("\n") + "\n"
}

fn with_bytes(text: &str, rng: &mut ChaCha8Rng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.is_empty() {
        return odd(rng);
    }
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..4) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes.truncate(at),
        2 => drop(bytes.splice(at..at, odd(rng).into_bytes())),
        _ => bytes[at] = rng.random(),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What became of a text.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Refused,
    /// What it wants is not there, which was told.
    Faulted,
    Ran,
}

/// Reads a text and does with it what the program does with a text of one's own.
fn tried(text: &str, problem: &Problem, tiling: Tiling, precision: Precision, rng: &mut ChaCha8Rng) -> Fate {
    let algorithm = match Algorithm::read("fuzz", text) {
        Ok(algorithm) => algorithm,
        Err(wrong) => {
            assert!(!wrong.is_empty() && wrong.len() <= MOST_DIAGNOSTICS);
            for one in wrong {
                assert!(!one.to_string().contains(['\n', '\r', '\0']), "{one:?}");
                let line = text.lines().nth((one.span.line as usize).saturating_sub(1)).unwrap_or_default();
                let room = line.chars().count() + 2;
                assert!(one.span.line >= 1 && (1..=room).contains(&(one.span.column as usize)), "{one:?}");
            }
            return Fate::Refused;
        }
    };
    let own = algorithm.text();
    assert_eq!(language::read(&own.text).expect("what was read reads again").text, own.text);
    let plan = Plan::of_problem(problem, 0, tiling, precision);
    let (splits, heads) = (rng.random_range(1..5), rng.random_range(1..4));
    let arrival = if splits % 2 == 0 { Arrival::Shuffled(rng.random()) } else { Arrival::InOrder };
    let group = Setting { splits, heads, arrival, plan };
    let closed = closed_form(own, &group).total();
    assert!(visits(own, &group) >= closed.steps);
    assert_eq!(counted(own, &group).total(), closed, "counted is the closed form");
    sections::agree(&algorithm, &group);
    let schedule = Schedule::of(&algorithm, Setting { heads: 1, ..group });
    assert_eq!(schedule.len(), closed_form(own, &schedule.setting).total().steps);
    let run = match Run::new(schedule, problem, 0, 0, |_| true) {
        Ok(run) => run,
        Err(fault) => {
            assert!(!fault.to_string().contains('\n'), "{fault}");
            return Fate::Faulted;
        }
    };
    looked_at(&run, problem, rng);
    Fate::Ran
}

/// What a window and a trace ask of a run.
fn looked_at(run: &Run, problem: &Problem, rng: &mut ChaCha8Rng) {
    let schedule = &run.schedule;
    for _ in 0..2 {
        let cursor = rng.random_range(0..=schedule.len());
        let seen = run.view(cursor);
        assert_eq!(common::bits(&seen), common::bits(&common::stepped(run, problem, cursor)), "after {cursor} steps");
        if let Some(seen) = seen.iter().next() {
            let name = schedule.algorithm.text().name(&seen.name).expect("it is a name");
            provenance(schedule, cursor, name, 8);
        }
        schedule.buffers_after(cursor);
    }
    assert_eq!(run.totals(schedule.len()).traffic, schedule.algorithm.closed_form_of(&schedule.setting));
    let query = rng.random_range(0..problem.shape.n_q);
    run.story(query);
    run.odd_row(query);
    run.history(query / schedule.plan().br);
    run.watch(Some(problem), |_, _, probe| {
        probe.has_nan();
        probe.risen();
        probe.least_alpha();
        probe.error_of_average();
        true
    });
    let origin = Origin { name: "a test".into(), ..Origin::default() };
    let export =
        Export { origin, problem, schedule, batch: 0, head: 0, hardware: None, kernel_source: None, d_o: None };
    let mut bytes = Vec::new();
    write_json(&mut bytes, &export, Tiles::Full, |_| true).expect("memory takes every byte");
    let trace = read(&bytes).unwrap_or_else(|error| panic!("its trace is refused: {error}"));
    assert!(trace.to_json() == bytes, "its trace comes back");
}

/// The text of a case, and what it is carried out on.
fn case(corpus: &Corpus, seed: u64) -> (String, Problem, Tiling, Precision, ChaCha8Rng) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let text = changed(corpus, &mut rng);
    let own = TestRng::from_seed(RngAlgorithm::ChaCha, &rng.random::<[u8; 32]>());
    let mut runner = TestRunner::new_with_rng(Config::default(), own);
    let (problem, tiling, precision) = common::any_problems().new_tree(&mut runner).expect("a problem").current();
    (text, problem, tiling, precision, rng)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a whole number")))
}

#[test]
fn no_text_does_harm() {
    let corpus = Corpus::new();
    let seconds = number("TILESCOPE_FUZZ_SECONDS").map(Duration::from_secs);
    let seed = number("TILESCOPE_FUZZ_SEED")
        .unwrap_or_else(|| if seconds.is_some() { rand::random::<u32>().into() } else { 0 });
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz.tile");
    println!("texts from seed {seed}; the one at hand is {}", kept.display());
    let began = Instant::now();
    let (mut cases, mut ran, mut faulted, mut slowest) = (0, 0, 0, (Duration::ZERO, 0));
    while seconds.map_or(cases < CASES, |seconds| began.elapsed() < seconds) {
        let (text, problem, tiling, precision, mut rng) = case(&corpus, seed + cases);
        if seconds.is_some() {
            // A stack that overflows ends the program: the text is there to be found.
            std::fs::write(&kept, &text).expect("a file for the text at hand");
        }
        let start = Instant::now();
        let tried = catch_unwind(AssertUnwindSafe(|| tried(&text, &problem, tiling, precision, &mut rng)));
        match tried {
            Ok(Fate::Ran) => ran += 1,
            Ok(Fate::Faulted) => faulted += 1,
            Ok(Fate::Refused) => {}
            Err(panic) => {
                println!("TILESCOPE_FUZZ_SEED={} finds, with {tiling:?} in {precision:?}:\n{text}", seed + cases);
                resume_unwind(panic);
            }
        }
        slowest = slowest.max((start.elapsed(), seed + cases));
        cases += 1;
    }
    println!("{cases} texts: {ran} ran, {faulted} told of a fault; the slowest, {}, took {:?}", slowest.1, slowest.0);
    assert!(ran * 10 >= cases, "too few of the texts run");
}

/// Found by fuzzing: a label left out was told as it stood, with the character that ends a line elsewhere.
#[test]
fn a_character_that_cannot_be_seen_is_told_by_its_escape() {
    let wrong =
        Algorithm::read("x", "language 1\ntitle x\nvariant of flash2\nwithout dropo\0ut, rescale\n").unwrap_err();
    assert_eq!(wrong[0].to_string(), "4:9: dropo\\0ut means nothing here");
}
