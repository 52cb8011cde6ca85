//! The header text of a `.npy` file: the small part of Python's syntax that `numpy.save` writes, without recursion.

use super::element::Element;
use crate::sentence::Sentence;

/// What is wrong, and at which byte of the array's file.
pub(super) struct Fault {
    pub offset: usize,
    pub text: Sentence,
}

pub(super) fn fault<T>(offset: usize, text: impl Into<Sentence>) -> Result<T, Fault> {
    Err(Fault { offset, text: text.into() })
}

/// What a header says.
pub(super) struct Header {
    pub element: Element,
    pub is_big_endian: bool,
    pub fortran: bool,
    pub shape: Vec<usize>,
}

/// Parses `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`, which begins at byte `start` of its file.
///
/// The three keys may come in any order and must be the only ones, as NumPy demands.
pub(super) fn parse(header: &[u8], start: usize) -> Result<Header, Fault> {
    let Ok(text) = std::str::from_utf8(header) else {
        return fault(start, "the header is not text");
    };
    let mut text = Text { rest: text, end: start + text.len() };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    text.expect('{', "a dictionary must open with {")?;
    while !text.eat('}') {
        let at = text.offset();
        let key = text.quoted("a key in quotes is needed")?;
        text.expect(':', "a colon must follow the key")?;
        let fresh = match key {
            "descr" => descr.replace(element(&mut text)?).is_none(),
            "fortran_order" => fortran.replace(text.boolean()?).is_none(),
            "shape" => shape.replace(text.tuple()?).is_none(),
            _ => return fault(at, "a key other than descr, fortran_order and shape"),
        };
        if !fresh {
            return fault(at, Sentence::new("the key {0} comes twice").with(key));
        }
        if !text.eat(',') {
            text.expect('}', "the dictionary must close with }")?;
            break;
        }
    }
    if !text.rest.trim_ascii_start().is_empty() {
        return fault(text.offset(), "text follows the dictionary");
    }
    match (descr, fortran, shape) {
        (Some((element, is_big_endian)), Some(fortran), Some(shape)) => {
            Ok(Header { element, is_big_endian, fortran, shape })
        }
        _ => fault(start, "one of the keys descr, fortran_order and shape is missing"),
    }
}

/// The element kind, and whether its bytes are in reverse.
fn element(text: &mut Text) -> Result<(Element, bool), Fault> {
    let at = text.offset();
    let Ok(descr) = text.quoted("") else {
        return fault(at, "a structured type is not read; save each field as an array of its own");
    };
    let name = descr.trim_start_matches(['<', '>', '|', '=']);
    let (kind, size) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    let element = match (kind, size.parse::<usize>()) {
        ("f", Ok(8)) => Element::F64,
        ("f", Ok(4)) => Element::F32,
        ("f", Ok(2)) => Element::F16,
        // The one type of ml_dtypes that NumPy keeps in two bytes of its own.
        ("V", Ok(2)) => Element::Bf16,
        ("i", Ok(8)) => Element::I64,
        ("i", Ok(4)) => Element::I32,
        ("i", Ok(2)) => Element::I16,
        ("i", Ok(1)) => Element::I8,
        ("u", Ok(8)) => Element::U64,
        ("u", Ok(4)) => Element::U32,
        ("u", Ok(2)) => Element::U16,
        ("u", Ok(1)) => Element::U8,
        ("b", Ok(1)) => Element::Bool,
        ("U", Ok(characters @ 0..=LONGEST_TEXT)) => Element::Text { characters, wide: true },
        ("S" | "a", Ok(characters @ 0..=LONGEST_TEXT)) => Element::Text { characters, wide: false },
        _ => return fault(at, unread(descr, kind, size)),
    };
    Ok((element, descr.starts_with('>')))
}

/// Characters of a word such as `bnhd` or `top-left`.
const LONGEST_TEXT: usize = 256;

/// Why a type is not read, and what to do.
fn unread(descr: &str, kind: &str, size: &str) -> Sentence {
    match (kind, size) {
        ("O", _) => "Python objects (pickle) are not read, for safety; save an array of float32".into(),
        ("V" | "f", "1") => Sentence::new(
            "the type {0} has one byte an element (a float8 or int4 of ml_dtypes?), and which is not said; save .astype(numpy.float32)",
        )
        .with(format!("{descr:?}")),
        ("V", _) => "a structured type is not read; save each field as an array of its own".into(),
        ("c", _) => "complex numbers are not read; save the real part".into(),
        ("S" | "U" | "a", _) => "text is not read; save an array of float32".into(),
        _ => {
            let text = "the type {0} is not read; save an array of float16, float32 or float64";
            Sentence::new(text).with(format!("{descr:?}"))
        }
    }
}

fn malformed(need: &'static str) -> Sentence {
    Sentence::new("the header is malformed: {0}").and(need)
}

/// What is left of the text, whose end lies at byte `end` of the file.
struct Text<'a> {
    rest: &'a str,
    end: usize,
}

impl<'a> Text<'a> {
    fn offset(&self) -> usize {
        self.end - self.rest.trim_ascii_start().len()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_ascii_start().strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char, need: &'static str) -> Result<(), Fault> {
        if self.eat(wanted) { Ok(()) } else { fault(self.offset(), malformed(need)) }
    }

    /// A string in single or double quotes, without escapes.
    fn quoted(&mut self, need: &'static str) -> Result<&'a str, Fault> {
        let at = self.offset();
        let quote = ['\'', '"'].into_iter().find(|&quote| self.eat(quote));
        match quote.and_then(|quote| self.rest.split_once(quote)) {
            Some((string, rest)) => {
                self.rest = rest;
                Ok(string)
            }
            None => fault(at, malformed(need)),
        }
    }

    fn boolean(&mut self) -> Result<bool, Fault> {
        let rest = self.rest.trim_ascii_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        fault(self.offset(), "fortran_order must be True or False")
    }

    /// A tuple of whole numbers.
    fn tuple(&mut self) -> Result<Vec<usize>, Fault> {
        self.expect('(', "shape must be a tuple")?;
        let mut sizes = Vec::new();
        while !self.eat(')') {
            sizes.push(self.number()?);
            if !self.eat(',') {
                self.expect(')', "shape must be a tuple of whole numbers")?;
                break;
            }
        }
        Ok(sizes)
    }

    fn number(&mut self) -> Result<usize, Fault> {
        let at = self.offset();
        let rest = self.rest.trim_ascii_start();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = rest.split_at(digits);
        self.rest = rest;
        if number.is_empty() {
            return fault(at, "shape must be a tuple of whole numbers");
        }
        number.parse().or_else(|_| fault(at, "a size of the shape does not fit in 64 bits"))
    }
}
