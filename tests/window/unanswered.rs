//! No beat answers itself: while its number is asked for, nothing that is painted or read aloud would be right if it were
//! typed, in the picture of the beat, in every view of its scene, or presented.
//!
//! A text counts by the numbers in it, as the question's own reader takes them: `0.170`, `17 %`, `e^-1.775` and `2.25 MiB` are
//! what they stand for. What counts not: whole numbers up to 16, which number tokens, tiles and heads in every picture; whole
//! numbers that the sentences of the beat say themselves (sizes); a whole number where the answer is none (a step, an axis);
//! and the choices of a vote, which are the question.

use std::collections::BTreeSet;

use crate::painted::{Painted, all_painted};
use crate::stage_support::{all_text, open_as, open_with, options, press};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::playback::lesson::expr::Value;
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{
    Asked, Beat, Distance, Engine, Language, Lesson, Position, Predict, Response, Scene,
};

/// Whole numbers up to this one stand everywhere.
const SMALL: f64 = 16.0;

/// What looks like the answer and is none: the beat, what is seen, and why.
const ALLOWED: [(&str, &str, &str); 1] = [("16.2", "(Alt Num1): 0.590", "millions of elements of V that are read")];

/// Units that a number is written with.
const UNITS: [&str; 12] = ["%", "KiB", "MiB", "GiB", "TiB", "KB", "MB", "GB", "TB", "B", "M", "µs"];

/// A number as it is written.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    /// To be typed: with a sign and its unit.
    text: String,
    number: f64,
    is_whole: bool,
    /// No unit, no power and no fraction.
    is_bare: bool,
}

/// Every number in a text. What belongs to a name (`f16`, `a100-80gb`) is none.
fn written(text: &str) -> Vec<Written> {
    let chars: Vec<char> = text.chars().map(|c| if c == '\u{2212}' { '-' } else { c }).collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        if !chars[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let is_digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
        while at < chars.len() && (is_digit(at) || matches!(chars[at], '.' | ',') && is_digit(at + 1)) {
            at += 1;
        }
        if matches!(chars.get(at), Some('e'))
            && (is_digit(at + 1) || chars.get(at + 1) == Some(&'-') && is_digit(at + 2))
        {
            at += 2;
            while is_digit(at) {
                at += 1;
            }
        }
        let before = |by: usize| start.checked_sub(by).map(|at| chars[at]);
        let is_negative = before(1) == Some('-') && !before(2).is_some_and(char::is_alphanumeric);
        let sign = usize::from(is_negative);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        // `S_1` and `a100-80gb`; what is behind `e^` is a number again.
        if before(1 + sign).is_some_and(is_name)
            || chars.get(at).is_some_and(char::is_ascii_alphabetic) && !has_unit(&chars[at..])
        {
            continue;
        }
        let digits: String = chars[start..at].iter().collect();
        let is_power = before(1 + sign) == Some('^') && before(2 + sign) == Some('e');
        let fraction: String = match chars.get(at) {
            Some('/') if is_digit(at + 1) => chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).collect(),
            _ => String::new(),
        };
        at += if fraction.is_empty() { 0 } else { 1 + fraction.len() };
        let unit = unit(&chars[at..]);
        let power = if is_power { "e^" } else { "" };
        let slash = if fraction.is_empty() { "" } else { "/" };
        let text = format!("{power}{}{digits}{slash}{fraction} {unit}", if is_negative { "-" } else { "" });
        let Ok(number) = digits.replace(',', "").parse::<f64>() else { continue };
        let is_bare = !is_power && fraction.is_empty() && unit.is_empty();
        found.push(Written { text: text.trim().to_owned(), number, is_whole: number.fract() == 0.0, is_bare });
    }
    found
}

/// The unit behind a number, with a space or none between them.
fn unit(behind: &[char]) -> &'static str {
    let behind: String = behind.iter().take(5).collect();
    let behind = behind.trim_start_matches([' ', '\u{a0}']);
    let is_it = |unit: &&&str| {
        behind.strip_prefix(**unit).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    UNITS.iter().find(is_it).copied().unwrap_or("")
}

fn has_unit(behind: &[char]) -> bool {
    !unit(behind).is_empty()
}

/// A beat that asks for a number.
struct Asks {
    /// As people name it.
    at: String,
    place: (usize, Position),
    beat: Beat,
    /// What its sentences say, with the numbers filled in.
    sentences: Vec<String>,
    choices: Vec<String>,
    answer: f64,
    shown: String,
}

impl Asks {
    fn new(lesson: &Lesson, place: (usize, Position), engine: &Engine) -> Option<Self> {
        let beat = lesson.beats[place.1.beat].clone();
        let predict = beat.predict.as_ref()?;
        let Ok(Value::Number(answer)) = engine.eval(&predict.answer, &beat.scene) else { return None };
        let all = lesson.at(place.1, engine).expect("it is shown");
        let asked = all.predict.expect("a question");
        Some(Self {
            at: format!("{}.{}", place.0 + 1, place.1.beat + 1),
            place,
            sentences: vec![all.title, all.prose, all.say, asked.question],
            choices: asked.choices,
            answer,
            shown: predict.shown_answer(engine, &beat.scene).expect("an answer"),
            beat,
        })
    }

    fn predict(&self) -> &Predict {
        self.beat.predict.as_ref().expect("a question")
    }

    fn scene(&self) -> &Scene {
        &self.beat.scene
    }

    /// The answer as it is shown is a whole number.
    fn is_whole(&self) -> bool {
        self.answer.fract() == 0.0 || !self.shown.contains('.') && !self.shown.contains('%')
    }

    /// The number would be right.
    fn is_right(&self, one: &Written, engine: &Engine) -> bool {
        match self.predict().kind {
            Asked::Number { .. } => {
                let mut ways = vec![one.text.clone()];
                // A share is the same in percent.
                if self.predict().unit == "%" && one.is_bare {
                    ways.push((100.0 * one.number).to_string());
                }
                ways.iter().any(|way| {
                    let response = self.predict().response(way);
                    let verdict = |response: Response| self.predict().judge(&response, engine, self.scene());
                    response.is_ok_and(|response| verdict(response).is_ok_and(|verdict| verdict.is_right))
                })
            }
            // A choice is one number; as it is written it may be rounded.
            _ => one.is_bare && one.number == self.answer || one.text == self.shown,
        }
    }

    /// The numbers of a text that answer the question.
    fn answers(&self, text: &str, engine: &Engine) -> Vec<String> {
        if self.choices.iter().any(|choice| choice == text.trim()) {
            return Vec::new();
        }
        let counts = |one: &Written| match (one.is_whole && one.is_bare, self.is_whole()) {
            (true, true) => one.number > SMALL && !self.says(one),
            (true, false) => false,
            (false, _) => true,
        };
        let right = |one: &Written| counts(one) && self.is_right(one, engine);
        written(text).into_iter().filter(right).map(|one| one.text).collect()
    }

    /// A sentence of the beat says the number itself.
    fn says(&self, one: &Written) -> bool {
        self.sentences.iter().flat_map(|text| written(text)).any(|said| said.is_bare && said.number == one.number)
    }
}

/// Every beat of the program's lessons that asks for a number.
fn asking(language: Language, engine: &Engine) -> Vec<Asks> {
    let mut all = Vec::new();
    for (lesson, entry) in LESSONS.iter().enumerate() {
        let text = entry.lesson(language).expect("it parses");
        let places = (0..text.beats.len()).map(|beat| (lesson, Position { beat, is_revealed: false }));
        all.extend(places.filter_map(|place| Asks::new(&text, place, engine)));
    }
    all
}

/// All that is on screen: painted, or named for whoever hears it.
fn seen(harness: &Harness<'_, App>) -> BTreeSet<String> {
    all_painted(harness).into_iter().map(|one| one.text).chain(all_text(harness)).collect()
}

/// Panels beside the picture, by their keys: counts, the plot, the code, what if, breakpoints, block sizes, bytes, the setup.
const PANELS: [Key; 8] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::B, Key::S];

const VIEWS: [Distance; 4] = [Distance::Memory, Distance::Far, Distance::Middle, Distance::Near];

/// Whatever answers the beat, with where it is seen.
fn leaks(asks: &Asks, engine: &Engine) -> Vec<String> {
    let opened = AppOptions { lesson: Some(asks.place), language: Some(Language::English), ..options() };
    let mut harness = open_with(&opened);
    let mut found = BTreeSet::new();
    let mut look = |harness: &Harness<'_, App>, from: &str| {
        for text in seen(harness) {
            for number in asks.answers(&text, engine) {
                let near: String = around(&text, &number);
                found.insert(format!(
                    "{}: {} is asked for, and {number} stands there ({from}): {near}",
                    asks.at, asks.shown
                ));
            }
        }
    };
    look(&harness, "as it opens");
    for view in VIEWS {
        harness.state_mut().look_from(view);
        harness.run_steps(12);
        look(&harness, &format!("{view:?}"));
    }
    for panel in PANELS {
        press(&mut harness, Modifiers::ALT, panel);
        harness.run_steps(6);
        look(&harness, &format!("Alt {panel:?}"));
    }
    press(&mut harness, Modifiers::NONE, Key::F5);
    harness.run_steps(12);
    look(&harness, "presented");
    found.into_iter().collect()
}

/// A number in its text.
fn around(text: &str, number: &str) -> String {
    let at = text.find(number.split(' ').next().unwrap_or(number)).unwrap_or(0);
    let start = (0..=at.saturating_sub(60)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[start..].chars().take(140).collect()
}

#[test]
fn no_number_that_is_asked_for_is_seen_before_it_is_answered() {
    let engine = Engine::new();
    let all = asking(Language::English, &engine);
    assert!(all.len() > 30, "{} questions", all.len());
    let leaks: Vec<String> = all.iter().flat_map(|asks| leaks(asks, &engine)).collect();
    let is_allowed =
        |leak: &String| ALLOWED.iter().any(|(at, seen, _)| leak.starts_with(&format!("{at}: ")) && leak.contains(seen));
    let bad: Vec<&str> = leaks.iter().filter(|leak| !is_allowed(leak)).map(String::as_str).collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    for (at, seen, why) in ALLOWED {
        let is_needed = leaks.iter().any(|leak| leak.starts_with(&format!("{at}: ")) && leak.contains(seen));
        assert!(is_needed, "{at}: {seen} ({why}) is seen no more and needs no leave");
    }
}

/// Nor do the sentences of a beat say it, in either language.
#[test]
fn no_sentence_of_a_beat_answers_it() {
    let engine = Engine::new();
    for language in [Language::English, Language::Chinese] {
        for asks in asking(language, &engine) {
            for text in &asks.sentences {
                let found = asks.answers(text, &engine);
                assert!(found.is_empty(), "{} {language:?}: {found:?} is {}, and is said: {text}", asks.at, asks.shown);
            }
        }
    }
}

/// The safe softmax is told of a tile whose scores can be read, in a window of either size and presented.
#[test]
fn the_scores_of_the_safe_softmax_are_written_in_its_tile() {
    for (beat, size) in [(2, 800.0), (3, 800.0), (2, 720.0), (3, 720.0)] {
        for is_presenting in [false, true] {
            let lesson = Some((1, Position { beat, is_revealed: false }));
            let opened = AppOptions { lesson, is_presenting, ..options() };
            let harness = open_as(None, &opened, Vec2::new(1280.0, size), 1.0);
            let tile = harness.get_by_label("tile").rect();
            let is_score = |one: &Painted| one.lines.iter().any(|line| tile.contains(line.center()));
            let scores = all_painted(&harness).into_iter().filter(is_score).flat_map(|one| written(&one.text));
            let count = scores.filter(|score| score.number > 1000.0 && score.is_bare).count();
            assert!(count >= 16, "2.{} at {size}, presented {is_presenting}: {count} scores", beat + 1);
        }
    }
}

#[test]
fn numbers_are_found_as_they_are_written() {
    let all = |text: &str| written(text).into_iter().map(|one| one.text).collect::<Vec<_>>();
    assert_eq!(all("alpha = e^-1.775 = 0.1696"), ["e^-1.775", "0.1696"]);
    assert_eq!(all("17 % of 2.25 MiB, 1,048,576 elements"), ["17 %", "2.25 MiB", "1,048,576"]);
    assert_eq!(all("f16 on an a100-80gb, S_12"), [""; 0]);
    assert_eq!(all("m \u{2212}4.5, 1/8, 3e-5"), ["-4.5", "1/8", "3e-5"]);
    assert_eq!(all("64x64"), [""; 0]);
}
