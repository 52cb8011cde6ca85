//! The sheet of the rule for rows that are not like others: what a NaN, an infinity and a row that sees no key give. The
//! lines that hold for the row on screen are marked, and its own numbers stand below.

use eframe::egui::{self, Align2, FontId, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::window::ODD_ROWS;
use crate::app::panels::parts::withheld;
use crate::app::run::scene::FinishedRun;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::attention::not_finite::{Line, STATISTICS, TABLE};
use crate::attention::odd_row::OddRow;
use crate::number::short;
use crate::sentence::Sentence;

/// What leads to it from a row.
pub const BUTTON: &str = "The rule for such rows";

/// The row of a run that is looked at.
pub struct LookedAt<'a> {
    pub scene: &'a FinishedRun,
    pub query: usize,
}

/// What makes the row of `look` unlike others, once its numbers show it and no lesson asks for it.
pub fn met(look: &Look<'_>, query: usize) -> Option<OddRow> {
    if look.question.hides.rule {
        return None;
    }
    let state = look.snapshot.row_state(query);
    let has_odd = |values: &[f64]| values.iter().any(|x| !x.is_finite());
    let is_odd = state.m.is_some_and(|m| !m.is_finite())
        || state.l.is_some_and(|l| !l.is_finite())
        || look.snapshot.average(query).is_some_and(|o| has_odd(&o))
        || look.snapshot.score_row(query).is_some_and(|s| has_odd(&s));
    // -inf is also what a mask leaves: the rule knows the difference.
    if is_odd { look.scene.run.odd_row(query) } else { None }
}

/// What is said of a row in place of why it is odd, where its numbers are not finite and its end is not known.
pub fn untold(look: &Look<'_>, query: usize) -> Option<Sentence> {
    let state = look.snapshot.row_state(query);
    let is_finite = |value: Option<f64>| value.is_none_or(f64::is_finite);
    let is_odd = !is_finite(state.m)
        || !is_finite(state.l)
        || look.snapshot.average(query).is_some_and(|o| o.iter().any(|x| !x.is_finite()))
        // A score of -inf is mostly one that the mask hides.
        || look.snapshot.score_row(query).is_some_and(|s| s.iter().any(|x| x.is_nan() || *x == f64::INFINITY));
    (is_odd && !look.scene.run.is_carried_out()).then(|| not_yet(look.scene, query))
}

fn not_yet(scene: &FinishedRun, query: usize) -> Sentence {
    if let Some(why) = &scene.counted_alone {
        return why.clone();
    }
    let said = match scene.has_first_pass() {
        true => "Whether row {0} is odd, and why, is known once the first pass is done.",
        false => "The run is too long to be carried out whole: whether row {0} is odd, and why, is not known.",
    };
    Sentence::new(said).with(query)
}

/// Gives whether it stays open. `is_far` where it is read from the last row of a room.
pub fn show(ui: &mut Ui, looked_at: Option<LookedAt<'_>>, is_far: bool, hides_rule: bool) -> bool {
    let mut is_open = true;
    let modal = egui::Modal::new(egui::Id::unique("odd rows")).show(ui.ctx(), |ui| {
        let screen = ui.ctx().content_rect().size();
        let room = (screen.x - 40.0).max(80.0);
        // As large as there is room for; the least is still read, and then it scrolls. In a talk all is twice as large.
        let (least, most) = if is_far { (0.6, 1.4) } else { (0.86, 1.0) };
        let zoom = (room / Sheet::new(ui, 1.0, is_far).width()).clamp(least, most);
        let sheet = Sheet::new(ui, zoom, is_far);
        ui.set_width(sheet.width().min(room));
        ui.heading(tr(ui.ctx(), ODD_ROWS));
        if hides_rule {
            ui.label(tr(ui.ctx(), withheld::RULE));
            is_open = !ui.button(tr(ui.ctx(), "Close")).clicked();
            return;
        }
        let odd = looked_at.as_ref().and_then(|row| row.scene.run.odd_row(row.query));
        egui::ScrollArea::both().max_height((screen.y - 220.0).max(40.0)).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add_space(2.0 * SPACE);
            sheet.head(ui);
            for line in &TABLE {
                sheet.line(ui, line, odd.as_ref().is_some_and(|row| row.odds.contains(&line.odd)));
            }
        });
        ui.add_space(SPACE);
        if let Some(row) = &looked_at {
            own(ui, row, odd.as_ref(), zoom);
        }
        ui.add_space(8.0);
        if ui.button(tr(ui.ctx(), "Close")).clicked() {
            is_open = false;
        }
    });
    is_open && !modal.should_close()
}

/// Why the row is marked, and what the run made of it. Of other rows no number: a lesson may ask for it.
fn own(ui: &mut Ui, row: &LookedAt<'_>, odd: Option<&OddRow>, zoom: f32) {
    let (query, output) = (row.query, row.scene.run.output());
    let why = match odd {
        Some(odd) => say(ui.ctx(), &odd.why),
        None if !row.scene.run.is_carried_out() => say(ui.ctx(), &not_yet(row.scene, query)),
        None => fill(ui.ctx(), "Row {0} is like any other: no line is marked.", &[&query]),
    };
    let text = |text: &str| egui::RichText::new(text).size(theme::readable(text, theme::BODY * zoom));
    draw::describe(&ui.label(text(&why)), "why the line is marked", &why);
    let Some(output) = output.filter(|_| odd.is_some()) else { return };
    let [m, l, lse] = [&output.m, &output.l, &output.lse].map(|of| of.get(query).copied().map_or("-".into(), short));
    let o = output.o.rows().into_iter().nth(query).map(|o| o.iter().take(4).map(|x| short(*x)).collect::<Vec<_>>());
    let more = if output.o.ncols() > 4 { ", ..." } else { "" };
    let o = o.unwrap_or_default().join(", ") + more;
    let numbers = fill(ui.ctx(), "Row {0} at its end: m = {1}, l = {2}, L = {3}, O = {4}", &[&query, &m, &l, &lse, &o]);
    draw::describe(&ui.label(text(&numbers)), "the row at its end", &numbers);
}

/// Numbers and what they are of stand as in the panels.
fn font_of(text: &str, size: f32) -> FontId {
    let is_figure = STATISTICS.contains(&text) || text.parse::<f64>().is_ok();
    if is_figure { theme::figures(size) } else { theme::text(size) }
}

/// The table, as wide as its words are in the language on screen.
struct Sheet {
    size: f32,
    /// Everything is twice as large: no script needs a least size of its own.
    is_far: bool,
    /// Of the row, and of what it gives.
    columns: [f32; 5],
    /// Between columns.
    gap: f32,
    height: f32,
}

impl Sheet {
    fn new(ui: &Ui, zoom: f32, is_far: bool) -> Self {
        let size = theme::BODY * zoom;
        let gap = 5.0 * SPACE * zoom;
        let width = |text: &'static str| {
            let font = font_of(text, size);
            let text = tr(ui.ctx(), text);
            let font = if is_far { font } else { theme::readable_font(text, font) };
            ui.painter().layout_no_wrap(text.to_owned(), font, egui::Color32::PLACEHOLDER).size().x
        };
        let mut columns = [width("a row that"), 0.0, 0.0, 0.0, 0.0];
        for line in &TABLE {
            let texts = [line.row].into_iter().chain(line.gives);
            columns.iter_mut().zip(texts).for_each(|(most, text)| *most = most.max(width(text)));
        }
        Self { size, is_far, columns, gap, height: 26.0 * zoom }
    }

    fn width(&self) -> f32 {
        // A pointer stands before the first column.
        self.columns.iter().sum::<f32>() + 6.0 * self.gap
    }

    fn head(&self, ui: &mut Ui) {
        let color = Palette::of(ui).faint_ink;
        let [m, l, lse, o] = STATISTICS;
        let rect = self.cells(ui, ["a row that", m, l, lse, o], color, |_, _| {}).rect;
        ui.painter().hline(rect.x_range(), rect.bottom(), Palette::of(ui).hairline());
    }

    fn line(&self, ui: &mut Ui, line: &Line, is_marked: bool) {
        let palette = Palette::of(ui);
        let [m, l, lse, o] = line.gives;
        let mark = |ui: &Ui, rect: Rect| {
            if is_marked {
                ui.painter().rect(
                    rect,
                    3.0,
                    palette.trouble_soft,
                    Stroke::new(1.5, palette.trouble),
                    egui::StrokeKind::Inside,
                );
                draw::pointer(ui.painter(), pos2(rect.left() + self.gap * 0.75, rect.center().y), 1.0, palette.ink);
            }
        };
        let response = self.cells(ui, [line.row, m, l, lse, o], palette.ink, mark);
        let given: Vec<String> =
            STATISTICS.iter().zip(line.gives).map(|(name, text)| format!("{name} {}", tr(ui.ctx(), text))).collect();
        let given = given.join(", ");
        let value = if is_marked { fill(ui.ctx(), "{0}: so is this row", &[&given]) } else { given };
        let name = fill(ui.ctx(), "a row that {0}", &[&tr(ui.ctx(), line.row)]);
        draw::describe(&response, &name, &value);
    }

    /// One line of texts, over what `below` paints.
    fn cells(
        &self,
        ui: &mut Ui,
        texts: [&str; 5],
        color: egui::Color32,
        below: impl FnOnce(&Ui, Rect),
    ) -> egui::Response {
        let (rect, response) = ui.allocate_exact_size(vec2(self.width(), self.height), Sense::hover());
        below(ui, rect);
        let mut x = rect.left() + self.gap;
        for (text, width) in texts.into_iter().zip(self.columns) {
            let at = pos2(x, rect.center().y);
            let font = font_of(text, self.size);
            let text = tr(ui.ctx(), text);
            if self.is_far {
                ui.painter().text(at, Align2::LEFT_CENTER, text, font, color);
            } else {
                draw::put_text(ui.painter(), at, Align2::LEFT_CENTER, text, font, color);
            }
            x += width + self.gap;
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::run::job::Signals;
    use crate::app::run::settings::Settings;
    use crate::app::run::snapshot::Snapshot;
    use crate::attention::input::random;
    use crate::schedule::Tiling;

    /// Of a run that is looked at before its first pass, the numbers of a row are seen and their reason is not known.
    #[test]
    fn why_a_row_is_odd_is_untold_until_the_first_pass_is_done() {
        let mut input = random::read("random:4096,4096,32", 0).unwrap();
        input.problem.k[[0, 0, 5, 0]] = f64::NAN;
        let mut settings = Settings::for_input(&input).with_blocks(Tiling { br: 128, bc: 128 });
        settings.run.causal = Some(true);
        let scene = FinishedRun::build(Arc::new(input), settings, &Signals::default()).unwrap();
        assert!(!scene.run.is_carried_out() && scene.has_first_pass());
        let told = |cursor: u64, query: usize| {
            let snapshot = Snapshot::new(&scene, cursor, None);
            let look = Look::at(&scene, &snapshot);
            (untold(&look, query).map(|said| said.to_string()), met(&look, query).map(|odd| odd.why.to_string()))
        };
        // In the first block: rows 4 and 5 after their last product.
        let end = scene.schedule().section_steps(0).end;
        let said = "Whether row 5 is odd, and why, is known once the first pass is done.";
        assert_eq!(told(end - 3, 5), (Some(said.to_owned()), None));
        assert_eq!(told(end - 3, 4), (None, None), "the mask alone leaves it -inf");
        scene.carry_out(&Signals::default()).unwrap();
        let (before, after) = told(end - 3, 5);
        assert_eq!(before, None);
        assert!(after.is_some_and(|why| why.contains("NaN")));
        assert_eq!(told(end - 3, 4), (None, None));
    }
}
