//! Pixels: every way to a step draws the same picture, and no step draws that of another. Needs a Vulkan driver, as a
//! software one; without it the tests print what they skipped and why, and `TILESCOPE_REQUIRE_GPU=1` makes that a failure.
#![cfg(feature = "wgpu")]

use crate::common::skips;
use std::collections::HashSet;

use crate::stage_support::{choose, click, command, press, seek, settle, type_text, value, word};
use eframe::egui::{Key, Modifiers, OutputCommand, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Theme};
use tilescope::attention::input::preset;
use tilescope::gpu::{self, Probe};
use tilescope::playback::lesson::Language;

const STEPS: [u64; 5] = [29, 2, 17, 11, 23];

pub fn has_driver() -> bool {
    match gpu::probe("wgpu") {
        Probe::Ready(_) => true,
        Probe::Unavailable(reason) => {
            skips::missing("its pictures", &reason.to_string());
            false
        }
    }
}

fn open(theme: Theme) -> Harness<'static, App> {
    let options = AppOptions {
        find_gpu: || Probe::Unavailable("none in this test".into()),
        theme: Some(theme),
        ..AppOptions::default()
    };
    let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_max_steps(50).wgpu();
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, Some(preset::toy()), &options));
    settle(&mut harness);
    // The harness has a theme of its own when it opens.
    let colours = match theme {
        Theme::Light => "Light colours",
        Theme::Dark => "Dark colours",
        Theme::Projector => "Projector colours",
    };
    command(&mut harness, colours);
    assert_eq!(Theme::of(&harness.ctx), theme);
    harness
}

/// The pixels once everything has come to rest.
fn pixels(harness: &mut Harness<'_, App>) -> Vec<u8> {
    harness.run_steps(8);
    harness.render().expect("a picture").into_raw()
}

#[test]
fn every_way_to_a_step_draws_the_same_pixels() {
    if !has_driver() {
        return;
    }
    let mut seen = HashSet::new();
    // Each distance in each theme, and each theme with another text.
    let texts = ["flash2", "flash1", "split-kv"];
    let pairs = [Key::Num1, Key::Num2, Key::Num3].into_iter().flat_map(|key| Theme::ALL.map(|theme| (key, theme)));
    for (n, (key, theme)) in pairs.enumerate() {
        let mut harness = open(theme);
        let text = texts[(n + n / 3) % 3];
        if text != "flash2" {
            choose(&mut harness, "Algorithm: ", text);
        }
        press(&mut harness, Modifiers::NONE, key);
        let sought: Vec<Vec<u8>> = STEPS
            .iter()
            .map(|&n| {
                seek(&mut harness, n);
                pixels(&mut harness)
            })
            .collect();
        for (n, picture) in STEPS.iter().zip(&sought) {
            seek(&mut harness, n - 2);
            press(&mut harness, Modifiers::NONE, Key::ArrowRight);
            press(&mut harness, Modifiers::NONE, Key::ArrowRight);
            assert!(pixels(&mut harness) == *picture, "forwards to {n}");
            seek(&mut harness, n + 2);
            press(&mut harness, Modifiers::NONE, Key::ArrowLeft);
            press(&mut harness, Modifiers::NONE, Key::ArrowLeft);
            assert!(pixels(&mut harness) == *picture, "back to {n}");
        }
        seen.extend(sought);
    }
    assert_eq!(seen.len(), 9 * STEPS.len(), "two steps look the same");
}

/// Where a person can look at what a test has drawn.
fn keep(name: &str, harness: &mut Harness<'_, App>) -> Vec<u8> {
    harness.run_steps(8);
    let image = harness.render().expect("a picture");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    image.save(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    image.into_raw()
}

/// Where the first two minutes stand: what leads there, the name of the picture, and what it shows beside the sentence.
const MARKS: [(&str, &str, &str); 6] = [
    ("Look inside", "0-rest", "frame of the needle"),
    ("Watch the maximum rise", "1-watched", "frame of the needle"),
    ("Reveal", "2-revealed", "frame of the needle"),
    ("What if alpha is forgotten?", "3-forgotten", "frame of the needle"),
    ("Zoom out", "4-grid", "schedule grid"),
    ("What it saves", "5-count", "schedule grid"),
];

#[test]
fn the_first_two_minutes_have_a_picture_at_each_mark() {
    if !has_driver() {
        return;
    }
    let mut pictures = Vec::new();
    for language in [Language::English, Language::Chinese] {
        let options = AppOptions { tour: true, language: Some(language), ..crate::stage_support::options() };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_max_steps(50).wgpu();
        let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, None, &options));
        settle(&mut harness);
        let named = |name: &str| format!("tour-{}-{name}.png", language.code());
        let mut said = vec![value(&harness, word(language, "tour"))];
        pictures.push(keep(&named("race"), &mut harness));
        press(&mut harness, Modifiers::NONE, Key::End);
        said.push(value(&harness, word(language, "tour")));
        pictures.push(keep(&named("raced"), &mut harness));
        for (button, name, shows) in MARKS {
            click(&mut harness, word(language, button));
            // Until the six frames were watched.
            for _ in 0..2000 {
                if harness.query_by_label(word(language, "Go on")).is_none() {
                    break;
                }
                harness.step();
            }
            settle(&mut harness);
            let shown = harness.query_all_by_label(word(language, shows)).any(|node| node.rect().area() > 10_000.0);
            assert!(shown, "{button} in {language:?}: no {shows}");
            said.push(value(&harness, word(language, "tour")));
            pictures.push(keep(&named(name), &mut harness));
        }
        // Each mark says something of its own, in its language.
        let different: HashSet<_> = said.iter().collect();
        assert_eq!(different.len(), said.len(), "{said:?}");
        let has_chinese = |text: &String| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(said.iter().all(|text| has_chinese(text) == (language == Language::Chinese)), "{said:?}");
    }
    let different: HashSet<_> = pictures.iter().collect();
    assert_eq!(different.len(), pictures.len(), "two marks look the same");
    // A picture is more than its background.
    for picture in &pictures {
        let colours: HashSet<&[u8]> = picture.chunks_exact(4).collect();
        assert!(colours.len() > 50, "{} colours", colours.len());
    }
}

/// A picture of the main view is of that alone, with a line below it that says what it is of.
#[test]
fn a_picture_of_the_main_view_has_its_caption() {
    if !has_driver() {
        return;
    }
    let mut harness = open(Theme::Light);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    seek(&mut harness, 17);
    let plane = harness.get_by_label("memory").rect();
    press(&mut harness, Modifiers::COMMAND, Key::P);
    type_text(&mut harness, "Copy a picture of the main view");
    harness.key_press(Key::Enter);
    let (mut caption, mut copied) = (None, None);
    for _ in 0..2000 {
        harness.step();
        let shown = harness.query_by_label("caption of the picture").map(|node| (node.value(), node.rect()));
        caption = shown.or(caption);
        let sent = harness.output().platform_output.commands.iter().find_map(|sent| match sent {
            OutputCommand::CopyImage(image) => Some(image.clone()),
            _ => None,
        });
        copied = sent.or(copied);
        if copied.is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let (image, (said, at)) = (copied.expect("a picture"), caption.expect("a caption"));
    let len = harness.state().document().scene().expect("it runs").schedule().len();
    let said = said.unwrap_or_default();
    assert!(said.ends_with(&format!(", head 0: flash2 4x4, f32, step 17 of {len}")), "{said}");
    // The middle of the window, from below its bar to above the strip, and between its sides.
    // Each of its points is two pixels wide and high.
    let [width, height] = image.size.map(|side| side as f32 / 2.0);
    assert!(width >= plane.width() && width < 1280.0 - 400.0, "{width} for {plane:?}");
    assert!(height < 800.0 - 40.0 - 90.0 + 1.0 && height > 500.0, "{height}");
    // Its last lines are the caption, in ink on the ground.
    let ground = image.pixels[image.size[0] * (image.size[1] - 1) + image.size[0] / 2];
    let rows = image.pixels.chunks_exact(image.size[0]).rev().take(2 * at.height() as usize + 8);
    let inked = rows.flatten().filter(|pixel| **pixel != ground).count();
    assert!(inked > 20 * said.len(), "{inked} pixels of {} letters", said.len());
    settle(&mut harness);
    assert!(harness.query_by_label("caption of the picture").is_none(), "it goes when the picture is taken");
    assert_eq!(value(&harness, "what was done"), "The picture is on the clipboard.");
}
