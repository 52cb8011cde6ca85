//! The algorithm's text and the kernel's own source, with the lines lit that the current step carries out.

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{self, Align2, Key, Modifiers, Rect, ScrollArea, Sense, Ui, vec2};

use crate::app::ink::draw;
use crate::app::ink::listing;
use crate::app::ink::theme::{self, Palette};
use crate::app::message::kernel::KernelMessage;
use crate::app::message::text::TextMessage;
use crate::app::message::{Message, commands};
use crate::app::panels::kernel::KernelEditor;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::run::gpu::device::Gpu;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::gpu::kernels::Kernel;
use crate::schedule::Plan;
use crate::schedule::language::{ListedPart, listed};

pub static PANEL: Panel = Panel {
    id: "code",
    title: "Code",
    home: Home::Right,
    group: "Look",
    command: "Code",
    keys: &[(Modifiers::ALT, Key::Num3)],
    opens: Message::Show("code"),
    also: "source, text, listing",
    help: "The algorithm and its kernel, the lines of this step lit.",
    show: |ui, drawn| {
        let kernel = drawn.owned.see::<KernelEditor>().and_then(KernelEditor::kernel);
        if let Some(look) = drawn.look {
            drawn.owned.of::<CodeView>().show(ui, look, (kernel, drawn.gpu), drawn.messages);
        }
    },
};

/// Where the code begins, right of the numbers.
const CODE: f32 = 32.0;
const PADDING: f32 = 6.0;
/// Height of a line of the kernel, and of its window.
const KERNEL_LINE: f32 = 15.0;
const KERNEL: f32 = 210.0;

/// How block sizes are called: as in the paper, or as in Triton's kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    #[default]
    Paper,
    Triton,
}

impl Notation {
    const ALL: [Notation; 2] = [Notation::Paper, Notation::Triton];

    fn name(self) -> &'static str {
        match self {
            Notation::Paper => "Br, Bc",
            Notation::Triton => "BLOCK_M, BLOCK_N",
        }
    }

    /// What the names of the block sizes stand for now.
    fn sizes(self, plan: &Plan) -> String {
        let (br, bc) = (plan.br, plan.bc);
        match self {
            Notation::Paper => format!("Br = {br}, Bc = {bc}, T_r = {}, T_c = {}", plan.t_r(), plan.t_c()),
            Notation::Triton => format!("BLOCK_M = {br}, BLOCK_N = {bc}"),
        }
    }
}

/// What the tab itself remembers.
#[derive(Default)]
pub struct CodeView {
    notation: Notation,
    /// The line of the kernel that was scrolled to last: a reader's own scrolling holds until the step changes.
    scrolled_to: Option<(u64, u16)>,
    /// The step whose line of the text was scrolled to last.
    scrolled_at: Option<u64>,
}

impl CodeView {
    fn show(
        &mut self,
        ui: &mut Ui,
        look: &Look<'_>,
        (kernel, gpu): (Option<&'static Kernel>, &Gpu),
        messages: &mut Vec<Message>,
    ) {
        let palette = Palette::of(ui);
        let algorithm = &look.scene.schedule().algorithm;
        // The lines are what such a question asks for: their order, the formula of a factor, the rule of a row.
        if look.hides_lines() {
            ui.label(tr(ui.ctx(), withheld::LINES));
            return;
        }
        let lit = look.snapshot.view.step.map(|step| algorithm.line(step.line).span.line);
        ui.label(draw::label(tr(ui.ctx(), algorithm.title())));
        ui.horizontal_wrapped(|ui| {
            for notation in Notation::ALL {
                if ui.selectable_label(self.notation == notation, notation.name()).clicked() {
                    self.notation = notation;
                }
            }
            // Above the text, where it is in sight however long the text is.
            edit_text(ui, messages);
            if kernel.is_some() {
                edit(ui, messages);
            }
        });
        draw::caption(ui, &self.notation.sizes(look.scene.plan()));
        ui.spacing_mut().item_spacing.y = 0.0;
        for shown in algorithm.shown(look.scene.plan()) {
            let is_lit = lit == Some(shown.number);
            let response = line(ui, shown.number, &shown.text, is_lit, palette);
            if is_lit && self.scrolled_at != Some(look.snapshot.cursor) {
                self.scrolled_at = Some(look.snapshot.cursor);
                ui.scroll_to_rect_animation(response.rect, None, egui::style::ScrollAnimation::none());
            }
        }
        ui.add_space(8.0);
        match kernel {
            Some(kernel) => {
                self.kernel(ui, look, (kernel, gpu), palette);
            }
            None => {
                draw::caption(ui, &fill(ui.ctx(), "No GPU kernel of {0} in this version.", &[&algorithm.short_name()]));
            }
        }
    }

    /// The source in a window of its own, scrolled to the current step when it changes.
    fn kernel(&mut self, ui: &mut Ui, look: &Look<'_>, (kernel, gpu): (&Kernel, &Gpu), palette: &Palette) {
        let changed = gpu.sources().of_file(kernel.file);
        let caption = match changed {
            None => "kernels/{0}, the same step",
            Some(_) => "{0}, the changed source that the device runs, the same step",
        };
        draw::caption(ui, &fill(ui.ctx(), caption, &[&kernel.file]));
        let source = changed.map_or(kernel.source, |text| text);
        let lit = crate::app::panels::kernel::lit(source, look.scene.schedule(), look.snapshot);
        let lines: Vec<&str> = source.lines().collect();
        let mut area = ScrollArea::vertical().id_salt("kernel").max_height(KERNEL).auto_shrink([false, false]);
        let first = lit.first().map(|line| (look.snapshot.cursor, *line));
        if first.is_some() && first != self.scrolled_to {
            self.scrolled_to = first;
            let line = f32::from(first.map_or(0, |(_, line)| line));
            area = area.vertical_scroll_offset(((line - 3.0) * KERNEL_LINE).max(0.0));
        }
        let output = area.show_rows(ui, KERNEL_LINE, lines.len(), |ui, range| {
            let mut in_comment = false;
            for (n, line) in (1..).zip(&lines[..range.end.min(lines.len())]) {
                let parts = listing::of_kernel(line, &mut in_comment);
                if n > range.start {
                    kernel_line(ui, n, (line, &parts), lit.contains(&(n as u16)), palette);
                }
            }
        });
        let rect = output.inner_rect;
        ui.painter().rect_stroke(rect, 0.0, palette.hairline(), egui::StrokeKind::Outside);
        let response = ui.interact(rect, ui.scope_id().with("kernel lines"), Sense::hover());
        let value = match (lit.first(), lit.last()) {
            (Some(first), Some(last)) => {
                let code = lit.iter().find_map(|line| {
                    let text = lines.get(usize::from(*line) - 1)?.trim();
                    (!text.starts_with("//")).then_some(text)
                });
                fill(ui.ctx(), "lines {0} to {1}: {2}", &[first, last, &code.unwrap_or_default()])
            }
            _ => tr(ui.ctx(), "no line carries out this step").to_owned(),
        };
        draw::describe(&response, "kernel lines", &value);
    }
}

/// The way to the editor of this text.
fn edit_text(ui: &mut Ui, messages: &mut Vec<Message>) {
    let message = Message::Text(TextMessage::Toggle);
    if ui.button(tr(ui.ctx(), "Edit the text")).on_hover_text(commands::tooltip(ui.ctx(), &message)).clicked() {
        messages.push(message);
    }
}

/// The way to the editor of the kernel.
fn edit(ui: &mut Ui, messages: &mut Vec<Message>) {
    let action = Message::Kernel(KernelMessage::Toggle);
    let button = ui.button(tr(ui.ctx(), "Edit the kernel"));
    if button.on_hover_text(commands::tooltip(ui.ctx(), &action)).clicked() {
        messages.push(action);
    }
}

fn kernel_line(ui: &mut Ui, n: usize, (text, parts): (&str, &[ListedPart]), is_lit: bool, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), KERNEL_LINE), Sense::hover());
    light(ui, rect, is_lit, palette);
    let number = egui::pos2(rect.left() + CODE - 8.0, rect.center().y);
    ui.painter().text(number, Align2::RIGHT_CENTER, n, theme::figures(10.0), palette.faint_ink);
    let place = Rect::from_min_max(egui::pos2(rect.left() + CODE, rect.top()), rect.max);
    let mut job = LayoutJob { wrap: TextWrapping::truncate_at_width(place.width().max(0.0)), ..LayoutJob::default() };
    listing::append(&mut job, text, parts, &theme::figures(10.0), palette);
    let galley = ui.painter().layout_job(job);
    let at = Align2::LEFT_CENTER.align_size_within_rect(galley.size(), place).min;
    ui.painter().galley(at, galley, palette.ink);
}

/// The light behind a line, with an edge for those who do not see it.
fn light(ui: &Ui, rect: Rect, is_lit: bool, palette: &Palette) {
    if is_lit {
        ui.painter().rect_filled(rect, 2.0, palette.accent_soft);
        let edge = Rect::from_min_size(rect.min, vec2(4.0, rect.height()));
        ui.painter().rect_filled(edge, 0.0, palette.accent);
    }
}

/// One line with its number; a long one is wrapped below its own start.
fn line(ui: &mut Ui, n: u32, text: &str, is_lit: bool, palette: &Palette) -> egui::Response {
    let code = text.trim_start();
    let indent = CODE + (text.len() - code.len()) as f32 * 6.0;
    // The text sets what follows its labels below each other; here the room is narrow.
    let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let room = (ui.available_width() - indent).max(40.0);
    let mut job = LayoutJob { wrap: TextWrapping::wrap_at_width(room), ..LayoutJob::default() };
    listing::append(&mut job, &code, &listed(&code), &theme::figures(11.0), palette);
    let galley = ui.painter().layout_job(job);
    let size = vec2(ui.available_width(), galley.size().y + PADDING);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    light(ui, rect, is_lit, palette);
    let top = rect.top() + PADDING / 2.0;
    let number = egui::pos2(rect.left() + CODE - 8.0, top);
    ui.painter().text(number, Align2::RIGHT_TOP, n, theme::figures(11.0), palette.faint_ink);
    ui.painter().galley(egui::pos2(rect.left() + indent, top), galley, palette.ink);
    let value = if is_lit { fill(ui.ctx(), "{0} (now)", &[&text]) } else { text.to_owned() };
    draw::describe(&response, &fill(ui.ctx(), "line {0}", &[&n]), &value);
    response
}
