//! What-if in the window: what it says of a shape and a chip, a pinned baseline, its words in both languages.

use crate::stage_support::{all_text, click, command, open, press, settle, value};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::App;

fn opened() -> Harness<'static, App> {
    let mut harness = open(None);
    command(&mut harness, "What-if");
    harness
}

/// 8 x 16 heads of 1024 tokens, blocks of 128 x 128 at d = 64 in f16, on an A100 of 80 GB.
#[test]
fn it_says_what_the_clock_says_in_two_digits() {
    let harness = opened();
    assert_eq!(value(&harness, "thread blocks"), "1,024");
    assert_eq!(value(&harness, "blocks on an SM"), "2, by registers");
    // 1024 / 216, 113.6, 312 / 2.039.
    assert_eq!([value(&harness, "waves"), value(&harness, "FLOP per byte")], ["4.7", "110"]);
    assert_eq!(value(&harness, "ridge of the chip"), "150");
    // 4 n^2 d FLOPs of 128 heads at 312 TFLOP/s.
    assert_eq!(value(&harness, "time at least"), "110 µs, by matrix products");
    assert!(value(&harness, "modelled blocks over SMs").starts_with("1,024 blocks in 216 slots"));
    assert!(value(&harness, "what is not modelled").starts_with("Not modelled: latency"));
}

#[test]
fn what_is_pinned_stands_beside_what_differs() {
    let mut harness = opened();
    click(&mut harness, "Pin as baseline");
    assert!(harness.query_by_label("waves, pinned").is_none());
    click(&mut harness, "causal");
    settle(&mut harness);
    assert_eq!(value(&harness, "time at least, pinned"), "110 µs, by matrix products");
    assert_ne!(value(&harness, "time at least"), value(&harness, "time at least, pinned"));
    assert!(harness.query_by_label("thread blocks, pinned").is_none(), "it is the same");
    click(&mut harness, "Unpin");
    assert!(harness.query_by_label("time at least, pinned").is_none());
}

#[test]
fn the_run_on_screen_can_be_asked_about() {
    let mut harness = opened();
    click(&mut harness, "As on screen");
    // A prefix of 16 tokens in blocks of 4 of nine heads, causal.
    assert_eq!(value(&harness, "thread blocks"), "36");
}

#[test]
fn the_layout_of_engineers_has_it() {
    let mut harness = open(None);
    press(&mut harness, Modifiers::COMMAND, Key::Num3);
    assert!(all_text(&harness).iter().any(|line| line.contains("modelled roofline")));
}
