//! A question that is answered by a click on the picture, or, by keyboard, on its name in a row of buttons.

use eframe::egui::{self, Context, Event, Id, InputState, Response, Ui};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette};
use crate::app::panels::lesson::task::TEXT;
use crate::app::state::lesson::OpenLesson;
use crate::app::tongue::words::tr;
use crate::playback::lesson::ClickOn;
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
        ClickOn::Tile => ("Click the tile in the picture, or choose it here.", tiles(lesson)),
        ClickOn::Row => ("Click the row, or type its number.", Vec::new()),
        ClickOn::Key => ("Click the key, or type its number.", Vec::new()),
    };
    draw::caption(ui, tr(ui.ctx(), hint));
    if names.is_empty() {
        field(ui, lesson, 80.0);
        return;
    }
    let per_line = if on == ClickOn::Tile { lesson.tiles().map_or(4, |(_, cols)| cols) } else { names.len() };
    for line in names.chunks(per_line.max(1)) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for name in line {
                let button = egui::Button::new(name).selected(lesson.work.typed == *name).frame_when_inactive(true);
                if ui.add(button.min_size(egui::vec2(32.0, 28.0))).clicked() {
                    lesson.begin_answer();
                    lesson.work.typed.clone_from(name);
                }
            }
        });
    }
}

/// The field of a typed answer.
pub fn field(ui: &mut Ui, lesson: &mut OpenLesson, width: f32) -> Response {
    let name = tr(ui.ctx(), "Your answer").to_owned();
    let field = egui::TextEdit::singleline(&mut lesson.work.typed).desired_width(width).id(id());
    let border = egui::Frame::new().stroke(Palette::of(ui).hairline()).corner_radius(4.0);
    let field = border.show(ui, |ui| ui.add(field.font(theme::figures(TEXT)))).inner;
    field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, &name));
    if field.changed() {
        lesson.begin_answer();
    }
    field
}

fn id() -> Id {
    Id::unique("answer to the question")
}

/// What begins a number, taken out of the input with the keys that type it: a key and its text may come frames apart.
pub fn typed(input: &mut InputState) -> String {
    let mut typed = String::new();
    input.events.retain(|event| match event {
        Event::Text(text) if !text.is_empty() && text.chars().all(begins_number) => {
            typed.push_str(text);
            false
        }
        Event::Key { key, modifiers, .. } if modifiers.is_none() => !key.symbol_or_name().chars().all(begins_number),
        _ => true,
    });
    typed
}

fn begins_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '-' | '−' | '.')
}

/// The field goes on with what was typed beside it.
pub fn focus(ctx: &Context, typed: &str) {
    ctx.memory_mut(|memory| memory.request_focus(id()));
    let mut state = egui::text_edit::TextEditState::load(ctx, id()).unwrap_or_default();
    let end = egui::text::CCursor::new(typed.chars().count());
    state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
    state.store(ctx, id());
}

fn tiles(lesson: &OpenLesson) -> Vec<String> {
    match lesson.tiles() {
        Some((rows, cols)) if rows * cols <= MOST_TILES => {
            (0..rows).flat_map(|i| (0..cols).map(move |j| format!("{i},{j}"))).collect()
        }
        _ => Vec::new(),
    }
}
