//! A question that is asked before the answer is shown. The answer and every wrong choice are expressions.

use super::engine::Engine;
use super::error::{LessonError, Result};
use super::expr::{self, Expr, Value};
use super::fields::{Field, Fields};
use super::scene::Scene;
use super::text::Text;
use super::vary::Vary;
use super::{Language, quantity};
use crate::sentence::Sentence;

/// A question with its answer.
#[derive(Clone, Debug)]
pub struct Predict {
    pub line: usize,
    pub kind: Asked,
    pub question: Text,
    pub answer: Expr,
    /// How a number is shown.
    pub format: String,
    pub unit: String,
    /// What a class votes on beside the answer, or what a person typed, explained.
    pub wrong: Vec<Wrong>,
    /// What texts such as `moves` are called in the language of the lesson.
    pub labels: Vec<(String, Text)>,
    pub feedback: Text,
    /// What would give the answer away: no picture shows it before.
    pub hides: Hides,
    /// New numbers for it.
    pub vary: Option<Vary>,
    /// Of the words between several right answers.
    language: Language,
}

/// What pictures and panels do not show while a beat asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hides {
    /// What each tensor moves, and what that comes to.
    pub bytes: bool,
    /// The classes of the tiles.
    pub classes: bool,
    /// What is wrong with the results, by how much, and where first.
    pub errors: bool,
    /// The factor of a rescale, and its formula.
    pub factor: bool,
    /// Why a row is not like others, and what the rule for it gives.
    pub rule: bool,
    /// The names of the steps on their strip: their order is what is asked for.
    pub steps: bool,
}

impl Hides {
    /// Words with commas.
    pub(super) fn parse(field: Option<Field>) -> Result<Self> {
        let mut hides = Self::default();
        let Some(field) = field else { return Ok(hides) };
        for word in field.value.split(',') {
            match word.trim() {
                "bytes" => hides.bytes = true,
                "classes" => hides.classes = true,
                "errors" => hides.errors = true,
                "factor" => hides.factor = true,
                "rule" => hides.rule = true,
                "steps" => hides.steps = true,
                _ => return Err(field.fault("bytes, classes, errors, factor, rule and steps are what can be hidden")),
            }
        }
        Ok(hides)
    }
}

/// How it is answered.
#[derive(Clone, Debug)]
pub enum Asked {
    /// By a number within `tolerance`.
    Number { tolerance: Expr },
    /// By one of the choices.
    Choice,
    /// By a click on a part of the picture, named as in [`Response::Click`].
    Click { on: ClickOn },
}

/// What is clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClickOn {
    /// A tensor of the memory strip, by its name: `O`.
    Tensor,
    /// A tile of the grid: `3,1` is query block 3, key block 1.
    Tile,
    /// A query: `13`.
    Row,
    /// A key: `6`.
    Key,
}

/// A wrong answer and the thought that leads to it.
#[derive(Clone, Debug)]
pub struct Wrong {
    pub value: Expr,
    pub misconception: Text,
}

/// What a learner answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    Number(f64),
    /// The place in [`Predict::choices`].
    Choice(usize),
    Click(String),
}

/// One choice, as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub text: String,
    pub is_right: bool,
    /// Of a wrong choice: the thought that leads to it.
    pub misconception: Option<String>,
}

/// What to say to a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub is_right: bool,
    /// The answer as it is shown.
    pub answer: String,
    /// The thought that leads to this response, where it is a known one.
    pub misconception: Option<String>,
    pub feedback: String,
}

impl Predict {
    pub(super) fn parse(mut fields: Fields, language: Language) -> Result<Self> {
        let line = fields.line;
        let kind = fields.need("kind")?;
        let answer = expression(&fields.need("answer")?)?;
        let kind = match kind.value.as_str() {
            "number" => Asked::Number { tolerance: expression(&fields.need("tolerance")?)? },
            "choice" => Asked::Choice,
            "click" => Asked::Click { on: click_on(&fields.need("on")?)? },
            _ => return Err(kind.fault("number, choice and click are the kinds")),
        };
        let format = fields.take("format");
        if let Some(field) = format.as_ref().filter(|field| !expr::is_format(&field.value)) {
            return Err(field.fault("this is no format: .0 to .12 , B M % e are"));
        }
        let predict = Self {
            line,
            kind,
            question: Text::of_field(&fields.need("question")?)?,
            answer,
            format: format.map(|field| field.value).unwrap_or_default(),
            unit: fields.take("unit").map(|field| field.value).unwrap_or_default(),
            wrong: fields.all("wrong").iter().map(Wrong::parse).collect::<Result<_>>()?,
            labels: fields.all("label").iter().map(label).collect::<Result<_>>()?,
            feedback: Text::of_field(&fields.need("feedback")?)?,
            hides: Hides::parse(fields.take("hides"))?,
            vary: fields.take("vary").map(Vary::parse).transpose()?,
            language,
        };
        fields.finish()?;
        if matches!(predict.kind, Asked::Choice) && predict.wrong.is_empty() {
            return Err(LessonError::line(line, "a choice needs at least one `wrong:`"));
        }
        Ok(predict)
    }

    /// Every expression but those of its texts.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let tolerance = match &self.kind {
            Asked::Number { tolerance } => Some(tolerance),
            _ => None,
        };
        [&self.answer].into_iter().chain(tolerance).chain(self.wrong.iter().map(|wrong| &wrong.value))
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        self.marked().chain(self.labels.iter().map(|(_, text)| text))
    }

    /// Those of its texts that are Markdown.
    pub(super) fn marked(&self) -> impl Iterator<Item = &Text> {
        let thoughts = self.wrong.iter().map(|wrong| &wrong.misconception);
        [&self.question, &self.feedback].into_iter().chain(thoughts)
    }

    /// A value as the lesson shows it: a labelled text by its label, a number with its unit, several values as choices.
    pub fn show(&self, value: &Value, engine: &Engine, scene: &Scene) -> Result<String> {
        if let Value::List(values) = value {
            let or = match self.language {
                Language::English => " or ",
                Language::Chinese => " 或 ",
            };
            let shown: Vec<String> = values.iter().map(|v| self.show(v, engine, scene)).collect::<Result<_>>()?;
            return Ok(shown.join(or));
        }
        if let Value::Text(key) = value
            && let Some((_, label)) = self.labels.iter().find(|(known, _)| known == key)
        {
            return label.fill(engine, scene);
        }
        let shown = value.show(&self.format);
        Ok(if self.unit.is_empty() { shown } else { format!("{shown} {}", self.unit) })
    }

    /// The right answer as it is shown.
    pub fn shown_answer(&self, engine: &Engine, scene: &Scene) -> Result<String> {
        self.show(&engine.eval(&self.answer, scene)?, engine, scene)
    }

    /// `scene` with the numbers that a seed gives it; as it is where the question has no others.
    pub fn varied(&self, seed: u64, scene: &Scene) -> Result<Scene> {
        let number = shuffled(seed, &self.answer.source, "vary");
        self.vary.as_ref().map_or_else(|| Ok(scene.clone()), |vary| vary.scene(scene, number))
    }

    /// What a person typed, as an answer to this question. Says why it is none.
    pub fn response(&self, typed: &str) -> std::result::Result<Response, Sentence> {
        match self.kind {
            Asked::Number { .. } => quantity::read(typed, &self.unit).map(Response::Number),
            _ if typed.trim().is_empty() => Err("answer first".into()),
            _ => Ok(Response::Click(typed.trim().to_owned())),
        }
    }

    /// The answer and the wrong ones, in an order that gives nothing away: numbers rise, texts are shuffled by the
    /// engine's seed, in both languages alike.
    pub fn choices(&self, engine: &Engine, scene: &Scene) -> Result<Vec<Choice>> {
        let answer = engine.eval(&self.answer, scene)?;
        let order = |value: &Value| match value {
            Value::Number(number) => *number,
            // 53 bits are whole in a double.
            value => (shuffled(engine.seed(), &self.answer.source, &value.show("")) >> 11) as f64,
        };
        let mut found = vec![(order(&answer), self.choice(&answer, None, engine, scene)?)];
        for wrong in &self.wrong {
            let value = engine.eval(&wrong.value, scene)?;
            found.push((order(&value), self.choice(&value, Some(&wrong.misconception), engine, scene)?));
        }
        found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        Ok(found.into_iter().map(|(_, choice)| choice).collect())
    }

    fn choice(&self, value: &Value, thought: Option<&Text>, engine: &Engine, scene: &Scene) -> Result<Choice> {
        Ok(Choice {
            text: self.show(value, engine, scene)?,
            is_right: thought.is_none(),
            misconception: thought.map(|thought| thought.marked(engine, scene)).transpose()?,
        })
    }

    /// What to say to `response`.
    pub fn judge(&self, response: &Response, engine: &Engine, scene: &Scene) -> Result<Verdict> {
        let answer = engine.eval(&self.answer, scene)?;
        let (is_right, thought) = match (response, &self.kind) {
            (Response::Choice(index), _) => {
                let choices = self.choices(engine, scene)?;
                let chosen = choices.get(*index);
                (chosen.is_some_and(|choice| choice.is_right), chosen.and_then(|choice| choice.misconception.clone()))
            }
            (Response::Number(given), Asked::Number { tolerance }) => {
                let within = engine.number(tolerance, scene)?;
                let is_near =
                    |value: &Value| matches!(value, Value::Number(x) if x == given || (x - given).abs() <= within);
                let is_right = is_near(&answer);
                (is_right, if is_right { None } else { self.thought(is_near, engine, scene)? })
            }
            (Response::Click(name), _) => {
                let is_it = |value: &Value| match value {
                    Value::List(values) => values.contains(&Value::Text(name.clone())),
                    Value::Number(number) => number.to_string() == *name,
                    value => *value == Value::Text(name.clone()),
                };
                let is_right = is_it(&answer);
                (is_right, if is_right { None } else { self.thought(is_it, engine, scene)? })
            }
            (Response::Number(_), _) => (false, None),
        };
        let feedback = self.feedback.marked(engine, scene)?;
        Ok(Verdict { is_right, answer: self.show(&answer, engine, scene)?, misconception: thought, feedback })
    }

    /// The thought behind the first wrong value that `is_it`.
    fn thought(&self, is_it: impl Fn(&Value) -> bool, engine: &Engine, scene: &Scene) -> Result<Option<String>> {
        for wrong in &self.wrong {
            if is_it(&engine.eval(&wrong.value, scene)?) {
                return wrong.misconception.marked(engine, scene).map(Some);
            }
        }
        Ok(None)
    }
}

impl Wrong {
    /// `expression | thought`
    fn parse(field: &Field) -> Result<Self> {
        let (value, thought) =
            field.split("|").ok_or_else(|| field.fault("`expression | the thought that leads to it` is needed"))?;
        Ok(Self { value: expression(&value)?, misconception: Text::of_field(&thought)? })
    }
}

/// A place in a shuffle: FNV-1a of the words, mixed as SplitMix64 mixes.
fn shuffled(seed: u64, question: &str, choice: &str) -> u64 {
    let bytes = question.bytes().chain([0]).chain(choice.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut mixed = hash.wrapping_add(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// `key = text`
fn label(field: &Field) -> Result<(String, Text)> {
    let (key, text) = field.split("=").ok_or_else(|| field.fault("`key = text` is needed"))?;
    Ok((key.value.clone(), Text::of_label(&text)?))
}

/// The expression that a field holds.
pub(super) fn expression(field: &Field) -> Result<Expr> {
    expr::parse(&field.value, field.line, field.column)
}

fn click_on(field: &Field) -> Result<ClickOn> {
    Ok(match field.value.as_str() {
        "tensor" => ClickOn::Tensor,
        "tile" => ClickOn::Tile,
        "row" => ClickOn::Row,
        "key" => ClickOn::Key,
        _ => return Err(field.fault("tensor, tile, row and key can be clicked")),
    })
}
