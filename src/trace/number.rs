//! Numbers that JSON cannot write: NaN and the infinities are strings, and an f32 keeps its own shortest digits.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::attention::Real;

/// A number that may be NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

/// Numbers of the precision that computed them, as f64 (which holds every f32).
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    numbers: Vec<f64>,
    /// They are f32, and are written with the digits of an f32.
    single: bool,
}

/// The names of the numbers that JSON cannot write.
pub const NOT_FINITE: [(&str, f64); 3] =
    [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// Its name, if JSON and CSV cannot write it as a number.
pub fn name_if_not_finite(x: f64) -> Option<&'static str> {
    NOT_FINITE.into_iter().find(|(_, odd)| x == *odd || x.is_nan() && odd.is_nan()).map(|(name, _)| name)
}

impl Values {
    /// Values as the machine holds them.
    pub fn of<'a, T: Real>(values: impl IntoIterator<Item = &'a T>) -> Self {
        let numbers = values.into_iter().map(|x| x.widen()).collect();
        Self { numbers, single: size_of::<T>() == size_of::<f32>() }
    }

    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// Makes them the f32 that their digits stand for. Errors with the first that f32 cannot hold, and its index.
    pub(super) fn narrow(&mut self) -> Result<(), (usize, f64)> {
        self.single = true;
        for (index, x) in self.numbers.iter_mut().enumerate() {
            let narrow = f64::from(*x as f32);
            if x.is_finite() && !narrow.is_finite() {
                return Err((index, *x));
            }
            *x = narrow;
        }
        Ok(())
    }

    /// As text, with spaces between.
    pub(super) fn text(&self) -> String {
        let one = |&x: &f64| match name_if_not_finite(x) {
            Some(name) => name.to_string(),
            None if self.single => (x as f32).to_string(),
            None => x.to_string(),
        };
        self.numbers.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match name_if_not_finite(self.0) {
            Some(name) => to.serialize_str(name),
            None => to.serialize_f64(self.0),
        }
    }
}

/// A number that prints as an f32.
struct Single(f32);

impl Serialize for Single {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { to.serialize_f32(self.0) } else { Number(f64::from(self.0)).serialize(to) }
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.numbers.len()))?;
        for &x in &self.numbers {
            if self.single {
                list.serialize_element(&Single(x as f32))?;
            } else {
                list.serialize_element(&Number(x))?;
            }
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Number;
            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }
            fn visit_f64<E: Error>(self, x: f64) -> Result<Number, E> {
                Ok(Number(x))
            }
            fn visit_u64<E: Error>(self, x: u64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            fn visit_i64<E: Error>(self, x: i64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Number, E> {
                let known = NOT_FINITE.into_iter().find(|(known, _)| *known == name);
                known.map(|(_, x)| Number(x)).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(name), &self))
            }
        }
        from.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let numbers = Vec::<Number>::deserialize(from)?;
        Ok(Self { numbers: numbers.into_iter().map(|Number(x)| x).collect(), single: false })
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number; what JSON cannot write is a string.",
            "anyOf": [{ "type": "number" }, { "enum": NOT_FINITE.map(|(name, _)| name) }]
        })
    }
}

impl JsonSchema for Values {
    fn schema_name() -> Cow<'static, str> {
        "Values".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Shortest digits that give back each number in the type that computed it: f64, or else f32.",
            "type": "array",
            "items": generator.subschema_for::<Number>()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f32_keep_their_digits_and_odd_numbers_their_names() {
        let values = [0.1f32, -0.0, f32::NEG_INFINITY, f32::NAN, 1e-45, f32::MAX];
        let json = serde_json::to_string(&Values::of(&values)).unwrap();
        assert_eq!(json, r#"[0.1,-0.0,"-Infinity","NaN",1e-45,3.4028235e+38]"#);
        let mut read: Values = serde_json::from_str(&json).unwrap();
        read.narrow().unwrap();
        let bits = |x: &f64| (*x as f32).to_bits();
        assert_eq!(read.numbers().iter().map(bits).collect::<Vec<_>>(), values.map(f32::to_bits));
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert_eq!(
            read.text(),
            "0.1 -0 -Infinity NaN 0.000000000000000000000000000000000000000000001 340282350000000000000000000000000000000"
        );
    }

    #[test]
    fn what_f32_cannot_hold_is_an_error() {
        let mut values: Values = serde_json::from_str("[1, 1e300]").unwrap();
        assert_eq!(values.narrow(), Err((1, 1e300)));
        assert!(serde_json::from_str::<Number>("\"inf\"").is_err());
        assert!(serde_json::from_str::<Number>("null").is_err());
    }
}
