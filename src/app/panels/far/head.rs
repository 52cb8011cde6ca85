//! The line above the plane: the kernel that runs, and the loops at the brackets that they run along.

use eframe::egui::{Align2, Rect, Sense, Ui, pos2, vec2};

use super::figure::{LoopOf, Map, loops};
use super::layout::line_above;
use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::theme;
use crate::app::run::said::running_kernel;
use crate::app::tongue::words::{fill, say};
use crate::number::grouped;
use crate::schedule::language::Axis;

/// Between two words of the line.
const APART: f32 = 10.0;

/// What stands in the line: at the left along the queries, in the middle, at the right along the keys.
pub struct Head {
    words: [String; 3],
    places: [Rect; 3],
}

impl Head {
    /// Where not all has room the kernel alone stands there; where that has none, nothing.
    pub fn new(map: &Map<'_>) -> Self {
        let ctx = map.ui.ctx();
        let kernel =
            running_kernel(map.look.scene, map.look.snapshot.view.program).map(|names| names.map(|of| say(ctx, &of)));
        let [long, short] = kernel.unwrap_or_default();
        let [left, right] = at_brackets(map, false).unwrap_or_default();
        let [left_now, right_now] = at_brackets(map, true).unwrap_or_default();
        let none = String::new;
        let tries = [
            [left_now.clone(), long.clone(), right_now.clone()],
            [left_now, short.clone(), right_now],
            [left.clone(), long.clone(), right.clone()],
            [left, short.clone(), right],
            [none(), long, none()],
            [none(), short, none()],
        ];
        let fits = |words: [String; 3]| {
            let places = places(line_above(map.layout), words.each_ref().map(|word| width_of(map.ui, word)))?;
            Some(Self { words, places })
        };
        let nothing = Self { words: [none(), none(), none()], places: [Rect::ZERO; 3] };
        tries.into_iter().find_map(fits).unwrap_or(nothing)
    }

    /// Every loop stands at its bracket.
    pub fn has_loops(&self) -> bool {
        !self.words[0].is_empty() || !self.words[2].is_empty()
    }

    pub fn paint(&self, map: &Map<'_>) {
        let (ui, palette, font) = (map.ui, map.palette, theme::text(theme::LABEL));
        for (n, (word, place)) in self.words.iter().zip(self.places).enumerate() {
            if word.is_empty() {
                continue;
            }
            let ink = if n == 1 { palette.ink } else { palette.faint_ink };
            fit_text(ui.painter(), place, Align2::CENTER_CENTER, word, font.clone(), ink);
            let name = if n == 1 { "running kernel" } else { "loop at its bracket" };
            let response = ui.interact(place, ui.scope_id().with((name, n)), Sense::hover());
            draw::describe(&response, name, word);
            if n == 1 {
                response.on_hover_text(word);
            }
        }
    }
}

/// The words of the loops along the queries and along the keys, with the turns that they are at where those are asked for;
/// `None` where a loop has no bracket.
fn at_brackets(map: &Map<'_>, with_turns: bool) -> Option<[String; 2]> {
    let loops = loops(map.look);
    let mut words = [String::new(), String::new()];
    for told in &loops {
        let (n, arrow) = match told.over.axis {
            Axis::I => (0, "\u{2193}"),
            Axis::J => (1, "\u{2192}"),
            Axis::S | Axis::H => return None,
        };
        let axis = told.over.axis;
        let turn = map.look.snapshot.view.step.and_then(|step| step.place.at(axis)).filter(|_| with_turns);
        let name =
            turn.map_or_else(|| axis.name().to_owned(), |turn| format!("{} = {}", axis.name(), grouped(turn as u64)));
        let word = fill(map.ui.ctx(), pattern(told), &[&name]);
        words[n] = if n == 0 { format!("{arrow} {word}") } else { format!("{word} {arrow}") };
    }
    Some(words)
}

fn pattern(told: &LoopOf) -> &'static str {
    match (told.depth == 0, told.is_parallel) {
        (true, true) => "outer {0}, in parallel",
        (true, false) => "outer {0}",
        (false, true) => "inner {0}, in parallel",
        (false, false) => "inner {0}",
    }
}

fn width_of(ui: &Ui, text: &str) -> f32 {
    let font = theme::readable_font(text, theme::text(theme::LABEL));
    if text.is_empty() { 0.0 } else { ui.painter().layout_no_wrap(text.to_owned(), font, theme::CLEAR).size().x }
}

/// The places of words that are so wide: at the left, in the middle of what is left, at the right. `None` where they do not
/// fit.
fn places(line: Rect, widths: [f32; 3]) -> Option<[Rect; 3]> {
    let words = widths.iter().filter(|width| **width > 0.0).count();
    let needed = widths.iter().sum::<f32>() + APART * words.saturating_sub(1) as f32;
    if needed > line.width() {
        return None;
    }
    let [left, middle, right] = widths;
    let before = if left > 0.0 { left + APART } else { 0.0 };
    let after = if right > 0.0 { right + APART } else { 0.0 };
    let free = line.width() - before - after;
    // In the middle of the plane, unless that is taken.
    let at = ((line.width() - middle) / 2.0).clamp(before, before + (free - middle).max(0.0));
    let place = |x: f32, width: f32| Rect::from_min_size(pos2(line.left() + x, line.top()), vec2(width, line.height()));
    Some([place(0.0, left), place(at, middle), place(line.width() - right, right)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_line_stand_apart_or_not_at_all() {
        let line = Rect::from_min_size(pos2(7.0, 3.0), vec2(200.0, 15.0));
        let mut placed = 0;
        for left in [0.0, 1.0, 60.0, 199.0, 201.0] {
            for middle in [0.0, 30.0, 90.0, 200.0] {
                for right in [0.0, 17.0, 50.0, 120.0] {
                    let widths = [left, middle, right];
                    let words = widths.iter().filter(|width| **width > 0.0).count();
                    let Some(places) = places(line, widths) else {
                        assert!(left + middle + right + APART * words.saturating_sub(1) as f32 > 200.0, "{widths:?}");
                        continue;
                    };
                    placed += 1;
                    let shown: Vec<Rect> = places.into_iter().filter(|place| place.width() > 0.0).collect();
                    for (n, place) in shown.iter().enumerate() {
                        assert!(line.expand(0.01).contains_rect(*place), "{place:?} of {widths:?}");
                        assert!(
                            shown[..n].iter().all(|other| other.right() + APART <= place.left() + 0.01),
                            "{widths:?}"
                        );
                    }
                    assert_eq!(places.map(|place| place.width()), widths);
                }
            }
        }
        assert!(placed > 20);
    }
}
