//! Tensors in HBM by name: what traffic is counted by, in every algorithm alike.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a tensor, kept once for the program: two are the same if their names are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tensor(u16);

/// The tensors of the forward passes, in the order in which lists show them.
const FORWARD: [&str; 11] = ["Q", "K", "V", "O", "S", "P", "m", "l", "L", "bias", "keep"];

/// The block table of paged K and V, which is read with their blocks and by no line of its own.
pub const BLOCK_TABLE: &str = "block_table";

/// The scales of blocks of inputs in e4m3, which are read with them.
pub const SCALES: &str = "scales";

/// A mask of booleans that an input brings, which is read with the bias, or in its place.
pub const MASK: &str = "mask";

/// Names that one process keeps, and bytes of one.
const MOST: usize = 10_000;
const LONGEST: usize = 64;

static NAMES: LazyLock<RwLock<Vec<&'static str>>> =
    LazyLock::new(|| RwLock::new([&FORWARD[..], &[BLOCK_TABLE, SCALES, MASK]].concat()));

impl Tensor {
    pub const Q: Self = Self(0);
    pub const K: Self = Self(1);
    pub const V: Self = Self(2);
    pub const O: Self = Self(3);
    pub const S: Self = Self(4);
    pub const P: Self = Self(5);
    /// Running row maximum.
    pub const M: Self = Self(6);
    /// Running row sum.
    pub const SUM: Self = Self(7);
    /// Logsumexp of a row, natural log.
    pub const LSE: Self = Self(8);
    pub const BIAS: Self = Self(9);
    /// A dropout mask that is stored.
    pub const KEEP: Self = Self(10);

    pub const BLOCK_TABLE: Self = Self(FORWARD.len() as u16);
    pub const SCALES: Self = Self(FORWARD.len() as u16 + 1);
    pub const MASK: Self = Self(FORWARD.len() as u16 + 2);

    /// The tensors of the forward passes.
    pub const FORWARD: [Self; FORWARD.len()] =
        [Self::Q, Self::K, Self::V, Self::O, Self::S, Self::P, Self::M, Self::SUM, Self::LSE, Self::BIAS, Self::KEEP];

    /// The tensor of this name. A name that is new is kept until the program ends; `None` once there are too many, or of
    /// one that is too long.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(known) = Self::known(name) {
            return Some(known);
        }
        let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = names.iter().position(|known| *known == name) {
            return u16::try_from(at).ok().map(Self);
        }
        if names.len() >= MOST || name.len() > LONGEST {
            return None;
        }
        names.push(Box::leak(name.into()));
        u16::try_from(names.len() - 1).ok().map(Self)
    }

    /// The tensor of this name, if something that was read has one.
    pub fn known(name: &str) -> Option<Self> {
        let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        let at = names.iter().position(|known| *known == name)?;
        u16::try_from(at).ok().map(Self)
    }

    pub fn name(self) -> &'static str {
        let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        names.get(usize::from(self.0)).copied().unwrap_or("")
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The forward passes' tensors in their order, then others by name.
impl Ord for Tensor {
    fn cmp(&self, other: &Self) -> Ordering {
        let is_forward = |tensor: &Self| usize::from(tensor.0) < FORWARD.len();
        match (is_forward(self), is_forward(other)) {
            (false, false) => self.name().cmp(other.name()),
            _ => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Tensor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Tensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::custom(format!("`{name}` is no name of a tensor")))
    }
}

impl schemars::JsonSchema for Tensor {
    fn schema_name() -> Cow<'static, str> {
        "Tensor".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9_]*$",
            "description": "A tensor in HBM, by its name in the text.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_once_and_come_in_order() {
        for (tensor, name) in Tensor::FORWARD.into_iter().zip(FORWARD) {
            assert_eq!((tensor.name(), Tensor::named(name), Tensor::known(name)), (name, Some(tensor), Some(tensor)));
        }
        assert_eq!((Tensor::BLOCK_TABLE.name(), Tensor::known(BLOCK_TABLE)), (BLOCK_TABLE, Some(Tensor::BLOCK_TABLE)));
        assert_eq!((Tensor::SCALES.name(), Tensor::known(SCALES)), (SCALES, Some(Tensor::SCALES)));
        assert_eq!((Tensor::MASK.name(), Tensor::known(MASK)), (MASK, Some(Tensor::MASK)));
        let [b, a] = ["zz_b", "zz_a"].map(|name| Tensor::named(name).unwrap());
        assert_eq!(Tensor::named("zz_b"), Some(b));
        assert_eq!(Tensor::named(&"z".repeat(LONGEST + 1)), None);
        assert!(Tensor::named(&"z".repeat(LONGEST)).is_some());
        assert!(Tensor::KEEP < a && a < b, "by name after the forward pass's");
        assert_eq!(Tensor::known("zz_nobody has read this"), None);
    }
}
