//! A figure of a beat: bars side by side, each an expression that the engine evaluates.

use crate::sentence::Sentence;

use super::engine::Engine;
use super::error::{LessonError, Result};
use super::expr::{self, Expr, Value};
use super::fields::{self, Field};
use super::predict::expression;
use super::scene::Scene;
use super::text::Text;

/// Bars in groups, under one title.
#[derive(Clone, Debug)]
pub struct Figure {
    pub line: usize,
    pub title: Text,
    /// What the bars before the next group have in common, and how many bars stand before it.
    pub groups: Vec<(usize, Text)>,
    pub bars: Vec<Bar>,
    /// A line across all bars.
    pub limit: Option<(Expr, Text)>,
    /// How values are shown.
    pub format: String,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    pub text: Text,
    pub value: Expr,
    /// It would give the answer away: shown once that is revealed.
    pub is_later: bool,
}

/// A figure with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownFigure {
    pub title: String,
    pub groups: Vec<(usize, String)>,
    pub bars: Vec<ShownBar>,
    pub limit: Option<(f64, String)>,
}

#[derive(Clone, Debug)]
pub struct ShownBar {
    pub text: String,
    /// May be infinite or NaN; `None` before its time.
    pub value: Option<f64>,
    /// The value as it is written.
    pub shown: String,
}

impl PartialEq for ShownBar {
    /// NaN is shown as NaN: the same bar.
    fn eq(&self, other: &Self) -> bool {
        let bits = |bar: &Self| bar.value.map(f64::to_bits);
        (&self.text, &self.shown, bits(self)) == (&other.text, &other.shown, bits(other))
    }
}

const MOST_BARS: usize = 24;

impl Figure {
    /// Lines `title:`, `group:`, `bar: text = expression`, `later: text = expression`, `limit: expression | text`,
    /// `format:`; bars and groups in their order.
    pub(super) fn parse(lines: &[&str], first: usize) -> Result<Self> {
        let line = first - 1;
        let mut figure = Self {
            line,
            title: Text::default(),
            groups: Vec::new(),
            bars: Vec::new(),
            limit: None,
            format: String::new(),
        };
        let mut has_title = false;
        for field in fields::parse(lines, first)? {
            match field.key.as_str() {
                "title" => (figure.title, has_title) = (Text::of_label(&field)?, true),
                "group" => figure.groups.push((figure.bars.len(), Text::of_label(&field)?)),
                "bar" | "later" => figure.bars.push(Bar::parse(&field)?),
                "limit" => figure.limit = Some(limit(&field)?),
                "format" if expr::is_format(&field.value) => figure.format = field.value,
                "format" => return Err(field.fault(Sentence::new("`{0}` is no format").with(&field.value))),
                key => return Err(LessonError::line(field.line, Sentence::new("`{0}` is not known here").with(key))),
            }
        }
        match figure.bars.len() {
            _ if !has_title => Err(LessonError::line(line, "`title:` is missing")),
            0 => Err(LessonError::line(line, "`bar:` is missing")),
            1..=MOST_BARS => Ok(figure),
            _ => Err(LessonError::line(line, Sentence::new("a figure has at most {0} bars").with(MOST_BARS))),
        }
    }

    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        let groups = self.groups.iter().map(|(_, text)| text);
        let limit = self.limit.iter().map(|(_, text)| text);
        [&self.title].into_iter().chain(groups).chain(self.bars.iter().map(|bar| &bar.text)).chain(limit)
    }

    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.bars.iter().map(|bar| &bar.value).chain(self.limit.iter().map(|(value, _)| value))
    }

    /// The figure at a beat. Errors where a value is not a number.
    pub fn shown(&self, engine: &Engine, scene: &Scene, is_revealed: bool) -> Result<ShownFigure> {
        let bar = |bar: &Bar| -> Result<ShownBar> {
            let value = match engine.eval(&bar.value, scene)? {
                Value::Number(number) => number,
                other => {
                    let message = Sentence::new("a bar is a number, and this is {0}").and(other.kind());
                    return Err(LessonError::at(bar.value.line, bar.value.column, message));
                }
            };
            let is_hidden = bar.is_later && !is_revealed;
            Ok(ShownBar {
                text: bar.text.fill(engine, scene)?,
                value: (!is_hidden).then_some(value),
                shown: if is_hidden { "?".into() } else { expr::format_number(value, &self.format) },
            })
        };
        let groups = self.groups.iter().map(|(at, text)| Ok((*at, text.fill(engine, scene)?)));
        let limit = self.limit.as_ref().map(|(value, text)| {
            let number = engine.number(value, scene)?;
            Ok((number, text.fill(engine, scene)?))
        });
        Ok(ShownFigure {
            title: self.title.fill(engine, scene)?,
            groups: groups.collect::<Result<_>>()?,
            bars: self.bars.iter().map(bar).collect::<Result<_>>()?,
            limit: limit.transpose()?,
        })
    }
}

impl Bar {
    fn parse(field: &Field) -> Result<Self> {
        let (text, value) = field.split(" = ").ok_or_else(|| field.fault("`text = expression` is needed"))?;
        Ok(Self { text: Text::of_label(&text)?, value: expression(&value)?, is_later: field.key == "later" })
    }
}

fn limit(field: &Field) -> Result<(Expr, Text)> {
    let (value, text) = field.split(" | ").ok_or_else(|| field.fault("`expression | text` is needed"))?;
    Ok((expression(&value)?, Text::of_label(&text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(text: &str) -> Result<Figure> {
        Figure::parse(&text.lines().collect::<Vec<_>>(), 2)
    }

    #[test]
    fn bars_have_the_values_of_their_expressions_at_their_time() {
        let figure =
            figure("title: t\ngroup: small\nbar: a = 1 + 1\ngroup: large\nlater: b = exp(1000)\nlimit: 3 | most")
                .unwrap();
        let shown = |is_revealed| figure.shown(&Engine::new(), &Scene::default(), is_revealed).unwrap();
        let before = shown(false);
        assert_eq!(before.groups, [(0, "small".into()), (1, "large".into())]);
        assert_eq!(before.limit, Some((3.0, "most".into())));
        assert_eq!(before.bars[0], ShownBar { text: "a".into(), value: Some(2.0), shown: "2".into() });
        assert_eq!((before.bars[1].value, before.bars[1].shown.as_str()), (None, "?"));
        assert_eq!(shown(true).bars[1].value, Some(f64::INFINITY));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, told) in [
            ("bar: a = 1", 1, "`title:` is missing"),
            ("title: t", 1, "`bar:` is missing"),
            ("title: t\nbar: a", 3, "text = expression"),
            ("title: t\nbar: a = 1\nlimit: 3", 4, "expression | text"),
            ("title: t\nbar: a = 1\nformat: q", 4, "is no format"),
            ("title: t\nbars: a = 1", 3, "not known"),
        ] {
            let fault = figure(text).unwrap_err();
            assert!(fault.line == line && fault.to_string().contains(told), "{text:?}: {fault}");
        }
        let bad = figure("title: t\nbar: a = \"text\"").unwrap();
        assert!(bad.shown(&Engine::new(), &Scene::default(), true).is_err());
    }
}
