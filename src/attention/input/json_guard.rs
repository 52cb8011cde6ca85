//! A walk over JSON that refuses what a lenient parser lets pass: keys that come twice, and numbers that are too large.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Checks that no object of `json` holds a key twice and that no number is negative, fractional, or above `largest`.
pub(super) fn check(json: &[u8], largest: u64) -> Result<(), serde_json::Error> {
    let mut source = serde_json::Deserializer::from_slice(json);
    Guard { largest }.deserialize(&mut source)?;
    source.end()
}

#[derive(Clone, Copy)]
struct Guard {
    largest: u64,
}

impl<'de> DeserializeSeed<'de> for Guard {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Guard {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "an object, a list, a string or a whole number up to {}", self.largest)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        if number <= self.largest {
            Ok(())
        } else {
            Err(E::custom(format!("{number} is more than the file has bytes")))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            object.next_value_seed(self)?;
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format!("the key {twice:?} comes twice")));
            }
        }
        Ok(())
    }
}
