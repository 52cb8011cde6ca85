//! Pixels: every way to a step draws the same picture, and no step draws that of another. Needs a Vulkan driver, as a
//! software one; without it the tests print what they skipped and why, and `TILESCOPE_REQUIRE_GPU=1` makes that a failure.
#![cfg(feature = "wgpu")]

use crate::common::skips;
use std::collections::HashSet;

use crate::stage_support::{click, press, seek, settle};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Theme};
use tilescope::attention::input::preset;
use tilescope::gpu::{self, Probe};

const STEPS: [u64; 5] = [29, 2, 17, 11, 23];

fn has_driver() -> bool {
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
    for (key, theme) in [(Key::Num1, Theme::Light), (Key::Num2, Theme::Dark), (Key::Num3, Theme::Projector)] {
        let mut harness = open(theme);
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
    assert_eq!(seen.len(), 3 * STEPS.len(), "two steps look the same");
}

/// Where a person can look at what a test has drawn.
fn keep(name: &str, harness: &mut Harness<'_, App>) -> Vec<u8> {
    harness.run_steps(8);
    let image = harness.render().expect("a picture");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    image.save(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    image.into_raw()
}

#[test]
fn the_first_two_minutes_have_a_picture_at_each_mark() {
    if !has_driver() {
        return;
    }
    let options = AppOptions { tour: true, ..crate::stage_support::options() };
    let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_max_steps(50).wgpu();
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, None, &options));
    settle(&mut harness);
    let mut pictures = vec![keep("tour-race.png", &mut harness)];
    press(&mut harness, Modifiers::NONE, Key::End);
    pictures.push(keep("tour-raced.png", &mut harness));
    for (button, name) in [
        ("Look inside", "tour-0-rest.png"),
        ("Watch the maximum rise", "tour-1-watched.png"),
        ("Reveal", "tour-2-revealed.png"),
        ("What if alpha is forgotten?", "tour-3-forgotten.png"),
        ("Zoom out", "tour-4-grid.png"),
        ("What it saves", "tour-5-count.png"),
    ] {
        click(&mut harness, button);
        // Until the six frames were watched.
        for _ in 0..2000 {
            if harness.query_by_label("Go on").is_none() {
                break;
            }
            harness.step();
        }
        settle(&mut harness);
        pictures.push(keep(name, &mut harness));
    }
    let different: HashSet<_> = pictures.iter().collect();
    assert_eq!(different.len(), pictures.len(), "two marks look the same");
    // A picture is more than its background.
    for picture in &pictures {
        let colours: HashSet<&[u8]> = picture.chunks_exact(4).collect();
        assert!(colours.len() > 50, "{} colours", colours.len());
    }
}
