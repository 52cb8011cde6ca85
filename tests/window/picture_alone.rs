//! A picture of the main view holds the view, its title and its caption, and nothing that is there to be pressed.

#![cfg(feature = "wgpu")]

use crate::painted::all_painted;
use crate::pictures::has_driver;
use crate::stage_support::{open_with, options, press, seek, settle, type_text};
use eframe::egui::{Event, Key, Modifiers, OutputCommand, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::playback::lesson::Language;

const NONE: Modifiers = Modifiers::NONE;

/// What is painted in the middle of the window while the picture is taken, and its title and caption.
fn while_taken(harness: &mut Harness<'_, App>) -> (Vec<String>, [String; 2]) {
    press(harness, Modifiers::COMMAND, Key::P);
    type_text(harness, "Copy a picture of the main view");
    harness.key_press(Key::Enter);
    let mut last = None;
    for _ in 0..30 {
        harness.step();
        let Some(caption) = harness.query_by_label("caption of the picture").map(|node| (node.value(), node.rect()))
        else {
            continue;
        };
        let title = harness.get_by_label("title of the picture");
        let (said, at) = (title.value().unwrap_or_default(), title.rect());
        let (caption, below) = (caption.0.unwrap_or_default(), caption.1);
        let area = Rect::from_min_max(at.min, eframe::egui::pos2(984.0, below.bottom()));
        let within =
            all_painted(harness).into_iter().filter(|text| text.lines.iter().any(|line| area.contains(line.center())));
        last = Some((within.map(|text| text.text).collect(), [said, caption]));
    }
    settle(harness);
    last.expect("a frame with its caption")
}

/// Every main view by its key, its title, and a text of its own that stays.
const VIEWS: [(Key, &str, &str); 4] = [
    (Key::Num1, "Far: schedule", "true areas, in elements"),
    (Key::Num2, "Middle: tile", "Tile (i 3, j 3)"),
    (Key::Num3, "Near: one row", "what is kept: l and O[0]"),
    (Key::Num0, "Memories", "Memories, each as large as what it holds"),
];

/// Controls that stand in the middle of the window.
const CONTROLS: [&str; 5] = ["component of O", "Forget alpha", "zoom", "Block sizes", "Breakpoints"];

#[test]
fn a_picture_holds_the_view_and_no_control() {
    if !has_driver() {
        return;
    }
    for (key, title, own) in VIEWS {
        let mut harness = open_with(&AppOptions { language: Some(Language::English), ..options() });
        press(&mut harness, NONE, key);
        let before: Vec<String> = all_painted(&harness).into_iter().map(|text| text.text).collect();
        assert!(before.iter().any(|text| text == "Block sizes"), "{title}: the names are there before");
        let (texts, [said, caption]) = while_taken(&mut harness);
        assert_eq!(said, title);
        let (at, len) = {
            let state = harness.state();
            (state.player().cursor(), state.document().scene().expect("a run").schedule().len())
        };
        assert!(caption.ends_with(&format!("step {at} of {len}")), "{caption}");
        assert!(texts.iter().any(|text| text == own), "{title}: no {own:?} in {texts:?}");
        for (_, other, _) in VIEWS.iter().filter(|(_, other, _)| *other != title) {
            assert!(!texts.iter().any(|text| text == other), "{title}: {other} is in the picture");
        }
        for control in CONTROLS {
            assert!(!texts.iter().any(|text| text == control), "{title}: {control} is in the picture");
        }
        // Afterwards all is as it was.
        assert!(harness.query_by_label("title of the picture").is_none());
        assert!(all_painted(&harness).iter().any(|text| text.text == "Block sizes"));
    }
}

/// What is told under the pointer goes before the picture is taken, and comes again after it.
#[test]
fn no_text_under_the_pointer_is_in_the_picture() {
    if !has_driver() {
        return;
    }
    let mut harness = open_with(&AppOptions { language: Some(Language::English), ..options() });
    press(&mut harness, NONE, Key::Num1);
    seek(&mut harness, 60);
    let place = harness.get_by_label("schedule grid").rect().center();
    let is_told = |texts: &[String]| texts.iter().any(|text| text.starts_with("tile (i ") && text.contains("queries"));
    harness.event(Event::PointerMoved(place));
    harness.run_steps(90);
    let texts: Vec<String> = all_painted(&harness).into_iter().map(|text| text.text).collect();
    assert!(is_told(&texts), "{texts:?}");
    let (texts, _) = while_taken(&mut harness);
    assert!(!is_told(&texts), "{texts:?}");
    harness.event(Event::PointerMoved(place + eframe::egui::vec2(2.0, 2.0)));
    harness.run_steps(90);
    let texts: Vec<String> = all_painted(&harness).into_iter().map(|text| text.text).collect();
    assert!(is_told(&texts), "{texts:?}");
}

/// A slide is larger than a window: what is copied has twice the pixels of the window on each side, in every view, and is
/// no window scaled up.
#[test]
fn a_picture_of_the_view_has_twice_the_pixels_of_the_window() {
    if !has_driver() {
        return;
    }
    for (key, title, _) in VIEWS {
        let mut harness = open_with(&AppOptions { language: Some(Language::English), ..options() });
        press(&mut harness, NONE, key);
        press(&mut harness, Modifiers::COMMAND, Key::P);
        type_text(&mut harness, "Copy a picture of the main view");
        harness.key_press(Key::Enter);
        let (mut view, mut copied) = (None, None);
        for _ in 0..2000 {
            harness.step();
            let places = ["title of the picture", "caption of the picture"].map(|name| harness.query_by_label(name));
            if let [Some(head), Some(foot)] = &places {
                view = Some(head.rect().union(foot.rect()));
            }
            copied = harness.output().platform_output.commands.iter().find_map(|sent| match sent {
                OutputCommand::CopyImage(image) => Some(image.clone()),
                _ => None,
            });
            if copied.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let (view, copied) = (view.expect("it is on screen"), copied.expect("a picture is copied"));
        let [width, height] = copied.size.map(|pixels| pixels as f32);
        assert!(
            height >= 2.0 * view.height() && width >= 2.0 * view.width(),
            "{title}: {width} x {height} of {view:?}"
        );
        assert!(width < 2.0 * harness.ctx.content_rect().width(), "{title}: the view alone");
        // Of a picture that is scaled up, neighbours are alike in twos.
        let differs = |x: usize, y: usize| copied[(x, y)] != copied[(x + 1, y)];
        let pairs = (0..copied.height()).flat_map(|y| (0..copied.width() / 2 - 1).map(move |x| (2 * x, y)));
        let (inner, outer) = pairs.fold((0, 0), |(inner, outer), (x, y)| {
            (inner + usize::from(differs(x, y)), outer + usize::from(differs(x + 1, y)))
        });
        assert!(inner > 1000 && outer > 1000, "{title}: {inner} within, {outer} between");
        settle(&mut harness);
        assert!(harness.query_by_label("title of the picture").is_none(), "{title}: all is as it was");
    }
}
