//! What the map says at its places: the kernel that runs, the loops at their brackets, the programs that run at once.

use crate::stage_support::{choose, click, command, cursor, open, open_sized, press, seek, settle, value};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::kittest::Queryable;
use tilescope::attention::input::preset;

const NONE: Modifiers = Modifiers::NONE;

/// Each of the three kernels of standard attention is named while it runs, also as a side of a comparison.
#[test]
fn the_running_kernel_stands_on_the_map() {
    let mut harness = open(Some(preset::toy()));
    assert!(harness.query_by_label("running kernel").is_none(), "flash2 has one kernel");
    choose(&mut harness, "Algorithm: ", "standard");
    settle(&mut harness);
    press(&mut harness, NONE, Key::Num1);
    let scene = harness.state().document().scene().expect("a run is on screen").clone();
    let mut named = Vec::new();
    for n in 0..scene.schedule().len() {
        let kernel = scene.schedule().section(scene.schedule().section_of(n)).kernel;
        if named.contains(&kernel) {
            continue;
        }
        named.push(kernel);
        seek(&mut harness, n + 1);
        settle(&mut harness);
        let name = &scene.schedule().kernels[kernel].name;
        assert_eq!(value(&harness, "running kernel"), format!("kernel {} of 3: {name}", kernel + 1));
    }
    assert_eq!(named, [0, 1, 2]);
    press(&mut harness, NONE, Key::Num4);
    settle(&mut harness);
    click(&mut harness, "B algorithm: standard");
    settle(&mut harness);
    assert_eq!(harness.get_all_by_label("running kernel").count(), 2, "both maps");
}

/// Where there is room the loops stand at their brackets; the foot says all that the figure does to those who do not see it.
#[test]
fn loops_stand_at_their_brackets() {
    let mut harness = open_sized(Some(preset::toy()), Vec2::new(1600.0, 1000.0), 1.0);
    press(&mut harness, NONE, Key::Num1);
    let words: Vec<_> = harness.get_all_by_label("loop at its bracket").filter_map(|node| node.value()).collect();
    // At the tile at hand, whose blocks have these numbers; where no step is done yet, at none.
    let scene = harness.state().document().scene().expect("a run is on screen").clone();
    let place = scene.schedule().step(cursor(&harness) - 1).expect("a step").place;
    let [i, j] = [place.i(), place.j()].map(|at| at.expect("the run opens within a tile"));
    assert_eq!(words, [format!("\u{2193} outer i = {i}, in parallel"), format!("inner j = {j} \u{2192}")]);
    press(&mut harness, NONE, Key::Home);
    let words: Vec<_> = harness.get_all_by_label("loop at its bracket").filter_map(|node| node.value()).collect();
    assert_eq!(words, ["\u{2193} outer i, in parallel", "inner j \u{2192}"]);
    assert!(value(&harness, "loops").starts_with("outer loop: query blocks i, in parallel"));
}

/// The programs of the clock are outlined where that is asked for, and said to be modelled.
#[test]
fn programs_at_once_are_modelled_and_asked_for() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num1);
    seek(&mut harness, 5);
    settle(&mut harness);
    assert!(!value(&harness, "loops").contains("at once"));
    press(&mut harness, Modifiers::ALT, Key::W);
    settle(&mut harness);
    let said = value(&harness, "loops");
    assert!(said.contains("of this head outlined: at once on this chip") && said.contains("modelled"), "{said}");
    command(&mut harness, "At once on this chip, modelled");
    settle(&mut harness);
    assert!(!value(&harness, "loops").contains("at once"));
}
