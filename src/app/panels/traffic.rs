//! The traffic counters: what moved so far and in total, per tensor, beside standard attention and the closed form.

use eframe::egui::{self, Key, Modifiers, Ui};

use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::run::flows::Way;
use crate::app::run::said::{NOT_MODELLED, beside_formula};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::machine::Totals;
use crate::number::{Unit, grouped};
use crate::schedule::{Flops, Traffic};

pub static PANEL: Panel = Panel {
    id: "traffic",
    title: "Counts",
    home: Home::Right,
    group: "Look",
    command: "Counts",
    keys: &[(Modifiers::ALT, Key::Num1)],
    opens: Message::Show("traffic"),
    also: "traffic, table, HBM, FLOPs",
    help: "Bytes and FLOPs so far and in all, beside the closed form.",
    show: |ui, drawn| {
        if let Some(look) = drawn.look {
            show(ui, look);
        }
    },
};

/// Letters that a column has room for above it.
const LONGEST_HEAD: usize = 10;
/// Height of a line where there is room; where there is little, it is that of its script.
const LINE: f32 = 18.0;
/// What stands below the table: captions of four lines.
const BELOW: f32 = 76.0;

/// A line of the table.
struct Counted {
    /// For those who read the screen without seeing it.
    name: String,
    /// With its unit, where that is not the column's.
    shown: String,
    count: Count,
    unit: Unit,
    told: Option<String>,
}

/// One count: at the cursor, at the end, and what the baseline comes to where that is another algorithm.
#[derive(Clone, Copy)]
struct Count {
    now: u64,
    end: u64,
    standard: Option<u64>,
}

impl Count {
    fn most(&self) -> u64 {
        self.end.max(self.standard.unwrap_or(0))
    }
}

fn show(ui: &mut Ui, look: &Look<'_>) {
    if look.question.hides.bytes {
        ui.label(tr(ui.ctx(), withheld::BYTES));
        return;
    }
    let now = &look.snapshot.totals.traffic;
    let end = &look.scene.run.meters().total().traffic;
    let standard = (!look.scene.is_baseline()).then_some(&look.scene.standard);
    let count = |of: &dyn Fn(&Traffic) -> u64| Count { now: of(now), end: of(end), standard: standard.map(of) };
    let ctx = ui.ctx().clone();
    let mut tensors = end.tensors();
    tensors.extend(standard.map(Traffic::tensors).unwrap_or_default());
    tensors.sort();
    tensors.dedup();
    let ways = [("{0} read", Way::Read), ("{0} write", Way::Write)];
    let mut elements: Vec<(String, Count)> = Vec::new();
    for (way, side) in ways {
        for &tensor in &tensors {
            let count = count(&|traffic: &Traffic| side.of(traffic).get(tensor));
            if count.end > 0 || count.standard.is_some_and(|standard| standard > 0) {
                elements.push((fill(ui.ctx(), way, &[&tensor.name()]), count));
            }
        }
    }
    elements.push((tr(&ctx, "SRAM read").to_owned(), count(&|traffic: &Traffic| traffic.sram_read)));
    elements.push((tr(&ctx, "SRAM write").to_owned(), count(&|traffic: &Traffic| traffic.sram_write)));
    // Elements have one unit, which the head says; each of the other lines has its own, and says it.
    let unit = Unit::of_count(elements.iter().map(|(_, count)| count.most()).max().unwrap_or(0));
    let of_elements = |(name, count): (String, Count)| Counted { shown: name.clone(), name, count, unit, told: None };
    let mut lines: Vec<Counted> = elements.into_iter().map(of_elements).collect();
    let of = |name: &str, shown: &str, count: Count, unit: Unit, told: Option<String>| {
        let name = tr(&ctx, name).to_owned();
        Counted { name, shown: with_unit(&ctx, shown, unit), count, unit, told }
    };
    let moved = count(&|traffic: &Traffic| traffic.hbm_bytes());
    lines.push(of("HBM bytes", "HBM", moved, Unit::of(moved.most()), None));
    let flops = count(&|traffic: &Traffic| traffic.flops.total());
    lines.push(of("FLOPs", "FLOPs", flops, Unit::of_count(flops.most()), Some(flops_text(&ctx, end.flops))));
    let peak = |totals: &Totals| totals.peak.total();
    let (now, total) = (peak(&look.snapshot.totals), peak(look.scene.run.meters().total()));
    let told = tr(&ctx, "The most bytes that one thread block holds at once: shared memory and registers.");
    let peak = Count { now, end: total, standard: None };
    lines.push(of("peak on chip, B", "peak on chip", peak, Unit::of(total), Some(told.to_owned())));
    // Where the whole table would not fit, its lines stand closer rather than that its end is out of sight.
    // (Whatever is scrolled: what stands above the table is measured from the top of what is scrolled.)
    let room = ui.clip_rect().height() - (ui.cursor().top() - ui.min_rect().top()) - BELOW;
    let script = lines.iter().map(|line| theme::readable(&line.shown, theme::LABEL)).fold(theme::LABEL, f32::max);
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.spacing_mut().interact_size.y = (room / (lines.len() + 1) as f32).clamp(script, LINE);
    header(ui, unit, standard.map(|_| look.scene.baseline().name()));
    for of in lines {
        let response = line(ui, &of);
        if let Some(told) = of.told {
            response.on_hover_text(told);
        }
    }
    beside(ui, look);
}

/// `FLOPs, M`; a count below a million has no unit.
fn with_unit(ctx: &egui::Context, name: &str, unit: Unit) -> String {
    let name = tr(ctx, name);
    if unit.name.is_empty() { name.to_owned() } else { fill(ctx, "{0}, {1}", &[&name, &unit.name]) }
}

/// FLOPs by kind, with how they are counted.
fn flops_text(ctx: &egui::Context, flops: Flops) -> String {
    let text = "{0} in matrix products (2 for each multiply-add), {1} {1|exponential|exponentials}, {2} other; \
        counted over every tile that is not skipped. Not modelled: how fast each kind runs.";
    fill(ctx, text, &[&grouped(flops.matmul), &grouped(flops.exp), &grouped(flops.other)])
}

/// `baseline` heads the third column; the bars below say a name that is too long for it.
fn header(ui: &mut Ui, unit: Unit, baseline: Option<&str>) {
    let (palette, ctx) = (Palette::of(ui), ui.ctx().clone());
    let baseline = baseline.map_or("", |name| if name.len() <= LONGEST_HEAD { name } else { tr(&ctx, "baseline") });
    let texts = [tr(&ctx, "so far"), tr(&ctx, "in total"), baseline];
    let font = theme::text(theme::LABEL);
    let name = with_unit(&ctx, "elements", unit);
    columns(ui, (&name, palette.faint_ink), texts, font, palette.faint_ink).on_hover_text(tr(&ctx, NOT_MODELLED));
}

/// A name with its counts; the accessible value reads `now of end`.
fn line(ui: &mut Ui, of: &Counted) -> egui::Response {
    let (palette, Counted { name, shown, count, unit, .. }) = (Palette::of(ui), of);
    let numbers = [Some(count.now), Some(count.end), count.standard];
    let texts = numbers.map(|n| n.map_or_else(String::new, |n| unit.write(n)));
    let texts = texts.each_ref().map(String::as_str);
    let response = columns(ui, (shown, palette.ink), texts, theme::figures(theme::LABEL), palette.ink);
    let value = fill(ui.ctx(), "{0} of {1}", &[&grouped(count.now), &grouped(count.end)]);
    draw::describe(&response, name, &value);
    response.on_hover_text(fill(ui.ctx(), "{0}: {1}", &[name, &value]))
}

/// A name on the left, and three numbers aligned at their last digits; the third column is left out when it is empty.
fn columns(
    ui: &mut Ui,
    (name, name_color): (&str, egui::Color32),
    texts: [&str; 3],
    font: egui::FontId,
    color: egui::Color32,
) -> egui::Response {
    let size = egui::vec2(ui.available_width(), ui.spacing().interact_size.y);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    let painter = ui.painter();
    let at = |x: f32| egui::pos2(rect.left() + x * rect.width(), rect.center().y);
    draw::put_text(painter, at(0.0), egui::Align2::LEFT_CENTER, name, theme::text(theme::LABEL), name_color);
    for (x, text) in [0.5, 0.75, 1.0].into_iter().zip(texts) {
        draw::put_text(painter, at(x), egui::Align2::RIGHT_CENTER, text, font.clone(), color);
    }
    response
}

fn beside(ui: &mut Ui, look: &Look<'_>) {
    let (ctx, not_modelled) = (ui.ctx().clone(), tr(ui.ctx(), NOT_MODELLED));
    let formula = say(&ctx, &beside_formula(look.scene.run.meters(), &look.scene.closed_form));
    ui.label(draw::label(&formula)).on_hover_text(not_modelled);
    ui.horizontal(|ui| {
        made_by::mark(ui, MadeBy::Counted);
        draw::caption(ui, "What is not modelled?").on_hover_text(not_modelled);
    });
}
