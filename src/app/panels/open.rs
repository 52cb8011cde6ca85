//! What to open, and from where: a file by dialog, path or drop; one of the last; a random input of a seed.

use eframe::egui::{self, Context, Ui};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::run::file_dialog::{PickFile, Picked};
use crate::app::run::job::{self, Job};
use crate::app::run::source::Source;
use crate::app::tongue::words::{say, tr};
use crate::files::printable;
use crate::sentence::Sentence;

/// What the panel remembers.
#[derive(Default)]
pub struct OpenPanel {
    /// The text of the field for a path.
    path: String,
    /// It was opened since the last frame: a path can be typed at once.
    is_fresh: bool,
    random: Random,
    picking: Option<Job<Picked>>,
    /// What became of the last dialog.
    said: Option<Sentence>,
}

/// The sizes of a random input.
struct Random {
    n_q: usize,
    n_k: usize,
    d: usize,
    heads: usize,
    kv_heads: usize,
    batch: usize,
    seed: u64,
}

impl Default for Random {
    fn default() -> Self {
        Self { n_q: 16, n_k: 16, d: 4, heads: 1, kv_heads: 1, batch: 1, seed: 0 }
    }
}

impl Random {
    fn source(&self) -> Source {
        let Self { n_q, n_k, d, heads, kv_heads, batch, seed } = self;
        let more = match (heads, batch) {
            (1, 1) => String::new(),
            (_, 1) => format!(",{heads},{kv_heads}"),
            _ => format!(",{heads},{kv_heads},{batch}"),
        };
        Source::Random(format!("random:{n_q},{n_k},{d}{more}"), *seed)
    }
}

impl OpenPanel {
    pub fn is_busy(&self) -> bool {
        self.picking.is_some()
    }

    /// A path is typed without a click before it.
    pub fn open(&mut self) {
        self.is_fresh = true;
    }

    /// Opens the dialog of the system; one at a time.
    pub fn pick(&mut self, ctx: &Context, pick: PickFile) {
        if self.picking.is_none() {
            self.said = None;
            self.picking = Some(Job::start(ctx, move |_| pick()));
        }
    }

    /// What the dialog gave, once it is closed.
    pub fn take_picked(&mut self) -> Option<Message> {
        match job::take(&mut self.picking)? {
            Ok(Picked::File(path)) => return Some(Message::Open(Source::Paths(vec![path]))),
            Ok(Picked::Nothing) => {
                self.said = Some("No file was chosen. If no dialog appeared, type the path here.".into());
            }
            Ok(Picked::Unavailable) => {
                self.said =
                    Some("This system has no file dialog: type the path here, or drop the file on the window.".into());
            }
            Err(fault) => self.said = Some(fault.into()),
        }
        None
    }

    /// Gives whether it stays open.
    pub fn show(&mut self, ui: &mut Ui, recent: &[String], messages: &mut Vec<Message>) -> bool {
        let wished = messages.len();
        let modal = egui::Modal::new(egui::Id::unique("open")).show(ui.ctx(), |ui| {
            let screen = ui.ctx().content_rect().size();
            ui.set_width(480.0_f32.min(screen.x - 40.0).max(80.0));
            ui.heading(tr(ui.ctx(), "Open my tensors"));
            // As high as it will be from its first frame on: what is clicked stands still.
            let height = (screen.y - 140.0).max(40.0);
            egui::ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                self.file(ui, messages);
                self.recent(ui, recent, messages);
                self.random(ui, messages);
            });
            ui.add_space(2.0 * SPACE);
            ui.button(tr(ui.ctx(), "Close")).clicked()
        });
        let opens = messages[wished..].iter().any(|action| matches!(action, Message::Open(_)));
        !opens && !modal.inner && !modal.should_close()
    }

    fn file(&mut self, ui: &mut Ui, messages: &mut Vec<Message>) {
        let text = "A capture (.safetensors), an .npz with Q, K and V, or q, k and v.npy together; \
            or a trace (.json), whose run is set up again. Drop it on the window, choose it, or type its path.";
        ui.label(tr(ui.ctx(), text));
        ui.add_space(SPACE);
        ui.horizontal(|ui| {
            let name = tr(ui.ctx(), "Choose a file ...").to_owned();
            if ui.add_enabled(!self.is_busy(), egui::Button::new(name)).clicked() {
                messages.push(Message::PickFile);
            }
            let width = (ui.available_width() - 96.0).max(60.0);
            let field = egui::TextEdit::singleline(&mut self.path).hint_text("/path/to/file.npz").desired_width(width);
            let border = egui::Frame::new().stroke(Palette::of(ui).hairline()).corner_radius(4.0);
            let field = border.show(ui, |ui| ui.add(field)).inner;
            let name = tr(ui.ctx(), "Path of a file").to_owned();
            field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, &name));
            if std::mem::take(&mut self.is_fresh) {
                field.request_focus();
            }
            let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            let is_clicked = ui.button(tr(ui.ctx(), "Open")).clicked();
            if (is_clicked || is_entered) && !self.path.trim().is_empty() {
                messages.push(Message::Open(Source::typed(&self.path)));
            }
        });
        if let Some(said) = &self.said {
            let text = say(ui.ctx(), said);
            let label = ui.label(egui::RichText::new(&text).background_color(Palette::of(ui).trouble_soft));
            draw::describe(&label, "file dialog", &text);
        }
    }

    fn recent(&self, ui: &mut Ui, recent: &[String], messages: &mut Vec<Message>) {
        if recent.is_empty() {
            return;
        }
        ui.separator();
        draw::caption(ui, "Opened before");
        for path in recent {
            let palette = Palette::of(ui);
            let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 24.0), egui::Sense::click());
            if response.hovered() || response.has_focus() {
                ui.painter().rect_filled(rect, 4.0, palette.accent_soft);
            }
            let (text, font) = (printable(path), theme::text(theme::BODY));
            let place = rect.shrink2(egui::vec2(2.0 * SPACE, 0.0));
            fit_text(ui.painter(), place, egui::Align2::LEFT_CENTER, &text, font, palette.ink);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &text));
            if response.on_hover_text(&text).clicked() {
                messages.push(Message::Open(path.as_str().into()));
            }
        }
    }

    fn random(&mut self, ui: &mut Ui, messages: &mut Vec<Message>) {
        ui.separator();
        draw::caption(ui, "A random input: the same numbers for the same seed, on every machine");
        let ctx = ui.ctx().clone();
        let random = &mut self.random;
        ui.horizontal_wrapped(|ui| {
            // They are fields, and no buttons.
            let palette = Palette::of(ui);
            let fields = &mut ui.visuals_mut().widgets;
            for look in [&mut fields.inactive, &mut fields.hovered] {
                (look.weak_bg_fill, look.bg_stroke) = (palette.background, palette.hairline());
            }
            let is_enter = ui.input(|input| input.key_pressed(egui::Key::Enter));
            let mut is_entered = false;
            let mut field = |ui: &mut Ui, name: &str, drag: egui::DragValue<'_>| {
                let field = ui.add(drag.speed(0.2)).accessible_name(tr(&ctx, name));
                is_entered |= is_enter && field.lost_focus();
            };
            let mut size = |name: &str, prefix: &str, value: &mut usize, most: usize| {
                field(ui, name, egui::DragValue::new(value).range(1..=most).prefix(prefix));
            };
            size("queries of a random input", "n_q ", &mut random.n_q, 65_536);
            size("keys of a random input", "n_k ", &mut random.n_k, 65_536);
            size("d of a random input", "d ", &mut random.d, 256);
            let heads = format!("{} ", tr(&ctx, "heads"));
            size("heads of a random input", &heads, &mut random.heads, 64);
            let heads = format!("{} ", tr(&ctx, "key/value heads"));
            let most = random.heads;
            size("key/value heads of a random input", &heads, &mut random.kv_heads, most);
            // Each is shared by as many query heads.
            random.kv_heads = (1..=random.kv_heads).rev().find(|kv_heads| most.is_multiple_of(*kv_heads)).unwrap_or(1);
            let entries = format!("{} ", tr(&ctx, "batch entries"));
            let batch = egui::DragValue::new(&mut random.batch).range(1..=64).prefix(entries);
            field(ui, "batch entries of a random input", batch);
            let prefix = format!("{} ", tr(&ctx, "seed"));
            field(ui, "seed of a random input", egui::DragValue::new(&mut random.seed).prefix(prefix));
            if ui.button(tr(&ctx, "Open the random input")).clicked() || is_entered {
                messages.push(Message::Open(random.source()));
            }
        });
    }
}
