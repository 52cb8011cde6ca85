//! A tree to a value. Arithmetic is that of f64: it gives infinities and NaN where a machine would, and never fails.

use crate::attention::{Format, conversion};
use crate::sentence::Sentence;

use super::super::error::{LessonError, Result};
use super::budget::{Budget, OF_A_PART};
use super::lists;
use super::value::Value;
use super::{Argument, Expr, Kind, Node, Operator};

/// What the names of an expression mean. A fault is a sentence; its place is added here.
pub trait Scope {
    /// The value of a name; `None` where there is none.
    fn name(&self, name: &str) -> Option<Value>;

    /// A function or, for an object, a method; `None` where there is none.
    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<std::result::Result<Value, Sentence>>;

    /// What the expression may still cost; `None` where nothing in it can be repeated often.
    fn budget(&self) -> Option<&Budget> {
        None
    }
}

/// A scope with one more name, which hides another of the same.
struct With<'a> {
    outer: &'a dyn Scope,
    name: &'a str,
    value: f64,
}

impl Scope for With<'_> {
    fn name(&self, name: &str) -> Option<Value> {
        if name == self.name { Some(self.value.into()) } else { self.outer.name(name) }
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<std::result::Result<Value, Sentence>> {
        self.outer.call(name, arguments)
    }

    fn budget(&self) -> Option<&Budget> {
        self.outer.budget()
    }
}

/// The arguments of one call. What is not taken is a fault.
pub struct Arguments {
    /// In order.
    places: std::collections::VecDeque<Value>,
    named: Vec<(String, Value)>,
}

impl Arguments {
    /// The next argument by place, or the one of this name.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        match self.named.iter().position(|(known, _)| known == name) {
            Some(index) => Some(self.named.swap_remove(index).1),
            None => self.places.pop_front(),
        }
    }

    /// The argument of this name only.
    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let index = self.named.iter().position(|(known, _)| known == name)?;
        Some(self.named.swap_remove(index).1)
    }

    pub fn number(&mut self, name: &str) -> std::result::Result<f64, Sentence> {
        number(self.take(name).ok_or_else(|| Sentence::new("`{0}` is missing").with(name))?, name)
    }

    /// A whole number of at most a million.
    pub fn index(&mut self, name: &str) -> std::result::Result<usize, Sentence> {
        whole(self.take(name).ok_or_else(|| Sentence::new("`{0}` is missing").with(name))?, name)
    }

    pub fn index_or(&mut self, name: &str, fallback: usize) -> std::result::Result<usize, Sentence> {
        self.take(name).map_or(Ok(fallback), |value| whole(value, name))
    }

    /// The next argument by place, or the one of this name, if there is one.
    pub fn index_if_given(&mut self, name: &str) -> std::result::Result<Option<usize>, Sentence> {
        self.take(name).map(|value| whole(value, name)).transpose()
    }

    pub fn named_index(&mut self, name: &str) -> std::result::Result<Option<usize>, Sentence> {
        self.take_named(name).map(|value| whole(value, name)).transpose()
    }

    /// The next argument by place, if it is a text.
    pub fn text(&mut self) -> Option<String> {
        match self.places.front() {
            Some(Value::Text(_)) => match self.places.pop_front() {
                Some(Value::Text(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    pub fn named_text(&mut self, name: &str) -> std::result::Result<Option<String>, Sentence> {
        match self.take_named(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(Sentence::new("`{0}` is a text, and this is {1}").with(name).and(other.kind())),
        }
    }

    pub fn named_bool(&mut self, name: &str) -> std::result::Result<Option<bool>, Sentence> {
        match self.take_named(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(truth)),
            Some(other) => Err(Sentence::new("`{0}` is true or false, and this is {1}").with(name).and(other.kind())),
        }
    }

    /// Every argument by place that is left.
    pub fn rest(&mut self) -> Vec<Value> {
        self.places.drain(..).collect()
    }

    /// The names of what is given by name, in order.
    pub fn names(&self) -> Vec<String> {
        self.named.iter().map(|(name, _)| name.clone()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.named.is_empty()
    }
}

pub(super) fn number(value: Value, name: &str) -> std::result::Result<f64, Sentence> {
    match value {
        Value::Number(number) => Ok(number),
        other => Err(Sentence::new("`{0}` is a number, and this is {1}").with(name).and(other.kind())),
    }
}

fn whole(value: Value, name: &str) -> std::result::Result<usize, Sentence> {
    let number = number(value, name)?;
    if number == number.trunc() && (0.0..=1e6).contains(&number) {
        return Ok(number as usize);
    }
    Err(Sentence::new("`{0}` is a whole number from 0 to 1 000 000, and this is {1}").with(name).with(number))
}

/// Evaluates `expr` with the names of `scope`.
pub fn eval(expr: &Expr, scope: &dyn Scope) -> Result<Value> {
    node(&expr.root, scope).map_err(|(at, message)| LessonError::at(expr.line, expr.column + at, message))
}

type Evaluated = std::result::Result<Value, (usize, Sentence)>;

fn node(node_: &Node, scope: &dyn Scope) -> Evaluated {
    let fault = |message: Sentence| (node_.at, message);
    scope.budget().map_or(Ok(()), |budget| budget.spend(OF_A_PART)).map_err(fault)?;
    match &node_.kind {
        Kind::Number(number) => Ok(Value::Number(*number)),
        Kind::Text(text) => Ok(Value::Text(text.clone())),
        Kind::Bool(truth) => Ok(Value::Bool(*truth)),
        Kind::List(values) => {
            values.iter().map(|value| node(value, scope)).collect::<std::result::Result<_, _>>().map(Value::List)
        }
        Kind::Name(name) => scope.name(name).ok_or_else(|| fault(Sentence::new("there is no `{0}`").with(name))),
        Kind::Call(name, arguments) if name == "if" => choose(node_.at, arguments, scope),
        Kind::Call(name, arguments) if name == "each" => each(node_.at, arguments, scope),
        Kind::Call(name, given) => {
            let mut arguments = evaluated(given, scope)?;
            let result = built_in(name, &mut arguments).or_else(|| scope.call(name, &mut arguments));
            finish(node_.at, name, result, &arguments)
        }
        Kind::Method(of, name, given) => {
            let Value::Object(object) = node(of, scope)? else {
                return Err(fault(Sentence::new("this has no part `{0}`").with(name)));
            };
            let mut arguments = evaluated(given, scope)?;
            let result = object.call(name, &mut arguments).or_else(|| object.name(name).map(Ok));
            finish(node_.at, name, result, &arguments)
        }
        Kind::Not(of) => Ok(Value::Bool(!truth(node(of, scope)?).map_err(fault)?)),
        Kind::Minus(of) => Ok(Value::Number(-number(node(of, scope)?, "-").map_err(fault)?)),
        Kind::Binary(operator, left, right) => binary(*operator, left, right, scope, node_.at),
    }
}

fn evaluated(given: &[Argument], scope: &dyn Scope) -> std::result::Result<Arguments, (usize, Sentence)> {
    let mut arguments = Arguments { places: Default::default(), named: Vec::new() };
    for argument in given {
        let value = node(&argument.value, scope)?;
        match &argument.name {
            Some(name) => arguments.named.push((name.clone(), value)),
            None => arguments.places.push_back(value),
        }
    }
    Ok(arguments)
}

fn finish(
    at: usize,
    name: &str,
    result: Option<std::result::Result<Value, Sentence>>,
    arguments: &Arguments,
) -> Evaluated {
    let value = result.ok_or_else(|| (at, Sentence::new("there is no `{0}`").with(name)))?;
    let value = value.map_err(|message| (at, Sentence::new("{0}: {1}").with(name).and(message)))?;
    if let Some((named, _)) = arguments.named.first() {
        return Err((at, Sentence::new("{0} takes no `{1}`").with(name).with(named)));
    }
    if !arguments.is_empty() {
        return Err((at, Sentence::new("{0} is given too many arguments").with(name)));
    }
    Ok(value)
}

/// `if(condition, then, else)` evaluates only the branch that is taken.
fn choose(at: usize, arguments: &[Argument], scope: &dyn Scope) -> Evaluated {
    let [condition, then, otherwise] = arguments else {
        return Err((at, "if takes a condition and two values".into()));
    };
    let taken = truth(node(&condition.value, scope)?).map_err(|message| (at, message))?;
    node(if taken { &then.value } else { &otherwise.value }, scope)
}

/// The longest list that `each` makes.
const MOST_EACH: usize = 4096;

/// `each(j, from, to, value)`: the values for j from `from` up to `to`, without `to`.
fn each(at: usize, arguments: &[Argument], scope: &dyn Scope) -> Evaluated {
    let takes = || (at, Sentence::new("each takes a name, its first value, the end, and what is made of each"));
    let [variable, from, to, value] = arguments else { return Err(takes()) };
    let Kind::Name(name) = &variable.value.kind else { return Err(takes()) };
    if arguments.iter().any(|argument| argument.name.is_some()) {
        return Err(takes());
    }
    let bound = |bound: &Argument, name: &str| {
        whole(node(&bound.value, scope)?, name).map_err(|message| (bound.value.at, message))
    };
    let (from, to) = (bound(from, "from")?, bound(to, "to")?);
    if to.saturating_sub(from) > MOST_EACH {
        let fault = Sentence::new("each makes at most {0}, and these are {1}").with(MOST_EACH).with(to - from);
        return Err((at, fault));
    }
    let one = |n: usize| node(&value.value, &With { outer: scope, name, value: n as f64 });
    (from..to).map(one).collect::<std::result::Result<_, _>>().map(Value::List)
}

fn truth(value: Value) -> std::result::Result<bool, Sentence> {
    match value {
        Value::Bool(truth) => Ok(truth),
        other => Err(Sentence::new("a condition is true or false, and this is {0}").and(other.kind())),
    }
}

fn binary(operator: Operator, left: &Node, right: &Node, scope: &dyn Scope, at: usize) -> Evaluated {
    let fault = |message: Sentence| (at, message);
    let first = node(left, scope)?;
    if let Operator::And | Operator::Or = operator {
        let first = truth(first).map_err(fault)?;
        if first == (operator == Operator::Or) {
            return Ok(Value::Bool(first));
        }
        return Ok(Value::Bool(truth(node(right, scope)?).map_err(fault)?));
    }
    let second = node(right, scope)?;
    if let Operator::Equal | Operator::NotEqual = operator {
        if std::mem::discriminant(&first) != std::mem::discriminant(&second) {
            return Err(fault(Sentence::new("{0} is compared with {1}").and(first.kind()).and(second.kind())));
        }
        return Ok(Value::Bool((first == second) == (operator == Operator::Equal)));
    }
    let (Value::Number(a), Value::Number(b)) = (&first, &second) else {
        return Err(fault(
            Sentence::new("two numbers are needed, and these are {0} and {1}").and(first.kind()).and(second.kind()),
        ));
    };
    let (a, b) = (*a, *b);
    Ok(match operator {
        Operator::Less => Value::Bool(a < b),
        Operator::LessOrEqual => Value::Bool(a <= b),
        Operator::Greater => Value::Bool(a > b),
        Operator::GreaterOrEqual => Value::Bool(a >= b),
        Operator::Add => Value::Number(a + b),
        Operator::Subtract => Value::Number(a - b),
        Operator::Multiply => Value::Number(a * b),
        Operator::Divide => Value::Number(a / b),
        _ => Value::Number(a.powf(b)),
    })
}

/// Functions of numbers, the same in every scope, and those of lists.
fn built_in(name: &str, arguments: &mut Arguments) -> Option<std::result::Result<Value, Sentence>> {
    let mut of_one = |f: fn(f64) -> f64| Some(arguments.number("x").map(|x| Value::Number(f(x))));
    match name {
        "exp" => of_one(f64::exp),
        "ln" => of_one(f64::ln),
        "log2" => of_one(f64::log2),
        "sqrt" => of_one(f64::sqrt),
        "abs" => of_one(f64::abs),
        "ceil" => of_one(f64::ceil),
        "floor" => of_one(f64::floor),
        "round" => Some(round(arguments)),
        "e4m3" => of_one(|x| conversion::stored(x, Format::E4m3)),
        "f16" => of_one(|x| half::f16::from_f64(x).to_f64()),
        "bf16" => of_one(|x| half::bf16::from_f64(x).to_f64()),
        "is_nan" => Some(arguments.number("x").map(|x| Value::Bool(x.is_nan()))),
        "near" => Some(near(arguments)),
        _ => lists::call(name, arguments),
    }
}

/// `round(x)` to a whole number, `round(x, "bf16")` to a format.
fn round(arguments: &mut Arguments) -> std::result::Result<Value, Sentence> {
    let x = arguments.number("x")?;
    let Some(name) = arguments.text() else { return Ok(Value::Number(x.round())) };
    let Some(format) = Format::parse(&name) else {
        let known = Format::ALL.map(Format::name).join(", ");
        return Err(Sentence::new("there is no format {0}; there are {1}").with(name).with(known));
    };
    Ok(Value::Number(conversion::stored(x, format)))
}

/// `near(a, b, within)`; a NaN is near nothing.
fn near(arguments: &mut Arguments) -> std::result::Result<Value, Sentence> {
    let (a, b, within) = (arguments.number("a")?, arguments.number("b")?, arguments.number("within")?);
    Ok(Value::Bool(a == b || (a - b).abs() <= within))
}
