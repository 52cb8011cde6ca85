//! How the values of choices stand in text and in JSON.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::attention::input::Layout;
use crate::attention::{Align, Diagonal, Precision, Window};
use crate::schedule::{Hardware, hardware};
use crate::sentence::Sentence;

use super::MOST_SPLITS;

/// Keys that exist; they do not move the diagonal. As text `all`, or `3,5`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum KeyLengths {
    All,
    /// One length for each batch entry, of the whole input: a prefix has as much of it as there is.
    Each(Vec<usize>),
}

impl FromStr for KeyLengths {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        if text == "all" {
            return Ok(Self::All);
        }
        let lengths: Option<Vec<usize>> = text.split(',').map(|length| length.trim().parse().ok()).collect();
        let what = "it is one length for each batch entry, with commas, such as 12,9, or all";
        lengths.map(Self::Each).ok_or(Sentence::new(what))
    }
}

impl fmt::Display for KeyLengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Each(lengths) => f.write_str(&lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

/// Whole numbers in their order. As text `none`, or `5,7,4`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lengths {
    None,
    Each(Vec<usize>),
}

impl Lengths {
    pub fn of(list: Option<Vec<usize>>) -> Self {
        list.map_or(Self::None, Self::Each)
    }

    pub fn list(&self) -> Option<&Vec<usize>> {
        match self {
            Self::None => None,
            Self::Each(list) => Some(list),
        }
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Each(list) => f.write_str(&list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

impl FromStr for Lengths {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        if text == "none" {
            return Ok(Self::None);
        }
        let list: Option<Vec<usize>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
        list.map(Self::Each).ok_or("it is whole numbers with commas, such as 5,7,4, or none".into())
    }
}

crate::sentence::stands_as_text!(KeyLengths, Lengths);

/// Parts that the keys are cut into. As text a number, or `rule`; in JSON a number stays one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText", into = "NumberOrText")]
pub enum Splits {
    Count(usize),
    /// As many as flash-attention takes for the grid and the chip.
    Rule,
}

impl Splits {
    pub fn count(self) -> Option<usize> {
        match self {
            Self::Count(count) => Some(count),
            Self::Rule => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(usize),
    Text(String),
}

impl FromStr for Splits {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        match text.trim() {
            "rule" => Ok(Self::Rule),
            number if number.parse::<usize>().is_ok() => whole("splits", number, 1..=MOST_SPLITS).map(Self::Count),
            _ => Err(Sentence::new("it is a whole number from 1 to {0}, or rule").with(MOST_SPLITS)),
        }
    }
}

impl fmt::Display for Splits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Rule => f.write_str("rule"),
        }
    }
}

impl TryFrom<NumberOrText> for Splits {
    type Error = Sentence;

    /// A number beyond the limits is told of with the other choices.
    fn try_from(said: NumberOrText) -> Result<Self, Sentence> {
        match said {
            NumberOrText::Number(count) => Ok(Self::Count(count)),
            NumberOrText::Text(text) => text.parse(),
        }
    }
}

impl From<Splits> for NumberOrText {
    fn from(splits: Splits) -> Self {
        splits.count().map_or_else(|| Self::Text(splits.to_string()), Self::Number)
    }
}

/// A whole number within `limits`.
pub(super) fn whole(name: &'static str, text: &str, limits: RangeInclusive<usize>) -> Result<usize, Sentence> {
    let number = text.trim().parse().ok().filter(|number| limits.contains(number));
    number.ok_or_else(|| {
        let sentence = match (*limits.start(), *limits.end()) {
            (0, usize::MAX) => Sentence::new("{0} is {1}; it is a whole number"),
            (_, usize::MAX) => Sentence::new("{0} is {1}; it is a whole number from {2}"),
            _ => Sentence::new("{0} is {1}; it is a whole number from {2} to {3}"),
        };
        sentence.with(name).with(text).with(limits.start()).with(limits.end())
    })
}

pub(super) fn text(text: &str) -> Result<String, Sentence> {
    Ok(text.to_owned())
}

pub(super) fn seed(text: &str) -> Result<u64, Sentence> {
    text.trim().parse().map_err(|_| "it is a whole number".into())
}

pub(super) fn number(text: &str) -> Result<f64, Sentence> {
    text.trim().parse().map_err(|_| "it is a number, such as 0.5".into())
}

pub(super) fn truth(text: &str) -> Result<bool, Sentence> {
    text.trim().parse().map_err(|_| "it is true or false".into())
}

pub(super) fn align(text: &str) -> Result<Align, Sentence> {
    Align::parse(text).ok_or("it is bottom-right or top-left".into())
}

pub(super) fn diagonal(text: &str) -> Result<Diagonal, Sentence> {
    Diagonal::parse(text).ok_or("it is whole or lengths".into())
}

pub(super) fn precision(text: &str) -> Result<Precision, Sentence> {
    Precision::read(text)
}

pub(super) fn window(text: &str) -> Result<Window, Sentence> {
    text.parse()
}

pub(super) fn layout(text: &str) -> Result<Layout, Sentence> {
    let known = Layout::ALL.map(Layout::name).join(", ");
    Layout::parse(text).map(|(layout, _)| layout).ok_or_else(|| Sentence::new("known are {0}").with(known))
}

pub(super) fn hardware(text: &str) -> Result<Hardware, Sentence> {
    hardware::by_name(text).ok_or_else(|| {
        let names: Vec<_> = hardware::all().iter().map(|model| model.name).collect();
        Sentence::new("known are {0}").with(names.join(", "))
    })
}

/// A hardware model by its name.
pub(super) mod by_name {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::schedule::Hardware;

    pub fn serialize<S: Serializer>(model: &Option<Hardware>, to: S) -> Result<S::Ok, S::Error> {
        match model {
            Some(model) => to.serialize_str(model.name),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Hardware>, D::Error> {
        let name: Option<String> = Option::deserialize(from)?;
        name.map(|name| super::hardware(&name).map_err(serde::de::Error::custom)).transpose()
    }
}

/// One path as a text, several as a list of them.
pub(super) mod one_or_many {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Paths {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }

    pub fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        match paths {
            [path] => path.serialize(to),
            paths => paths.serialize(to),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(match Option::deserialize(from)? {
            None => Vec::new(),
            Some(Paths::One(path)) => vec![path],
            Some(Paths::Many(paths)) => paths,
        })
    }
}
