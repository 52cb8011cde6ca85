//! The needle where there is little height: the scores, and beside them what is kept in numbers, without stack and dial.

use eframe::egui::{Align2, Rect, Ui, pos2, vec2};

use super::picture::Picture;
use super::{dial, scores, stacks};
use crate::app::ink::theme::{self, SPACE};

/// Points of height that stacks and dial need.
pub const LEAST: f32 = 180.0;

/// Of the width, what the scores have.
const SCORES: f32 = 0.62;
/// Of a number.
const LINE: f32 = 20.0;

pub fn paint(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let (left, right) = rect.split_left_right_at_fraction(SCORES);
    let gap = 2.0 * SPACE;
    scores::paint(ui, Rect::from_min_max(left.min, left.max - vec2(gap, 0.0)), picture);
    ui.painter().vline(right.left(), rect.y_range(), picture.palette.hairline());
    let numbers = stacks::sums(picture).into_iter().chain([dial::value(picture)]).chain(dial::exact(ui, picture));
    let numbers: Vec<_> = numbers.collect();
    // Above them the first wrong number has its line.
    let height = (right.height() / (numbers.len() + 1) as f32).min(LINE * picture.zoom);
    let line = |n: usize| {
        Rect::from_min_size(
            pos2(right.left() + gap, right.top() + n as f32 * height),
            vec2(right.width() - gap, height),
        )
    };
    stacks::paint_first_fault(ui, line(0), picture);
    for (n, (name, text)) in numbers.into_iter().enumerate() {
        let font = theme::figures(theme::LABEL * picture.zoom);
        picture.text(ui, line(n + 1), Align2::LEFT_CENTER, name, &text, font);
    }
}
