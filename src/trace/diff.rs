//! Where two traces first differ.

use std::fmt;

use serde_json::{Value, json};

use super::format::{Step, Trace};

/// The first field in which two traces differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The step, unless the field is one of the whole trace.
    pub step: Option<u64>,
    /// Its path, such as `m[2]`.
    pub field: String,
    /// What the first and the second trace have there, as JSON; `absent` where one has nothing.
    pub a: String,
    pub b: String,
}

impl Difference {
    /// How far apart the two are, where both are numbers.
    pub fn distance(&self) -> Option<f64> {
        let [a, b] = [&self.a, &self.b].map(|text| text.parse::<f64>().ok());
        Some((a? - b?).abs())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        if let Some(step) = self.step {
            write!(out, "step {step}: ")?;
        }
        write!(out, "{} is {} in the first and {} in the second", self.field, self.a, self.b)
    }
}

/// Compares what was run (problem, algorithm, tiling, head), then every step, then totals and check; not who wrote the
/// traces, or on what chip.
///
/// Two computed numbers are equal if they differ by at most `tolerance * max(1, |a|, |b|)`; counts must be the same, and
/// NaN and infinities meet only themselves.
pub fn diff(a: &Trace, b: &Trace, tolerance: f64) -> Option<Difference> {
    let run = |t: &Trace| json!({ "problem": t.problem, "algorithm": t.algorithm, "tiling": t.tiling, "head": t.head });
    let end = |t: &Trace| json!({ "totals": t.totals, "check": t.check });
    values("", Some(&run(a)), Some(&run(b)), tolerance)
        .or_else(|| steps(a, b, tolerance))
        .or_else(|| values("", Some(&end(a)), Some(&end(b)), tolerance))
}

fn steps(a: &Trace, b: &Trace, tolerance: f64) -> Option<Difference> {
    for (n, (of_a, of_b)) in (0..).zip(a.steps.iter().zip(&b.steps)) {
        if let Some(difference) = values("", Some(&said(of_a)), Some(&said(of_b)), tolerance) {
            return Some(Difference { step: Some(n), ..difference });
        }
    }
    values("the number of steps", Some(&json!(a.steps.len())), Some(&json!(b.steps.len())), tolerance)
}

/// What a step is, without the lines that show it: another version's text may number them otherwise.
fn said(step: &Step<'_>) -> Value {
    let mut said = json!(step);
    if let Some(fields) = said.as_object_mut() {
        fields.remove("lines");
    }
    said
}

/// The first difference in or below `path`.
fn values(path: &str, a: Option<&Value>, b: Option<&Value>, tolerance: f64) -> Option<Difference> {
    match (a, b) {
        (Some(Value::Array(a)), Some(Value::Array(b))) => (0..a.len().max(b.len()))
            .find_map(|index| values(&format!("{path}[{index}]"), a.get(index), b.get(index), tolerance)),
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let below = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let mut keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.find_map(|key| values(&below(key), a.get(key), b.get(key), tolerance))
        }
        _ if same(a, b, tolerance) => None,
        _ => {
            let show = |value: Option<&Value>| value.map_or("absent".into(), Value::to_string);
            Some(Difference { step: None, field: path.into(), a: show(a), b: show(b) })
        }
    }
}

fn same(a: Option<&Value>, b: Option<&Value>, tolerance: f64) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) if a.is_f64() && b.is_f64() => {
            let [a, b] = [a, b].map(|x| x.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
        }
        _ => a == b,
    }
}
