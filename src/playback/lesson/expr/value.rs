//! What an expression gives, and how it is shown.

use std::rc::Rc;

use crate::number;

use super::eval::Scope;

/// A value. Objects are the engine's: a row, a run, a chip; only their parts are numbers.
#[derive(Clone)]
pub enum Value {
    Number(f64),
    Bool(bool),
    Text(String),
    List(Vec<Value>),
    Object(Rc<dyn Scope>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.show(""))
    }
}

impl PartialEq for Value {
    /// As `==` in an expression; an object equals nothing.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            _ => false,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Number(number as f64)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Value::Number(number as f64)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl Value {
    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Object(_) => "a thing with parts",
        }
    }

    /// The value as text, numbers by `format` (see [`format_number`]).
    pub fn show(&self, format: &str) -> String {
        match self {
            Value::Number(number) => format_number(*number, format),
            Value::Bool(truth) => truth.to_string(),
            Value::Text(text) => text.clone(),
            Value::List(values) => values.iter().map(|value| value.show(format)).collect::<Vec<_>>().join(", "),
            Value::Object(_) => "(a thing with parts)".into(),
        }
    }
}

/// A number as a lesson shows it, as the window and the command line write it ([`number`]). Formats: `.3` digits after the
/// point; `,` grouped digits; `B` bytes with a unit; `B/s` a bandwidth; `M` millions; `%` per cent; `e` a power of ten;
/// none: whole numbers whole, others with four significant digits.
pub fn format_number(number: f64, format: &str) -> String {
    if !number.is_finite() {
        return number::short(number);
    }
    let signed = |text: String| if number < 0.0 { format!("-{text}") } else { text };
    let text = if let Some(digits) = format.strip_prefix('.') {
        format!("{number:.*}", digits.parse::<usize>().unwrap_or(3).min(12))
    } else {
        match format {
            "," => signed(number::grouped(number.abs().round() as u64)),
            "B" => signed(number::bytes(number.abs().round() as u64)),
            "B/s" => number::rate(number, "B/s"),
            "M" => number::short(number / 1e6),
            "%" => number::percent(number),
            "e" => format!("{number:.3e}"),
            _ => number::plain(number),
        }
    };
    // A rounded -0 is 0.
    if text.starts_with('-') && !text.contains(|c: char| ('1'..='9').contains(&c)) { text[1..].into() } else { text }
}

/// Whether [`format_number`] knows this format.
pub fn is_format(format: &str) -> bool {
    matches!(format, "" | "," | "B" | "B/s" | "M" | "%" | "e")
        || format.strip_prefix('.').is_some_and(|digits| digits.parse::<usize>().is_ok_and(|digits| digits <= 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_write_as_the_window_and_the_command_line_do() {
        for x in [0.0, 1e-9, -0.0312, 0.5, 2.25, -38.51, 1234.5, 99_999.96, 1e7 + 0.5, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(format_number(x, ""), number::plain(x), "{x}");
        }
        for n in [0, 999, 1000, 10_239, 10_240, 1_048_575, 4 << 20, 40 << 30] {
            assert_eq!(format_number(n as f64, ","), number::grouped(n));
            assert_eq!(format_number(n as f64, "B"), number::bytes(n));
        }
    }

    #[test]
    fn numbers_are_shown_as_asked() {
        for (number, format, text) in [
            (1280.0, "", "1280"),
            (16.6666, "", "16.67"),
            (0.170, ".3", "0.170"),
            (1_179_648.0, ",", "1,179,648"),
            (1_179_648.0, "M", "1.180"),
            (2_097_152.0, "B", "2.000 MiB"),
            (1.555e12, "B/s", "1.555 TB/s"),
            (512.0, "B", "512 B"),
            (-0.0001, ".2", "0.00"),
            (f64::NEG_INFINITY, "", "-inf"),
            (f64::NAN, ".3", "NaN"),
            (0.375, "%", "38 %"),
            (1e-9, "", "1.000e-9"),
            (0.0, "", "0"),
        ] {
            assert_eq!(format_number(number, format), text);
        }
    }
}
