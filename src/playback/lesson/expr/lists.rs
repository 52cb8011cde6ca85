//! Functions of lists, the same in every scope. A list in a list counts as its numbers, and a NaN is never hidden.

use crate::sentence::Sentence;

use super::eval::{Arguments, number};
use super::value::Value;

type Answer = Result<Value, Sentence>;

/// The function of this name; `None` where there is none.
pub(super) fn call(name: &str, arguments: &mut Arguments) -> Option<Answer> {
    Some(match name {
        "min" => least(arguments, "min", |a, b| a < b),
        "max" => least(arguments, "max", |a, b| a > b),
        "sum" => sum(arguments),
        "mean" => some(arguments, "mean").map(|x| mean(&x).into()),
        "var" => some(arguments, "var").map(|x| variance(&x).into()),
        "argmin" => place(arguments, "argmin", |a, b| a < b),
        "argmax" => place(arguments, "argmax", |a, b| a > b),
        "entropy" => entropy(arguments),
        "norm" => some(arguments, "norm").map(|x| x.iter().map(|x| x * x).sum::<f64>().sqrt().into()),
        "dot" => dot(arguments),
        "softmax" => some(arguments, "softmax").map(|x| softmax(&x)),
        "at" => at(arguments),
        "len" => list(arguments).map(|values| values.len().into()),
        "has" => match (arguments.take("list"), arguments.take("value")) {
            (Some(Value::List(values)), Some(value)) => Ok(values.contains(&value).into()),
            _ => Err("a list and a value are needed".into()),
        },
        _ => return None,
    })
}

fn list(arguments: &mut Arguments) -> Result<Vec<Value>, Sentence> {
    match arguments.take("list") {
        Some(Value::List(values)) => Ok(values),
        _ => Err("a list is needed".into()),
    }
}

/// The numbers of a value, in order.
fn flat(value: Value, name: &str, into: &mut Vec<f64>) -> Result<(), Sentence> {
    match value {
        Value::List(values) => values.into_iter().try_for_each(|value| flat(value, name, into)),
        value => number(value, name).map(|x| into.push(x)),
    }
}

/// The numbers of everything that is given by place.
fn numbers(arguments: &mut Arguments, name: &str) -> Result<Vec<f64>, Sentence> {
    let mut all = Vec::new();
    arguments.rest().into_iter().try_for_each(|value| flat(value, name, &mut all))?;
    Ok(all)
}

/// At least one number.
fn some(arguments: &mut Arguments, name: &str) -> Result<Vec<f64>, Sentence> {
    let numbers = numbers(arguments, name)?;
    if numbers.is_empty() { Err("at least one number is needed".into()) } else { Ok(numbers) }
}

/// Of an empty list it is 0; of nothing at all it is a fault.
fn sum(arguments: &mut Arguments) -> Answer {
    if arguments.is_empty() {
        return Err("at least one number is needed".into());
    }
    Ok(numbers(arguments, "sum")?.iter().sum::<f64>().into())
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The mean square of the distances from the mean.
fn variance(x: &[f64]) -> f64 {
    let middle = mean(x);
    x.iter().map(|x| (x - middle) * (x - middle)).sum::<f64>() / x.len() as f64
}

/// The place of the first number that no other is `before`.
fn first(x: &[f64], before: fn(f64, f64) -> bool) -> usize {
    (1..x.len()).fold(0, |best, at| if before(x[at], x[best]) { at } else { best })
}

fn least(arguments: &mut Arguments, name: &str, before: fn(f64, f64) -> bool) -> Answer {
    let x = some(arguments, name)?;
    let nan = x.iter().find(|x| x.is_nan());
    Ok(nan.copied().unwrap_or(x[first(&x, before)]).into())
}

fn place(arguments: &mut Arguments, name: &str, before: fn(f64, f64) -> bool) -> Answer {
    let x = some(arguments, name)?;
    if x.iter().any(|x| x.is_nan()) {
        return Err("a NaN is neither larger nor smaller than a number".into());
    }
    Ok(first(&x, before).into())
}

/// In bits, of weights that sum to 1.
fn entropy(arguments: &mut Arguments) -> Answer {
    let p = some(arguments, "entropy")?;
    let sum: f64 = p.iter().sum();
    if p.iter().any(|p| *p < 0.0) || (sum - 1.0).abs() > 1e-6 || sum.is_nan() {
        return Err(Sentence::new("weights are needed that sum to 1, and these sum to {0}").with(sum));
    }
    let bits = |p: &f64| if *p == 0.0 { 0.0 } else { -p * p.log2() };
    Ok(p.iter().map(bits).sum::<f64>().into())
}

fn dot(arguments: &mut Arguments) -> Answer {
    let of = |value: Option<Value>| {
        let mut x = Vec::new();
        flat(value.ok_or("two lists are needed")?, "dot", &mut x)?;
        Ok::<_, Sentence>(x)
    };
    let (a, b) = (of(arguments.take("a"))?, of(arguments.take("b"))?);
    if a.len() != b.len() {
        return Err(Sentence::new("lists of one length are needed, and these have {0} and {1}")
            .with(a.len())
            .with(b.len()));
    }
    Ok(a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>().into())
}

/// As attention has it: what is -inf weighs nothing.
fn softmax(s: &[f64]) -> Value {
    let m = s.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shift = if m == f64::NEG_INFINITY { 0.0 } else { m };
    let e: Vec<f64> = s.iter().map(|s| (s - shift).exp()).collect();
    let l: f64 = e.iter().sum();
    Value::List(e.iter().map(|e| Value::Number(if l == 0.0 { 0.0 } else { e / l })).collect())
}

/// The value at a place, from 0.
fn at(arguments: &mut Arguments) -> Answer {
    let mut values = list(arguments)?;
    let index = arguments.index("i")?;
    if index < values.len() {
        return Ok(values.swap_remove(index));
    }
    Err(Sentence::new("there {0|is|are} {0}, from 0").with(values.len()))
}
