//! A paragraph: words in one galley, formulas in the gaps that are left for them, links over their words.

use std::ops::Range;
use std::sync::Arc;

use eframe::egui::text::{CCursor, LayoutJob, TextFormat};
use eframe::egui::{
    self, Align, CursorIcon, FontFamily, Galley, OpenUrl, Rect, Response, Sense, Stroke, TextStyle, Ui, vec2,
};

use super::formula::{self, Set};
use super::scripts;
use crate::app::ink::theme::{self, Palette};
use crate::app::tongue::words::{fill, say};
use crate::playback::lesson::markdown::{Mark, Span};

/// A gap for a formula is two of these, in type of this size: the first keeps the second from the start of a line, where
/// its room would be left out.
const GAP: &str = "\u{a0}";
const GAP_SIZE: f32 = 1.0;
/// The height of a line, as a part of its type; and where room is short.
const LINE_HEIGHT: f32 = 1.4;
const CLOSE_LINES: f32 = 1.2;

/// What is laid out, and where in it links and formulas are.
pub(super) struct Paragraph {
    pub galley: Arc<Galley>,
    /// In their order.
    formulas: Vec<Set>,
    /// The characters of each link, and where it leads.
    links: Vec<(Range<usize>, String)>,
    /// As it is read aloud.
    words: String,
    size: f32,
}

/// The words of `spans` in their marks; where a formula cannot stand, it is its TeX.
pub(super) fn job(ui: &Ui, spans: &[Span], size: f32) -> LayoutJob {
    let mut job = LayoutJob::default();
    let format = WordFormat::new(ui, size);
    for span in spans {
        match span {
            Span::Words { text, mark, link } => {
                words(&mut job, text, &format.of(*mark, link.is_some()), has_formula(spans));
            }
            Span::Formula(tex) => job.append(tex, 0.0, format.of(Mark { code: true, ..Mark::default() }, false)),
            Span::Break => job.append("\n", 0.0, format.plain.clone()),
        }
    }
    job
}

/// Appends a text; gives how many characters that took. Its equations are whole: `L = -inf` is not parted at the end of a
/// line. After the punctuation of Chinese a line may end, also before a word of Latin letters, where the library would see
/// one long word: a space of no width stands there.
/// Beside a formula, whose line is higher, indices are left as they are written.
fn words(job: &mut LayoutJob, text: &str, format: &TextFormat, has_formula: bool) -> usize {
    let append = |job: &mut LayoutJob, text: &str| match has_formula || format.font_id.family == FontFamily::Monospace {
        true => {
            job.append(text, 0.0, format.clone());
            text.chars().count()
        }
        false => scripts::append(job, text, format),
    };
    let text = whole(text);
    let may_end = |(at, c): (usize, char)| {
        let next = text[at + c.len_utf8()..].chars().next();
        let is_latin = next.is_some_and(|next| next.is_ascii_alphanumeric() || "-+(".contains(next));
        ("，。：；、！？）".contains(c) && is_latin).then_some(at + c.len_utf8())
    };
    let space = TextFormat { font_id: theme::text(GAP_SIZE), ..format.clone() };
    let (mut from, mut count) = (0, 0);
    for end in text.char_indices().filter_map(may_end) {
        count += append(job, &text[from..end]) + 1;
        job.append(" ", 0.0, space.clone());
        from = end;
    }
    count + append(job, &text[from..])
}

/// With the spaces within an equation, a product (`4 x n x 512`) and a number with its unit (`94 %`) as ones at which no line
/// ends.
fn whole(text: &str) -> String {
    const UNITS: [&str; 8] = ["%", "x", "B", "KiB", "MiB", "GiB", "MB", "GB"];
    let mut words = text.split(' ').peekable();
    let (mut whole, mut before) = (String::with_capacity(text.len()), "");
    while let Some(word) = words.next() {
        whole.push_str(word);
        let Some(next) = words.peek() else { break };
        // What follows a unit or a factor may be punctuation: `94 %.`, or a word of Chinese.
        let sign = next.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '%');
        let is_number = word.ends_with(|c: char| c.is_ascii_digit());
        // A letter or a number: `1.5 x the bytes` is no product.
        let is_factor = |next: &str| next.starts_with(|c: char| c.is_ascii_digit()) || sign.len() == 1;
        let is_kept = match (word, *next) {
            ("=", _) | (_, "=") => true,
            ("x", next) => !before.is_empty() && is_factor(next),
            (word, "x") => word.ends_with(|c: char| c.is_ascii_alphanumeric()),
            _ => is_number && UNITS.contains(&sign),
        };
        whole.push(if is_kept { '\u{a0}' } else { ' ' });
        before = word;
    }
    whole
}

fn has_formula(spans: &[Span]) -> bool {
    spans.iter().any(|span| matches!(span, Span::Formula(_)))
}

/// The words of a heading.
pub(super) fn all_strong(spans: &[Span]) -> Vec<Span> {
    let strong = |span: &Span| match span.clone() {
        Span::Words { text, mark, link } => Span::Words { text, mark: Mark { strong: true, ..mark }, link },
        other => other,
    };
    spans.iter().map(strong).collect()
}

/// The height of a line, as a part of its type, in a scope that sets it.
fn of_scope() -> TextStyle {
    TextStyle::Name("line height".into())
}

fn line_height(ui: &Ui) -> f32 {
    ui.style().text_styles.get(&of_scope()).map_or(LINE_HEIGHT, |font| font.size)
}

/// Lines of this scope stand closer.
pub(super) fn close_lines(ui: &mut Ui) {
    ui.style_mut().text_styles.insert(of_scope(), theme::text(CLOSE_LINES));
}

/// How the words of a paragraph look.
struct WordFormat {
    plain: TextFormat,
    size: f32,
    palette: &'static Palette,
}

impl WordFormat {
    fn new(ui: &Ui, size: f32) -> Self {
        let palette = Palette::of(ui);
        let plain = TextFormat {
            font_id: theme::text(size),
            color: palette.ink,
            line_height: Some((size * line_height(ui)).round()),
            valign: Align::Center,
            ..TextFormat::default()
        };
        Self { plain, size, palette }
    }

    fn of(&self, mark: Mark, is_link: bool) -> TextFormat {
        let mut format = self.plain.clone();
        if mark.strong {
            format.underline = Stroke::new(1.0, self.palette.accent);
        }
        if is_link {
            (format.color, format.underline) = (self.palette.accent, Stroke::new(1.0, self.palette.accent));
        }
        if mark.code {
            (format.font_id, format.background) = (theme::figures(self.size - 1.0), self.palette.empty);
        }
        format.italics = mark.emphasis;
        format
    }
}

impl Paragraph {
    /// Lays `spans` out in type of `size`, in lines of at most `width`.
    pub fn new(ui: &Ui, spans: &[Span], size: f32, width: f32) -> Self {
        let format = WordFormat::new(ui, size);
        let mut job = LayoutJob::default();
        let (mut formulas, mut links, mut words) = (Vec::new(), Vec::<(Range<usize>, String)>::new(), String::new());
        let (mut length, has_formula) = (0, has_formula(spans));
        for span in spans {
            match span {
                Span::Words { text, mark, link } => {
                    let end = length + self::words(&mut job, text, &format.of(*mark, link.is_some()), has_formula);
                    match (link, links.last_mut()) {
                        // The marks within a link do not part it.
                        (Some(to), Some((known, last))) if to == last && known.end == length => known.end = end,
                        (Some(to), _) => links.push((length..end, to.clone())),
                        (None, _) => {}
                    }
                    length = end;
                    words.push_str(text);
                }
                Span::Formula(tex) => match formula::set(ui.ctx(), tex, false) {
                    Ok(list) => {
                        let set = Set { list, tex: tex.clone() };
                        let middle = middle_over_baseline(ui, size);
                        let half = (set.height(size) - middle).max(set.depth(size) + middle);
                        let gap = TextFormat {
                            font_id: theme::text(GAP_SIZE),
                            line_height: Some((2.0 * half + 2.0).ceil().max(size)),
                            ..format.plain.clone()
                        };
                        job.append(GAP, 0.0, gap.clone());
                        job.append(GAP, set.width(size), gap);
                        length += 2;
                        words.push_str(tex);
                        formulas.push(set);
                    }
                    Err(what) => {
                        let what = fill(ui.ctx(), " (this formula cannot be set: {0})", &[&say(ui.ctx(), &what)]);
                        let mark = format.of(Mark { code: true, ..Mark::default() }, false);
                        let trouble = TextFormat { background: format.palette.trouble_soft, ..mark };
                        job.append(tex, 0.0, trouble);
                        job.append(&what, 0.0, format.plain.clone());
                        length += tex.chars().count() + what.chars().count();
                        words.extend([tex.as_str(), &what]);
                    }
                },
                Span::Break => {
                    job.append("\n", 0.0, format.plain.clone());
                    length += 1;
                    words.push('\n');
                }
            }
        }
        job.wrap.max_width = width;
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        Self { galley, formulas, links, words, size }
    }

    pub fn height(&self) -> f32 {
        self.galley.size().y
    }

    /// Shows it here.
    pub fn show(self, ui: &mut Ui) -> Response {
        let response = ui.add(egui::Label::new(Arc::clone(&self.galley)));
        if self.galley.text() != self.words {
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &self.words));
        }
        let origin = response.rect.min.to_vec2();
        for (number, (set, gap)) in self.formulas.iter().zip(gaps(&self.galley)).enumerate() {
            let middle = middle_over_baseline(ui, self.size);
            let at = gap.left_center() + origin + vec2(0.0, middle - set.height(self.size));
            formula::place(ui, response.id.with(("formula", number)), set, at, self.size);
        }
        for (at, (range, to)) in self.links.iter().enumerate() {
            link(ui, response.id.with(at), &places(&self.galley, range, origin), &self.words_of(range), to);
        }
        response
    }

    fn words_of(&self, range: &Range<usize>) -> String {
        self.galley.text().chars().skip(range.start).take(range.len()).collect()
    }
}

/// How far the middle of a line is above its baseline.
fn middle_over_baseline(ui: &Ui, size: f32) -> f32 {
    let probe = ui.fonts_mut(|fonts| fonts.layout_no_wrap("x".into(), theme::text(size), Palette::of(ui).ink));
    let baseline = probe.rows.first().and_then(|row| Some(row.pos.y + row.glyphs.first()?.pos.y));
    baseline.unwrap_or_default() - probe.size().y / 2.0
}

/// The rooms that were left for formulas: from the first sign of each to the second, as high as its line.
fn gaps(galley: &Galley) -> Vec<Rect> {
    let mut edges = Vec::new();
    for row in &galley.rows {
        let is_gap = |glyph: &&egui::epaint::text::Glyph| glyph.chr == '\u{a0}' && glyph.font_height < 3.0;
        for glyph in row.glyphs.iter().filter(is_gap) {
            edges.push((row.pos.x + glyph.pos.x, row.rect().y_range()));
        }
    }
    let gap = |edges: &[(f32, egui::Rangef)]| Rect::from_x_y_ranges(edges[0].0..=edges[1].0, edges[0].1);
    edges.chunks_exact(2).map(gap).collect()
}

/// Where the characters of `range` stand, line by line.
fn places(galley: &Galley, range: &Range<usize>, origin: egui::Vec2) -> Vec<Rect> {
    let mut places: Vec<Rect> = Vec::new();
    for index in range.clone() {
        let edge = |index: usize, prefer_next_row| {
            galley.pos_from_cursor(CCursor { index: index.into(), prefer_next_row }).translate(origin)
        };
        let character = edge(index, true).union(edge(index + 1, false));
        match places.last_mut() {
            Some(last) if (last.top() - character.top()).abs() < 1.0 => *last = last.union(character),
            _ => places.push(character),
        }
    }
    places
}

/// A link over its words: told where it leads, opened by a click or by Enter.
fn link(ui: &mut Ui, id: egui::Id, places: &[Rect], words: &str, to: &str) {
    for (at, place) in places.iter().enumerate() {
        // The words of the second line are the same link; one of them is enough for the keyboard.
        let sense = if at == 0 { Sense::click() } else { Sense::CLICK };
        let response =
            ui.interact(*place, id.with(at), sense).on_hover_text(to).on_hover_cursor(CursorIcon::PointingHand);
        if at == 0 {
            let name = format!("{words}: {to}");
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Link, true, &name));
        }
        if response.clicked() {
            ui.ctx().open_url(OpenUrl::new_tab(to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the library may end a line, told by the text that it is given: a space, though of no width.
    #[test]
    fn a_line_may_end_after_chinese_punctuation_and_within_no_equation() {
        for (text, laid, extra) in [
            ("108 个 SM：11%。flash2 有", "108 个 SM： 11%。 flash2 有", 2),
            ("O = 0，L = -inf。", "O\u{a0}=\u{a0}0， L\u{a0}=\u{a0}-inf。", 1),
            ("键，值。", "键，值。", 0),
            ("plain, words: none", "plain, words: none", 0),
            ("of 4 x n x 512 at 94 %.", "of 4\u{a0}x\u{a0}n\u{a0}x\u{a0}512 at 94\u{a0}%.", 0),
            ("占 94 %，共 4 x 4 块", "占 94\u{a0}%，共 4\u{a0}x\u{a0}4 块", 0),
            ("1.5 x the 3 rows", "1.5\u{a0}x the 3 rows", 0),
            ("", "", 0),
        ] {
            let mut job = LayoutJob::default();
            let count = words(&mut job, text, &TextFormat::default(), false);
            assert_eq!((job.text.as_str(), count), (laid, text.chars().count() + extra));
        }
    }
}
