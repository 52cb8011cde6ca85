//! Compare: the run that is open (A) beside another run of the same input (B), under one cursor. Two maps, two meters to
//! one scale, one sentence; never two stages.

mod choices;
mod why;

use std::sync::Arc;

use eframe::egui::{self, Align, Align2, Key, Layout, Modifiers, Rect, RichText, Sense, Ui, Vec2, pos2, vec2};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::float::column;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::motion::Motion;
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::compare::CompareMessage;
use crate::app::message::{Message, commands};
use crate::app::panels::compare::choices::{LINE, line};
use crate::app::panels::compare::why::RunTold;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::panels::{far, grid};
use crate::app::run::ghosts::Ghosts;
use crate::app::run::lock::Lock;
use crate::app::run::pair::{Other, Rescales};
use crate::app::run::said::{NOT_MODELLED, per_tensor};
use crate::app::run::scene::{Check, FinishedRun};
use crate::app::run::settings::Settings;
use crate::app::run::snapshot::Snapshot;
use crate::app::state::compare::{BothAt, Compare};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::machine::Totals;
use crate::number::{bytes, compact, grouped, short};
use crate::schedule::{Part, Tiling};
use crate::sentence::Sentence;

pub static PANEL: Panel = Panel {
    id: "compare",
    title: "Compare",
    home: Home::Main,
    group: "Look",
    command: "Compare two runs",
    keys: &[(Modifiers::NONE, Key::Num4)],
    opens: Message::Compare(CompareMessage::Open),
    also: "race, beside, difference",
    help: "Two runs of one input under one cursor.",
    show: |ui, drawn| {
        let Some((scene, look)) = drawn.scene.zip(drawn.look) else { return };
        let Some(at) = drawn.document.snapshot() else { return };
        let ghosts = drawn.view.ghosts(ui.ctx(), scene, look.generation);
        show(ui, (scene, at), look, ghosts, &mut drawn.view.compare, drawn.textures, drawn.messages);
    },
};

/// Height of the sentence below both.
const SENTENCE: f32 = 48.0;
/// The sentence of three lines, beside the task of a lesson that is presented.
const BARE_SENTENCE: f32 = 68.0;
/// Of two lines, over the whole width; how much larger the maps are to be for one to stand above the other; and the name
/// that stands before a meter then.
const STACKED_SENTENCE: f32 = 40.0;
const STACKED_IS_LARGER: f32 = 1.25;
const STACKED_NAME: f32 = 136.0;
/// Height of a meter, and of the facts.
const METER: f32 = 40.0;
const FACTS: f32 = 176.0;
/// Width that they need at least, and where there is more than enough.
const LEAST_FACTS: f32 = 150.0;
const BESIDE: f32 = 280.0;
/// A map of the whole width is at least so high.
const LEAST_MAP: f32 = 180.0;

/// How large the parts of a side are.
#[derive(Clone, Copy)]
struct Sizes {
    map: Vec2,
    /// The facts stand below the map, where there is room, else beside it.
    is_below: bool,
    /// Of the map and the facts.
    upper: f32,
    /// There are no facts.
    is_bare: bool,
    /// One side stands above the other, its meter beside its name.
    is_stacked: bool,
}

impl Sizes {
    fn bare(width: f32, height: f32) -> Self {
        let upper = (height - BARE_SENTENCE - LINE - METER - 8.0 * SPACE).max(24.0);
        Self { map: vec2(width, upper), is_below: false, upper, is_bare: true, is_stacked: false }
    }

    /// The same with the whole width for each side, and half of the height.
    fn stacked(width: f32, height: f32) -> Self {
        let upper = ((height - STACKED_SENTENCE) / 2.0 - LINE - 2.0 * SPACE).max(24.0);
        Self { map: vec2(width, upper), is_below: false, upper, is_bare: true, is_stacked: true }
    }

    /// In a side of this width, the sentence below being part of the height.
    fn of(width: f32, height: f32) -> Self {
        let room = (height - SENTENCE - 2.0 * LINE - METER - 8.0 * SPACE).max(FACTS);
        let is_below = room - FACTS >= LEAST_MAP;
        if is_below {
            return Self { map: vec2(width, room - FACTS), is_below, upper: room, is_bare: false, is_stacked: false };
        }
        let side = (width * 0.5).max(width - BESIDE).min(room).max(24.0);
        // Facts that would lie over the map and each other leave it the room.
        if width - side < LEAST_FACTS {
            return Self { map: vec2(width, room), is_below: false, upper: room, is_bare: true, is_stacked: false };
        }
        Self { map: vec2(side, side), is_below, upper: side.max(FACTS), is_bare: false, is_stacked: false }
    }

    /// Of one side.
    fn height(self) -> f32 {
        match self.is_stacked {
            true => LINE + self.upper + 2.0 * SPACE,
            false => 2.0 * LINE + self.upper + METER + 6.0 * SPACE,
        }
    }

    /// The places of both sides, and of what stands below them.
    fn places(self, area: Rect, gap: f32) -> ([Rect; 2], Rect) {
        let split = |rect: Rect, height: f32| rect.split_top_bottom_at_y((rect.top() + height).min(rect.bottom()));
        let (first, below) = split(area, self.height());
        if self.is_stacked {
            let (second, below) = split(below, self.height());
            return ([first, second], below);
        }
        let (left, right) = first.split_left_right_at_fraction(0.5);
        let left = Rect::from_min_max(left.min, left.max - vec2(gap, 0.0));
        ([left, Rect::from_min_max(right.min + vec2(gap, 0.0), right.max)], below)
    }
}

/// One run at its cursor.
struct Half<'a> {
    letter: &'static str,
    look: Look<'a>,
    rescales: Option<Rescales>,
    ghosts: Option<Arc<Ghosts>>,
    /// Of its map.
    textures: [&'static str; 2],
}

/// `ghosts` are those of A, `at` is where it stands.
pub fn show(
    ui: &mut Ui,
    (scene, at): (&Arc<FinishedRun>, &Arc<Snapshot>),
    look: &Look<'_>,
    ghosts: Option<Arc<Ghosts>>,
    compare: &mut Compare,
    textures: &mut Textures,
    messages: &mut Vec<Message>,
) {
    let is_bare = compare.is_bare;
    if !is_bare {
        head(ui, compare, messages);
    }
    let pair = compare.pair(ui.ctx(), scene, look.generation);
    let (rescales, serial) = pair.and_then(Result::ok).map_or((None, 0), |made| (made.rescales, made.serial));
    let other = pair.map(|pair| pair.map_err(Clone::clone).and_then(|made| made.other.clone()));
    let ready = other.as_ref().and_then(|other| other.as_ref().ok());
    let moment = ready.and_then(|other| compare.moment(ui.ctx(), serial, (scene, at), &other.scene));
    let a = Half { letter: "A", look: side_a(look, moment.as_ref()), rescales, ghosts, textures: ["map", "ghosts"] };
    let b = ready.zip(moment.as_ref());
    let b = b.map(|(other, moment)| side_b(ui.ctx(), look, compare, other, (serial, &moment.b)));
    let most = a.total_bytes().max(ready.map_or(0, |other| total_bytes(&other.scene)));
    let area = ui.available_rect_before_wrap();
    let gap = 3.0 * SPACE;
    let of_side = if is_bare { Sizes::bare } else { Sizes::of };
    // A token is as large in both maps, so that they compare.
    let scale = |sizes: Sizes| {
        let room = map_room(Rect::from_min_size(area.min, sizes.map), sizes);
        let halves = [Some(&a), b.as_ref()].into_iter().flatten();
        halves.map(|half| far::scale(&half.look, room)).fold(f32::INFINITY, f32::min)
    };
    let side_by_side = of_side(area.width() / 2.0 - gap, area.height());
    let stacked = Sizes::stacked(area.width(), area.height());
    // Planes of a few rows are wide and low: one above the other they have the width.
    let is_stacked = is_bare && scale(stacked) > STACKED_IS_LARGER * scale(side_by_side);
    let sizes = if is_stacked { stacked } else { side_by_side };
    let scale = scale(sizes);
    let ([of_a, of_b], lower) = sizes.places(area, gap);
    column(ui, of_a, &mut |ui| {
        if is_bare {
            name(ui, "A", &a.look.scene.settings);
        } else {
            title_of_a(ui, &a.look.scene.settings);
        }
        side(ui, &a, sizes, (most, scale), textures);
    });
    column(ui, of_b, &mut |ui| {
        if is_bare {
            name(ui, "B", &compare.settings(&look.scene.settings));
        } else {
            choices::show(ui, look.scene, compare, messages);
        }
        match (&b, &other) {
            (Some(b), _) => side(ui, b, sizes, (most, scale), textures),
            (None, Some(Err(fault))) => why_not(ui, fault),
            (None, _) => coming(ui, compare),
        }
    });
    if let Some(b) = b.as_ref().filter(|_| !look.question.hides.bytes) {
        column(ui, lower, &mut |ui| sentence(ui, &a, b, is_bare));
    }
}

/// A where it stands, or where it stood when B came to the same moment: the two are never apart.
fn side_a<'a>(look: &Look<'a>, moment: Option<&'a BothAt>) -> Look<'a> {
    match moment.map(|moment| &*moment.a) {
        Some(snapshot) if snapshot.cursor != look.snapshot.cursor => {
            Look { snapshot, motion: Motion::still(), ..*look }
        }
        _ => *look,
    }
}

/// B has a generation that no A has.
const OF_B: u64 = 1 << 63;

fn side_b<'a>(
    ctx: &egui::Context,
    look: &Look<'_>,
    compare: &mut Compare,
    other: &'a Other,
    (serial, snapshot): (u64, &'a Snapshot),
) -> Half<'a> {
    let generation = OF_B | serial;
    let ghosts = compare.ghosts.get(ctx, &other.scene, generation);
    let (selection, question, motion) = (look.selection, look.question, Motion::still());
    let look = Look {
        scene: &other.scene,
        snapshot,
        selection,
        check: Some(&other.check),
        generation,
        motion,
        question,
        race: None,
    };
    Half { letter: "B", look, rescales: other.rescales, ghosts, textures: ["map of B", "ghosts of B"] }
}

fn total_bytes(scene: &FinishedRun) -> u64 {
    scene.run.meters().total().traffic.hbm_bytes()
}

impl Half<'_> {
    fn total(&self) -> &Totals {
        self.look.scene.run.meters().total()
    }

    fn total_bytes(&self) -> u64 {
        total_bytes(self.look.scene)
    }

    fn name(&self, ctx: &egui::Context, what: &str) -> String {
        fill(ctx, "{0}: {1}", &[&self.letter, &tr(ctx, what)])
    }
}

/// What the two runs are locked by, and the way to change places.
fn head(ui: &mut Ui, compare: &Compare, messages: &mut Vec<Message>) {
    ui.horizontal(|ui| {
        draw::caption(ui, "One cursor, locked by");
        for lock in Lock::ALL {
            let action = Message::Compare(CompareMessage::Lock(lock));
            let response = ui.selectable_label(compare.lock() == lock, tr(ui.ctx(), lock.name()));
            if response.on_hover_text(commands::tooltip(ui.ctx(), &action)).clicked() {
                messages.push(action);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let action = Message::Compare(CompareMessage::Swap);
            if ui.button(tr(ui.ctx(), "Swap A and B")).clicked() {
                messages.push(action);
            }
        });
    });
    ui.add_space(SPACE);
}

/// All that is said of a side that is only looked at.
fn name(ui: &mut Ui, letter: &str, settings: &Settings) {
    line(ui, |ui| {
        ui.label(RichText::new(format!("{letter}  {}", settings.algorithm.short_name())).size(theme::TITLE).strong());
    });
}

fn title_of_a(ui: &mut Ui, settings: &Settings) {
    let Tiling { br, bc } = settings.tiling();
    line(ui, |ui| {
        ui.label(RichText::new(format!("A  {}", settings.algorithm.short_name())).size(theme::HEADING).strong());
        draw::caption(ui, "the run that is open");
    });
    line(ui, |ui| {
        ui.label(format!("Br {br}, Bc {bc}, {}", settings.run.precision().name()));
    });
}

/// A map with the facts, and the meter below.
fn side(ui: &mut Ui, side: &Half<'_>, sizes: Sizes, (most, scale): (u64, f32), textures: &mut Textures) {
    let area = ui.available_rect_before_wrap();
    let upper = Rect::from_min_size(area.min, vec2(area.width(), sizes.upper));
    let map = Rect::from_min_size(area.min, sizes.map);
    map_of(ui, (map, map_room(map, sizes)), side, scale, textures);
    let facts_at = if sizes.is_below {
        Rect::from_min_max(pos2(area.left(), upper.bottom() - FACTS), upper.max)
    } else {
        Rect::from_min_max(pos2(map.right() + 4.0 * SPACE, area.top()), upper.max)
    };
    if !sizes.is_bare {
        column(ui, facts_at, &mut |ui| facts(ui, side));
    }
    let meter_at = match sizes.is_stacked {
        true => Rect::from_min_max(pos2(area.left() + STACKED_NAME, upper.top() - LINE), upper.right_top()),
        false => Rect::from_min_size(upper.left_bottom() + vec2(0.0, 2.0 * SPACE), vec2(area.width(), METER)),
    };
    meter(ui, meter_at, side, most);
}

/// The run as far as it has come.
fn map_of(ui: &mut Ui, (room, inner): (Rect, Rect), side: &Half<'_>, scale: f32, textures: &mut Textures) {
    let response = ui.interact(room, ui.scope_id().with((side.letter, "grid")), Sense::hover());
    draw::describe_as(&response, || {
        [side.name(ui.ctx(), "schedule grid"), grid::tile_text(ui.ctx(), side.look.snapshot.tile())]
    });
    // What can be pointed at in one map has another name than in the other.
    let ui = ui.new_child(egui::UiBuilder::new().id_salt(side.letter));
    far::picture(&ui, &side.look, (inner, scale), side.ghosts.as_deref(), side.textures, textures);
}

/// A map that is low already has all of its room.
fn map_room(room: Rect, sizes: Sizes) -> Rect {
    if sizes.is_stacked { room } else { room.shrink2(vec2(0.0, SPACE)) }
}

const PEAK: &str = "Bytes of live buffers at their most; ! where they do not fit the chip.";
const IDEAL_PEAK: &str =
    "Bytes of live buffers at their most. Its products are ideal: they are not held against a budget.";

fn facts(ui: &mut Ui, side: &Half<'_>) {
    ui.spacing_mut().item_spacing.y = 2.0;
    let made = |ui: &mut Ui, by: MadeBy, name: &str, value: &str, tip: &str| {
        made_by::line(ui, by, |ui| {
            draw::value_row(ui, name, value, &side.name(ui.ctx(), name)).on_hover_text(tr(ui.ctx(), tip));
        });
    };
    let ctx = ui.ctx().clone();
    let of = |now: u64, all: u64| fill(&ctx, "{0} of {1}", &[&grouped(now), &grouped(all)]);
    let step = of(side.look.snapshot.cursor, side.look.scene.schedule().len());
    made(ui, MadeBy::Counted, "step", &step, "Steps done, and all of them.");
    let tile = side.look.snapshot.tile().map_or("-".to_owned(), |(i, j)| format!("i {i}, j {j}"));
    made(ui, MadeBy::Counted, "tile", &tile, "The tile that the last step worked on.");
    ui.add_space(SPACE);
    draw::caption(ui, "in the whole run");
    let total = side.total();
    let is_budgeted = side.look.scene.schedule().algorithm.is_budgeted();
    let is_over = is_budgeted && !total.peak.fits(&side.look.scene.settings.hardware());
    let peak = bytes(total.peak.total());
    let peak = if is_over { format!("! {peak}") } else { peak };
    // As the map says of it.
    let (name, told) = if is_budgeted { ("SRAM peak", PEAK) } else { ("ideal peak", IDEAL_PEAK) };
    made(ui, MadeBy::Counted, name, &peak, told);
    made(
        ui,
        MadeBy::Counted,
        "FLOPs",
        &compact(total.traffic.flops.total()),
        "Floating-point operations of all kinds.",
    );
    let rescales = match side.rescales {
        None => "...".into(),
        Some(Rescales { of: 0, .. }) => tr(ui.ctx(), "none").to_owned(),
        Some(Rescales { rows, of: visits }) => of(rows, visits),
    };
    made(ui, MadeBy::Computed, "row rescales", &rescales, RESCALES);
    let (name, error, tip) = error(&ctx, side.look.check.filter(|_| !side.look.question.hides.errors));
    made(ui, MadeBy::Computed, name, &error, &tip);
}

/// The error of O at the end, or of the gradient that is closest to its bound: of what, how much, and what it means.
fn error(ctx: &egui::Context, check: Option<&Check>) -> (&'static str, String, String) {
    let compared = |name, tensor: &str, error: f64, bound: f64| {
        let (mark, told) = match error <= bound {
            true => ("", "The largest error of {0} against exact f64; it is within the bound."),
            false => ("! ", "The largest error of {0} against exact f64; it is outside the bound."),
        };
        (name, format!("{mark}{}", short(error)), fill(ctx, told, &[&tensor]))
    };
    match check {
        None => ("error of O", "...".into(), tr(ctx, "Compared with exact attention in f64.").to_owned()),
        Some(Check::NotComputed(why)) => ("error of O", tr(ctx, "not computed").to_owned(), say(ctx, why)),
        Some(Check::Done { errors, bound, .. }) => compared("error of O", Part::Output.symbol(), errors.o, bound.o),
        Some(Check::Gradients { compared: all, .. }) => {
            match all.iter().max_by(|a, b| a.share().total_cmp(&b.share())) {
                Some(of) => compared("error of gradients", of.name, of.error, of.bound),
                None => ("error of gradients", tr(ctx, "not computed").to_owned(), String::new()),
            }
        }
    }
}

const RESCALES: &str = "How often a row's maximum rose, so that its sum and output shrank by an alpha below 1; of all \
    visits of a row that had seen a key. None: the algorithm sees whole rows at once.";

/// HBM bytes so far and in all, to the scale that both sides share.
fn meter(ui: &mut Ui, rect: Rect, side: &Half<'_>, most: u64) {
    let palette = Palette::of(ui);
    if side.look.question.hides.bytes {
        let (hidden, font) = (tr(ui.ctx(), withheld::BYTES), theme::text(theme::LABEL));
        fit_text(ui.painter(), rect, Align2::LEFT_CENTER, hidden, font, palette.faint_ink);
        return;
    }
    let (now, total) = (side.look.snapshot.totals.traffic.hbm_bytes(), side.total_bytes());
    let (words, bar) = rect.split_top_bottom_at_fraction(0.5);
    let painter = ui.painter();
    let of = fill(ui.ctx(), "{0} of {1}", &[&bytes(now), &bytes(total)]);
    let font = theme::text(theme::LABEL);
    let name = tr(ui.ctx(), "HBM bytes so far");
    let wide = |text: &str, font| painter.layout_no_wrap(text.to_owned(), font, palette.ink).size().x;
    // Projected beside a task there is no room for both, and the numbers have their unit.
    let (of_name, of_numbers) = (wide(name, font.clone()), wide(&of, theme::figures(theme::LABEL)));
    if of_name + of_numbers + made_by::WIDTH + 2.0 * SPACE < words.width() {
        fit_text(painter, words, Align2::LEFT_CENTER, name, font, palette.faint_ink);
    }
    fit_text(painter, words, Align2::RIGHT_CENTER, &of, theme::figures(theme::LABEL), palette.ink);
    if of_numbers + made_by::WIDTH < words.width() {
        let before = pos2(words.right() - of_numbers - made_by::WIDTH / 2.0, words.center().y);
        made_by::at(ui, before, side.letter, MadeBy::Counted);
    }
    let width = |bytes: u64| bar.width() * (bytes as f64 / most.max(1) as f64) as f32;
    let part = |bytes: u64| Rect::from_min_size(bar.min, vec2(width(bytes).max(1.0), 12.0));
    painter.rect_filled(part(total), 2.0, palette.accent_soft);
    painter.rect_filled(part(now), 2.0, palette.accent);
    painter.rect_stroke(part(total), 2.0, palette.hairline(), egui::StrokeKind::Inside);
    let response = ui.interact(rect, ui.scope_id().with((side.letter, "meter")), Sense::hover());
    draw::describe(
        &response,
        &side.name(ui.ctx(), "HBM bytes"),
        &fill(ui.ctx(), "{0} of {1}", &[&grouped(now), &grouped(total)]),
    );
    response.on_hover_ui(|ui| drop(ui.label(per_tensor(ui.ctx(), &side.total().traffic))));
}

fn sentence(ui: &mut Ui, a: &Half<'_>, b: &Half<'_>, is_bare: bool) {
    let name = |side: &Half<'_>| format!("{} ({})", side.letter, side.look.scene.settings.algorithm.short_name());
    let (of_a, of_b) = (name(a), name(b));
    let told = |name, side: &Half<'_>| (name, side.look.scene.plan().clone(), side.total().traffic);
    let ((a, plan_a, traffic_a), (b, plan_b, traffic_b)) = (told(&of_a, a), told(&of_b, b));
    let text = why::sentence(
        ui.ctx(),
        RunTold { name: a, plan: &plan_a, traffic: &traffic_a },
        RunTold { name: b, plan: &plan_b, traffic: &traffic_b },
    );
    let said = RichText::new(&text).size(theme::BODY);
    // Projected it has its lines full, and the meters above it have the mark.
    let response = if is_bare { ui.label(said) } else { made_by::before(ui, MadeBy::Counted, |ui| ui.label(said)) };
    let response = response.on_hover_text(tr(ui.ctx(), NOT_MODELLED));
    draw::describe(&response, "which moves more", &text);
}

fn why_not(ui: &mut Ui, fault: &Sentence) {
    let palette = Palette::of(ui);
    let text = fill(ui.ctx(), "! B cannot run: {0}.", &[&say(ui.ctx(), fault)]);
    let response = ui.label(RichText::new(&text).color(palette.ink).background_color(palette.trouble_soft));
    draw::describe(&response, "run of B", &text);
}

fn coming(ui: &mut Ui, compare: &Compare) {
    let progress = compare.progress();
    let response = ui.label(tr(ui.ctx(), "B is being run ..."));
    draw::describe(&response, "run of B", tr(ui.ctx(), "B is being run ..."));
    ui.add(egui::ProgressBar::new(progress).desired_width(160.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_have_the_width_that_they_need_or_none() {
        for width in [120.0_f32, 165.0, 240.0, 320.0, 480.0, 700.0] {
            for height in [220.0, 300.0, 420.0, 700.0] {
                let sizes = Sizes::of(width, height);
                let room = if sizes.is_below { width } else { width - sizes.map.x };
                assert!(sizes.is_bare || room >= LEAST_FACTS.min(width), "{room} of {width} x {height}");
                assert!(sizes.map.x <= width && sizes.map.y <= sizes.upper);
            }
        }
        assert!(Sizes::of(165.0, 220.0).is_bare && !Sizes::of(480.0, 420.0).is_bare);
    }
}
