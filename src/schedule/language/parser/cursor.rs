//! A position in the tokens of one line.

use crate::sentence::Sentence;

use super::super::diagnostic::{Diagnostic, Span};
use super::super::lexer::{Kind, Token, lex};
use super::super::syntax::Word;

pub struct Cursor<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
}

impl<'t> Cursor<'t> {
    /// Cuts `text`, which begins at `start`, into tokens.
    pub fn new(text: &'t str, start: Span) -> Result<Self, Diagnostic> {
        Ok(Self { tokens: lex(text, start.line, start.column)?, at: 0 })
    }

    pub fn peek(&self) -> Token<'t> {
        self.tokens[self.at]
    }

    /// The token at hand, which is passed unless it is the end.
    pub fn next(&mut self) -> Token<'t> {
        let token = self.peek();
        self.at += usize::from(token.kind != Kind::End);
        token
    }

    pub fn span(&self) -> Span {
        self.peek().span
    }

    /// The last token passed; the first one before any was.
    pub fn passed(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    pub fn is_at_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    pub fn is_at(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, Kind::Symbol(found) if found == symbol)
    }

    pub fn is_at_word(&self, word: &str) -> bool {
        matches!(self.peek().kind, Kind::Word(found) if found == word)
    }

    /// Passes `symbol` if it is next.
    pub fn take(&mut self, symbol: &str) -> bool {
        let found = self.is_at(symbol);
        self.at += usize::from(found);
        found
    }

    /// Passes `word` if it is next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_at_word(word);
        self.at += usize::from(found);
        found
    }

    /// Passes all of `words` if they are next.
    pub fn take_words(&mut self, words: &str) -> bool {
        let words = words.split(' ');
        let count = words.clone().count();
        let found = words.enumerate().all(|(n, word)| {
            let token = self.tokens.get(self.at + n);
            token.is_some_and(|token| token.kind == Kind::Word(word))
        });
        self.at += if found { count } else { 0 };
        found
    }

    pub fn expect(&mut self, symbol: &str) -> Result<Span, Diagnostic> {
        let span = self.span();
        if self.take(symbol) { Ok(span) } else { Err(self.unexpected(Sentence::verbatim(symbol))) }
    }

    /// Passes a word of the language, which is the same in every language of people.
    pub fn expect_keyword(&mut self, word: &str) -> Result<(), Diagnostic> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected(Sentence::verbatim(word))) }
    }

    pub fn expect_word(&mut self, what: impl Into<Sentence>) -> Result<Word, Diagnostic> {
        let token = self.peek();
        match token.kind {
            Kind::Word(text) => {
                self.next();
                Ok(Word { text: text.to_owned(), span: token.span })
            }
            _ => Err(self.unexpected(what.into())),
        }
    }

    pub fn expect_end(&self) -> Result<(), Diagnostic> {
        match self.peek().kind {
            Kind::End => Ok(()),
            _ => Err(self.unexpected("the end of the line".into())),
        }
    }

    /// Says what stands here instead of `wanted`.
    pub fn unexpected(&self, wanted: Sentence) -> Diagnostic {
        let found: Sentence = match self.peek().kind {
            Kind::Word(word) => Sentence::verbatim(word),
            Kind::Number(number) => Sentence::verbatim(number),
            Kind::Symbol(symbol) => Sentence::verbatim(symbol),
            Kind::End => "the end of the line".into(),
        };
        Diagnostic::new(self.span(), Sentence::new("{0} is needed here, not {1}").and(wanted).and(found))
    }
}
