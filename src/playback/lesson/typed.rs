//! Numbers that somebody typed into the words of a lesson. A result is an expression, so that it cannot be wrong; what is
//! typed may be wrong from the next change of the scene on, and nobody would see it.
//!
//! A number in words is no result where
//!
//! - it is a whole number of at most ten, or a year from 1980 to 2039, or an exponent (`2^20`);
//! - it belongs to a name, which begins with a letter: `f16`, `K_0`, `A100-80GB`, `FlashAttention-2`;
//! - it stands in `` `code` ``, in the address of a link, or numbers a list;
//! - the beat gives it to the engine: in its scenes, in an expression (but no wrong answer), on a card, in a solution;
//! - it is marked as data: `{=19 TB/s}`.

use crate::sentence::Sentence;

use super::Beat;
use super::error::LessonError;
use super::expr::{Expr, numbers_in};
use super::scene::Scene;
use super::text::{Piece, Text};

/// The whole numbers up to this one count things, and are no results.
const MOST_COUNTED: f64 = 10.0;

/// The typed numbers of a beat, in the order of its texts.
pub(super) fn typed(beat: &Beat) -> Vec<LessonError> {
    let given = given(beat);
    beat.texts().into_iter().flat_map(|text| in_text(text, &given)).collect()
}

fn in_text(text: &Text, given: &[f64]) -> Vec<LessonError> {
    let mut faults = Vec::new();
    let mut is_code = false;
    for (piece, start) in text.placed() {
        let (words, brace, found) = match piece {
            Piece::Plain(plain) => (plain, 2, numbers(plain, &mut is_code, false)),
            Piece::Tex { source, .. } => (source, 1, numbers(source, &mut false, true)),
            _ => continue,
        };
        for found in found {
            if is_result(&found, given) {
                let (line, column) = place(words, found.at, start, brace);
                let what = match piece {
                    Piece::Tex { .. } => "{0} is typed: let an expression give it, or mark it as data: \\num{={0}}",
                    _ => "{0} is typed: let an expression give it, or mark it as data: {={0}}",
                };
                faults.push(LessonError::at(line, column, Sentence::new(what).with(found.text)));
            }
        }
    }
    faults
}

/// Where the byte `at` of `plain` stands, in which a brace has `brace` characters: in prose it is written twice.
pub(super) fn place(plain: &str, at: usize, (line, column): (usize, usize), brace: usize) -> (usize, usize) {
    plain[..at].chars().fold((line, column), |(line, column), c| match c {
        '\n' => (line + 1, 1),
        '{' | '}' => (line, column + brace),
        _ => (line, column + 1),
    })
}

fn is_result(found: &Found<'_>, given: &[f64]) -> bool {
    let x = found.value;
    let is_whole = x == x.trunc() && !found.text.contains('.');
    let is_counted = is_whole && x <= MOST_COUNTED;
    let is_year = found.text.len() == 4 && (1980.0..2040.0).contains(&x) && is_whole;
    !is_counted && !is_year && !given.contains(&x)
}

/// A number in words.
#[derive(Debug, PartialEq)]
struct Found<'a> {
    /// Bytes before it.
    at: usize,
    text: &'a str,
    value: f64,
}

/// The numbers of `plain` that are no part of a name, of code, of an address or of a power, and number no list.
/// In TeX an index is part of a name, too.
fn numbers<'a>(plain: &'a str, is_code: &mut bool, is_tex: bool) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = plain[at..].chars().next() {
        let rest = &plain[at..];
        let length = match c {
            '`' => {
                *is_code = !*is_code;
                1
            }
            _ if *is_code => c.len_utf8(),
            _ if rest.starts_with("](") => rest.find(')').map_or(2, |end| end + 1),
            _ if rest.starts_with("http://") || rest.starts_with("https://") => {
                rest.find(char::is_whitespace).unwrap_or(rest.len())
            }
            // An exponent, with its sign.
            '^' | '_' if c == '^' || is_tex => {
                let signed = rest[1..].trim_start_matches(['(', '{', '-', '−', '+']);
                let digits = signed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(signed.len());
                rest.len() - signed.len() + digits
            }
            // In a formula an index is told apart below.
            _ if is_letter(c) => rest.find(|c: char| !is_of_name(c) || (is_tex && c == '_')).unwrap_or(rest.len()),
            _ if c.is_ascii_digit() => {
                let text = &rest[..length_of(rest)];
                let value = text.replace(',', "").parse().unwrap_or(f64::NAN);
                if !numbers_a_list(plain, at, text) {
                    found.push(Found { at, text, value });
                }
                text.len()
            }
            _ => c.len_utf8(),
        };
        at += length;
    }
    found
}

/// Of the scripts that write names of letters and digits; a Chinese character beside a number is a word of its own.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && u32::from(c) < 0x2e80
}

fn is_of_name(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit() || matches!(c, '_' | '-' | '.')
}

/// How long the number is at the start of `text`: digits, perhaps grouped by commas, perhaps with a point and more.
fn length_of(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    if length <= 3 {
        while text[length..].starts_with(',') && digits(length + 1) == 3 {
            length += 4;
        }
    }
    if text[length..].starts_with('.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    length
}

/// `12. ` at the start of a line.
fn numbers_a_list(plain: &str, at: usize, text: &str) -> bool {
    let before = plain[..at].rsplit('\n').next().unwrap_or_default();
    before.trim().is_empty() && plain[at + text.len()..].starts_with(". ")
}

/// The numbers of the scenes of a beat: of those that a worksheet may take, the ones that all have.
fn of_scenes(beat: &Beat) -> Vec<f64> {
    let of = |scene: &Scene| numbers_in(&scene.written()).collect::<Vec<_>>();
    let mut given = of(&beat.scene);
    for vary in beat.predict.iter().filter_map(|predict| predict.vary.as_ref()) {
        for (_, scene) in vary.scenes(&beat.scene) {
            let has = scene.as_ref().map(of).unwrap_or_default();
            given.retain(|number| has.contains(number));
        }
    }
    given.extend(beat.reveal.iter().flat_map(of));
    given
}

/// What a beat gives to the engine.
fn given(beat: &Beat) -> Vec<f64> {
    let mut given = of_scenes(beat);
    let mut say = |text: &str| given.extend(numbers_in(text));
    if let Some(change) = &beat.change {
        change.solution.iter().for_each(|field| say(&field.value));
    }
    if let Some(build) = &beat.build {
        build.cards.iter().for_each(|card| say(&card.writes));
        build.template.iter().flat_map(|line| &line.parts).for_each(|part| {
            if let super::build::Part::Text(text) = part {
                say(text);
            }
        });
    }
    let wrong = beat.predict.iter().flat_map(|predict| &predict.wrong).map(|wrong| &wrong.value);
    let wrong: Vec<_> = wrong.map(|expr| (expr.line, expr.column)).collect();
    let right = beat.expressions().into_iter().filter(|expr| !wrong.contains(&(expr.line, expr.column)));
    given.extend(right.flat_map(Expr::numbers));
    given
}

#[cfg(test)]
mod tests {
    use super::super::{check::check, parse};
    use super::*;
    use crate::playback::lesson::Engine;

    fn found(text: &str) -> Vec<String> {
        numbers(text, &mut false, false).into_iter().map(|found| found.text.to_owned()).collect()
    }

    #[test]
    fn numbers_are_told_from_names_code_and_powers() {
        for (text, expected) in [
            ("it moves 1,048,576 elements, 4.2 MB.", vec!["1,048,576", "4.2"]),
            ("f16, K_0, FlashAttention-2, A100-80GB, x2, sm_90", vec![]),
            ("16x16 and 3MB", vec!["16", "3"]),
            ("x16 of them", vec![]),
            ("-1000 or N=1024", vec!["1000", "1024"]),
            ("共有16个词元，第3块", vec!["16", "3"]),
            ("2^20, 10^12, e^-1.775, e^(-5)", vec!["2", "10"]),
            ("`a = 17` and 18 and `b 19`", vec!["18"]),
            ("[a page](https://x.org/2205/14135) of 77, https://y.org/99 too", vec!["77"]),
            ("12. a line\n 13. another\nand 14. no more", vec!["14"]),
            ("(3,3) is 1,2,3 and 1,000", vec!["3", "3", "1", "2", "3", "1,000"]),
            ("", vec![]),
            (".5 of 7.", vec!["5", "7"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    fn lesson(body: &str) -> String {
        format!("---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n{body}")
    }

    /// Line, column and number of each that is reported.
    fn reported(body: &str) -> Vec<(usize, usize, String)> {
        let lesson = parse(&lesson(body)).unwrap();
        let faults = check(&lesson, &Engine::new()).faults;
        faults
            .into_iter()
            // These beats have no scene, so no picture either.
            .filter(|fault| !fault.what.to_string().starts_with("this beat names no picture"))
            .map(|fault| {
                let words = fault.what.to_string();
                let (number, rest) = words.split_once(' ').unwrap();
                assert_eq!(
                    rest,
                    format!("is typed: let an expression give it, or mark it as data: {{={number}}}"),
                    "{fault}"
                );
                (fault.line, fault.column, number.to_owned())
            })
            .collect()
    }

    #[test]
    fn a_typed_result_is_named_with_its_place() {
        let at = |line, column, number: &str| (line, column, number.to_owned());
        assert_eq!(
            reported("flash2 moves 656 elements, and standard {moved(\"standard\")}.\nThat is 51 %.\n"),
            [at(7, 14, "656"), at(8, 9, "51"),]
        );
        assert_eq!(reported("a {{b}} {n} {{c}} 0.25\n"), [at(7, 19, "0.25")]);
        assert_eq!(
            reported("```say\n  It is 1,280.\n```\n```notes\nno\nand 99\n```\n"),
            [at(8, 9, "1,280"), at(12, 5, "99"),]
        );
        let question = "```predict\nkind: number\nquestion: Of 256?\nanswer: 4 * n * n\ntolerance: 0\n\
                        wrong: 512 | This is 512, and not 1024.\nfeedback: It is 1024.\n```\n";
        assert_eq!(reported(question), [at(9, 14, "256"), at(12, 22, "512"), at(12, 35, "1024"), at(13, 17, "1024"),]);
    }

    #[test]
    fn what_is_no_result_is_not_named() {
        for body in [
            "Three, 3, 10, 1 / 8 and 2^20 in 2022.\n",
            "{=19 TB/s} in {=figure 17}.\n",
            "Blocks of 16x32.\n```scene\nblocks: 16x32\n```\n",
            "Tokens: 512, seed 77.\n```scene\ninput: random:512,512,8 seed 77\n```\n",
            "Subtract 50: {exp(-50)}.\n",
            "It is 656.\n```claim\nmoved() == 656\n```\n",
        ] {
            assert_eq!(reported(body), [], "{body}");
        }
    }
}
