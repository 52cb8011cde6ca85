//! Texts with what is wrong in them beside it: `tests/data/wrong.tiles`.
//!
//! Under a line stands `# ^ error: message`, with the caret under the column that is told. The runner demands all of them,
//! and no others.

use std::collections::BTreeSet;

use super::common::literals::literals;
use super::outcome::carry_out;
use ndarray::Array2;
use proptest::prelude::*;
use tilescope::attention::Precision;
use tilescope::attention::input::random;
use tilescope::machine::Given;
use tilescope::schedule::language::{self, MOST_DIAGNOSTICS, TEXTS, VARIANTS};
use tilescope::sentence::{Sentence, Value};

const WRONG: &str = include_str!("../data/wrong.tiles");

/// Line, column and message of what is expected.
type Expected = (u32, u32, String);

/// What stands before the caret of a marker, and behind it.
fn marker(line: &str) -> Option<(&str, &str)> {
    line.split_once('^').filter(|(before, _)| before.trim_end() == "#")
}

/// A text of the file: its name, itself, the errors and the notes that are expected of it.
type Case = (String, String, Vec<Expected>, Vec<Expected>);

/// The texts of the file.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in WRONG.lines() {
        if let Some(name) = line.strip_prefix("--- ") {
            cases.push((name.to_owned(), String::new(), Vec::new(), Vec::new()));
            continue;
        }
        let Some((_, text, errors, notes)) = cases.last_mut() else { continue };
        if let Some((before, told)) = marker(line) {
            let lines = text.lines().zip(1u32..).filter(|(line, _)| marker(line).is_none());
            let above = lines.map(|(_, number)| number).last().expect("a line above");
            let (kind, message) = told.trim().split_once(": ").expect("error: or note:");
            // There is no place under the first column: `#^` stands for it.
            let column = if before == "#" { 1 } else { before.chars().count() as u32 + 1 };
            let expected = (above, column, message.to_owned());
            let told = if kind == "error" { errors } else { notes };
            told.push(expected);
        }
        text.push_str(line);
        text.push('\n');
    }
    cases
}

#[test]
fn each_wrong_text_says_what_is_wrong_and_where() {
    let cases = cases();
    let mut wrong = Vec::new();
    for (name, text, errors, notes) in &cases {
        let told = |all: &[language::Diagnostic]| -> Vec<Expected> {
            all.iter().map(|one| (one.span.line, one.span.column, one.what.to_string())).collect()
        };
        let (mut got_errors, got_notes) = match language::read(text) {
            Ok(algorithm) => (Vec::new(), told(&algorithm.notes)),
            Err(all) => (told(&all), Vec::new()),
        };
        // A variant's own lines come first.
        got_errors.sort_by_key(|(line, column, _)| (*line, *column));
        if (&got_errors, &got_notes) != (errors, notes) {
            wrong.push(format!("--- {name}\nwanted {errors:#?} {notes:#?}\ngot {got_errors:#?} {got_notes:#?}"));
        }
    }
    println!("{} texts", cases.len());
    assert!(cases.len() >= 40, "{} texts are too few: the file was not read", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is marked is words of the line, from the first letter of one to the last of one.
#[test]
fn what_is_marked_is_whole_words() {
    let (mut marked, mut wide) = (0, 0);
    for (name, text, ..) in cases() {
        let Err(wrong) = language::read(&text) else { continue };
        for one in wrong {
            let line: Vec<char> = text.lines().nth(one.span.line as usize - 1).unwrap_or_default().chars().collect();
            let (start, end) = (one.span.column as usize - 1, (one.span.column - 1 + one.span.width) as usize);
            // What is missing is marked behind the last word of a line, or where the text begins.
            if start >= line.len() || (start, end) == (0, 1) {
                continue;
            }
            let is_word = |at: usize| line.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
            let shown: String = line[start..end.min(line.len())].iter().collect();
            assert!(one.span.width > 0 && end <= line.len(), "{name}: {one} marks {shown:?}");
            assert!(!(is_word(end - 1) && is_word(end)), "{name}: {one} ends in a word, after {shown:?}");
            assert!(start == 0 || !(is_word(start - 1) && is_word(start)), "{name}: {one} begins in a word: {shown:?}");
            marked += 1;
            wide += usize::from(shown.contains(' '));
        }
    }
    assert!(marked > 80 && wide > 10, "{marked} {wide}");
}

/// What is wrong with a line of a variant may be why a line of its base does not go with it.
#[test]
fn a_variants_own_lines_come_first() {
    let text = "language 1\ntitle x\nvariant of flash2\naccumulate: O = O + PP @ V; l = l + 1\nwithout exponentiate\n";
    let wrong = language::read(text).expect_err("it is wrong");
    let lines: Vec<u32> = wrong.iter().map(|one| one.span.line).collect();
    assert_eq!(lines, [4, 3], "{wrong:#?}");
}

#[test]
fn races_are_found_when_a_text_is_read() {
    let races =
        cases().into_iter().filter(|(_, _, errors, _)| errors.iter().any(|(_, _, what)| what.starts_with("a race")));
    let count = races.count();
    assert!(count >= 12, "{count} races");
    // Each knows its axis and its tensor.
    for (name, text, ..) in cases() {
        for one in language::read(&text).err().into_iter().flatten() {
            let told = one.what.to_string();
            assert_eq!(one.race.is_some(), told.starts_with("a race"), "{name}: {told}");
            let race = one.race.iter().all(|race| told.contains(&race.tensor) && told.contains(race.axis.name()));
            assert!(race, "{name}: {told}");
        }
    }
}

/// Texts that are too deep, too long or too many.
fn hostile() -> Vec<String> {
    let head = "language 1\ntitle x\nin Q\nout O\nkernel k\nregisters O\nparallel for i in query blocks\n  load Q[i]\n";
    let both = head.replace("registers O", "shared Q ; registers O");
    let variant = "language 1\ntitle x\nvariant of flash2\n";
    vec![
        "(".repeat(60_000),
        format!("{head}  x: O = {}Q{}\n  store O[i]\n", "(".repeat(400), ")".repeat(400)),
        format!("{head}  x: O = {}Q\n", "-".repeat(900)),
        format!("{head}  x: O = Q{}\n", "^T".repeat(400)),
        format!("{head}  x: O = Q{}\n", "+Q".repeat(400)),
        (0..900).map(|n| format!("{}for i in query blocks\n", " ".repeat(n))).collect(),
        format!("{head}{}", (0..90).map(|n| format!("  s{n}: x{n} = rowsum(Q)\n")).collect::<String>()),
        "language 1\n".to_owned() + &"kernel k\n".repeat(100),
        "\u{feff}language 1\r\ntitle x\r\n\0".to_owned(),
        "a\n".repeat(30_000),
        "language 99999999999999999999\n".to_owned(),
        format!("{variant}{}", "without rescale\n".repeat(900)),
        format!("{variant}rescale: {}", "O = O;".repeat(160)),
        format!("{variant}{}rescale: l = 0 * l\n", format!("# {}\n", "x".repeat(900)).repeat(72)),
        "#".repeat(70_000),
        format!("{both}{}", (0..90).map(|n| format!("  s{n}: x{n} = rowsum(Q)\n")).collect::<String>()),
        (0..12).fold("language 1\ntitle x\nin Q\nout O\nkernel k\n".to_owned(), |text, n| {
            format!("{text}{}for i in query blocks\n", " ".repeat(n))
        }),
        format!("{head}  x: O = {}Q\n", "Q+".repeat(250)),
    ]
}

/// The bounds of a text: no depth, length or number makes reading it long.
#[test]
fn hostile_texts_are_refused() {
    for text in hostile() {
        let wrong = language::read(&text).expect_err("it is wrong");
        assert!(!wrong.is_empty() && wrong.len() <= MOST_DIAGNOSTICS);
    }
}

/// Literals of the reader that are no sentences: words of the language, and names put together.
const NO_SENTENCES: [&str; 9] = [
    "{} = {}",
    "{} x {}",
    "all keys",
    "over keys",
    "parallel for",
    "for ",
    "title    {}",
    "other corner",
    "old in the second half",
];

/// The patterns of a sentence and of those in it.
fn patterns(sentence: &Sentence, into: &mut BTreeSet<&'static str>) {
    into.insert(sentence.pattern);
    for value in &sentence.values {
        if let Value::Said(inner) = value {
            patterns(inner, into);
        }
    }
}

/// What the reader says of every wrong text here, by its patterns.
fn told() -> BTreeSet<&'static str> {
    let wrong = cases().into_iter().map(|(_, text, ..)| text).chain(hostile());
    let mut told = BTreeSet::new();
    for text in wrong {
        let all = language::read(&text).map_or_else(|wrong| wrong, |algorithm| algorithm.notes);
        all.iter().for_each(|one| patterns(&one.what, &mut told));
    }
    told
}

/// Each sentence in the sources of the reader is met by a text here.
#[test]
fn every_diagnostic_has_a_text() {
    let rooms =
        ["check", "parser", "lexer.rs", "shape.rs", "variant.rs"].map(|file| format!("src/schedule/language/{file}"));
    let all = literals(&rooms.each_ref().map(String::as_str));
    let sentences = all
        .iter()
        .map(|literal| literal.text.as_str())
        .filter(|text| text.trim().contains(' ') && text.contains(char::is_alphabetic) && !NO_SENTENCES.contains(text));
    let (sentences, told) = (sentences.collect::<BTreeSet<_>>(), told());
    assert!(sentences.len() > 120, "{} sentences: the sources were not read", sentences.len());
    let unmet: Vec<_> = sentences.difference(&told).collect();
    assert!(unmet.is_empty(), "no text is told {unmet:#?}");
}

#[cfg(feature = "app")]
#[test]
fn every_diagnostic_has_its_chinese() {
    let has_words = |text: &str| text.split(['{', '}']).step_by(2).any(|part| part.contains(char::is_alphabetic));
    let is_known = |text: &str| tilescope::app::CHINESE.iter().any(|(english, _)| *english == text);
    let unknown: Vec<_> = told().into_iter().filter(|text| has_words(text) && !is_known(text)).collect();
    assert!(unknown.is_empty(), "no Chinese of {unknown:#?}");
}

/// One text of the program with pieces cut out, doubled, exchanged or changed.
fn mutated() -> impl Strategy<Value = String> {
    let change = (0usize..5000, 0usize..40, 0usize..6, prop_oneof!["[ -~\n]{0,6}", Just("\u{3bb}".to_owned())]);
    let texts: Vec<&str> = TEXTS.iter().map(|(_, text)| *text).chain(VARIANTS.map(|(_, _, text)| text)).collect();
    (prop::sample::select(texts), prop::collection::vec(change, 1..6)).prop_map(|(text, changes)| {
        let mut text: Vec<char> = text.chars().collect();
        for (at, length, how, new) in changes {
            let at = at % text.len().max(1);
            let end = (at + length).min(text.len());
            let piece: Vec<char> = text[at..end].to_vec();
            match how {
                0 => drop(text.drain(at..end)),
                1 => drop(text.splice(at..at, piece)),
                2 => text[at..end].reverse(),
                3 => drop(text.splice(at..end, new.chars())),
                4 => {
                    let to = (at * 7 + length) % text.len().max(1);
                    drop(text.splice(to..to, piece));
                }
                _ => drop(text.splice(at..at, "\n".chars())),
            }
            if text.is_empty() {
                text.push('x');
            }
        }
        text.into_iter().collect()
    })
}

/// Inputs for two heads, whatever a text asks for by the names that backward passes use.
fn two_heads() -> Vec<Given<f32>> {
    let problem = random::read("random:7,9,3,2,1", 3).expect("a spec").problem;
    let values =
        |rows: usize, cols: usize| Array2::from_shape_fn((rows, cols), |(r, c)| (r * 5 + c * 3) as f32 / 8.0 - 1.0);
    let given = |head| {
        let given = Given::new(problem.head::<f32>(0, head, Precision::F32));
        let wide = ["dO", "O"].into_iter().fold(given, |given, name| given.with(name, values(7, 3)));
        let rows = ["m", "l", "L", "D"].into_iter().fold(wide, |given, name| given.with(name, values(7, 1)));
        rows.with("P", values(7, 9))
    };
    (0..2).map(given).collect()
}

/// Whatever reads is walked, counted and carried out too, and counted is its closed form.
fn read_and_run(text: &str) {
    use tilescope::attention::{Mask, Shape};
    use tilescope::schedule::language::{Setting, closed_form, counted};
    use tilescope::schedule::{Plan, Tiling};
    match language::read(text) {
        Err(wrong) => {
            assert!(!wrong.is_empty() && wrong.len() <= MOST_DIAGNOSTICS);
            for one in wrong {
                assert!(!one.to_string().contains('\n'), "{one:?}");
                assert!(one.span.line >= 1 && one.span.column >= 1, "{one:?}");
            }
        }
        Ok(algorithm) => {
            let plan = Plan::new(7, 9, 3, Tiling { br: 3, bc: 2 }, Precision::F32);
            let band = Mask { causal: true, ..Mask::default() }.band(&Shape::single(7, 9, 3), 0);
            let setting = Setting { splits: 2, heads: 2, arrival: Default::default(), plan: Plan { band, ..plan } };
            let closed = closed_form(&algorithm, &setting).total();
            assert_eq!(counted(&algorithm, &setting).total(), closed, "{text}");
            // What it is not given, or loads before it is stored, is a fault that is told.
            match carry_out(&algorithm, &setting, &two_heads()) {
                Ok(outcome) => assert_eq!(outcome.tally.total(), closed, "{text}"),
                Err(fault) => assert!(!fault.to_string().contains('\n'), "{fault}"),
            }
        }
    }
}

/// As many texts as `TILESCOPE_FUZZ` says; a few thousand where it does not.
fn fuzz() -> ProptestConfig {
    let cases = std::env::var("TILESCOPE_FUZZ").ok().and_then(|text| text.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(3000))
}

proptest! {
    #![proptest_config(fuzz())]

    #[test]
    fn no_text_makes_reading_or_running_panic(text in mutated()) {
        read_and_run(&text);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), head in any::<bool>()) {
        let text = String::from_utf8_lossy(&bytes);
        read_and_run(&if head { format!("language 1\n{text}") } else { text.into_owned() });
    }
}
