//! Text to tokens.

use crate::sentence::Sentence;

use super::Operator;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Operator(Operator),
    Not,
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Dot,
    /// One `=`, which names an argument.
    Assign,
}

/// The tokens of `source`, each with the number of characters before it.
pub(super) fn tokens(source: &str) -> Result<Vec<(usize, Token)>, (usize, Sentence)> {
    let chars: Vec<char> = source.chars().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        let token = if c.is_whitespace() {
            at += 1;
            continue;
        } else if c.is_ascii_digit() {
            number(&chars, &mut at)?
        } else if c == '"' {
            text(&chars, &mut at)?
        } else if c.is_alphabetic() || c == '_' {
            while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            word(chars[start..at].iter().collect())
        } else {
            sign(&chars, &mut at)?
        };
        found.push((start, token));
    }
    Ok(found)
}

fn number(chars: &[char], at: &mut usize) -> Result<Token, (usize, Sentence)> {
    let start = *at;
    let digits = |at: &mut usize| {
        while chars.get(*at).is_some_and(|c| c.is_ascii_digit() || *c == '_') {
            *at += 1;
        }
    };
    digits(at);
    // A dot with no digit after it begins a method.
    if chars.get(*at) == Some(&'.') && chars.get(*at + 1).is_some_and(char::is_ascii_digit) {
        *at += 1;
        digits(at);
    }
    if matches!(chars.get(*at), Some('e' | 'E')) {
        let sign = usize::from(matches!(chars.get(*at + 1), Some('+' | '-')));
        if chars.get(*at + 1 + sign).is_some_and(char::is_ascii_digit) {
            *at += 1 + sign;
            digits(at);
        }
    }
    let written: String = chars[start..*at].iter().filter(|c| **c != '_').collect();
    written.parse().map(Token::Number).map_err(|_| (start, Sentence::new("`{0}` is no number").with(written)))
}

fn text(chars: &[char], at: &mut usize) -> Result<Token, (usize, Sentence)> {
    let start = *at;
    let length = chars[start + 1..].iter().position(|c| *c == '"');
    let length = length.ok_or_else(|| (start, "a text has no closing quote".into()))?;
    *at = start + length + 2;
    Ok(Token::Text(chars[start + 1..start + 1 + length].iter().collect()))
}

fn word(word: String) -> Token {
    match word.as_str() {
        "and" => Token::Operator(Operator::And),
        "or" => Token::Operator(Operator::Or),
        "not" => Token::Not,
        _ => Token::Name(word),
    }
}

fn sign(chars: &[char], at: &mut usize) -> Result<Token, (usize, Sentence)> {
    let pair: String = chars[*at..].iter().take(2).collect();
    let two = match pair.as_str() {
        "==" => Some(Operator::Equal),
        "!=" => Some(Operator::NotEqual),
        "<=" => Some(Operator::LessOrEqual),
        ">=" => Some(Operator::GreaterOrEqual),
        _ => None,
    };
    if let Some(operator) = two {
        *at += 2;
        return Ok(Token::Operator(operator));
    }
    let token = match chars[*at] {
        '<' => Token::Operator(Operator::Less),
        '>' => Token::Operator(Operator::Greater),
        '+' => Token::Operator(Operator::Add),
        '-' | '−' => Token::Operator(Operator::Subtract),
        '*' => Token::Operator(Operator::Multiply),
        '/' => Token::Operator(Operator::Divide),
        '^' => Token::Operator(Operator::Power),
        '(' => Token::Open,
        ')' => Token::Close,
        '[' => Token::OpenList,
        ']' => Token::CloseList,
        ',' => Token::Comma,
        '.' => Token::Dot,
        '=' => Token::Assign,
        other => return Err((*at, Sentence::new("`{0}` does not belong in an expression").with(other))),
    };
    *at += 1;
    Ok(token)
}
