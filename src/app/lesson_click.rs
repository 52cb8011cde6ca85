//! A question that is answered by a click on the picture, or, by keyboard, on its name in a row of buttons.

use eframe::egui::{self, Ui};

use crate::playback::lesson::ClickOn;

use super::draw;
use super::lesson::OpenLesson;
use super::words::tr;
use crate::schedule::Tensor;

/// What can be named, in the order of a forward pass.
const TENSORS: [Tensor; 6] = [Tensor::Q, Tensor::K, Tensor::V, Tensor::S, Tensor::P, Tensor::O];

/// Tiles above which their names are not listed.
const MOST_TILES: usize = 64;

pub fn show(ui: &mut Ui, lesson: &mut OpenLesson, on: ClickOn) {
    let (hint, names) = match on {
        ClickOn::Tensor => {
            ("Click it in the picture, or choose it here.", TENSORS.map(|tensor| tensor.name().to_owned()).to_vec())
        }
        ClickOn::Tile => ("Click the tile in the schedule, or choose it here.", tiles(lesson)),
        ClickOn::Row => ("Click the row, or type its number.", Vec::new()),
        ClickOn::Key => ("Click the key, or type its number.", Vec::new()),
    };
    draw::caption(ui, tr(ui.ctx(), hint));
    if names.is_empty() {
        let name = tr(ui.ctx(), "Your answer").to_owned();
        let field = ui.add(egui::TextEdit::singleline(&mut lesson.work.typed).desired_width(80.0));
        field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, &name));
        return;
    }
    let per_line = if on == ClickOn::Tile { lesson.tiles().map_or(4, |(_, cols)| cols) } else { names.len() };
    for line in names.chunks(per_line.max(1)) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for name in line {
                let button = egui::Button::new(name).selected(lesson.work.typed == *name).frame_when_inactive(true);
                if ui.add(button.min_size(egui::vec2(32.0, 28.0))).clicked() {
                    lesson.work.typed.clone_from(name);
                }
            }
        });
    }
}

fn tiles(lesson: &OpenLesson) -> Vec<String> {
    match lesson.tiles() {
        Some((rows, cols)) if rows * cols <= MOST_TILES => {
            (0..rows).flat_map(|i| (0..cols).map(move |j| format!("{i},{j}"))).collect()
        }
        _ => Vec::new(),
    }
}
