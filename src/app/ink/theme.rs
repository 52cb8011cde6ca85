//! Every colour of the window, its sizes of type, and the sizes that parts share. Okabe-Ito hues are fills with a meaning,
//! text is always ink.

use eframe::egui::{self, Color32, Context, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Visuals};

use crate::app::ink::fonts;
use crate::playback::lesson::markdown::is_chinese;
use crate::schedule::language::Listed;
use crate::schedule::{Beat, Tensor};

/// Sizes in points, multiples of 4.
pub const SPACE: f32 = 4.0;
pub const TOP_BAR: f32 = 40.0;
pub const TIMELINE: f32 = 92.0;
pub const SETUP: f32 = 216.0;
pub const LESSON: f32 = 344.0;
pub const NEAR: f32 = 296.0;
/// Points of width from which two pictures stand beside each other in a panel.
pub const ROOM_FOR_TWO: f32 = 560.0;
/// A cell at least this wide has room for its number.
pub const NUMBER_CELL: f32 = 48.0;

pub const LABEL: f32 = 12.0;
pub const BODY: f32 = 14.0;
pub const HEADING: f32 = 16.0;
pub const TITLE: f32 = 20.0;

/// The colours of one theme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    pub ink: Color32,
    /// Secondary text; still 4.5 to 1 against the background.
    pub faint_ink: Color32,
    pub background: Color32,
    pub panel: Color32,
    /// Lines between areas.
    pub rule: Color32,
    /// What is not there yet.
    pub empty: Color32,
    /// A tile whose work is over.
    pub done: Color32,
    /// The accent: what can be acted on, and the light behind the current line.
    pub accent: Color32,
    pub accent_soft: Color32,
    /// NaN, over budget, failed checks.
    pub trouble: Color32,
    pub trouble_soft: Color32,
    /// HBM, cool and wide, and what of it is an edge or a bar.
    pub hbm: Color32,
    pub hbm_edge: Color32,
    /// The memory of the chip, warm and small.
    pub sram: Color32,
    pub sram_edge: Color32,
    /// Lines that hatch what is masked.
    pub hatch: Color32,
    /// The three ends of the map of scores: below 0, 0, above 0.
    negative: Color32,
    zero: Color32,
    positive: Color32,
    /// The two ends of the map of weights.
    light: Color32,
    dark: Color32,
    /// The two ends of the greys of ghosts, which nothing is written on: a lamp washes out what is pale.
    ghosts: [Color32; 2],
    /// The map of errors, from small to large; no hue of a tensor.
    errors: [Color32; 3],
    /// The inks of a listing; names and signs have the common one.
    listing: Listing,
}

/// Darker than any fill, so that no word of a listing passes for a tensor's hue.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Listing {
    keyword: Color32,
    number: Color32,
    label: Color32,
    comment: Color32,
}

const LIGHT: Palette = Palette {
    ink: Color32::from_rgb(0x1b, 0x1f, 0x24),
    faint_ink: Color32::from_rgb(0x59, 0x61, 0x6b),
    background: Color32::from_rgb(0xff, 0xff, 0xff),
    panel: Color32::from_rgb(0xf6, 0xf7, 0xf9),
    rule: Color32::from_rgb(0xd9, 0xdd, 0xe3),
    empty: Color32::from_rgb(0xec, 0xee, 0xf1),
    done: Color32::from_rgb(0xa9, 0xb4, 0xc1),
    accent: Color32::from_rgb(0x00, 0x72, 0xb2),
    accent_soft: Color32::from_rgb(0xd8, 0xea, 0xf5),
    trouble: Color32::from_rgb(0xd5, 0x5e, 0x00),
    trouble_soft: Color32::from_rgb(0xfb, 0xe8, 0xda),
    hbm: Color32::from_rgb(0xee, 0xf3, 0xf8),
    hbm_edge: Color32::from_rgb(0x5b, 0x7f, 0x9e),
    sram: Color32::from_rgb(0xfa, 0xf4, 0xea),
    sram_edge: Color32::from_rgb(0xa6, 0x7c, 0x52),
    hatch: Color32::from_rgb(0xc3, 0xc9, 0xd1),
    negative: Color32::from_rgb(0x6d, 0xa9, 0xcf),
    zero: Color32::from_rgb(0xfa, 0xfa, 0xfa),
    positive: Color32::from_rgb(0xe8, 0x92, 0x6e),
    light: Color32::from_rgb(0xf7, 0xf7, 0xf7),
    dark: Color32::from_rgb(0x8c, 0x91, 0x98),
    ghosts: [Color32::from_rgb(0xf7, 0xf7, 0xf7), Color32::from_rgb(0x8c, 0x91, 0x98)],
    errors: [
        Color32::from_rgb(0xe9, 0xec, 0xf7),
        Color32::from_rgb(0x7f, 0x86, 0xc4),
        Color32::from_rgb(0x2a, 0x1f, 0x6b),
    ],
    listing: Listing {
        keyword: Color32::from_rgb(0x5a, 0x35, 0xa8),
        number: Color32::from_rgb(0x00, 0x61, 0x6b),
        label: Color32::from_rgb(0x8a, 0x2b, 0x4f),
        comment: Color32::from_rgb(0x4f, 0x58, 0x62),
    },
};

const DARK: Palette = Palette {
    ink: Color32::from_rgb(0xe8, 0xea, 0xed),
    faint_ink: Color32::from_rgb(0xa4, 0xac, 0xb6),
    background: Color32::from_rgb(0x16, 0x18, 0x1c),
    panel: Color32::from_rgb(0x1e, 0x21, 0x26),
    rule: Color32::from_rgb(0x38, 0x3d, 0x45),
    empty: Color32::from_rgb(0x2a, 0x2e, 0x35),
    done: Color32::from_rgb(0x55, 0x60, 0x6e),
    accent: Color32::from_rgb(0x5a, 0xb0, 0xe6),
    accent_soft: Color32::from_rgb(0x1f, 0x3c, 0x50),
    trouble: Color32::from_rgb(0xf0, 0x7d, 0x2a),
    trouble_soft: Color32::from_rgb(0x4a, 0x2c, 0x18),
    hbm: Color32::from_rgb(0x1b, 0x22, 0x2b),
    hbm_edge: Color32::from_rgb(0x7f, 0xa3, 0xc2),
    sram: Color32::from_rgb(0x2b, 0x26, 0x1f),
    sram_edge: Color32::from_rgb(0xc9, 0xa5, 0x7b),
    hatch: Color32::from_rgb(0x4a, 0x50, 0x5a),
    negative: Color32::from_rgb(0x2b, 0x62, 0x86),
    zero: Color32::from_rgb(0x26, 0x29, 0x2e),
    positive: Color32::from_rgb(0x8f, 0x48, 0x2a),
    light: Color32::from_rgb(0x26, 0x29, 0x2e),
    dark: Color32::from_rgb(0x5f, 0x65, 0x6e),
    ghosts: [Color32::from_rgb(0x26, 0x29, 0x2e), Color32::from_rgb(0x5f, 0x65, 0x6e)],
    errors: [
        Color32::from_rgb(0x2c, 0x2f, 0x48),
        Color32::from_rgb(0x6a, 0x63, 0xb4),
        Color32::from_rgb(0xd9, 0xd2, 0xff),
    ],
    listing: Listing {
        keyword: Color32::from_rgb(0xc3, 0xb1, 0xfa),
        number: Color32::from_rgb(0x86, 0xd3, 0xdc),
        label: Color32::from_rgb(0xf0, 0xb0, 0xc4),
        comment: Color32::from_rgb(0xb4, 0xbc, 0xc6),
    },
};

/// For a bright room: black on white, no pale grey that a lamp washes out.
const PROJECTOR: Palette = Palette {
    ink: Color32::from_rgb(0x00, 0x00, 0x00),
    faint_ink: Color32::from_rgb(0x3a, 0x3f, 0x46),
    background: Color32::from_rgb(0xff, 0xff, 0xff),
    panel: Color32::from_rgb(0xfd, 0xfd, 0xfd),
    rule: Color32::from_rgb(0x8a, 0x90, 0x98),
    empty: Color32::from_rgb(0xe6, 0xe8, 0xeb),
    done: Color32::from_rgb(0x97, 0xa4, 0xb4),
    accent: Color32::from_rgb(0x00, 0x5a, 0x8f),
    accent_soft: Color32::from_rgb(0xc8, 0xe3, 0xf5),
    trouble: Color32::from_rgb(0xc4, 0x4e, 0x00),
    trouble_soft: Color32::from_rgb(0xff, 0xe0, 0xc8),
    hbm: Color32::from_rgb(0xe6, 0xef, 0xf7),
    hbm_edge: Color32::from_rgb(0x2f, 0x5f, 0x86),
    sram: Color32::from_rgb(0xfb, 0xf1, 0xe0),
    sram_edge: Color32::from_rgb(0x8a, 0x5a, 0x2b),
    hatch: Color32::from_rgb(0x9a, 0xa1, 0xab),
    negative: Color32::from_rgb(0x6d, 0xb4, 0xe0),
    zero: Color32::from_rgb(0xff, 0xff, 0xff),
    positive: Color32::from_rgb(0xf0, 0x9a, 0x74),
    light: Color32::from_rgb(0xff, 0xff, 0xff),
    dark: Color32::from_rgb(0x98, 0x9d, 0xa4),
    ghosts: [Color32::from_rgb(0xe4, 0xe6, 0xea), Color32::from_rgb(0x7e, 0x83, 0x8b)],
    errors: [
        Color32::from_rgb(0xe3, 0xe8, 0xf8),
        Color32::from_rgb(0x6f, 0x78, 0xc0),
        Color32::from_rgb(0x1a, 0x10, 0x52),
    ],
    listing: Listing {
        keyword: Color32::from_rgb(0x42, 0x20, 0x8a),
        number: Color32::from_rgb(0x00, 0x4a, 0x52),
        label: Color32::from_rgb(0x70, 0x1b, 0x3c),
        comment: Color32::from_rgb(0x3a, 0x3f, 0x46),
    },
};

/// Which colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    Light,
    Dark,
    /// Strongest contrast.
    Projector,
}

impl Theme {
    pub const ALL: [Theme; 3] = [Theme::Light, Theme::Dark, Theme::Projector];

    pub fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::Projector => "projector",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// The one on screen.
    pub fn of(ctx: &Context) -> Self {
        if ctx.theme() == egui::Theme::Dark {
            Theme::Dark
        } else if ctx.style_of(egui::Theme::Light).visuals.panel_fill == PROJECTOR.panel {
            Theme::Projector
        } else {
            Theme::Light
        }
    }

    pub fn next(self) -> Self {
        match self {
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::Projector,
            Theme::Projector => Theme::Light,
        }
    }

    /// Puts it on screen. The projector's is a light one.
    pub fn apply(self, ctx: &Context) {
        let (slot, palette) = match self {
            Theme::Light => (egui::Theme::Light, &LIGHT),
            Theme::Dark => (egui::Theme::Dark, &DARK),
            Theme::Projector => (egui::Theme::Light, &PROJECTOR),
        };
        ctx.style_mut_of(slot, |style| style.visuals = visuals(slot, palette));
        ctx.set_theme(slot);
    }
}

/// Okabe-Ito.
/// How far the grey of a beat is from the background.
fn darkness(beat: Beat) -> f32 {
    match beat {
        Beat::Load => 0.10,
        Beat::Store => 0.20,
        Beat::Softmax => 0.34,
        Beat::Score => 0.54,
        Beat::Accumulate => 0.70,
        Beat::Rescale => 0.88,
    }
}

const SKY: Color32 = Color32::from_rgb(0x56, 0xb4, 0xe9);
const ORANGE: Color32 = Color32::from_rgb(0xe6, 0x9f, 0x00);
const GREEN: Color32 = Color32::from_rgb(0x00, 0x9e, 0x73);
const PURPLE: Color32 = Color32::from_rgb(0xcc, 0x79, 0xa7);
const YELLOW: Color32 = Color32::from_rgb(0xf0, 0xe4, 0x42);
const GREY: Color32 = Color32::from_rgb(0x9a, 0xa1, 0xab);

/// The hues of tensors and of what becomes one, where a text cannot say it: by the letter that a name begins with, after
/// the d of a gradient.
fn hue(name: &str) -> Color32 {
    let name = name.strip_prefix('d').filter(|rest| rest.starts_with(char::is_uppercase)).unwrap_or(name);
    match name.chars().next() {
        Some('Q') => SKY,
        Some('K') => ORANGE,
        Some('V') => GREEN,
        Some('O') => PURPLE,
        Some('m' | 'l' | 'L' | 'D') => YELLOW,
        _ => GREY,
    }
}

impl Palette {
    pub fn of(ui: &egui::Ui) -> &'static Self {
        let visuals = ui.visuals();
        match visuals.panel_fill {
            _ if visuals.dark_mode => &DARK,
            panel if panel == PROJECTOR.panel => &PROJECTOR,
            _ => &LIGHT,
        }
    }

    /// The hue of a tensor, everywhere it is drawn.
    pub fn tensor(&self, tensor: Tensor) -> Color32 {
        hue(tensor.name())
    }

    /// The hue of what is on chip under a name.
    pub fn named(&self, name: &str) -> Color32 {
        hue(name)
    }

    /// The grey of a beat: hues are those of tensors.
    pub fn beat(&self, beat: Beat) -> Color32 {
        mix(self.background, self.ink, darkness(beat))
    }

    /// What is written on it.
    pub fn on_beat(&self, beat: Beat) -> Color32 {
        if darkness(beat) > 0.5 { self.background } else { self.ink }
    }

    /// The ink of a part of a listing.
    pub fn listed(&self, part: Listed) -> Color32 {
        match part {
            Listed::Label => self.listing.label,
            Listed::Keyword => self.listing.keyword,
            Listed::Number => self.listing.number,
            Listed::Comment => self.listing.comment,
            Listed::Plain => self.ink,
        }
    }

    /// The hue as a fill for what is only there in part, or about to come.
    pub fn pale(&self, color: Color32) -> Color32 {
        mix(self.background, color, 0.30)
    }

    /// A signed value of at most `limit`: two hues around a neutral 0.
    pub fn diverging(&self, value: f64, limit: f64) -> Color32 {
        if !value.is_finite() {
            return self.trouble_soft;
        }
        let t = if limit > 0.0 { (value / limit).clamp(-1.0, 1.0) as f32 } else { 0.0 };
        if t < 0.0 { mix(self.zero, self.negative, -t) } else { mix(self.zero, self.positive, t) }
    }

    /// A weight from 0 to `limit`, in greys.
    pub fn grey(&self, value: f64, limit: f64) -> Color32 {
        self.between([self.light, self.dark], value, limit)
    }

    /// The same of one that was computed and not stored.
    pub fn ghost(&self, value: f64, limit: f64) -> Color32 {
        self.between(self.ghosts, value, limit)
    }

    fn between(&self, [light, dark]: [Color32; 2], value: f64, limit: f64) -> Color32 {
        if !value.is_finite() {
            return self.trouble_soft;
        }
        let t = if limit > 0.0 { (value / limit).clamp(0.0, 1.0) as f32 } else { 0.0 };
        mix(light, dark, t)
    }

    /// An error by its place between the smallest and the largest shown, of their logarithms; `None` is no error at all.
    pub fn error(&self, part: Option<f64>) -> Color32 {
        let Some(part) = part else { return self.background };
        if part.is_nan() {
            return self.trouble;
        }
        let [small, middle, large] = self.errors;
        let t = 2.0 * part.clamp(0.0, 1.0) as f32;
        if t < 1.0 { mix(small, middle, t) } else { mix(middle, large, t - 1.0) }
    }

    /// Laid over what is still to come.
    pub fn veil(&self) -> Color32 {
        self.panel.gamma_multiply(0.72)
    }

    pub fn outline(&self) -> Stroke {
        Stroke::new(2.0, self.ink)
    }

    pub fn hairline(&self) -> Stroke {
        Stroke::new(1.0, self.rule)
    }
}

/// A texture as it is.
pub const NO_TINT: Color32 = Color32::WHITE;
/// A screen that shows nothing, so that a class looks at its teacher.
pub const BLANK: Color32 = Color32::BLACK;
/// Over what the lecturer does not point at.
pub const SHADE: Color32 = Color32::from_black_alpha(0x90);
/// Nothing.
pub const CLEAR: Color32 = Color32::TRANSPARENT;

/// `t` of the way from `a` to `b`.
fn mix(a: Color32, b: Color32, t: f32) -> Color32 {
    let channel = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * t).round() as u8;
    Color32::from_rgb(channel(a.r(), b.r()), channel(a.g(), b.g()), channel(a.b(), b.b()))
}

/// Numbers, in figures of one width.
pub fn figures(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

pub fn text(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Chinese characters are denser than Latin letters: smaller ones than this are not read.
const LEAST_CHINESE: f32 = 14.0;

/// `size`, or the least that the script of `text` can be read in.
pub fn readable(text: &str, size: f32) -> f32 {
    if text.chars().any(is_chinese) { size.max(LEAST_CHINESE) } else { size }
}

/// `font` in a size that the script of `text` can be read in.
pub fn readable_font(text: &str, font: FontId) -> FontId {
    FontId::new(readable(text, font.size), font.family)
}

/// Fonts, type sizes, spacing and both themes.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts::all());
    // Where the system does not say, the theme that a projector and a printed page share.
    ctx.options_mut(|options| options.fallback_theme = egui::Theme::Light);
    for (theme, palette) in [(egui::Theme::Light, &LIGHT), (egui::Theme::Dark, &DARK)] {
        ctx.style_mut_of(theme, |style| {
            style.visuals = visuals(theme, palette);
            style.text_styles = [
                (TextStyle::Small, text(LABEL)),
                (TextStyle::Body, text(BODY)),
                (TextStyle::Button, text(BODY)),
                (TextStyle::Heading, text(TITLE)),
                (TextStyle::Monospace, figures(13.0)),
            ]
            .into();
            style.spacing.item_spacing = egui::vec2(2.0 * SPACE, SPACE);
            style.spacing.button_padding = egui::vec2(2.0 * SPACE, SPACE);
            style.spacing.interact_size.y = 24.0;
            style.spacing.menu_margin = Margin::same(8);
        });
    }
}

/// What lies under a picture of a lesson: most were drawn for white paper.
pub const PAPER: Color32 = LIGHT.background;

fn visuals(theme: egui::Theme, palette: &Palette) -> Visuals {
    let mut visuals = if theme == egui::Theme::Dark { Visuals::dark() } else { Visuals::light() };
    visuals.panel_fill = palette.panel;
    visuals.window_fill = palette.background;
    visuals.extreme_bg_color = palette.background;
    visuals.faint_bg_color = palette.empty;
    visuals.code_bg_color = palette.empty;
    visuals.window_stroke = palette.hairline();
    visuals.warn_fg_color = palette.ink;
    visuals.error_fg_color = palette.ink;
    visuals.hyperlink_color = palette.accent;
    visuals.weak_text_color = Some(palette.faint_ink);
    visuals.selection.bg_fill = palette.accent_soft;
    visuals.selection.stroke = Stroke::new(1.0, palette.ink);
    let widgets = &mut visuals.widgets;
    for state in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        state.fg_stroke = Stroke::new(1.0, palette.ink);
        state.corner_radius = CornerRadius::same(4);
        state.expansion = 0.0;
    }
    widgets.noninteractive.bg_stroke = palette.hairline();
    widgets.noninteractive.bg_fill = palette.panel;
    widgets.inactive.weak_bg_fill = palette.empty;
    widgets.inactive.bg_fill = palette.empty;
    for state in [&mut widgets.hovered, &mut widgets.active, &mut widgets.open] {
        state.weak_bg_fill = palette.accent_soft;
        state.bg_fill = palette.accent_soft;
        state.bg_stroke = Stroke::new(1.0, palette.accent);
    }
    visuals
}

#[cfg(test)]
mod tests;
