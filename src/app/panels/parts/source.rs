//! A text as it is edited: numbered lines, those lit that the current step carries out, those marked that are wrong, and
//! those that were changed.

use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::text_edit::{TextEditOutput, TextEditState};
use eframe::egui::{self, Align2, Color32, Id, Rect, ScrollArea, Shape, TextEdit, Ui, pos2, vec2};

use crate::app::ink::listing::{self, WrittenIn};
use crate::app::ink::theme::{self, Palette};
use crate::app::tongue::words::tr;

const SIZE: f32 = 12.0;
/// Room for the numbers of the lines.
const GUTTER: f32 = 44.0;

/// Lines that stand out, from 1.
#[derive(Default)]
pub struct Marks {
    pub lit: Vec<u16>,
    pub faulty: Vec<usize>,
    pub changed: Vec<usize>,
}

/// What is edited: the name of the field, the file, each of which has a cursor of its own, and the language.
#[derive(Clone, Copy)]
pub struct FieldOf<'a> {
    pub name: &'static str,
    pub file: &'a str,
    pub written_in: WrittenIn,
}

impl FieldOf<'_> {
    fn id(self) -> Id {
        Id::unique((self.name, self.file))
    }
}

/// Shows the text in `height` points and takes what is typed; `jump` is the line that the cursor goes to now.
pub fn show(ui: &mut Ui, of: FieldOf<'_>, text: &mut String, marks: &Marks, (jump, height): (Option<usize>, f32)) {
    let id = of.id();
    if let Some(line) = jump {
        put_cursor(ui, id, text, line);
    }
    let area = ScrollArea::both().id_salt((of.name, of.file)).max_height(height).auto_shrink([false, false]);
    area.show(ui, |ui| {
        // What is behind the text is known once the text is laid out.
        let behind = ui.painter().add(Shape::Noop);
        let output = field(ui, of, text, height);
        let rows = rows(&output, ui.clip_rect());
        let behind_row = |(line, rect): &(usize, Rect)| {
            let (fill, _) = light(ui, *line, marks)?;
            Some(Shape::rect_filled(*rect, 0.0, fill))
        };
        let shapes = rows.iter().filter_map(behind_row).collect();
        ui.painter().set(behind, Shape::Vec(shapes));
        numbers(ui, &rows, marks);
        if let Some((_, rect)) = rows.iter().find(|(line, _)| Some(*line) == jump) {
            ui.scroll_to_rect(*rect, Some(egui::Align::Center));
        }
    });
}

/// The line of the cursor, from 1.
pub fn cursor_line(ui: &Ui, of: FieldOf<'_>, text: &str) -> Option<usize> {
    let state = TextEditState::load(ui.ctx(), of.id())?;
    let at = state.cursor.char_range()?.primary.index.0;
    Some(text.chars().take(at).filter(|c| *c == '\n').count() + 1)
}

fn field(ui: &mut Ui, of: FieldOf<'_>, text: &mut String, height: f32) -> TextEditOutput {
    let palette = Palette::of(ui);
    // A line of code is one line.
    let mut layouter = |ui: &Ui, text: &dyn egui::TextBuffer, _: f32| {
        let job = listing::job(ui.ctx(), text.as_str(), of.written_in, SIZE, palette);
        ui.fonts_mut(|fonts| fonts.layout_job(job))
    };
    let name = tr(ui.ctx(), of.name).to_owned();
    let output = ui.horizontal_top(|ui| {
        ui.add_space(GUTTER);
        // The Tab key goes on to the next part, as everywhere: nobody is caught in here.
        let edit = TextEdit::multiline(text)
            .id(of.id())
            .frame(egui::Frame::NONE)
            .margin(egui::Margin::ZERO)
            .desired_width(f32::INFINITY)
            .min_size(vec2(0.0, height))
            .lock_focus(false)
            .layouter(&mut layouter);
        edit.show(ui)
    });
    output.inner.response.response.clone().accessible_name(name);
    output.inner
}

/// A text can have the keyboard in this frame: nothing that has it lies over the window.
pub fn can_jump(ui: &Ui) -> bool {
    ui.memory(|memory| memory.allows_interaction(ui.layer_id()))
}

/// The cursor to the start of a line, and the keyboard to the text.
fn put_cursor(ui: &Ui, id: Id, text: &str, line: usize) {
    let at: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(|line| line.chars().count()).sum();
    let mut state = TextEditState::load(ui.ctx(), id).unwrap_or_default();
    state.cursor.set_char_range(Some(CCursorRange::one(CCursor::new(at))));
    state.store(ui.ctx(), id);
    ui.memory_mut(|memory| memory.request_focus(id));
}

/// Lines with their places, over the whole width that is seen.
fn rows(output: &TextEditOutput, seen: Rect) -> Vec<(usize, Rect)> {
    let place = |row: &egui::epaint::text::PlacedRow| {
        let rect = row.rect().translate(output.galley_pos.to_vec2());
        Rect::from_min_max(pos2(seen.left(), rect.top()), pos2(seen.right(), rect.bottom()))
    };
    (1..).zip(output.galley.rows.iter().map(place)).collect()
}

/// The light of a line, and of its edge for those who do not see it.
fn light(ui: &Ui, line: usize, marks: &Marks) -> Option<(Color32, Color32)> {
    let palette = Palette::of(ui);
    if marks.faulty.contains(&line) {
        return Some((palette.trouble_soft, palette.trouble));
    }
    let is_lit = marks.lit.iter().any(|lit| usize::from(*lit) == line);
    is_lit.then_some((palette.accent_soft, palette.accent))
}

/// The numbers stay at the left edge while long lines are scrolled below them.
fn numbers(ui: &Ui, rows: &[(usize, Rect)], marks: &Marks) {
    let (palette, painter) = (Palette::of(ui), ui.painter());
    for (line, rect) in rows.iter().filter(|(_, rect)| rect.intersects(ui.clip_rect())) {
        let light = light(ui, *line, marks);
        let gutter = Rect::from_min_size(rect.min, vec2(GUTTER - 4.0, rect.height()));
        painter.rect_filled(gutter, 0.0, light.map_or(palette.panel, |(fill, _)| fill));
        if let Some((_, edge)) = light {
            painter.rect_filled(Rect::from_min_size(rect.min, vec2(4.0, rect.height())), 0.0, edge);
        }
        if marks.changed.contains(line) {
            let bar = Rect::from_min_size(pos2(gutter.right() - 3.0, rect.top()), vec2(3.0, rect.height()));
            painter.rect_filled(bar, 0.0, palette.ink);
        }
        let at = pos2(gutter.right() - 6.0, rect.center().y);
        painter.text(at, Align2::RIGHT_CENTER, line, theme::figures(SIZE - 1.0), palette.faint_ink);
    }
}
