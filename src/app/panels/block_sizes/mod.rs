//! The explorer of block sizes: what every pair (Br, Bc) would move, by the closed forms; what does not fit; what the
//! paper chooses. And the surprises of these formulas, each one click away.

mod asked;

use eframe::egui::{self, Key, Modifiers, Rect, Sense, StrokeKind, Ui, vec2};

use crate::app::ink::draw;
use crate::app::ink::float::on_demand;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::texture::{Textures, UV};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::compare::CompareMessage;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::panels::setup::mask_in_words;
use crate::app::run::latest::Latest;
use crate::app::run::pair;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::attention::{Mask, Precision};
use crate::number::{Unit, bytes, short};
use crate::schedule::{Tiling, hardware};
use asked::{SizesAsked, SurfacePoint};

pub static PANEL: Panel = Panel {
    id: "block sizes",
    title: "Block sizes",
    home: Home::OnDemand,
    group: "Look",
    command: "Block sizes",
    keys: &[(Modifiers::ALT, Key::Num6)],
    opens: Message::Show("block sizes"),
    also: "tile size, tuning, autotune",
    help: "What every pair of block sizes would move, and what fits.",
    show: |ui, drawn| {
        let Some(look) = drawn.look else { return };
        if drawn.view.is_seen(PANEL.id) {
            drawn.owned.of::<BlockSizes>().show(ui, look, drawn.textures, drawn.messages);
        }
    },
};

const SIDE: f32 = 288.0;
/// Of up to so many tokens on a side the surface is made within a frame.
const AT_ONCE: usize = 16_384;
/// Tokens on a side, at most.
const LONGEST: usize = 1 << 20;

/// A setting in which a formula says what few expect: n tokens of so many numbers, in f16 on an A100, without a mask.
struct SurpriseShown {
    title: &'static str,
    n: usize,
    d: usize,
    algorithm: &'static str,
    tiling: Tiling,
}

/// Those that [`pair::SURPRISES`] runs.
const SURPRISES: [SurpriseShown; pair::SURPRISES.len()] = [
    SurpriseShown {
        title: "At the paper's own blocks flash2 moves more than flash1",
        n: 4096,
        d: 64,
        algorithm: "flash2",
        // The rule of flash1's paper for an A100 at f16: Bc = ceil(M / 4d), Br = min(Bc, d).
        tiling: Tiling { br: 64, bc: 326 },
    },
    SurpriseShown {
        title: "At d = 128 and 64 keys a block flash1 moves more than standard",
        n: 4096,
        d: 128,
        algorithm: "flash1",
        tiling: Tiling { br: 64, bc: 64 },
    },
];

impl SurpriseShown {
    fn question(&self) -> Option<SizesAsked> {
        SizesAsked::plain(self.n, self.d, self.algorithm)
    }
}

/// What is asked, and the answer while the question stays.
#[derive(Default)]
pub struct BlockSizes {
    /// Where it is not of the run on screen.
    own: Option<SizesAsked>,
    /// Where it is not the blocks of the run.
    picked: Option<Tiling>,
    surface: Latest<SizesAsked, Vec<SurfacePoint>>,
}

impl BlockSizes {
    pub fn is_busy(&self) -> bool {
        self.surface.is_busy()
    }

    /// Takes in a surface, shown or not.
    pub fn update(&mut self) {
        self.surface.update();
    }

    pub fn show(&mut self, ui: &mut Ui, look: &Look<'_>, textures: &mut Textures, messages: &mut Vec<Message>) {
        let is_open = on_demand(ui, PANEL.title, |ui| {
            if look.question.hides.bytes {
                ui.label(tr(ui.ctx(), withheld::BYTES));
                return;
            }
            let question = self.choices(ui, look);
            let asked = question.clone();
            let [n_q, n_k, _] = question.sizes();
            if n_q.max(n_k) <= AT_ONCE {
                self.surface.at_once(question.clone(), move || asked.surface());
            } else {
                self.surface.follow(ui.ctx(), question.clone(), move |_| Ok(asked.surface()));
            }
            let plan = look.scene.plan();
            let picked = self.picked.unwrap_or(Tiling { br: plan.br, bc: plan.bc });
            self.map(ui, picked, textures);
            verdict(ui, &question, picked);
            ui.separator();
            self.surprises(ui, messages);
        });
        if !is_open {
            messages.push(Message::Hide(PANEL.id));
        }
    }

    fn surprises(&mut self, ui: &mut Ui, messages: &mut Vec<Message>) {
        draw::caption(ui, "Surprises of the formulas");
        for (index, surprise) in SURPRISES.iter().enumerate() {
            if ui.add(egui::Button::new(tr(ui.ctx(), surprise.title)).wrap()).clicked() {
                (self.own, self.picked) = (surprise.question(), Some(surprise.tiling));
            }
            // Short enough to be run; the formulas say the same of any length.
            let compare = Message::Compare(CompareMessage::Surprise(index));
            let text = fill(ui.ctx(), "Run both at {0} {0|token|tokens} and compare", &[&pair::SURPRISES[index].n]);
            if ui.button(text).clicked() {
                messages.push(compare);
            }
        }
    }

    /// What is asked: the run on screen, until something of it is changed here.
    fn choices(&mut self, ui: &mut Ui, look: &Look<'_>) -> SizesAsked {
        let on_screen = SizesAsked::of_run(look);
        let question = self.own.clone().unwrap_or_else(|| on_screen.clone());
        let mut wanted = question.clone();
        ui.horizontal_wrapped(|ui| {
            let known = question.compared().into_iter().chain([on_screen.algorithm.clone()]);
            let mut shown: Vec<String> = Vec::new();
            for choice in known {
                if shown.iter().any(|name| name == choice.name()) {
                    continue;
                }
                shown.push(choice.name().to_owned());
                let is_on = wanted.algorithm.name() == choice.name();
                if ui.selectable_label(is_on, choice.short_name()).clicked() {
                    wanted.algorithm = choice;
                }
            }
        });
        ui.horizontal_wrapped(|ui| wanted = sizes(ui, wanted.clone()));
        ui.horizontal_wrapped(|ui| wanted = kinds(ui, wanted.clone()));
        let mask = mask_in_words(ui.ctx(), &wanted.mask);
        let caption = "HBM bytes of {0} {0|head|heads} by the closed form, {1}, {2}; hatched: does not fit a block";
        let caption = fill(ui.ctx(), caption, &[&wanted.heads(), &wanted.precision().name(), &mask]);
        made_by::before(ui, MadeBy::Counted, |ui| draw::describe(&draw::caption(ui, &caption), "surface of", &caption));
        if wanted != question {
            self.own = Some(wanted.clone());
        }
        if self.own.is_some() && ui.button(tr(ui.ctx(), "As on screen")).clicked() {
            (self.own, self.picked) = (None, None);
            return on_screen;
        }
        wanted
    }

    fn map(&mut self, ui: &mut Ui, picked: Tiling, textures: &mut Textures) {
        let Some((question, points)) = self.surface.known() else { return };
        let (palette, axis) = (Palette::of(ui), question.axis());
        let count = axis.count;
        let (rect, response) = {
            let side = ui.available_width().min(SIDE);
            ui.allocate_exact_size(vec2(side, side * 0.36), Sense::click())
        };
        let (low, high) = extremes(points);
        // Br grows upwards: the first row of the texture is the largest.
        let at = |row: usize, col: usize| points[(count - 1 - row) * count + col];
        let color = |row: usize, col: usize| palette.grey(log_part(at(row, col).bytes, low, high), 1.0);
        let texture = textures.get(ui.ctx(), "surface", (points, ui.visuals().dark_mode), (count, count), color);
        ui.painter().image(texture, rect, UV, theme::NO_TINT);
        let cell = rect.size() / count as f32;
        for row in 0..count {
            let Some(first) = (0..count).find(|col| !at(row, *col).fits) else { continue };
            let corner = rect.min + vec2(first as f32 * cell.x, row as f32 * cell.y);
            let line = Rect::from_min_max(corner, egui::pos2(rect.right(), corner.y + cell.y));
            draw::hatch(ui.painter(), line, palette.trouble, 8.0);
        }
        let place = |tiling: Tiling| {
            let part = |size: usize| (size as f32 / axis.step as f32 - 0.5).clamp(0.5, count as f32 - 0.5);
            rect.left_bottom() + vec2(part(tiling.bc) * cell.x, -part(tiling.br) * cell.y)
        };
        ui.painter().circle_stroke(place(question.chosen()), 7.0, egui::Stroke::new(2.0, palette.accent));
        let mark = Rect::from_center_size(place(picked), vec2(12.0, 12.0));
        ui.painter().rect_stroke(mark, 0.0, palette.outline(), StrokeKind::Middle);
        ui.painter().rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Outside);
        let value = "{0} to {1}, stronger grey is more; ring: the rule's own choice";
        let value = fill(ui.ctx(), value, &[&bytes(low), &bytes(high)]);
        draw::describe(&response, "traffic surface", &value);
        if let Some(at) = response.interact_pointer_pos().filter(|_| response.clicked()) {
            let part = (at - rect.left_bottom()) / cell;
            let size = |part: f32| ((part.max(0.0) as usize).min(count - 1) + 1) * axis.step;
            self.picked = Some(Tiling { br: size(-part.y), bc: size(part.x) });
        }
        let axes = "Bc to the right, Br upwards, {0} to {1}; {2}";
        draw::caption(ui, &fill(ui.ctx(), axes, &[&axis.step, &axis.largest(), &value]));
    }
}

/// Queries, keys and the width of a head.
fn sizes(ui: &mut Ui, question: SizesAsked) -> SizesAsked {
    let mut sizes = question.sizes();
    let names = ["queries of the surface", "keys of the surface", "width of the surface"];
    let fields = sizes.iter_mut().zip(["n_q ", "n_k ", "d "]).zip(names).zip([LONGEST, LONGEST, 256]);
    for (((size, prefix), name), most) in fields {
        let speed = (*size as f64 / 64.0).max(1.0);
        let drag = egui::DragValue::new(size).range(1..=most).speed(speed).prefix(prefix);
        let name = tr(ui.ctx(), name).to_owned();
        ui.add(drag).accessible_name(name);
    }
    question.with_sizes(sizes)
}

/// The chip, the format, and whether a mask hides what is later.
fn kinds(ui: &mut Ui, mut question: SizesAsked) -> SizesAsked {
    let ctx = ui.ctx().clone();
    let named = |ui: &mut Ui, name: &'static str, shown: &str, add: &mut dyn FnMut(&mut Ui)| {
        let list = egui::ComboBox::from_id_salt(name).selected_text(shown).width(64.0);
        list.show_ui(ui, add).response.on_hover_text(tr(&ctx, name));
    };
    let (chip, precision) = (question.chip.name, question.precision());
    named(ui, "chip of the surface", chip, &mut |ui| {
        for model in hardware::all() {
            if ui.selectable_label(model.name == chip, model.name).clicked() {
                question.chip = model;
            }
        }
    });
    let mut wanted = precision;
    named(ui, "format of the surface", &precision.name(), &mut |ui| {
        for format in Precision::ALL {
            ui.selectable_value(&mut wanted, format, format.name());
        }
    });
    let mut question = question.with_precision(wanted);
    let masks = [("no mask", Mask::default()), ("causal", Mask { causal: true, ..Mask::default() })];
    let shown = mask_in_words(&ctx, &question.mask);
    let mut asked = None;
    named(ui, "mask of the surface", &shown, &mut |ui| {
        for (name, mask) in &masks {
            if ui.selectable_label(*mask == question.mask, tr(&ctx, name)).clicked() {
                asked = Some(mask.clone());
            }
        }
    });
    if let Some(mask) = asked {
        question = question.with_mask(mask);
    }
    question
}

/// The picked blocks under each algorithm.
fn verdict(ui: &mut Ui, question: &SizesAsked, picked: Tiling) {
    let Tiling { br, bc } = picked;
    let text = match (question.algorithm.is_budgeted(), question.fits(picked)) {
        (false, _) => "Br {0}, Bc {1}: ideal kernels, held against no budget of {2}",
        (true, true) => "Br {0}, Bc {1}: fits a thread block of {2}",
        (true, false) => "Br {0}, Bc {1}: ! does not fit a thread block of {2}",
    };
    let text = fill(ui.ctx(), text, &[&br, &bc, &question.chip.name]);
    draw::describe(&ui.add(egui::Label::new(&text).wrap()), "picked blocks", &text);
    let compared = question.compared();
    let moved: Vec<u64> = compared.iter().map(|of| question.bytes(of, picked)).collect();
    let unit = Unit::of(moved.iter().copied().max().unwrap_or(0));
    let Some((baseline, standard)) = compared.first().zip(moved.first()) else { return };
    for (choice, moved) in compared.iter().zip(&moved) {
        let ratio = short(*moved as f64 / (*standard).max(1) as f64);
        let text = fill(ui.ctx(), "{0}, {1} x {2}", &[&unit.with_name(*moved), &ratio, &baseline.name()]);
        let accessible = fill(ui.ctx(), "{0} at the picked blocks", &[&choice.name()]);
        made_by::line(ui, MadeBy::Counted, |ui| draw::value_row(ui, choice.short_name(), &text, &accessible));
    }
}

fn extremes(points: &[SurfacePoint]) -> (u64, u64) {
    let bytes = points.iter().map(|point| point.bytes);
    (bytes.clone().min().unwrap_or(0), bytes.max().unwrap_or(0))
}

/// Where `bytes` lies between two others, each doubling as far as the next.
fn log_part(bytes: u64, low: u64, high: u64) -> f64 {
    let ln = |bytes: u64| (bytes.max(1) as f64).ln();
    (ln(bytes) - ln(low)) / (ln(high) - ln(low)).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::algorithm;

    #[test]
    fn the_surprises_are_true() {
        let [more, hardly] = &SURPRISES;
        let moved = |surprise: &SurpriseShown, name| {
            surprise.question().unwrap().bytes(algorithm::by_name(name).unwrap(), surprise.tiling)
        };
        assert!(moved(more, "flash2") > moved(more, "flash1"));
        let flash1 = algorithm::by_name("flash1").unwrap().clone();
        assert_eq!(SizesAsked { algorithm: flash1, ..more.question().unwrap() }.chosen(), more.tiling);
        assert!(moved(hardly, "flash1") > moved(hardly, "standard"));
        for (told, run) in SURPRISES.iter().zip(&pair::SURPRISES) {
            assert_eq!((told.tiling, told.d), (run.tiling, run.d), "{}", told.title);
            assert_eq!(told.algorithm, run.algorithms[0]);
        }
    }
}
