//! What was told about an input, and by whom: by its file, or by an option that overrides it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Something that can be told about an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    Causal,
    Align,
    Window,
    KeyLengths,
    Diagonal,
    LeftPadding,
    PrefixKeys,
    SinkKeys,
    Documents,
    Scale,
    Softcap,
    Alibi,
    Sinks,
    /// Query heads as rows.
    PackedHeads,
    /// The batch as one schedule.
    Varlen,
    Bias,
    /// Queries in place of the keys.
    Keys,
    Dropout,
    /// The gradient of the output.
    Grad,
    Layout,
}

/// Who told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    File,
    Option,
}

/// Where the gradient of the output is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradSource {
    /// An array.
    Array,
    Ones,
    /// By this seed.
    Random(u64),
}

/// What an array of a file was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskKind {
    /// Booleans, or zeros and ones: true attends. It is added as 0 and -infinity, and its tiles have their classes.
    Boolean,
    /// Numbers that are added to the scores.
    Additive,
    /// One row of keys for each batch entry, those that exist first: it became key lengths.
    Padding,
    /// Booleans that hide nothing.
    Open,
}

/// What a file was taken for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// For Q, K and V: what the file calls them, and their element kind.
    pub arrays: Vec<(String, &'static str)>,
    pub facts: BTreeMap<Fact, By>,
    pub mask: Option<MaskKind>,
    pub bias: Option<MaskKind>,
    /// Where the gradient of the output is from; where nothing says so, a text that takes one is given ones.
    pub grad: Option<GradSource>,
    /// What the file calls the output that it holds, and its element kind.
    pub output: Option<(String, &'static str)>,
    /// The element kinds of the gradients that it holds.
    pub gradients: Vec<&'static str>,
    /// It came with the program, which knows it well.
    pub is_bundled: bool,
}

impl Told {
    pub fn by_file(&mut self, fact: Fact) {
        self.facts.insert(fact, By::File);
    }

    pub fn by_option(&mut self, fact: Fact) {
        self.facts.insert(fact, By::Option);
    }
}
