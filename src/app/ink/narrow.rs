//! Words of places that are narrower than they are, along an axis: slanted, Chinese upright.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_PI_4};

use eframe::egui::epaint::TextShape;
use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{Align2, Color32, FontId, Painter, Pos2, vec2};

use crate::app::ink::draw;
use crate::playback::lesson::markdown::is_chinese;

/// Places closer than this, in sizes of the letters, have no words of their own.
pub const LEAST_PITCH: f32 = 1.0;

/// Upright letters stand so far apart, in their size.
const LEADING: f32 = 14.0 / 12.0;

/// From the point of its place, a word rises, or ends in it from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Above,
    Below,
}

/// The word of the place whose middle is `at`, within `height` points above or below it.
pub fn word(painter: &Painter, at: Pos2, text: &str, height: f32, side: Stands, font: FontId, ink: Color32) {
    if text.chars().any(is_chinese) {
        upright(painter, at, text, height, side, font, ink);
    } else {
        slanted(painter, at, text, height, side, font, ink);
    }
}

fn upright(painter: &Painter, at: Pos2, text: &str, height: f32, side: Stands, font: FontId, ink: Color32) {
    let step = LEADING * font.size;
    let letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).take((height / step) as usize).collect();
    for (n, letter) in letters.iter().enumerate() {
        let (from, align) = match side {
            Stands::Above => ((n + 1) as f32 - letters.len() as f32, Align2::CENTER_BOTTOM),
            Stands::Below => (n as f32, Align2::CENTER_TOP),
        };
        draw::put_text(painter, at + vec2(0.0, step * from), align, &letter.to_string(), font.clone(), ink);
    }
}

fn slanted(painter: &Painter, at: Pos2, text: &str, height: f32, side: Stands, font: FontId, ink: Color32) {
    let size = font.size;
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, ink);
    // At 45 degrees a word rises by 0.7 of its width, and by that part of its own height.
    job.wrap = TextWrapping::truncate_at_width((height - LEADING * size) / FRAC_1_SQRT_2);
    let galley = painter.layout_job(job);
    // Where its upper left corner is, about which it is turned.
    let corner = match side {
        Stands::Above => at - vec2(size / 3.0, size),
        Stands::Below => at + vec2(-size / 3.0, 0.0) + FRAC_1_SQRT_2 * galley.size().x * vec2(-1.0, 1.0),
    };
    painter.add(TextShape::new(corner, galley, ink).with_angle(-FRAC_PI_4));
}
