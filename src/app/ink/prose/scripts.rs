//! Indices and powers of a text that is no TeX, as print has them: `m_old`, `e^(S - L)`, `10^4`.

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{Align, Color32, FontId};

/// Where a part of a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Line,
    Index,
    Power,
    IndexInPower,
}

/// Letters of a name that can have an index at most: `dO_i` is one, and `flash_attn` is the name of a file.
const LONGEST_NAME: usize = 2;

const APART: &str = "\u{200b}";

/// Appends `text` in its format; gives how many characters that took.
pub(super) fn append(job: &mut LayoutJob, text: &str, format: &TextFormat) -> usize {
    let mut count = 0;
    for (n, (part, script)) in parts(text).iter().enumerate() {
        // Of no width: who reads the letters does not take a name and its index for one word.
        let apart = if n > 0 { APART } else { "" };
        job.append(apart, 0.0, format.clone());
        job.append(part, 0.0, of_script(*script, format));
        count += apart.chars().count() + part.chars().count();
    }
    count
}

/// A short text, such as a title or a card, in one font.
pub fn scripted(text: &str, font: FontId, color: Color32) -> LayoutJob {
    let mut job = LayoutJob::default();
    append(&mut job, text, &TextFormat::simple(font, color));
    job
}

/// The library sets a part of a line in the middle of the height that it has for itself, at the head or at the foot of the
/// line: that height decides how far it is raised or lowered.
fn of_script(script: Script, format: &TextFormat) -> TextFormat {
    let size = format.font_id.size;
    let line = format.line_height.unwrap_or(LINE_OF_FONT * size);
    let (part, valign, height) = match script {
        Script::Line => return format.clone(),
        Script::Index => (0.75, Align::BOTTOM, line - 0.5 * size),
        Script::Power => (0.75, Align::TOP, line - 0.42 * size),
        Script::IndexInPower => (0.62, Align::TOP, line - 0.1 * size),
    };
    let font = FontId { size: size * part, ..format.font_id.clone() };
    TextFormat { font_id: font, valign, line_height: Some(height), ..format.clone() }
}

/// The height of a line that has none of its own, as a part of its type.
const LINE_OF_FONT: f32 = 1.2;

/// The parts of a text, without the signs of indices and powers.
fn parts(text: &str) -> Vec<(String, Script)> {
    let chars: Vec<char> = text.chars().collect();
    let mut parts: Vec<(String, Script)> = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while at < chars.len() {
        let raised = match chars[at] {
            '_' => index(&chars, at).map(|end| (vec![(of(&chars[at + 1..end]), Script::Index)], end)),
            '^' => power(&chars, at),
            _ => None,
        };
        match raised {
            Some((found, end)) => {
                parts.extend((!plain.is_empty()).then(|| (std::mem::take(&mut plain), Script::Line)));
                parts.extend(found);
                at = end;
            }
            None => {
                plain.push(chars[at]);
                at += 1;
            }
        }
    }
    parts.extend((!plain.is_empty()).then_some((plain, Script::Line)));
    parts
}

fn of(chars: &[char]) -> String {
    chars.iter().collect()
}

/// Where the index ends whose `_` stands at `at`, if that is one: behind a short name, and before letters or digits.
fn index(chars: &[char], at: usize) -> Option<usize> {
    let name = chars[..at].iter().rev().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
    let is_name = (1..=LONGEST_NAME).contains(&name) && chars[at - name].is_ascii_alphabetic();
    let length = chars[at + 1..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let end = at + 1 + length;
    let goes_on = chars.get(end).is_some_and(|c| *c == '_');
    (is_name && length > 0 && !goes_on).then_some(end)
}

/// The parts of the power whose `^` stands at `at`, and where it ends: a number, a letter, or what stands in parentheses.
fn power(chars: &[char], at: usize) -> Option<(Vec<(String, Script)>, usize)> {
    let has_base = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == ')');
    let from = at + 1;
    let (inner, end) = match chars.get(from).filter(|_| has_base)? {
        '(' => {
            let length = chars[from + 1..].iter().position(|c| *c == ')')?;
            let inner = &chars[from + 1..from + 1 + length];
            // Of parentheses in parentheses both are left as they are.
            (!inner.contains(&'(') && length > 0).then_some((inner, from + length + 2))?
        }
        _ => {
            let sign = usize::from(chars[from] == '-');
            let digits = chars[from + sign..].iter().take_while(|c| c.is_ascii_digit() || **c == '.').count();
            // A full stop ends the sentence.
            let dots = chars[from + sign..from + sign + digits].iter().rev().take_while(|c| **c == '.').count();
            let is_letter = |at: usize| chars.get(at).is_some_and(char::is_ascii_alphabetic);
            let length = match digits - dots {
                0 if is_letter(from + sign) && !is_letter(from + sign + 1) => 1,
                0 => return None,
                length => length,
            };
            (&chars[from..from + sign + length], from + sign + length)
        }
    };
    let within = |script| if script == Script::Line { Script::Power } else { Script::IndexInPower };
    Some((parts(&of(inner)).into_iter().map(|(text, script)| (text, within(script))).collect(), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `m_old` as `m[old]`, `e^2` as `e{2}`.
    fn marked(text: &str) -> String {
        let mark = |(text, script): (String, Script)| match script {
            Script::Line => text,
            Script::Index => format!("[{text}]"),
            Script::Power => format!("{{{text}}}"),
            Script::IndexInPower => format!("<{text}>"),
        };
        parts(text).into_iter().map(mark).collect()
    }

    #[test]
    fn indices_and_powers_are_told_from_other_words() {
        for (text, want) in [
            ("alpha = exp(m_old - m_new)", "alpha = exp(m[old] - m[new])"),
            ("e^(S - L)", "e{S - L}"),
            ("e^(L_s - L_max)", "e{L}<s>{ - L}<max>"),
            ("10^4, by step", "10{4}, by step"),
            ("a^-0.5.", "a{-0.5}."),
            ("S = scale Q K^T", "S = scale Q K{T}"),
            ("dO_i、l_i", "dO[i]、l[i]"),
            ("n_q 和 n_k", "n[q] 和 n[k]"),
            ("flash_attn, my_file_1, a_b_c", "flash_attn, my_file_1, a_b_c"),
            ("e^((a) b) ^2 x^", "e^((a) b) ^2 x^"),
            ("x_ _y", "x_ _y"),
            ("", ""),
        ] {
            assert_eq!(marked(text), want);
        }
    }

    #[test]
    fn as_many_characters_are_told_as_are_laid_out() {
        for text in ["l_new = e^(L_s - L_max) l_old", "no sign", "10^4"] {
            let mut job = LayoutJob::default();
            let count = append(&mut job, text, &TextFormat::default());
            assert_eq!(count, job.text.chars().count());
        }
    }
}
