//! What the window says of rows that see no key, or something that is not finite.
#![cfg(feature = "app")]

mod stage_support;

use eframe::egui::{Key, Modifiers};
use stage_support::{all_text, open, press, value};
use tilescope::attention::cases::{single, with};
use tilescope::attention::input::{self, Input};
use tilescope::attention::{Align, Mask, Problem};

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
        if egui_kittest::kittest::Queryable::query_by_label(&harness, "frame of the needle").is_some() {
            frames.push(value(&harness, "frame of the needle"));
        }
        text += &all_text(&harness).join("\n");
    }
    frames.dedup();
    (frames, text)
}

#[test]
fn an_overflow_is_not_called_a_row_without_keys() {
    let bytes = include_bytes!("odd_inputs/scores_above_f32.npz");
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
