//! A listing in its colours: a text by the lexer of its language, a kernel by a table of the words of CUDA and WGSL.

use std::hash::{Hash, Hasher};
use std::ops::Range;

use eframe::egui::cache::{ComputerMut, FrameCache};
use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{Context, FontId};

use crate::app::ink::theme::{self, Palette};
use crate::schedule::language::{Listed, ListedPart, listed};

/// What a listing is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WrittenIn {
    TileLanguage,
    /// CUDA or WGSL.
    KernelLanguage,
}

/// The words of both languages of kernels that are no names, in the order of their letters.
const WORDS: [&str; 57] = [
    "__constant__",
    "__device__",
    "__forceinline__",
    "__global__",
    "__launch_bounds__",
    "__restrict__",
    "__shared__",
    "array",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "char",
    "const",
    "constexpr",
    "continue",
    "default",
    "do",
    "else",
    "extern",
    "f16",
    "f32",
    "false",
    "float",
    "float2",
    "float4",
    "fn",
    "for",
    "half",
    "i32",
    "if",
    "inline",
    "int",
    "let",
    "long",
    "loop",
    "private",
    "ptr",
    "return",
    "short",
    "size_t",
    "static",
    "storage",
    "struct",
    "switch",
    "template",
    "true",
    "typename",
    "u32",
    "uniform",
    "unsigned",
    "using",
    "var",
    "void",
    "while",
    "workgroup",
];

/// The parts of a line of a kernel that are not plain. `in_comment` goes from line to line: a comment may be of several.
pub fn of_kernel(line: &str, in_comment: &mut bool) -> Vec<ListedPart> {
    let (mut parts, mut at) = (Vec::new(), 0);
    while let Some(first) = line[at..].chars().next() {
        let rest = &line[at..];
        let (length, part) = if *in_comment || rest.starts_with("/*") {
            let from = if *in_comment { 0 } else { 2 };
            let end = rest[from..].find("*/").map(|end| from + end + 2);
            *in_comment = end.is_none();
            (end.unwrap_or(rest.len()), Listed::Comment)
        } else if rest.starts_with("//") {
            (rest.len(), Listed::Comment)
        } else if first == '"' {
            (rest[1..].find('"').map_or(rest.len(), |end| end + 2), Listed::Number)
        } else if is_of_word(first) || matches!(first, '#' | '@') {
            let end = rest[first.len_utf8()..].find(|c: char| !(is_of_word(c) || first.is_ascii_digit() && c == '.'));
            let word = &rest[..end.map_or(rest.len(), |end| end + first.len_utf8())];
            (word.len(), of_word(word))
        } else {
            (first.len_utf8(), Listed::Plain)
        };
        if part != Listed::Plain {
            parts.push((at..at + length, part));
        }
        at += length;
    }
    parts
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn of_word(word: &str) -> Listed {
    match word.as_bytes()[0] {
        b'0'..=b'9' => Listed::Number,
        // `#include`, `@compute`; a sign alone is none.
        b'#' | b'@' if word.len() > 1 => Listed::Keyword,
        _ if WORDS.binary_search(&word).is_ok() || is_vector(word) => Listed::Keyword,
        _ => Listed::Plain,
    }
}

/// `vec4f`, `vec3u`.
fn is_vector(word: &str) -> bool {
    let Some(rest) = word.strip_prefix("vec") else { return false };
    matches!(rest.as_bytes(), [b'2'..=b'4'] | [b'2'..=b'4', b'f' | b'h' | b'i' | b'u'])
}

/// Appends `line` in its colours.
pub fn append(job: &mut LayoutJob, line: &str, parts: &[ListedPart], font: &FontId, palette: &Palette) {
    let mut put = |range: Range<usize>, part| {
        if !range.is_empty() {
            job.append(&line[range], 0.0, TextFormat::simple(font.clone(), palette.listed(part)));
        }
    };
    let mut at = 0;
    for (range, part) in parts {
        put(at..range.start, Listed::Plain);
        put(range.clone(), *part);
        at = range.end;
    }
    put(at..line.len(), Listed::Plain);
}

/// A listing that is to be shown in a size of type.
#[derive(Clone, Copy)]
struct ListingAsked<'a> {
    text: &'a str,
    written_in: WrittenIn,
    size: f32,
    palette: &'static Palette,
}

impl Hash for ListingAsked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // No two themes have the same inks.
        (self.text, self.written_in, self.size.to_bits(), self.palette.listed(Listed::Keyword)).hash(state);
    }
}

#[derive(Default)]
struct ListingCut;

impl ComputerMut<ListingAsked<'_>, LayoutJob> for ListingCut {
    fn compute(&mut self, asked: ListingAsked<'_>) -> LayoutJob {
        let font = theme::figures(asked.size);
        // Where nothing is written, a line is as high as any.
        let mut job = LayoutJob::simple(String::new(), font.clone(), asked.palette.ink, f32::INFINITY);
        let mut in_comment = false;
        for line in asked.text.split_inclusive('\n') {
            let parts = match asked.written_in {
                WrittenIn::TileLanguage => listed(line.trim_end()),
                WrittenIn::KernelLanguage => of_kernel(line.trim_end(), &mut in_comment),
            };
            append(&mut job, line, &parts, &font, asked.palette);
        }
        job
    }
}

/// A whole text, each line on one of its own: cut once, and again when it or the colours change.
pub fn job(ctx: &Context, text: &str, written_in: WrittenIn, size: f32, palette: &'static Palette) -> LayoutJob {
    let asked = ListingAsked { text, written_in, size, palette };
    ctx.memory_mut(|memory| memory.caches.cache::<FrameCache<LayoutJob, ListingCut>>().get(asked).clone())
}

#[cfg(test)]
mod tests {
    use eframe::egui::text::ByteIndex;

    use super::*;
    use crate::gpu::kernels::KERNELS;

    fn said<'a>(line: &'a str, in_comment: &mut bool) -> Vec<(&'a str, Listed)> {
        of_kernel(line, in_comment).into_iter().map(|(range, of)| (&line[range], of)).collect()
    }

    #[test]
    fn the_words_are_in_order() {
        assert!(WORDS.is_sorted() && WORDS.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn words_numbers_and_comments_of_kernels_are_told_apart() {
        use Listed::{Comment, Keyword, Number};
        let mut inside = false;
        for (line, expected) in [
            (
                "const BR = 16u;                 // queries of a block",
                vec![("const", Keyword), ("16u", Number), ("// queries of a block", Comment)],
            ),
            ("@compute @workgroup_size(THREADS)", vec![("@compute", Keyword), ("@workgroup_size", Keyword)]),
            ("#include \"attention.cuh\"", vec![("#include", Keyword), ("\"attention.cuh\"", Number)]),
            ("var<workgroup> s: array<vec4f, 8>;", {
                vec![("var", Keyword), ("workgroup", Keyword), ("array", Keyword), ("vec4f", Keyword), ("8", Number)]
            }),
            ("float vector = 0.5f * x2;", vec![("float", Keyword), ("0.5f", Number)]),
            ("a /* of two", vec![("/* of two", Comment)]),
            ("if lines */ if", vec![("if lines */", Comment), ("if", Keyword)]),
            ("é / \"open", vec![("\"open", Number)]),
        ] {
            assert_eq!(said(line, &mut inside), expected, "{line}");
        }
        assert!(!inside);
    }

    /// Every source of the house, as it is edited: the text is the same to the letter, and each marker has its ink.
    #[test]
    fn a_listing_is_its_text() {
        eframe::egui::__run_test_ui(|ui| {
            let palette = Palette::of(ui);
            for kernel in KERNELS {
                let job = job(ui.ctx(), kernel.source, WrittenIn::KernelLanguage, 12.0, palette);
                assert_eq!(job.text, kernel.source, "{}", kernel.file);
                let at = kernel.source.find("[step:").expect("a marker");
                let ink = job.format_at_byte(ByteIndex(at)).color;
                assert_eq!(ink, palette.listed(Listed::Comment), "{}", kernel.file);
            }
            let empty = job(ui.ctx(), "", WrittenIn::TileLanguage, 12.0, palette);
            assert_eq!((empty.text.as_str(), empty.sections.len()), ("", 1));
        });
    }
}
