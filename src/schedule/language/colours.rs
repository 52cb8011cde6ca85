//! What each part of a line of a text is, for whoever colours it: as the lexer cuts it, also while a line is half typed.

use std::ops::Range;

use super::lexer::{Kind, lex};
use super::parser::{HEADER_WORDS, is_label};
use super::words::{Function, RESERVED};

/// What a part of a listing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// What a step is called.
    Label,
    Keyword,
    Number,
    Comment,
    /// Names, signs, prose.
    Plain,
}

/// A part of a line, by its bytes.
pub type ListedPart = (Range<usize>, Listed);

/// Reserved words that stand for a value, as names do.
const VALUES: [&str; 12] = ["i", "j", "s", "h", "scale", "cap", "slope", "sink", "distance", "d", "d_v", "T"];

/// The words that begin a line before the first kernel.
fn is_of_header(word: &str) -> bool {
    HEADER_WORDS.contains(&word) || ["language", "variant", "without"].contains(&word)
}

/// The parts of one line that are not plain, in their order, by their bytes.
pub fn listed(line: &str) -> Vec<ListedPart> {
    let (code, comment) = line.split_at(line.find('#').unwrap_or(line.len()));
    let mut parts = Vec::new();
    let indent = code.len() - code.trim_start().len();
    let body = match code[indent..].split_once(':') {
        Some((label, _)) if is_label(label.trim_end()) => {
            parts.push((indent..indent + label.len() + 1, Listed::Label));
            indent + label.len() + 1
        }
        _ => indent,
    };
    statements(code, body, &mut parts);
    if !comment.is_empty() {
        parts.push((code.len()..line.len(), Listed::Comment));
    }
    parts
}

/// The words and numbers of `code` from the byte `from` on; what cannot be cut is passed over.
fn statements(code: &str, from: usize, parts: &mut Vec<ListedPart>) {
    let (mut rest, mut at) = (&code[from..], from);
    // Within what a loop runs over, or what a statement hangs on, each word is one of the language.
    let (mut is_phrase, mut before) = (false, "");
    while let Some(first) = rest.chars().next() {
        // One word, number or sign: a fault ends no more than itself.
        let length = length(rest, first);
        let (token, after) = rest.split_at(length);
        let range = at..at + length;
        match lex(token, 1, 1).ok().and_then(|tokens| tokens.first().map(|token| token.kind)) {
            Some(Kind::Number(_)) => parts.push((range, Listed::Number)),
            Some(Kind::Word("inf")) => parts.push((range, Listed::Number)),
            Some(Kind::Word(word)) => {
                let is_first = before.is_empty() && from == code.len() - code.trim_start().len();
                let calls = after.trim_start().starts_with('(') && Function::ALL.iter().any(|f| f.name() == word);
                let is_known = RESERVED.contains(&word) || is_phrase || calls;
                if !VALUES.contains(&word) && is_known || is_first && is_of_header(word) {
                    parts.push((range, Listed::Keyword));
                }
                is_phrase |= matches!(word, "when" | "unless" | "where") || word == "in" && !is_first;
                if is_first && word == "title" {
                    return;
                }
                before = word;
            }
            Some(Kind::Symbol(symbol)) => {
                is_phrase &= !matches!(symbol, ";" | ",");
                before = symbol;
            }
            Some(Kind::End) | None => {}
        }
        (rest, at) = (after, at + length);
    }
}

/// The length in bytes of what begins with `first`.
fn length(rest: &str, first: char) -> usize {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !is_word(first) {
        return first.len_utf8();
    }
    let mut end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    // The sign of an exponent: 1e-6.
    if first.is_ascii_digit() && rest[..end].ends_with(['e', 'E']) && rest[end..].starts_with(['+', '-']) {
        let digits = rest[end + 1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - end - 1);
        end += 1 + digits;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::TEXTS;
    use super::*;

    fn said(line: &str) -> Vec<(&str, Listed)> {
        listed(line).into_iter().map(|(range, of)| (&line[range], of)).collect()
    }

    #[test]
    fn labels_keywords_numbers_and_comments_are_told_apart() {
        use Listed::{Comment, Keyword, Label, Number};
        for (line, expected) in [
            (
                "    row-max:      m_new = max(m, rowmax(S)); alpha = exp(m - finite(m_new))",
                vec![("row-max:", Label), ("max", Keyword), ("rowmax", Keyword), ("exp", Keyword), ("finite", Keyword)],
            ),
            (
                "  for j in key blocks seen by i  # inner",
                vec![
                    ("for", Keyword),
                    ("in", Keyword),
                    ("key", Keyword),
                    ("blocks", Keyword),
                    ("seen", Keyword),
                    ("by", Keyword),
                    ("# inner", Comment),
                ],
            ),
            (
                "  mask: S = -inf where hidden unless full; S = 1e-6 * S",
                vec![
                    ("mask:", Label),
                    ("inf", Number),
                    ("where", Keyword),
                    ("hidden", Keyword),
                    ("unless", Keyword),
                    ("full", Keyword),
                    ("1e-6", Number),
                ],
            ),
            ("title    FlashAttention-2: m rose by 2", vec![("title", Keyword)]),
            ("out      dQ:acc dK dV", vec![("out", Keyword)]),
            ("in       Q K V", vec![("in", Keyword)]),
            // Names that are the language's words elsewhere are names.
            ("S = max + bias", vec![]),
            ("load bias[i,j] when bias; load K[j]", {
                vec![("load", Keyword), ("when", Keyword), ("bias", Keyword), ("load", Keyword)]
            }),
            // Half typed, and what no text has.
            ("S = 2x + é * 3", vec![("3", Number)]),
            ("", vec![]),
        ] {
            assert_eq!(said(line), expected, "{line}");
        }
    }

    /// What the texts of the program are coloured by is what they are read by: every label, every loop, every number.
    #[test]
    fn every_text_is_coloured_by_what_it_is_read_as() {
        let mut seen = [0; 2];
        for (name, text) in TEXTS {
            let algorithm = super::super::read(text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
            for line in &algorithm.lines {
                let written = text.lines().nth(line.span.line as usize - 1).expect("its line");
                let label = said(written).into_iter().find(|(_, of)| *of == Listed::Label);
                let label = label.map_or("", |(text, _)| text.trim_end_matches(':'));
                // A line that moves a tensor has no label of its own.
                let has_label = written.contains(": ");
                assert_eq!(label, if has_label { line.label.as_str() } else { "" }, "{name}: {written}");
                seen[usize::from(has_label)] += 1;
            }
            for (n, line) in text.lines().enumerate() {
                let mut end = 0;
                for (range, _) in listed(line) {
                    assert!(end <= range.start && range.start < range.end && range.end <= line.len(), "{name} {n}");
                    end = range.end;
                }
            }
        }
        assert!(seen.iter().all(|&lines| lines > 20), "{seen:?}");
    }
}
