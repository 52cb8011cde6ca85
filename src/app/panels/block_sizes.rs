//! The explorer of block sizes: what every pair (Br, Bc) would move, by the closed forms; what does not fit; what the
//! paper chooses. And the surprises of these formulas, each one click away.

use eframe::egui::{self, Key, Modifiers, Rect, Sense, StrokeKind, Ui, vec2};

use crate::app::ink::draw;
use crate::app::ink::float::on_demand;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::texture::{Textures, UV};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::compare::CompareMessage;
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::pair;
use crate::app::tongue::words::{fill, tr};
use crate::attention::{Precision, Shape};
use crate::number::{Unit, bytes, short};
use crate::schedule::tiling::footprint;
use crate::schedule::{Algorithm, Hardware, Plan, Tiling, algorithm, hardware};

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
        if drawn.view.is_seen(PANEL.id) {
            drawn.owned.of::<BlockSizes>().show(ui, drawn.textures, drawn.messages);
        }
    },
};

/// Sizes along each axis: multiples of this, so many.
const STEP: usize = 16;
const SIZES: usize = 32;
const SIDE: f32 = 288.0;

/// What the surface is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SizesAsked {
    n: usize,
    d: usize,
    algorithm: &'static str,
    hardware: &'static str,
}

/// A setting in which a formula says what few expect.
struct SurpriseShown {
    title: &'static str,
    question: SizesAsked,
    tiling: Tiling,
}

/// Those that [`pair::SURPRISES`] runs.
const SURPRISES: [SurpriseShown; pair::SURPRISES.len()] = [
    SurpriseShown {
        title: "At the paper's own blocks flash2 moves more than flash1",
        question: SizesAsked { n: 4096, d: 64, algorithm: "flash2", hardware: "a100-80gb" },
        // The rule of flash1's paper for an A100 at f16: Bc = ceil(M / 4d), Br = min(Bc, d).
        tiling: Tiling { br: 64, bc: 326 },
    },
    SurpriseShown {
        title: "At d = 128 and 64 keys a block flash1 moves more than standard",
        question: SizesAsked { n: 4096, d: 128, algorithm: "flash1", hardware: "a100-80gb" },
        tiling: Tiling { br: 64, bc: 64 },
    },
];

/// One point of the surface.
#[derive(Clone, Copy, Debug, PartialEq)]
struct SurfacePoint {
    bytes: u64,
    fits: bool,
}

/// What is asked, and the answer while the question stays.
pub struct BlockSizes {
    question: SizesAsked,
    picked: Tiling,
    surface: Option<(SizesAsked, Vec<SurfacePoint>)>,
}

impl Default for BlockSizes {
    fn default() -> Self {
        let question = SizesAsked { n: 1024, d: 64, algorithm: "flash2", hardware: hardware::DEFAULT };
        Self { question, picked: Tiling { br: 128, bc: 128 }, surface: None }
    }
}

impl SizesAsked {
    fn plan(self, tiling: Tiling) -> Plan {
        Plan::new(self.n, self.n, self.d, tiling, Precision::F16)
    }

    fn bytes(self, name: &str, tiling: Tiling) -> u64 {
        let plan = self.plan(tiling);
        algorithm::by_name(name).map_or(0, |algorithm| algorithm.closed_form(&plan).hbm_bytes())
    }

    fn algorithm(self) -> &'static Algorithm {
        algorithm::by_name(self.algorithm).unwrap_or(algorithm::ALL[0])
    }

    fn hardware(self) -> Option<Hardware> {
        hardware::by_name(self.hardware)
    }

    fn fits(self, tiling: Tiling) -> bool {
        self.hardware().is_none_or(|hardware| footprint(self.algorithm(), &self.plan(tiling)).fits(&hardware))
    }

    /// Row by row of Br, each along Bc.
    fn surface(self) -> Vec<SurfacePoint> {
        let sizes = || (1..=SIZES).map(|n| n * STEP);
        let tilings = sizes().flat_map(|br| sizes().map(move |bc| Tiling { br, bc }));
        tilings
            .map(|tiling| SurfacePoint { bytes: self.bytes(self.algorithm, tiling), fits: self.fits(tiling) })
            .collect()
    }

    /// The block sizes that the algorithm's own rule takes on this chip.
    fn chosen(self) -> Option<Tiling> {
        let shape = Shape::single(self.n, self.n, self.d);
        Some(Tiling::for_hardware(self.algorithm(), &shape, Precision::F16, &self.hardware()?))
    }
}

impl BlockSizes {
    pub fn show(&mut self, ui: &mut Ui, textures: &mut Textures, messages: &mut Vec<Message>) {
        let is_open = on_demand(ui, PANEL.title, |ui| {
            self.choices(ui);
            if self.surface.as_ref().is_none_or(|(of, _)| *of != self.question) {
                self.surface = Some((self.question, self.question.surface()));
            }
            self.map(ui, textures);
            self.verdict(ui);
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
                (self.question, self.picked) = (surprise.question, surprise.tiling);
            }
            // Short enough to be run; the formulas say the same of any length.
            let compare = Message::Compare(CompareMessage::Surprise(index));
            let text = fill(ui.ctx(), "Run both at {0} {0|token|tokens} and compare", &[&pair::SURPRISES[index].n]);
            if ui.button(text).clicked() {
                messages.push(compare);
            }
        }
    }

    fn choices(&mut self, ui: &mut Ui) {
        let (question, ctx) = (&mut self.question, ui.ctx().clone());
        ui.horizontal(|ui| {
            for choice in *algorithm::ALL {
                ui.selectable_value(&mut question.algorithm, choice.name(), choice.name());
            }
        });
        ui.horizontal(|ui| {
            let drag = egui::DragValue::new(&mut question.n).range(16..=16384).speed(16).prefix("N ");
            ui.add(drag).accessible_name(tr(&ctx, "N of the surface"));
            let drag = egui::DragValue::new(&mut question.d).range(8..=256).speed(1).prefix("d ");
            ui.add(drag).accessible_name(tr(&ctx, "d of the surface"));
            egui::ComboBox::from_id_salt("gpu of the surface").selected_text(question.hardware).show_ui(ui, |ui| {
                for model in hardware::all() {
                    ui.selectable_value(&mut question.hardware, model.name, model.name);
                }
            });
        });
        made_by::before(ui, MadeBy::Counted, |ui| {
            draw::caption(ui, "HBM bytes by the closed form, f16, no mask; hatched: does not fit a block")
        });
    }

    fn map(&mut self, ui: &mut Ui, textures: &mut Textures) {
        let Some((question, points)) = &self.surface else { return };
        let palette = Palette::of(ui);
        let (rect, response) = {
            let side = ui.available_width().min(SIDE);
            ui.allocate_exact_size(vec2(side, side * 0.5), Sense::click())
        };
        let (low, high) = extremes(points);
        // Br grows upwards: the first row of the texture is the largest.
        let at = |row: usize, col: usize| points[(SIZES - 1 - row) * SIZES + col];
        let color = |row: usize, col: usize| palette.grey(log_part(at(row, col).bytes, low, high), 1.0);
        let texture = textures.get(ui.ctx(), "surface", (*question, ui.visuals().dark_mode), (SIZES, SIZES), color);
        ui.painter().image(texture, rect, UV, theme::NO_TINT);
        let cell = rect.size() / SIZES as f32;
        for row in 0..SIZES {
            let Some(first) = (0..SIZES).find(|col| !at(row, *col).fits) else { continue };
            let corner = rect.min + vec2(first as f32 * cell.x, row as f32 * cell.y);
            let line = Rect::from_min_max(corner, egui::pos2(rect.right(), corner.y + cell.y));
            draw::hatch(ui.painter(), line, palette.trouble, 8.0);
        }
        let place = |tiling: Tiling| {
            let part = |size: usize| (size as f32 / STEP as f32 - 0.5).clamp(0.5, SIZES as f32 - 0.5);
            rect.left_bottom() + vec2(part(tiling.bc) * cell.x, -part(tiling.br) * cell.y)
        };
        if let Some(chosen) = question.chosen() {
            ui.painter().circle_stroke(place(chosen), 7.0, egui::Stroke::new(2.0, palette.accent));
        }
        let mark = Rect::from_center_size(place(self.picked), vec2(12.0, 12.0));
        ui.painter().rect_stroke(mark, 0.0, palette.outline(), StrokeKind::Middle);
        ui.painter().rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Outside);
        let value = "{0} to {1}, stronger grey is more; ring: the rule's own choice";
        let value = fill(ui.ctx(), value, &[&bytes(low), &bytes(high)]);
        draw::describe(&response, "traffic surface", &value);
        if let Some(at) = response.interact_pointer_pos().filter(|_| response.clicked()) {
            let part = (at - rect.left_bottom()) / cell;
            let size = |part: f32| ((part.max(0.0) as usize).min(SIZES - 1) + 1) * STEP;
            self.picked = Tiling { br: size(-part.y), bc: size(part.x) };
        }
        let axes = "Bc to the right, Br upwards, {0} to {1}; {2}";
        draw::caption(ui, &fill(ui.ctx(), axes, &[&STEP, &(STEP * SIZES), &value]));
    }

    /// The picked blocks under all three algorithms.
    fn verdict(&self, ui: &mut Ui) {
        let (question, Tiling { br, bc }) = (self.question, self.picked);
        let text = if question.fits(self.picked) {
            "Br {0}, Bc {1}: fits a thread block of {2}"
        } else {
            "Br {0}, Bc {1}: ! does not fit a thread block of {2}"
        };
        let text = fill(ui.ctx(), text, &[&br, &bc, &question.hardware]);
        draw::describe(&ui.label(&text), "picked blocks", &text);
        let standard = question.bytes("standard", self.picked);
        let moved = algorithm::ALL.iter().map(|choice| (choice, question.bytes(choice.name(), self.picked)));
        let moved: Vec<_> = moved.collect();
        let unit = Unit::of(moved.iter().map(|(_, moved)| *moved).max().unwrap_or(0));
        for (choice, moved) in moved {
            let ratio = short(moved as f64 / standard.max(1) as f64);
            let text = fill(ui.ctx(), "{0}, {1} x standard", &[&unit.with_name(moved), &ratio]);
            let accessible = fill(ui.ctx(), "{0} at the picked blocks", &[&choice.name()]);
            draw::value_row(ui, choice.name(), &text, &accessible);
        }
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

    #[test]
    fn the_surprises_are_true() {
        let [more, hardly] = &SURPRISES;
        let moved = |surprise: &SurpriseShown, name| surprise.question.bytes(name, surprise.tiling);
        assert!(moved(more, "flash2") > moved(more, "flash1"));
        assert_eq!(SizesAsked { algorithm: "flash1", ..more.question }.chosen(), Some(more.tiling));
        assert!(moved(hardly, "flash1") > moved(hardly, "standard"));
        for (told, run) in SURPRISES.iter().zip(&pair::SURPRISES) {
            assert_eq!((told.tiling, told.question.d), (run.tiling, run.d), "{}", told.title);
            assert_eq!(told.question.algorithm, run.algorithms[0]);
        }
    }

    #[test]
    fn the_surface_agrees_with_the_scene_count() {
        let question = SizesAsked { n: 1024, d: 64, algorithm: "flash2", hardware: "a100-80gb" };
        let surface = question.surface();
        // 1.18 M elements of two bytes, and L in four.
        let point = surface[(128 / STEP - 1) * SIZES + 128 / STEP - 1];
        assert!((point.bytes as f64 / 2e6 - 1.18).abs() < 0.01, "{point:?}");
        assert!(point.fits && !surface[SIZES * SIZES - 1].fits);
    }
}
