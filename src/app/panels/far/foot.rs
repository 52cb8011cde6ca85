//! The lines below the map: the loops of the text, what the signs mean, how far the work is and what it has moved.
//!
//! Nothing is cut where another line can take it: what is told breaks into two, and the counts leave the signs' line.

use std::sync::Arc;

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{Align2, Context, Galley, Painter, Pos2, Rect, Sense, Ui, vec2};

use super::figure::{LoopOf, Map, RunsAtOnce, loops};
use super::head::Head;
use super::{ground, plane};
use crate::app::ink::draw::{self, fit_text, hatch};
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::panels::parts::withheld;
use crate::app::run::said::scope;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{clauses, fill, list, say, tr};
use crate::number::{self, bytes, grouped};
use crate::schedule::TileCounts;
use crate::schedule::language::Axis;

/// A line of words.
pub const LINE: f32 = 20.0;
/// Lines of what is told.
const MOST_TOLD: usize = 4;
/// Between the signs and the counts.
const APART: f32 = 12.0;
/// A square of the legend, and the greys of the weights.
const SQUARE: f32 = 12.0;
const GREYS: usize = 5;

/// The lines below the map, as wide as they have room; `text` has all that the figure says at its place as well.
pub struct Foot {
    told: Arc<Galley>,
    text: String,
    /// What is told ends with what is modelled.
    is_modelled: bool,
    signs: Vec<(Sign, String)>,
    /// The line and the place in it of each sign.
    places: Vec<(usize, f32)>,
    so_far: SoFar,
    /// The counts have a line of their own.
    is_apart: bool,
}

/// How far the work is, and what it has moved.
struct SoFar {
    begun: String,
    text: String,
}

/// What stands before a word of the legend.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    /// The greys of the weights.
    Weights,
    Done,
    /// A sheet that nothing is on yet.
    ToCome,
    /// The ground itself: nothing is there, nor will be.
    Ground,
    Hatched,
    /// That the numbers after it are counted.
    Counted,
    Nothing,
}

impl Sign {
    fn width(self) -> f32 {
        match self {
            Sign::Weights => made_by::WIDTH + GREYS as f32 * SQUARE + SPACE,
            Sign::Nothing => 0.0,
            // With the gap after it, it stands as close to its numbers as other marks.
            Sign::Counted => made_by::WIDTH - 3.0 * SPACE,
            Sign::Done | Sign::ToCome | Sign::Ground | Sign::Hatched => SQUARE + SPACE,
        }
    }

    fn paint(self, ui: &Ui, painter: &Painter, at: Pos2, palette: &Palette) {
        let square = |n: usize| Rect::from_min_size(at + vec2(SQUARE * n as f32, 0.0), vec2(SQUARE, SQUARE));
        let fill_of = match self {
            Sign::Nothing => return,
            Sign::Counted => {
                made_by::at(ui, at + vec2(SQUARE, SQUARE) / 2.0, "classes", MadeBy::Counted);
                return;
            }
            Sign::Weights => {
                made_by::at(ui, at + vec2(SQUARE, SQUARE) / 2.0, "weights", MadeBy::Computed);
                for n in 0..GREYS {
                    painter.rect_filled(
                        square(n).translate(vec2(made_by::WIDTH, 0.0)),
                        0.0,
                        palette.ghost(n as f64, (GREYS - 1) as f64),
                    );
                }
                return;
            }
            Sign::Hatched => {
                hatch(painter, square(0), palette.faint_ink, 4.0);
                theme::CLEAR
            }
            Sign::Done => palette.done,
            Sign::ToCome => palette.background,
            // Without an edge, as on the plane.
            Sign::Ground => {
                painter.rect_filled(square(0), 0.0, plane::skipped(palette));
                return;
            }
        };
        painter.rect_filled(square(0), 2.0, fill_of);
        painter.rect_stroke(square(0), 2.0, palette.hairline(), eframe::egui::StrokeKind::Inside);
    }
}

impl Foot {
    /// `width` is the room of each line.
    pub fn new(map: &Map<'_>, width: f32, has_scope: bool) -> Self {
        let (ui, ctx) = (map.ui, map.ui.ctx());
        let shape = map.look.scene.input.problem.shape;
        // Of a single head there is nothing to say.
        let scope = (has_scope && shape.heads * shape.batch > 1)
            .then(|| say(ctx, &scope(map.look.scene, map.look.snapshot.view.program, false)));
        let with_scope = |parts: Vec<String>| clauses(ctx, &scope.iter().cloned().chain(parts).collect::<Vec<_>>());
        // What stands at its place in the figure is not said again.
        let (loops, of_plane, fold) = (in_words(ctx, &loops(map.look)), of_plane(map), fold(map));
        // What is modelled is said last: its mark stands after it.
        let beside: Vec<String> = beside(map).into_iter().collect();
        let is_modelled = matches!(map.beside, Some(RunsAtOnce::Programs(..)));
        let text = with_scope([loops.clone(), of_plane.clone(), fold.clone(), beside.clone()].concat());
        let loops = if Head::new(map).has_loops() { Vec::new() } else { loops };
        let fold = if ground::has_fold_marks(map) { Vec::new() } else { fold };
        let shown = with_scope([loops, of_plane, fold, beside].concat());
        let font = theme::readable_font(&shown, theme::text(theme::LABEL));
        let room = if is_modelled { width - made_by::WIDTH } else { width };
        let mut job = LayoutJob::simple(shown, font, map.palette.ink, room);
        job.wrap = TextWrapping { max_rows: MOST_TOLD, max_width: room, ..TextWrapping::default() };
        let told = ui.painter().layout_job(job);
        let (signs, so_far) = (signs(map), SoFar::of(ctx, map.look));
        let (mut places, mut row, mut end) = (Vec::new(), 0, 0.0);
        let room_of = |(sign, text): &(Sign, String)| sign.width() + width_of(ui, text);
        for (n, (sign, _)) in signs.iter().enumerate() {
            let own = room_of(&signs[n]);
            // A mark stands on the line of what it is of.
            let next = signs.get(n + 1).filter(|_| *sign == Sign::Counted).map_or(0.0, |of| 3.0 * SPACE + room_of(of));
            if end > 0.0 && end + own + next > width {
                (row, end) = (row + 1, 0.0);
            }
            places.push((row, end));
            end += own + 3.0 * SPACE;
        }
        let is_apart = !signs.is_empty() && end + APART + so_far.width(ui) > width;
        Self { told, text, is_modelled, signs, places, so_far, is_apart }
    }

    /// The last line of the signs.
    fn last(&self) -> usize {
        self.places.last().map_or(0, |(row, _)| *row)
    }

    pub fn height(&self) -> f32 {
        (self.told.rows.len().max(1) + self.last() + 1 + usize::from(self.is_apart)) as f32 * LINE
    }

    /// From the top of `place` on, as high as it is.
    pub fn paint(&self, map: &Map<'_>, place: Rect) {
        let (ui, palette) = (map.ui, map.palette);
        let lines = self.told.rows.len().max(1) as f32;
        let told = Rect::from_min_size(place.min, vec2(place.width(), lines * LINE));
        let response = ui.interact(told, ui.scope_id().with("loops"), Sense::hover());
        draw::describe(&response, "loops", &self.text);
        let at = Align2::LEFT_CENTER.align_size_within_rect(self.told.size(), told).min;
        ui.painter().galley(at, self.told.clone(), palette.ink);
        if let Some(last) = self.told.rows.last().filter(|_| self.is_modelled) {
            let end = at + last.rect().right_center().to_vec2();
            made_by::at(ui, end + vec2(made_by::WIDTH / 2.0, 0.0), "at once", MadeBy::Modelled);
        }
        response.on_hover_text(&self.text);
        let line = Rect::from_min_size(told.left_bottom(), vec2(place.width(), LINE));
        if map.look.question.hides.classes {
            let (text, font) = (tr(ui.ctx(), withheld::CLASSES), theme::text(theme::LABEL));
            fit_text(ui.painter(), line, Align2::LEFT_CENTER, text, font, palette.faint_ink);
        } else {
            let painter = ui.painter_at(line.with_max_y(line.bottom() + self.last() as f32 * LINE));
            for ((sign, text), (row, x)) in self.signs.iter().zip(&self.places) {
                let at = line.min + vec2(*x, 4.0 + *row as f32 * LINE);
                sign.paint(ui, &painter, at, palette);
                let place = at + vec2(sign.width(), SQUARE / 2.0);
                let font = theme::text(theme::LABEL);
                draw::put_text(&painter, place, Align2::LEFT_CENTER, text, font, palette.faint_ink);
            }
            let below = line.translate(vec2(0.0, (self.last() + usize::from(self.is_apart)) as f32 * LINE));
            self.so_far.paint(map, below);
        }
    }
}

impl SoFar {
    fn of(ctx: &Context, look: &Look<'_>) -> Self {
        let [shown, begun] = begun(ctx, look);
        let moved = bytes(look.snapshot.totals.traffic.hbm_bytes());
        let moved = match look.question.hides.bytes {
            true => String::new(),
            false => format!("   {} {moved}", tr(ctx, "moved so far")),
        };
        let text = format!("{} {shown}{moved}", tr(ctx, "tiles begun"));
        Self { begun, text }
    }

    /// With the mark before it.
    fn width(&self, ui: &Ui) -> f32 {
        made_by::WIDTH + width_of(ui, &self.text)
    }

    fn paint(&self, map: &Map<'_>, line: Rect) {
        let (ui, font) = (map.ui, theme::text(theme::LABEL));
        let width = fit_text(ui.painter(), line, Align2::RIGHT_CENTER, &self.text, font, map.palette.ink);
        let response = ui.interact(line.with_min_x(line.right() - width), ui.scope_id().with("so far"), Sense::hover());
        draw::describe(&response, "tiles begun", &self.begun);
        if !self.text.contains(&self.begun) {
            response.on_hover_text(&self.begun);
        }
        let before = line.right_center() - vec2(width + made_by::WIDTH / 2.0, 0.0);
        made_by::at(ui, before, "so far", MadeBy::Counted);
    }
}

/// Tiles whose scores a step computes, so far and in the whole run: what the mask skips is none of them. Where each is
/// computed more than once, by another kernel or for another head of the group, the second text says so.
fn begun(ctx: &Context, look: &Look<'_>) -> [String; 2] {
    let all = |counts: &TileCounts| counts.full + counts.partial + counts.skipped;
    let (begun, computed) = (all(&look.snapshot.totals.tiles), all(&look.scene.run.meters().total().tiles));
    let tiles = all(&look.scene.map.tiles) - skipped(look);
    let counts = [begun, computed, tiles].map(grouped);
    let short = fill(ctx, "{0} of {1}", &[&counts[0], &counts[1]]);
    match computed.checked_div(tiles) {
        Some(times) if times > 1 && computed == times * tiles => {
            let pattern = "{0} of {1} ({2}, {3} {3|time|times} each)";
            let whole = fill(ctx, pattern, &[&counts[0], &counts[1], &counts[2], &times]);
            [short, whole]
        }
        _ => [short.clone(), short],
    }
}

/// Tiles that no step works on.
fn skipped(look: &Look<'_>) -> u64 {
    // A text that skips nothing computes tiles of which the mask hides everything.
    if look.scene.run.meters().total().tiles.skipped > 0 {
        return 0;
    }
    look.scene.map.tiles.skipped
}

fn width_of(ui: &Ui, text: &str) -> f32 {
    let font = theme::readable_font(text, theme::text(theme::LABEL));
    ui.painter().layout_no_wrap(text.to_owned(), font, theme::CLEAR).size().x
}

/// What the picture is made of, each with its sign; nothing while a question hides the classes of tiles.
fn signs(map: &Map<'_>) -> Vec<(Sign, String)> {
    let (look, ctx) = (map.look, map.ui.ctx());
    if look.question.hides.classes {
        return Vec::new();
    }
    let counts = look.scene.map.tiles;
    let mut signs = match plane::shown_ghosts(map) {
        Some(ghosts) => vec![(Sign::Weights, fill(ctx, "weights, 0 to {0}", &[&number::short(ghosts.limit)]))],
        None => [(Sign::Done, "done"), (Sign::ToCome, "to come")]
            .map(|(sign, text)| (sign, tr(ctx, text).to_owned()))
            .into(),
    };
    let of_class = [
        ("partial {0}", counts.partial, Sign::Hatched),
        ("hidden whole {0}", counts.skipped - skipped(look), Sign::Hatched),
        ("skipped {0}", skipped(look), Sign::Ground),
    ];
    let mut of_class = of_class.into_iter().filter(|(_, count, _)| *count > 0).peekable();
    if skipped(look) > 0 && !signs.iter().any(|(sign, _)| *sign == Sign::ToCome) {
        signs.push((Sign::ToCome, tr(ctx, "to come").to_owned()));
    }
    signs.extend(of_class.peek().map(|_| (Sign::Counted, String::new())));
    signs.extend(of_class.map(|(pattern, count, sign)| (sign, fill(ctx, pattern, &[&grouped(count)]))));
    if look.scene.map.grid.is_thinned() {
        signs.push((Sign::Nothing, tr(ctx, "every n-th tile is shown").to_owned()));
    }
    signs
}

/// What of the plane is ever in HBM, and what of it is not drawn.
fn of_plane(map: &Map<'_>) -> Vec<String> {
    let (layout, ctx) = (map.layout, map.ui.ctx());
    let mut parts = Vec::new();
    let on_chip = list(ctx, &plane::on_chip_only(map.look));
    match layout.sheets.as_slice() {
        [] if !on_chip.is_empty() && !map.look.question.hides.bytes => {
            parts.push(fill(ctx, "{0}: computed, never stored", &[&on_chip]));
        }
        [] => {}
        sheets => {
            let names: Vec<&str> = sheets.iter().map(|tensor| tensor.name()).collect();
            parts.push(fill(ctx, "{0}: whole in HBM", &[&list(ctx, &names)]));
        }
    }
    if layout.more_splits > 0 {
        parts.push(fill(ctx, "and {0} more splits", &[&layout.more_splits]));
    }
    parts
}

/// That programs are outlined, which is modelled, or why none is.
fn beside(map: &Map<'_>) -> Option<String> {
    let ctx = map.ui.ctx();
    Some(match map.beside? {
        RunsAtOnce::Programs(places, chip) => {
            let count = number::modelled(places.len() as f64);
            fill(
                ctx,
                "{0} {0|program|programs} of this head outlined: at once on this chip ({1}), modelled",
                &[&count, chip],
            )
        }
        RunsAtOnce::Unknown(why) => fill(ctx, "at once on this chip: {0}", &[&say(ctx, why)]),
    })
}

/// That the matrices beside the plane are thicker or thinner than to scale.
fn fold(map: &Map<'_>) -> Vec<String> {
    let of = |fold: f32| {
        let (pattern, times) =
            if fold < 1.0 { ("d is folded {0}\u{a0}x", 1.0 / fold) } else { ("d is stretched {0}\u{a0}x", fold) };
        fill(map.ui.ctx(), pattern, &[&number::times(f64::from(times))])
    };
    map.layout.fold().map(of).into_iter().collect()
}

/// Each loop in words; the axes of one loop together.
fn in_words(ctx: &Context, loops: &[LoopOf]) -> Vec<String> {
    let of_one = loops.chunk_by(|a, b| a.depth == b.depth);
    let words = |one: &[LoopOf]| {
        let axes: Vec<&str> = one.iter().map(|told| tr(ctx, axis_word(told.over.axis))).collect();
        let pattern = match (one[0].depth == 0, one[0].is_parallel) {
            (true, true) => "outer loop: {0}, in parallel",
            (true, false) => "outer loop: {0}",
            (false, true) => "inner loop: {0}, in parallel",
            (false, false) => "inner loop: {0}",
        };
        fill(ctx, pattern, &[&list(ctx, &axes)])
    };
    of_one.map(words).collect()
}

fn axis_word(axis: Axis) -> &'static str {
    match axis {
        Axis::I => "query blocks i",
        Axis::J => "key blocks j",
        Axis::S => "splits s",
        Axis::H => "heads h",
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{self, Vec2};

    use super::*;
    use crate::app::message::plane_lens::PlaneLens;
    use crate::app::panels::far::figure;
    use crate::app::panels::far::layout::{MapLayout, Subject};
    use crate::app::panels::far::window::PlaneWindow;
    use crate::app::run::job::Signals;
    use crate::app::run::scene::FinishedRun;
    use crate::app::run::settings::Settings;
    use crate::app::run::snapshot::Snapshot;
    use crate::app::tongue::words::set_language;
    use crate::attention::input::preset;
    use crate::attention::{Input, Mask};
    use crate::playback::lesson::Language;
    use crate::schedule::algorithm;

    /// From the width of a map beside a projected question on, no line of any text loses a word, in both languages.
    #[test]
    fn no_word_below_the_map_is_cut() {
        let mut apart = 0;
        for algorithm in algorithm::of_program() {
            let mut input: Input = preset::toy();
            input.problem.mask = Mask { causal: true, ..Mask::default() };
            let input = Arc::new(input);
            let settings = Settings { algorithm: algorithm.clone(), ..Settings::for_input(&input) };
            let scene = FinishedRun::build(input, settings, &Signals::default()).unwrap();
            let snapshot = Snapshot::new(&scene, scene.schedule().len(), None);
            let look = Look::at(&scene, &snapshot);
            for language in [Language::English, Language::Chinese] {
                let ctx = Context::default();
                theme::install(&ctx);
                set_language(&ctx, language);
                let schedule = scene.schedule();
                let (algorithm, setting) = (&schedule.algorithm, &schedule.setting);
                let mut check = |ui: &mut Ui| {
                    let buffers = figure::buffers(&look);
                    let words = Vec2::ZERO;
                    let subject = Subject { algorithm, setting, buffers: &buffers, budget: None, words };
                    for width in [412.0_f32, 420.0, 500.0, 700.0, 1200.0] {
                        let area = Rect::from_min_size(egui::pos2(0.0, 0.0), vec2(width, 300.0));
                        let layout = MapLayout::new(&subject, area);
                        let window = PlaneWindow::new(&layout, PlaneLens::default(), scene.plan());
                        let palette = Palette::of(ui);
                        let (layout, window) = (&layout, &window);
                        let map = Map {
                            ui,
                            look: &look,
                            layout,
                            window,
                            buffers: &buffers,
                            ghosts: None,
                            beside: None,
                            palette,
                        };
                        let foot = Foot::new(&map, width, true);
                        let at = format!("{} {} at {width}", algorithm.name(), language.code());
                        assert!(!foot.told.elided, "{at}: {}", foot.text);
                        let signs = |(sign, text): &(Sign, String)| sign.width() + width_of(ui, text) + 3.0 * SPACE;
                        let signs: f32 = foot.signs.iter().map(signs).sum();
                        let counts = foot.so_far.width(ui);
                        let is_apart = foot.is_apart;
                        assert!(signs <= width && counts <= width, "{at}: {signs} and {counts}");
                        assert!(is_apart || signs + counts <= width, "{at}: {signs} over {counts}");
                        apart += usize::from(is_apart);
                    }
                };
                _ = ctx.run_ui(egui::RawInput::default(), |ui| check(ui));
            }
        }
        assert!(apart > 0, "no room was too narrow for one line");
    }
}
