//! A sentence with its values apart: the rooms say it in English, the window in the language on screen.

use std::fmt;

/// What is said: an English pattern, in which `{0}` is the first value, and `{0|key|keys}` the word that goes with it: the
/// first of the two where it is `1`. The pattern is also the key under which a translation is found, so that no room
/// needs to know of languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    pub pattern: &'static str,
    pub values: Vec<Value>,
}

/// What stands in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, a symbol, a name: the same in every language.
    Same(String),
    /// Words of their own.
    Said(Sentence),
    /// Names or numbers side by side, with what the language has between them.
    Listed(Vec<String>),
}

/// What stands between the parts of a list, which is translated like a pattern.
pub const BETWEEN: &str = ", ";

impl Sentence {
    pub const fn new(pattern: &'static str) -> Self {
        Self { pattern, values: Vec::new() }
    }

    /// Words that are the same in every language, such as what a driver says.
    pub fn verbatim(text: impl fmt::Display) -> Self {
        Self::new("{0}").with(text)
    }

    /// With a next value that is the same in every language.
    pub fn with(mut self, value: impl fmt::Display) -> Self {
        self.values.push(Value::Same(value.to_string()));
        self
    }

    /// With a next value that is a list of such.
    pub fn with_list(mut self, values: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        self.values.push(Value::Listed(values.into_iter().map(|value| value.to_string()).collect()));
        self
    }

    /// With a next value that has words of its own.
    pub fn and(mut self, said: impl Into<Sentence>) -> Self {
        self.values.push(Value::Said(said.into()));
        self
    }

    /// Several, one behind the other; `None` of none.
    pub fn list(all: impl IntoIterator<Item = Sentence>) -> Option<Self> {
        all.into_iter().reduce(|before, next| Self::new("{0}; {1}").and(before).and(next))
    }

    /// With nothing in its values that would break a line: they may come from a file.
    pub fn on_one_line(mut self) -> Self {
        for value in &mut self.values {
            match value {
                Value::Same(text) => *text = text.replace(char::is_control, " "),
                Value::Said(sentence) => *sentence = std::mem::take(sentence).on_one_line(),
                Value::Listed(all) => all.iter_mut().for_each(|text| *text = text.replace(char::is_control, " ")),
            }
        }
        self
    }

    /// The sentence with each pattern as `translate` gives it.
    pub fn say(&self, translate: &dyn Fn(&'static str) -> &'static str) -> String {
        let values: Vec<String> = self
            .values
            .iter()
            .map(|value| match value {
                Value::Same(text) => text.clone(),
                Value::Said(sentence) => sentence.say(translate),
                Value::Listed(all) => all.join(translate(BETWEEN)),
            })
            .collect();
        fill(translate(self.pattern), &values)
    }
}

/// `pattern` with its values in place; what stands in a value is never taken for a place.
pub fn fill(pattern: &str, values: &[String]) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        text.push_str(before);
        let place = from.find('}').and_then(|close| Some((close, stands(&from[1..close], values)?)));
        match place {
            Some((close, said)) => {
                text.push_str(said);
                rest = &from[close + 1..];
            }
            None => {
                text.push('{');
                rest = &from[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// What stands at a place: `0` is the first value, `0|key|keys` a word for one and a word for any other number of it.
fn stands<'a>(place: &'a str, values: &'a [String]) -> Option<&'a str> {
    let Some((n, words)) = place.split_once('|') else { return values.get(place.parse::<usize>().ok()?).map(|v| &**v) };
    let (one, many) = words.split_once('|')?;
    Some(if values.get(n.parse::<usize>().ok()?)? == "1" { one } else { many })
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(&|pattern| pattern))
    }
}

impl std::error::Error for Sentence {}

impl From<&'static str> for Sentence {
    fn from(pattern: &'static str) -> Self {
        Self::new(pattern)
    }
}

/// Makes a type with a method `sentence` an error that says it.
macro_rules! says_a_sentence {
    ($error:ty) => {
        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.sentence().fmt(f)
            }
        }

        impl std::error::Error for $error {}
    };
}
pub(crate) use says_a_sentence;

/// These stand in JSON as the texts that `FromStr` reads and `Display` writes, by `#[serde(try_from = "String", into = "String")]`.
macro_rules! stands_as_text {
    ($($kind:ty),+) => {$(
        impl TryFrom<String> for $kind {
            type Error = $crate::sentence::Sentence;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    )+};
}
pub(crate) use stands_as_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_the_language_wants_them() {
        let inner = Sentence::new("tile {0}").with(3);
        let sentence = Sentence::new("step {0} of {1}: {2}").with(1).with(9).and(inner);
        assert_eq!(sentence.to_string(), "step 1 of 9: tile 3");
        let chinese = |pattern| match pattern {
            "tile {0}" => "分块 {0}",
            _ => "共 {1} 步，第 {0} 步：{2}",
        };
        assert_eq!(sentence.say(&chinese), "共 9 步，第 1 步：分块 3");
    }

    #[test]
    fn one_is_no_plural() {
        let keys = |n: &str| fill("{0} {0|key is|keys are} seen", &[n.to_owned()]);
        assert_eq!(keys("1"), "1 key is seen");
        for n in ["0", "2", "11", "1 001", "0.1"] {
            assert_eq!(keys(n), format!("{n} keys are seen"));
        }
        let no_place = "{0|a}{1|a|b}{x|a|b}";
        assert_eq!(fill(no_place, &["1".to_owned()]), no_place);
    }

    #[test]
    fn a_value_is_never_taken_for_a_place() {
        let values = ["{1}".to_owned(), "b".to_owned()];
        assert_eq!(fill("{0}{1}{2}{x}{", &values), "{1}b{2}{x}{");
    }
}
