//! What a person types for a number: `4 MiB`, `e^-1.775`, `2^20`, `1/8`, `1,048,576`, `17 %`, `446 万`.

use crate::sentence::Sentence;

use super::expr::{self, Arguments, Budget, Scope, Value};

/// Reads `text` as a number in `unit`, which is that of the question and may be empty. Says what is wrong where it cannot.
pub fn read(text: &str, unit: &str) -> Result<f64, Sentence> {
    let plain = plain(text);
    let unreadable = || {
        let fault = "“{0}” cannot be read as a number: type one such as 4.2, 1/8, 2^20 or e^-1.775";
        Err(Sentence::new(fault).with(text.trim()))
    };
    if plain.is_empty() {
        return Err("type a number first".into());
    }
    let (written, words) = apart(&plain);
    let mut factor = 1.0;
    for word in words {
        factor *= match known(word) {
            Some(found) => found.in_unit(unit).ok_or_else(|| misplaced(word, unit))?,
            // `4.2abc` is no number with a unit; `abc` is no number at all.
            None => return unreadable(),
        };
    }
    let Ok(expr) = expr::parse(&digits(written), 1, 1) else { return unreadable() };
    match expr::eval(&expr, &Constants::default()) {
        Ok(Value::Number(number)) if (number * factor).is_finite() => Ok(number * factor),
        Ok(Value::Number(_)) => Err(Sentence::new("“{0}” is no finite number").with(text.trim())),
        _ => unreadable(),
    }
}

/// What may stand in a number beside its digits.
#[derive(Default)]
struct Constants(Budget);

impl Scope for Constants {
    fn name(&self, name: &str) -> Option<Value> {
        match name {
            "e" => Some(std::f64::consts::E.into()),
            "pi" | "π" => Some(std::f64::consts::PI.into()),
            _ => None,
        }
    }

    fn call(&self, _: &str, _: &mut Arguments) -> Option<Result<Value, Sentence>> {
        None
    }

    fn budget(&self) -> Option<&Budget> {
        Some(&self.0)
    }
}

/// The signs of keyboards and of input methods as an expression has them.
fn plain(text: &str) -> String {
    let sign = |c: char| match c {
        '\u{ff10}'..='\u{ff19}' => char::from(b'0' + (c as u32 - 0xff10) as u8),
        '×' | '·' | '⋅' | '∗' => '*',
        '÷' => '/',
        '−' | '–' | '－' => '-',
        '，' => ',',
        '．' => '.',
        '％' => '%',
        '（' => '(',
        '）' => ')',
        'μ' => 'µ',
        '\u{a0}' | '\u{202f}' | '\u{3000}' => ' ',
        c => c,
    };
    let text: String = text.trim().chars().map(sign).collect();
    text.trim_start_matches(['=', '≈', '~']).trim().to_owned()
}

/// The number, and the words behind it: `1.18 M elements` gives `1.18` and `M`, `elements`.
fn apart(text: &str) -> (&str, Vec<&str>) {
    let is_word = |c: char| c.is_alphabetic() || c == 'µ' || c == '%';
    let (mut rest, mut words) = (text, Vec::new());
    loop {
        let before = rest.trim_end();
        let word = before.trim_end_matches(is_word).len();
        let found = &before[word..];
        if found.is_empty() || matches!(found, "e" | "pi" | "π") {
            words.reverse();
            return (before, words);
        }
        // `446 万个元素`: a power of ten, and what is counted.
        let power =
            ["百万", "千", "万", "亿"].into_iter().find(|power| found.len() > power.len() && found.starts_with(power));
        let at = power.map_or(0, str::len);
        words.push(&found[at..]);
        words.extend(power.map(|_| &found[..at]));
        rest = &before[..word];
    }
}

/// Groups of digits joined, and a comma for the point made one.
fn digits(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut joined = String::new();
    for (at, c) in chars.iter().enumerate() {
        let between = at > 0 && chars[at - 1].is_ascii_digit() && chars.get(at + 1).is_some_and(char::is_ascii_digit);
        // `1 048 576`
        let is_gap = *c == ' ' && between && chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).count() == 3;
        if !is_gap {
            joined.push(*c);
        }
    }
    let is_number = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
    let mut out = String::new();
    let mut rest = joined.as_str();
    while let Some(start) = rest.find(is_number) {
        out.push_str(&rest[..start]);
        let end = rest[start..].find(|c| !is_number(c)).map_or(rest.len(), |length| start + length);
        out.push_str(&one(&rest[start..end]));
        rest = &rest[end..];
    }
    out + rest
}

/// One run of digits, commas and points.
fn one(text: &str) -> String {
    let text = text.replace(',', if text.contains('.') || groups(text) { "" } else { "." });
    // `.5` is half.
    if text.starts_with('.') { format!("0{text}") } else { text }
}

/// `1,048,576`: every comma has three digits after it, and the number is no decimal below ten.
fn groups(text: &str) -> bool {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    !rest.is_empty() && rest.iter().all(|part| part.len() == 3) && (rest.len() > 1 || first != "0")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Bytes,
    Seconds,
    /// Things that are counted: the words change no number.
    Count,
    /// A power of ten, of whatever is asked for.
    Power,
    /// A letter before a unit: of ten, and in a question for KiB, MiB or GiB of 1024.
    Prefix,
    Share,
}

/// What a word behind a number stands for, and how many of the smallest it is.
#[derive(Clone, Copy, Debug)]
struct Unit {
    of: Of,
    size: f64,
}

impl Unit {
    /// What one of it is in `unit`; `None` where that measures something else.
    fn in_unit(self, unit: &str) -> Option<f64> {
        let asked = known(unit).unwrap_or(Unit { of: Of::Count, size: 1.0 });
        match (self.of, asked.of) {
            (a, b) if a == b => Some(self.size / asked.size),
            // In a question for MiB, 4 M is 4.
            (Of::Prefix, Of::Bytes) if unit.ends_with("iB") => {
                Some(if self.size == 1e3 { 1024.0 } else { 1024.0 * 1024.0 } / asked.size)
            }
            // In a question for MB, 4.2 M is 4.2.
            (Of::Power | Of::Prefix, _) => Some(self.size / asked.size),
            // A thing that is counted says nothing of a unit: `4 tiles`.
            (Of::Count, Of::Power | Of::Prefix) | (Of::Share, Of::Count) => Some(self.size / asked.size),
            _ => None,
        }
    }
}

fn known(word: &str) -> Option<Unit> {
    let unit = |of: Of, size: f64| Some(Unit { of, size });
    match word {
        "B" | "byte" | "bytes" | "Byte" | "Bytes" | "字节" => unit(Of::Bytes, 1.0),
        "kB" | "KB" => unit(Of::Bytes, 1e3),
        "MB" => unit(Of::Bytes, 1e6),
        "GB" => unit(Of::Bytes, 1e9),
        "TB" => unit(Of::Bytes, 1e12),
        "KiB" | "kiB" => unit(Of::Bytes, 1024.0),
        "MiB" => unit(Of::Bytes, 1024.0 * 1024.0),
        "GiB" => unit(Of::Bytes, 1024.0 * 1024.0 * 1024.0),
        "s" | "sec" | "秒" => unit(Of::Seconds, 1.0),
        "ms" | "毫秒" => unit(Of::Seconds, 1e-3),
        "µs" | "us" | "微秒" => unit(Of::Seconds, 1e-6),
        "ns" | "纳秒" => unit(Of::Seconds, 1e-9),
        "k" | "K" => unit(Of::Prefix, 1e3),
        "M" => unit(Of::Prefix, 1e6),
        "thousand" | "千" => unit(Of::Power, 1e3),
        "万" => unit(Of::Power, 1e4),
        "million" | "millions" | "百万" => unit(Of::Power, 1e6),
        "亿" => unit(Of::Power, 1e8),
        "%" => unit(Of::Share, 0.01),
        "x" | "times" | "time" | "elements" | "element" | "tokens" | "token" | "keys" | "key" | "queries" | "query"
        | "tiles" | "tile" | "rows" | "row" | "个" | "次" | "倍" | "块" | "行" | "个元素" | "个分块" | "元素"
        | "个键" | "个查询" => unit(Of::Count, 1.0),
        _ => None,
    }
}

fn misplaced(word: &str, unit: &str) -> Sentence {
    match unit {
        "" => Sentence::new("a plain number is asked for, and “{0}” is a unit").with(word),
        unit => Sentence::new("the answer is asked for in {0}, and “{1}” is no such unit").with(unit).with(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_type_them() {
        for (text, unit, expected) in [
            ("0.17", "", 0.17),
            ("0,17", "", 0.17),
            ("0,170", "", 0.170),
            (".5", "", 0.5),
            ("1,280", "", 1280.0),
            ("4,194,304", "", 4_194_304.0),
            ("4 194 304", "", 4_194_304.0),
            ("1/4", "", 0.25),
            ("1/8", "", 0.125),
            ("-2e3", "", -2000.0),
            ("2^20", "", 1_048_576.0),
            ("2 × 1024 × 1024 × 2", "", 4_194_304.0),
            ("e^-1.775", "", (-1.775f64).exp()),
            ("e^−1.775", "", (-1.775f64).exp()),
            ("exp(-1.775)", "", (-1.775f64).exp()),
            ("(1*10 + 2*20)/3", "", 50.0 / 3.0),
            ("≈ 27.5", "", 27.5),
            ("４.２", "", 4.2),
            // Units.
            ("4.2 MB", "MB", 4.2),
            ("4.2MB", "MB", 4.2),
            ("4200 kB", "MB", 4.2),
            ("4 MiB", "MB", 4.194304),
            ("2^22 B", "MB", 4.194304),
            ("4.2 M", "MB", 4.2),
            ("4 M", "MiB", 4.0),
            ("4096 k", "MiB", 4.0),
            ("4.2 MB", "MiB", 4.2e6 / 1_048_576.0),
            ("4 million", "MiB", 4e6 / 1_048_576.0),
            ("1 M", "M", 1.0),
            ("1000 thousand", "M", 1.0),
            ("4.2", "MB", 4.2),
            ("5700 ns", "µs", 5.7),
            ("5.7 us", "µs", 5.7),
            ("5.7 μs", "µs", 5.7),
            ("1.18 M", "", 1.18e6),
            ("1.18 M elements", "", 1.18e6),
            ("446 万", "", 4.46e6),
            ("446 万个元素", "", 4.46e6),
            ("4 times", "", 4.0),
            ("4 次", "", 4.0),
            ("17 %", "", 0.17),
        ] {
            let read = read(text, unit).unwrap_or_else(|why| panic!("{text} in {unit:?}: {why}"));
            assert!((read - expected).abs() <= 1e-12 * expected.abs(), "{text} in {unit:?}: {read}");
        }
    }

    #[test]
    fn what_is_no_number_is_told() {
        for (text, unit, told) in [
            ("", "", "first"),
            ("  ", "MB", "first"),
            ("abc", "", "cannot be read"),
            ("many", "", "cannot be read"),
            ("4.2 parsecs", "MB", "cannot be read"),
            ("1 2", "", "cannot be read"),
            ("1,2,3", "", "cannot be read"),
            ("2 ^", "", "cannot be read"),
            ("\"a\"", "", "cannot be read"),
            ("[1]", "", "cannot be read"),
            ("1 < 2", "", "cannot be read"),
            ("moved()", "", "cannot be read"),
            ("e e e e", "", "cannot be read"),
            ("1/0", "", "no finite number"),
            ("0/0", "", "no finite number"),
            ("10^999", "", "no finite number"),
            ("4.2 MB", "", "a plain number"),
            ("4.2 s", "MB", "in MB"),
            ("4.2 MB", "µs", "in µs"),
            ("17 %", "MB", "in MB"),
        ] {
            let why = read(text, unit).expect_err(text).to_string();
            assert!(why.contains(told), "{text} in {unit:?}: {why}");
        }
    }
}
