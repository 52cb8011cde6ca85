//! What an expression gives, and how it is shown.

use std::rc::Rc;

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

/// A number as a lesson shows it. Formats: `.3` digits after the point; `,` grouped digits; `B` bytes with a unit;
/// `M` millions; `%` per cent; `e` a power of ten; none: whole numbers whole, others with four significant digits.
pub fn format_number(number: f64, format: &str) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "∞".into() } else { "-∞".into() };
    }
    let text = if let Some(digits) = format.strip_prefix('.') {
        format!("{number:.*}", digits.parse::<usize>().unwrap_or(3).min(12))
    } else {
        match format {
            "," => grouped(number),
            "B" => bytes(number),
            "M" => format!("{:.2}", number / 1e6),
            "%" => format!("{:.0}%", number * 100.0),
            "e" => format!("{number:.1e}"),
            _ => plain(number),
        }
    };
    // A rounded -0 is 0.
    if text.starts_with('-') && !text.contains(|c: char| ('1'..='9').contains(&c)) { text[1..].into() } else { text }
}

/// Whether [`format_number`] knows this format.
pub fn is_format(format: &str) -> bool {
    matches!(format, "" | "," | "B" | "M" | "%" | "e")
        || format.strip_prefix('.').is_some_and(|digits| digits.parse::<usize>().is_ok_and(|digits| digits <= 12))
}

fn plain(number: f64) -> String {
    if number == number.trunc() && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let magnitude = number.abs().log10().floor();
    if (-4.0..6.0).contains(&magnitude) {
        format!("{number:.*}", (3.0 - magnitude).max(0.0) as usize)
    } else {
        format!("{number:.3e}")
    }
}

/// Digits in groups of three, as every counter on the stage writes them; no line breaks within them.
fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = if number < 0.0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in decimal units, three significant digits.
fn bytes(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        size if size < 1e4 => return format!("{number:.0} B"),
        size if size < 1e6 => (number / 1e3, "kB"),
        size if size < 1e9 => (number / 1e6, "MB"),
        size if size < 1e12 => (number / 1e9, "GB"),
        _ => (number / 1e12, "TB"),
    };
    let digits = 2 - scaled.abs().log10().floor().clamp(0.0, 2.0) as usize;
    format!("{scaled:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_asked() {
        for (number, format, text) in [
            (1280.0, "", "1280"),
            (16.6666, "", "16.67"),
            (0.170, ".3", "0.170"),
            (1_179_648.0, ",", "1,179,648"),
            (1_179_648.0, "M", "1.18"),
            (2_097_152.0, "B", "2.10 MB"),
            (512.0, "B", "512 B"),
            (-0.0001, ".2", "0.00"),
            (f64::NEG_INFINITY, "", "-∞"),
            (f64::NAN, ".3", "NaN"),
            (0.375, "%", "38%"),
            (1e-9, "", "1.000e-9"),
            (0.0, "", "0"),
        ] {
            assert_eq!(format_number(number, format), text);
        }
    }
}
