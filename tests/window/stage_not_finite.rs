//! What the window says of rows that see no key, or something that is not finite.

use crate::stage_support::{all_text, click, command, open, open_as, options, press, settle, short, value, word};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Settings, Theme};
use tilescope::attention::cases::{single, with};
use tilescope::attention::input::{self, Input};
use tilescope::attention::not_finite::{Odd, STATISTICS, TABLE};
use tilescope::attention::{Align, Mask, Problem};
use tilescope::playback::lesson::Language;

const NONE: Modifiers = Modifiers::NONE;

fn input(change: impl FnOnce(&mut Problem)) -> Input {
    Input::new("odd", with(single(8, 8, 4), change), 2)
}

/// Everything that near says of the row that it opens with, from its first visit to the end.
fn said_in_near(input: Input) -> (Vec<String>, String) {
    let mut harness = open(Some(input));
    press(&mut harness, NONE, Key::Num3);
    press(&mut harness, NONE, Key::Home);
    let len = harness.state().document().scene().expect("a scene").schedule().len();
    let (mut frames, mut text) = (Vec::new(), String::new());
    for _ in 0..len {
        press(&mut harness, NONE, Key::ArrowRight);
        if harness.query_by_label("frame of the needle").is_some() {
            frames.push(value(&harness, "frame of the needle"));
        }
        text += &all_text(&harness).join("\n");
    }
    frames.dedup();
    (frames, text)
}

#[test]
fn an_overflow_is_not_called_a_row_without_keys() {
    let bytes = include_bytes!("../odd_inputs/scores_above_f32.npz");
    let (frames, text) = said_in_near(input::read("scores_above_f32", bytes).expect("an input"));
    assert!(text.contains("overflows f32"), "{text}");
    for wrong in ["no visible key", "is masked", "No key of this row", "sees no key"] {
        assert!(!text.contains(wrong), "{wrong}: {frames:?}");
    }
}

#[test]
fn a_row_of_nan_says_so_from_the_score_on() {
    let (frames, text) = said_in_near(input(|p| p.q.fill(f64::NAN)));
    assert!(
        frames.iter().any(|frame| frame.contains("A score that arrives is NaN: so will be m, l and O.")),
        "{frames:?}"
    );
    assert!(frames.iter().any(|frame| frame.contains("m is NaN: l and O are NaN, and stay so.")), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.contains("The exact answer (f64) is NaN as well.")), "{frames:?}");
    assert!(text.contains("The score of query 0, key 0 is NaN: so are m, l, L and O of the row."), "{text}");
    assert!(!text.contains("No new maximum"), "{frames:?}");
}

#[test]
fn a_row_that_sees_no_key_says_so() {
    let causal = Mask { causal: true, align: Align::TopLeft, key_lengths: Some(vec![0]), ..Mask::default() };
    let (_, text) = said_in_near(input(|p| p.mask = causal));
    assert!(!text.contains("overflows") && !text.contains("NaN"), "{text}");
    let bias = |p: &mut Problem| p.bias = Some(ndarray::Array4::from_elem((1, 1, 1, 8), f64::NEG_INFINITY));
    let (frames, text) = said_in_near(input(bias));
    assert!(text.contains("Query 0 sees no key: m and L are -inf, l and O are 0."), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.contains("Every new key is masked")), "{frames:?}");
}

const SHEET: &str = "What NaN, infinity and an unseen row give";
const BUTTON: &str = "The rule for such rows";
const INF: f64 = f64::INFINITY;

/// One input for each line of the table; each makes it hold for every query, and some more with it.
fn odd_inputs() -> Vec<(Input, Vec<Odd>)> {
    let bias = |at: &[(usize, f64)], other: f64| {
        let mut bias = ndarray::Array4::from_elem((1, 1, 1, 8), other);
        at.iter().for_each(|&(key, value)| bias[[0, 0, 0, key]] = value);
        bias
    };
    let hidden = bias(&[], -INF);
    let in_v = |at: &'static [(usize, usize, f64)]| {
        input(move |p| at.iter().for_each(|&(key, c, value)| p.v[[0, 0, key, c]] = value))
    };
    // Scores are q k: of -inf they are so whatever the sign.
    let score = |keys: &'static [usize], value: f64| {
        input(move |p| {
            p.q.fill(1.0);
            keys.iter().for_each(|&key| p.k[[0, 0, key, 0]] = value);
        })
    };
    vec![
        (input(|p| p.bias = Some(hidden)), vec![Odd::NoKey]),
        (score(&[5], f64::NAN), vec![Odd::NanScore]),
        (score(&[2], INF), vec![Odd::PlusInfScore]),
        (score(&[0, 3], -INF), vec![Odd::MinusInfScore]),
        (score(&[0, 1, 2, 3, 4, 5, 6, 7], -INF), vec![Odd::OnlyMinusInfScores]),
        (in_v(&[(7, 1, f64::NAN)]), vec![Odd::NanInV]),
        (in_v(&[(1, 2, INF)]), vec![Odd::InfInV]),
        (in_v(&[(1, 2, INF), (4, 2, -INF)]), vec![Odd::InfInV]),
        (in_v(&[(1, 2, INF), (4, 2, f64::NAN)]), vec![Odd::NanInV]),
        (in_v(&[(1, 3, INF), (4, 2, f64::NAN)]), vec![Odd::NanInV, Odd::InfInV]),
    ]
}

/// The lines that the sheet marks.
fn marked(harness: &Harness<'_, App>) -> Vec<Odd> {
    let of = |row: &str| value(harness, &format!("a row that {row}"));
    TABLE.iter().filter(|line| of(line.row).ends_with(": so is this row")).map(|line| line.odd).collect()
}

/// Whether `number` is what the table gives, whose words leave it open.
fn is_given(number: f64, given: &str) -> bool {
    match given {
        "0" | "NaN" | "+inf" | "-inf" => short(number) == short(given.parse().expect("a number")),
        "of the others" | "as without" => number.is_finite(),
        other => panic!("{other:?} is no number"),
    }
}

#[test]
fn the_table_marks_the_lines_that_hold_and_the_run_gives_what_they_say() {
    const ROW: usize = 4;
    for (input, odds) in odd_inputs() {
        let mut harness = open(Some(input));
        // The first row of the last block of four; all rows are alike.
        press(&mut harness, NONE, Key::End);
        (0..8).for_each(|_| press(&mut harness, NONE, Key::ArrowUp));
        command(&mut harness, SHEET);
        assert_eq!(marked(&harness), odds);
        let output = harness.state().document().scene().expect("a scene").run.output().unwrap().clone();
        let o = output.o.row(ROW);
        for line in TABLE.iter().filter(|line| odds.contains(&line.odd)) {
            for (name, (number, given)) in
                STATISTICS.iter().zip([output.m[ROW], output.l[ROW], output.lse[ROW]].into_iter().zip(line.gives))
            {
                assert!(is_given(number, given), "{odds:?}: {name} is {number}, and {given}");
            }
            let ends = match line.odd {
                Odd::NanInV => o.iter().any(|o| o.is_nan()),
                Odd::InfInV => o.iter().any(|o| !o.is_finite()),
                _ => o.iter().all(|&o| is_given(o, line.gives[3])),
            };
            assert!(ends, "{odds:?}: O is {o}");
        }
        let told = value(&harness, "the row at its end");
        let [m, l, lse] = [output.m[ROW], output.l[ROW], output.lse[ROW]].map(short);
        let o: Vec<String> = o.iter().map(|o| short(*o)).collect();
        assert_eq!(told, format!("Row {ROW} at its end: m = {m}, l = {l}, L = {lse}, O = {}", o.join(", ")));
        press(&mut harness, NONE, Key::Escape);
        assert!(harness.query_by_label("the row at its end").is_none(), "it closes");
    }
}

#[test]
fn every_line_of_the_table_is_met() {
    let met: Vec<Odd> = odd_inputs().into_iter().flat_map(|(_, odds)| odds).collect();
    assert!(TABLE.iter().all(|line| met.contains(&line.odd)));
}

#[test]
fn a_row_like_any_other_is_not_marked_and_the_keyboard_opens_the_table() {
    let mut harness = open(Some(input(|p| p.q[[0, 0, 6, 0]] = f64::NAN)));
    // The second of two blocks of four rows is on chip.
    press(&mut harness, NONE, Key::End);
    (0..8).for_each(|_| press(&mut harness, NONE, Key::ArrowUp));
    for row in 4..8 {
        command(&mut harness, SHEET);
        let why = value(&harness, "why the line is marked");
        let (odds, expected) = match row {
            6 => (vec![Odd::NanScore], "The score of query 6, key 0 is NaN: so are m, l, L and O of the row.".into()),
            _ => (vec![], format!("Row {row} is like any other: no line is marked.")),
        };
        assert_eq!((marked(&harness), why), (odds, expected));
        press(&mut harness, NONE, Key::Escape);
        // The same from the row itself, where its numbers show it.
        assert_eq!(harness.query_by_label(BUTTON).is_some(), row == 6, "row {row}");
        if row == 6 {
            click(&mut harness, BUTTON);
            assert_eq!(marked(&harness), [Odd::NanScore]);
            click(&mut harness, "Close");
        }
        press(&mut harness, NONE, Key::ArrowDown);
    }
}

#[test]
fn the_table_opens_from_the_needle_and_in_a_talk_in_both_languages() {
    for language in [Language::English, Language::Chinese] {
        let options =
            AppOptions { language: Some(language), theme: Some(Theme::Projector), is_presenting: true, ..options() };
        let odd = input(|p| p.q.fill(f64::NAN));
        let mut harness = open_as(None, &options, Vec2::new(1280.0, 800.0), 1.0);
        let ctx = harness.ctx.clone();
        harness.state_mut().open_input(&ctx, odd.clone(), Settings::for_input(&odd));
        settle(&mut harness);
        press(&mut harness, NONE, Key::Num3);
        press(&mut harness, NONE, Key::End);
        click(&mut harness, word(language, "frame of the needle"));
        let line = word(language, "a row that {0}").replace("{0}", word(language, "sees a score of NaN"));
        let shown = value(&harness, &line);
        assert_eq!(shown, word(language, "{0}: so is this row").replace("{0}", "m NaN, l NaN, L NaN, O NaN"));
        let size = harness.ctx.content_rect();
        let rect = harness.get_by_label(&line).rect();
        assert!(size.contains_rect(rect), "{rect} within {size}");
    }
}
