//! Numbers into Markdown: nothing of a value is taken for a mark, and every byte keeps its place in the lesson.

use crate::playback::lesson::engine::Engine;
use crate::playback::lesson::error::Result;
use crate::playback::lesson::expr::Value;
use crate::playback::lesson::scene::Scene;
use crate::playback::lesson::text::{Piece, Text};
use crate::playback::lesson::typed::place;

/// Markdown with the values in it.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub text: String,
    /// Where each piece begins in `text`, its line and column, and how many characters a brace of it has; 0 of a value,
    /// all of which has one place.
    pieces: Vec<(usize, (usize, usize), usize)>,
    /// Formulas in it.
    pub formulas: usize,
    /// Place of the first of them.
    pub first_formula: Option<(usize, usize)>,
}

impl Filled {
    pub fn new(text: &Text, engine: &Engine, scene: &Scene) -> Result<Self> {
        let mut filled = Self::default();
        let (mut is_code, mut is_tex) = (false, false);
        for (piece, at) in text.placed() {
            let start = filled.text.len();
            let brace = match piece {
                Piece::Plain(plain) => {
                    is_code ^= plain.matches('`').count() % 2 == 1;
                    filled.text.push_str(plain);
                    2
                }
                Piece::Tex { source, goes_on } => {
                    if !is_tex {
                        filled.formulas += 1;
                        filled.first_formula = filled.first_formula.or(Some(at));
                    }
                    is_tex = *goes_on;
                    filled.push_tex(source);
                    1
                }
                Piece::Data(data) => {
                    filled.push_value(data, is_code, is_tex);
                    0
                }
                Piece::Value(expr, format) => {
                    let value: Value = engine.eval(expr, scene)?;
                    filled.push_value(&value.show(format), is_code, is_tex);
                    0
                }
            };
            filled.pieces.push((start, at, brace));
        }
        Ok(filled)
    }

    /// A bar would end the cell of a table, and space at the ends would keep the signs from being those of a formula.
    fn push_tex(&mut self, source: &str) {
        let sign = if source.starts_with("$$") { "$$" } else { "$" };
        let (open, rest) = source.strip_prefix(sign).map_or(("", source), |rest| (sign, rest.trim_start()));
        let close = if rest.ends_with("$$") { "$$" } else { "$" };
        let (rest, close) = rest.strip_suffix(close).map_or((rest, ""), |rest| (rest, close));
        let rest = rest.replace("\\|", "\\Vert ").replace('|', "\\vert ");
        let rest = if close.is_empty() { &rest } else { rest.trim_end() };
        self.text.extend([open, rest, close]);
    }

    fn push_value(&mut self, value: &str, is_code: bool, is_tex: bool) {
        match (is_code, is_tex) {
            (true, _) => self.text.push_str(value),
            (_, true) => self.text.push_str(&in_tex(value)),
            _ => self.text.extend(value.chars().flat_map(|c| {
                let is_mark = "\\`*_[]<>$|~&#!".contains(c);
                is_mark.then_some('\\').into_iter().chain([c])
            })),
        }
    }

    /// Line and column of a byte of the text.
    pub fn place(&self, byte: usize) -> (usize, usize) {
        let piece = self.pieces.iter().take_while(|(start, ..)| *start <= byte).last();
        match piece {
            Some((start, at, brace)) if *brace > 0 => place(&self.text[*start..byte], byte - start, *at, *brace),
            Some((_, at, _)) => *at,
            None => (1, 1),
        }
    }
}

/// A number as TeX sets it, or words.
fn in_tex(value: &str) -> String {
    match value {
        "inf" => return "\\infty".into(),
        "-inf" => return "-\\infty".into(),
        _ => {}
    }
    if value.chars().all(|c| c.is_ascii_digit() || "-.,".contains(c)) {
        return value.replace(',', "{,}");
    }
    let mut words = String::from("\\text{");
    for c in value.chars() {
        match c {
            '{' | '}' | '$' | '%' | '#' | '&' | '_' => words.extend(['\\', c]),
            '\\' | '^' | '~' | '`' => words.push(' '),
            c => words.push(c),
        }
    }
    words + "}"
}

impl Text {
    /// The Markdown of it, with the values of `scene`.
    pub fn marked(&self, engine: &Engine, scene: &Scene) -> Result<String> {
        Filled::new(self, engine, scene).map(|filled| filled.text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::{blocks, line, read, words};
    use super::*;

    fn filled(text: &str) -> Filled {
        Filled::new(&Text::parse(text, 1, 1).unwrap(), &Engine::new(), &Scene::default()).unwrap()
    }

    #[test]
    fn values_are_no_marks() {
        let text = filled("{\"*a* _b_ [c](d) `e` <f> $g$ | h\"} and {1048576:,}");
        assert_eq!(words(&line(&text.text)), "*a* _b_ [c](d) `e` <f> $g$ | h and 1,048,576");
        let code = filled("`{1 / 8}*` **{1}**");
        assert_eq!(words(&line(&code.text)), "0.1250* 1");
    }

    #[test]
    fn values_stand_in_formulas() {
        for (text, expected) in [
            ("$e^{\\num{-1.5}}$", "$e^{-1.500}$"),
            ("$ x = \\num{1048576:,} $", "$x = 1{,}048{,}576$"),
            ("$\\num{-inf}$", "$-\\infty$"),
            ("$\\num{=19 TB/s}$", "$\\text{19 TB/s}$"),
            ("$$|x| \\| y$$", "$$\\vert x\\vert  \\Vert  y$$"),
            ("a \\$5", "a \\$5"),
            ("`$5` {{b}}", "`$5` {b}"),
        ] {
            assert_eq!(filled(text).text, expected, "{text}");
        }
        assert_eq!(filled("$\\num{1} + \\num{2}$ and $x$").formulas, 2);
    }

    /// Each formula of a text is one of its Markdown.
    #[test]
    fn formulas_are_read_as_they_are_written() {
        for text in
            ["$x$", "a$ x $b", "$\\{x\\}$", "$$\nx\n$$", "| a |\n|-|\n| $\\vert x \\vert$ $|y|$ |", "**$a$**$b$"]
        {
            let filled = filled(text);
            let (_, found) = read(&filled.text);
            assert_eq!(found.formulas, filled.formulas, "{text}");
            assert!(!format!("{:?}", blocks(&filled.text)).contains('$'), "{text}");
        }
    }

    #[test]
    fn a_byte_has_the_place_that_it_is_written_at() {
        let text = "a {{b}} {1 + 1} cc\ndd $\\frac{1}{2}$ ee";
        let filled = filled(text);
        for (word, place) in [("b", (1, 5)), ("cc", (1, 17)), ("dd", (2, 1)), ("\\frac", (2, 5)), ("ee", (2, 18))] {
            let byte = filled.text.rfind(word).unwrap();
            assert_eq!(filled.place(byte), place, "{word} of {}", filled.text);
        }
    }
}
