//! The other cues of a beat: the projected line, a change to make, claims, notes.

use crate::schedule::spec::{CHOICES, READING};
use crate::sentence::Sentence;

use super::engine::Engine;
use super::error::{LessonError, Result};
use super::expr::{self, Expr, Value};
use super::fields::{self, Field, Fields};
use super::predict::expression;
use super::scene::Scene;
use super::text::Text;

/// Something to find by changing the scene.
#[derive(Clone, Debug)]
pub struct Change {
    pub line: usize,
    /// The controls that open: properties of a scene, by their keys.
    pub open: Vec<String>,
    pub find: Text,
    /// Holds once it is found.
    pub until: Expr,
    /// A change that finds it, as fields of a scene.
    pub solution: Vec<Field>,
    pub feedback: Text,
}

/// Controls that a change may open: what a scene has beside its run or in one word for several choices, and the choices of
/// the run, but for those that say what the input is.
fn controls() -> Vec<&'static str> {
    let of_scene = ["input", "blocks", "mask", "bug", "step"];
    let is_of_input = |name: &&str| READING.contains(name) || ["scene", "batch"].contains(name);
    let of_run = CHOICES.iter().map(|choice| choice.name).filter(|name| !is_of_input(name));
    of_scene.into_iter().chain(of_run).collect()
}

impl Change {
    pub(super) fn parse(mut fields: Fields) -> Result<Self> {
        let open = fields.need("open")?;
        let keys: Vec<String> = open.value.split(',').map(|key| key.trim().to_owned()).collect();
        let known = controls();
        if let Some(key) = keys.iter().find(|key| !known.contains(&key.as_str())) {
            let fault = "there is no control `{0}`; there are {1}";
            return Err(open.fault(Sentence::new(fault).with(key).with(known.join(", "))));
        }
        let change = Self {
            line: fields.line,
            open: keys,
            find: Text::of_field(&fields.need("find")?)?,
            until: expression(&fields.need("until")?)?,
            solution: settings(&fields.need("solution")?)?,
            feedback: Text::of_field(&fields.need("feedback")?)?,
        };
        fields.finish()?;
        Ok(change)
    }

    /// Whether the scene that a learner made is what was to be found.
    pub fn is_found(&self, engine: &Engine, scene: &Scene) -> Result<bool> {
        engine.holds(&self.until, scene)
    }

    /// `scene` with the solution's changes.
    pub fn solved(&self, scene: &Scene) -> Result<Scene> {
        changed(scene, &self.solution)
    }
}

/// `key: value; key: value`
pub(super) fn settings(field: &Field) -> Result<Vec<Field>> {
    let part = |part: &str| {
        let (key, value) = part.split_once(':').ok_or_else(|| field.fault("`key: value; key: value` is needed"))?;
        Ok(Field { key: key.trim().into(), value: value.trim().into(), ..field.clone() })
    };
    field.value.split(';').map(part).collect()
}

/// `scene` with other properties.
pub(super) fn changed(scene: &Scene, settings: &[Field]) -> Result<Scene> {
    let mut scene = scene.clone();
    settings.iter().try_for_each(|field| scene.set(field))?;
    Ok(scene)
}

/// A fact: an expression that must be true, or a text with a value.
#[derive(Clone, Debug)]
pub struct Claim {
    pub text: Option<Text>,
    pub expr: Expr,
    pub format: String,
}

impl Claim {
    /// A line: `expression`, or `text = expression`, or `text = expression : format`.
    fn parse(line: &str, number: usize) -> Result<Self> {
        let field = Field { line: number, column: 1, key: String::new(), value: line.trim_end().into() };
        let Some((text, value)) = field.split(" = ") else {
            return Ok(Self { text: None, expr: expr::parse(line, number, 1)?, format: String::new() });
        };
        let (source, format) = match value.value.rsplit_once(" : ") {
            Some((source, format)) => (source, format.trim()),
            None => (value.value.as_str(), ""),
        };
        if !expr::is_format(format) {
            return Err(value.fault(Sentence::new("`{0}` is no format").with(format)));
        }
        let expr = expr::parse(source, number, value.column)?;
        Ok(Self { text: Some(Text::of_label(&text)?), expr, format: format.into() })
    }

    /// One claim a line.
    pub(super) fn parse_all(lines: &[&str], first: usize) -> Result<Vec<Self>> {
        let numbered = lines.iter().zip(first..).filter(|(line, _)| !line.trim().is_empty());
        numbered.map(|(line, number)| Self::parse(line, number)).collect()
    }

    /// What is shown of it; nothing of a bare condition. Errors where it is not true.
    pub fn shown(&self, engine: &Engine, scene: &Scene) -> Result<Option<(String, String)>> {
        let value = engine.eval(&self.expr, scene)?;
        let fault = |message: Sentence| Err(LessonError::at(self.expr.line, self.expr.column, message));
        match (&value, &self.text) {
            (Value::Bool(false), _) => fault(Sentence::new("the claim is not true: {0}").with(&self.expr.source)),
            (Value::Bool(true), None) => Ok(None),
            (_, None) => fault(Sentence::new("a claim is true or false, and this is {0}").and(value.kind())),
            (Value::Number(number), Some(_)) if number.is_nan() => fault("the claim's value is NaN".into()),
            (_, Some(text)) => Ok(Some((text.fill(engine, scene)?, value.show(&self.format)))),
        }
    }
}

/// A `say` cue: one line, which a projector shows.
pub(super) fn say(lines: &[&str], first: usize) -> Result<Text> {
    let mut said = lines.iter().zip(first..).filter(|(line, _)| !line.trim().is_empty());
    let (line, number) = said.next().ok_or_else(|| LessonError::line(first, "nothing is said"))?;
    match said.next() {
        Some((_, number)) => Err(LessonError::line(number, "one line is said at a beat")),
        None => {
            let column = 1 + line.chars().take_while(|c| c.is_whitespace()).count();
            Text::parse(line.trim(), number, column)
        }
    }
}

/// A cue of `key: value` lines.
pub(super) fn keyed(lines: &[&str], first: usize) -> Result<Fields> {
    Ok(Fields::new(first - 1, fields::parse(lines, first)?))
}
