//! One line of a text, cut into tokens that know their place.

use crate::sentence::Sentence;

use super::diagnostic::{Diagnostic, Span};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind<'t> {
    /// A name or a keyword.
    Word(&'t str),
    Number(f64),
    Symbol(&'static str),
    /// The end of the line.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token<'t> {
    pub kind: Kind<'t>,
    pub span: Span,
}

/// Longest first: `+=` is not `+` and `=`.
const SYMBOLS: [&str; 18] =
    ["+=", ">=", "<=", "+", "-", "*", "/", "@", "^", "(", ")", "[", "]", ",", ";", ":", "=", ">"];
const LESS: &str = "<";

/// The tokens of `text`, which begins at `column` of line `line`; the last is [`Kind::End`].
pub(super) fn lex(text: &str, line: u32, column: u32) -> Result<Vec<Token<'_>>, Diagnostic> {
    let mut tokens = Vec::new();
    let (mut rest, mut column) = (text, column);
    loop {
        let blank = rest.len() - rest.trim_start_matches(' ').len();
        rest = &rest[blank..];
        column += blank as u32;
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { kind: Kind::End, span: Span { line, column, width: 1 } });
            return Ok(tokens);
        };
        let (kind, length) =
            token(rest, first).map_err(|what| Diagnostic::new(Span { line, column, width: 1 }, what))?;
        // Tokens are ASCII: as many characters as bytes.
        tokens.push(Token { kind, span: Span { line, column, width: length as u32 } });
        rest = &rest[length..];
        column += length as u32;
    }
}

/// The first token of `rest`, and its length in bytes.
fn token(rest: &str, first: char) -> Result<(Kind<'_>, usize), Sentence> {
    if first.is_ascii_alphabetic() || first == '_' {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        return Ok((Kind::Word(&rest[..length]), length));
    }
    if first.is_ascii_digit() || first == '.' {
        let length = number_length(rest);
        let number: Option<f64> = rest[..length].parse().ok();
        return match number.filter(|number| number.is_finite()) {
            Some(number) => Ok((Kind::Number(number), length)),
            None => Err(Sentence::new("{0} is not a number").with(&rest[..length])),
        };
    }
    let symbol = SYMBOLS.into_iter().chain([LESS]).find(|symbol| rest.starts_with(symbol));
    symbol.map(|symbol| (Kind::Symbol(symbol), symbol.len())).ok_or_else(|| match first {
        '\t' => "a tab: texts are set with spaces".into(),
        _ => Sentence::new("{0} means nothing here").with(first.escape_debug()),
    })
}

fn number_length(rest: &str) -> usize {
    let mut length = 0;
    let bytes = rest.as_bytes();
    while let Some(&byte) = bytes.get(length) {
        let signed = matches!(byte, b'+' | b'-') && matches!(bytes[length - 1], b'e' | b'E');
        if !(byte.is_ascii_alphanumeric() || byte == b'.' || signed) {
            break;
        }
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        lex(text, 1, 1).expect("it can be cut").into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn a_line_of_the_language() {
        use Kind::{End, Number, Symbol, Word};
        let expected =
            [Word("add"), Word("dQ"), Symbol("["), Word("i"), Symbol("]"), Symbol("+="), Number(1.5e-3), End];
        assert_eq!(kinds("add  dQ[i]+= 1.5e-3"), expected);
        assert_eq!(kinds("a>=b<c"), [Word("a"), Symbol(">="), Word("b"), Symbol("<"), Word("c"), End]);
    }

    #[test]
    fn tokens_know_their_place() {
        let tokens = lex("S = Q @ K^T", 7, 3).expect("it can be cut");
        let k = tokens.iter().find(|token| token.kind == Kind::Word("K")).expect("K is there");
        assert_eq!(k.span, Span { line: 7, column: 11, width: 1 });
    }

    #[test]
    fn what_is_no_token_is_told() {
        for (text, column, what) in [
            ("S = é", 5, "é means nothing here"),
            ("S\t= 1", 2, "a tab: texts are set with spaces"),
            ("S = 1.2.3", 5, "1.2.3 is not a number"),
            ("S = 1e999", 5, "1e999 is not a number"),
            ("S = 2x", 5, "2x is not a number"),
        ] {
            let error = lex(text, 1, 1).expect_err(text);
            assert_eq!((error.span.column, error.what.to_string()), (column, what.to_owned()), "{text}");
        }
    }
}
