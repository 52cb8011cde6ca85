//! Listings in their colours: what is painted of a text and of a kernel is the text to the letter, each kind of word in an
//! ink of its own, in every theme.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::gpu_panel_support::{Mode, StandIn};
use crate::stage_support::{command, open_as, options, press};
use eframe::egui::epaint::{Shape, TextShape};
use eframe::egui::{Color32, Galley, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use tilescope::app::{App, AppOptions, Link};
use tilescope::gpu::kernels::FLASH2_WGSL;
use tilescope::schedule::language::TEXTS;

fn galleys(shape: &Shape, found: &mut Vec<Arc<Galley>>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| galleys(shape, found)),
        Shape::Text(TextShape { galley, .. }) => found.push(Arc::clone(galley)),
        _ => {}
    }
}

/// The painted text that `is` it.
fn painted(harness: &Harness<'_, App>, is: impl Fn(&str) -> bool) -> Arc<Galley> {
    let mut found = Vec::new();
    harness.output().shapes.iter().for_each(|shape| galleys(&shape.shape, &mut found));
    found.into_iter().find(|galley| is(galley.text())).expect("it is painted")
}

/// The ink of `part` of a painted text, all of which has one: the first after `before`.
fn ink(galley: &Galley, (before, part): (&str, &str)) -> Color32 {
    let after = galley.text().find(before).unwrap_or_else(|| panic!("{before} in {}", galley.text())) + before.len();
    let start = after + galley.text()[after..].find(part).unwrap_or_else(|| panic!("{part} in {}", galley.text()));
    let inks: BTreeSet<_> = (start..start + part.len())
        .map(|at| galley.job.format_at_byte(eframe::egui::text::ByteIndex(at)).color.to_array())
        .collect();
    assert_eq!(inks.len(), 1, "{part} has several inks");
    let [r, g, b, a] = *inks.first().expect("an ink");
    assert_eq!(a, 255, "{part}");
    Color32::from_rgb(r, g, b)
}

/// Each of `parts` in an ink of its own.
fn told_apart(galley: &Galley, parts: &[(&str, &str)]) {
    for (n, part) in parts.iter().enumerate() {
        for other in &parts[..n] {
            assert_ne!(ink(galley, *part), ink(galley, *other), "{part:?} and {other:?}");
        }
    }
}

#[test]
fn a_text_and_a_kernel_are_listed_in_their_colours() {
    let flash2 = TEXTS.into_iter().find(|(name, _)| *name == "flash2").map_or("", |(_, text)| text);
    let mut seen = BTreeSet::new();
    for colours in ["Light colours", "Dark colours", "Projector colours"] {
        let options = AppOptions {
            place: Link::of_scene("toy"),
            find_gpu: || StandIn { has_kernel: true, ..StandIn::new(Mode::Right) }.probe(),
            ..options()
        };
        let mut harness = open_as(None, &options, Vec2::new(1600.0, 1000.0), 1.0);
        // The harness has a theme of its own when it opens.
        command(&mut harness, colours);
        press(&mut harness, Modifiers::ALT, Key::Num3);
        let own = flash2.lines().find(|line| line.contains("start-rows:")).expect("a line of it");
        let own = own.split_whitespace().collect::<Vec<_>>().join(" ");
        let own = own.split(';').next().unwrap_or_default();
        let line = painted(&harness, |text| text.starts_with(own));
        told_apart(&line, &[("", "start-rows:"), ("", "O = "), ("", "0"), ("", "per")]);
        command(&mut harness, "Edit the text of the algorithm");
        let text = painted(&harness, |text| text == flash2);
        let language = ink(&text, ("", "language"));
        let number = ("start-rows:   O = ", "0");
        told_apart(&text, &[("", "language"), ("", "# Dao"), ("", "start-rows:"), ("in       ", "Q K V"), number]);
        assert_eq!(ink(&text, ("", "parallel")), language, "one ink for all words of the language");
        seen.insert(language.to_array());
        command(&mut harness, "Edit the kernel");
        let kernel = painted(&harness, |text| text == FLASH2_WGSL.source);
        let comment = ("", "// FlashAttention-2");
        told_apart(&kernel, &[comment, ("\n", "const"), ("\nconst BR = ", "16u"), ("\nconst ", "BR = ")]);
        assert_eq!(ink(&kernel, ("", "[step: load Q]")), ink(&kernel, comment));
    }
    assert_eq!(seen.len(), 3, "each theme has inks of its own");
}
