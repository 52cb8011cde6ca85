//! What-if in the window: what it says of a shape and a chip, a pinned baseline, its words in both languages.

use crate::stage_support::{all_text, click, command, grouped, open, press, settle, type_text, value};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::App;
use tilescope::attention::input::random;
use tilescope::attention::{Mask, Shape};
use tilescope::clock::{GridQuestion, Order};
use tilescope::number::{modelled, modelled_time};
use tilescope::schedule::RunSpec;
use tilescope::schedule::algorithm::by_name;
use tilescope::schedule::spec::Choice;

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

/// What the panel says of a shape, masks and packing is what the clock says of the run that the command line would ask about.
fn agrees(harness: &Harness<'static, App>, shape: Shape, chosen: &[(&str, &str)]) {
    let mut spec = RunSpec::default();
    for (name, value) in [("precision", "f16"), ("br", "128"), ("bc", "128")].iter().chain(chosen) {
        Choice::by_name(name).expect("a choice").set(&mut spec, value).expect("its value");
    }
    let algorithm = by_name(spec.algorithm()).expect("a text").clone();
    let setting = spec.on_shape(&algorithm, &shape, &Mask::default(), 0);
    let (chip, order) = (spec.hardware(), Order::InOrder);
    let answer =
        GridQuestion { algorithm, shape: spec.shape_of(&shape), setting, chip, order }.answer().expect("it is small");
    let times = answer.times.expect("a block fits");
    for (name, expected) in [
        ("thread blocks", grouped(answer.main().expect("a kernel").blocks)),
        ("FLOP per byte", modelled(answer.intensity())),
        ("if all overlaps", modelled_time(times.overlapped)),
        ("as the text's lanes allow", modelled_time(times.in_lanes)),
        ("if nothing does", modelled_time(times.one_by_one)),
    ] {
        assert_eq!(value(harness, name), expected, "{name}, {chosen:?}");
    }
}

fn pick(harness: &mut Harness<'static, App>, list: &str, entry: &str) {
    harness.get_by_label_contains(list).click();
    harness.run_steps(3);
    // A list may be longer than its place.
    harness.get_by_role_and_label(Role::Button, entry).scroll_to_me();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, entry).click();
    settle(harness);
}

#[test]
fn lanes_masks_and_shared_heads_are_those_of_the_command_line() {
    let shape = |kv_heads| Shape { batch: 8, heads: 16, kv_heads, ..Shape::single(1024, 1024, 64) };
    let mut harness = opened();
    agrees(&harness, shape(16), &[]);
    assert!(harness.query_by_label("Query heads as rows").is_none(), "no heads share keys");
    pick(&mut harness, "text of the model: ", "flash2-lanes");
    agrees(&harness, shape(16), &[("algorithm", "flash2-lanes")]);
    pick(&mut harness, "text of the model: ", "flash2");
    click(&mut harness, "sliding window");
    agrees(&harness, shape(16), &[("window", "128,128")]);
    click(&mut harness, "causal");
    agrees(&harness, shape(16), &[("window", "128,128"), ("causal", "true")]);
    pick(&mut harness, "key/value heads: ", "4");
    agrees(&harness, shape(4), &[("window", "128,128"), ("causal", "true")]);
    click(&mut harness, "Query heads as rows");
    let packed = [("window", "128,128"), ("causal", "true"), ("pack-heads", "true")];
    agrees(&harness, shape(4), &packed);
    click(&mut harness, "sliding window");
    agrees(&harness, shape(4), &packed[1..]);
    // A backward pass packs none, and takes what is chosen up again in a text that can.
    pick(&mut harness, "text of the model: ", "flash2-backward");
    assert!(harness.query_by_label("Query heads as rows").is_none());
    agrees(&harness, shape(4), &[("causal", "true"), ("algorithm", "flash2-backward")]);
    pick(&mut harness, "text of the model: ", "flash2");
    agrees(&harness, shape(4), &packed[1..]);
}

/// Six query heads over two of keys: as they are, and packed.
#[test]
fn the_run_on_screen_is_asked_about_with_its_groups() {
    let mut harness = open(Some(random::read("random:100,100,8,6,2", 1).expect("an input")));
    command(&mut harness, "What-if");
    let shape = Shape { heads: 6, kv_heads: 2, ..Shape::single(100, 100, 8) };
    let mut asked = |chosen: &[(&str, &str)]| {
        click(&mut harness, "As on screen");
        assert!(harness.query_by_label_contains("key/value heads: 2").is_some());
        let tiling = harness.state().document().wanted().tiling();
        let (br, bc) = (tiling.br.to_string(), tiling.bc.to_string());
        agrees(&harness, shape, &[&[("br", br.as_str()), ("bc", &bc), ("precision", "f32")], chosen].concat());
        palette_choice(&mut harness);
    };
    asked(&[]);
    asked(&[("pack-heads", "true")]);
}

/// The heads of a group as rows, by the setup.
fn palette_choice(harness: &mut Harness<'static, App>) {
    press(harness, Modifiers::COMMAND, Key::P);
    type_text(harness, "Query heads as rows");
    press(harness, Modifiers::NONE, Key::Enter);
    // The setup is at the left.
    let all = harness.query_all_by_label("Query heads as rows");
    all.min_by(|a, b| a.rect().left().total_cmp(&b.rect().left())).expect("it is there").click();
    settle(harness);
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
