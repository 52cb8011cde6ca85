//! Which array and which metadata key of a file is what: every name finds its place, or is named in a warning.

use std::collections::BTreeMap;

use super::error::InputError;
use super::held::Held;
use super::names::{self, Role};
use super::word::Word;
use crate::sentence::Sentence;

/// Where something is said.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// The array at this place of [`Held::names`].
    Array(usize),
    Key(String),
}

/// The names of a file, sorted by what they mean.
pub(super) struct Found {
    places: BTreeMap<Role, Place>,
    /// Outputs that someone else computed, in the order of the file.
    pub outputs: Vec<usize>,
    /// Gradients that someone else computed.
    pub gradients: Vec<(Role, usize)>,
    pub warnings: Vec<Sentence>,
}

impl Found {
    /// Errors where a name comes twice, where its meaning depends on the library that wrote it, and where Q, K or V is not
    /// there.
    pub fn sort(held: &Held) -> Result<Self, InputError> {
        let mut found = Found { places: BTreeMap::new(), outputs: vec![], gradients: vec![], warnings: vec![] };
        let (mut results, mut not_computed, mut unused) = (Vec::new(), Vec::new(), Vec::new());
        let mut packed = None;
        for (at, role) in roles(&held.names)?.into_iter().enumerate() {
            let name = held.names[at].as_str();
            match role {
                None => unused.push(name),
                Some(Role::Result) => results.push(name),
                Some(Role::NotComputed) => not_computed.push(name),
                Some(Role::Output) => found.outputs.push(at),
                Some(role @ (Role::DQ | Role::DK | Role::DV | Role::DSinks)) => found.gradients.push((role, at)),
                Some(Role::Packed) => packed = Some(name),
                Some(Role::Unclear) => return InputError::array(name, UNCLEAR),
                Some(Role::OffsetsWithGaps) => return InputError::array(name, GAPS),
                Some(role) => found.insert(held, role, Place::Array(at))?,
            }
        }
        // Without dO nothing says what they are gradients of.
        if !found.places.contains_key(&Role::DO) {
            results.extend(found.gradients.iter().map(|(_, at)| held.names[*at].as_str()));
        }
        for (key, value) in &held.metadata {
            // A list of head numbers is for people; a count is not.
            let is_list = value.trim_start().starts_with('[');
            match names::role(key) {
                Some(Role::KvHeads | Role::Heads) if is_list => {}
                Some(role) if role.is_word() => found.insert(held, role, Place::Key(key.clone()))?,
                Some(Role::NotComputed) if is_off(value) => {}
                Some(Role::NotComputed) => not_computed.push(key),
                _ if names::is_for_people(key) => {}
                _ => unused.push(key),
            }
        }
        let needed = [Role::Q, Role::K, Role::V].into_iter().find(|role| !found.places.contains_key(role));
        match (needed, packed) {
            (Some(_), Some(packed)) => return InputError::array(packed, PACKED),
            (Some(role), None) => {
                return Err(InputError::NoArray {
                    role: role.name(),
                    found: listed(held.names.iter().map(String::as_str)),
                });
            }
            (None, Some(packed)) => unused.push(packed),
            (None, None) => {}
        }
        found.warn(&results, &not_computed, &unused);
        Ok(found)
    }

    fn insert(&mut self, held: &Held, role: Role, place: Place) -> Result<(), InputError> {
        let name = place.name(held).to_owned();
        match self.places.insert(role, place) {
            None => Ok(()),
            Some(first) => {
                let names = [first.name(held), &name].map(|name| name.replace(char::is_control, " "));
                Err(InputError::Twice { what: role.name(), names })
            }
        }
    }

    fn warn(&mut self, results: &[&str], not_computed: &[&str], unused: &[&str]) {
        let mut warn = |pattern: &'static str, names: &[&str]| {
            if !names.is_empty() {
                self.warnings.push(Sentence::new(pattern).with(listed(names.iter().copied())));
            }
        };
        warn("not applied, since it is not computed here: {0}; the model's own output will differ", not_computed);
        warn("results, computed anew: {0}", results);
        warn("not known here, and not used: {0}", unused);
    }

    /// Where `role` is said, taken out.
    pub fn take(&mut self, role: Role) -> Option<Place> {
        self.places.remove(&role)
    }

    /// The array of `role`.
    pub fn array(&self, role: Role) -> Option<usize> {
        if let Some(Place::Array(at)) = self.places.get(&role) { Some(*at) } else { None }
    }

    /// The array of `role`, taken out.
    pub fn take_array(&mut self, role: Role) -> Option<usize> {
        // Only words are inserted from metadata, and their roles are taken as words.
        if let Some(Place::Array(at)) = self.places.remove(&role) { Some(at) } else { None }
    }
}

impl Place {
    pub fn name<'a>(&'a self, held: &'a Held) -> &'a str {
        match self {
            Place::Array(at) => &held.names[*at],
            Place::Key(key) => key,
        }
    }

    /// A fault of what is said here.
    pub fn wrong<T>(&self, held: &Held, fault: impl Into<Sentence>) -> Result<T, InputError> {
        match self {
            Place::Array(at) => InputError::array(&held.names[*at], fault),
            Place::Key(key) => {
                let key = key.replace(char::is_control, " ");
                Err(InputError::Metadata { key, fault: fault.into() })
            }
        }
    }
}

const UNCLEAR: &str = "says True for keys to ignore in torch.nn.MultiheadAttention and for keys to keep elsewhere; save it as attn_mask, where True attends";
const GAPS: &str =
    "leaves room between packed sequences, which is not read; pack them without it, and give cu_seqlens alone";
const PACKED: &str = "holds several tensors; save q, k and v apart, as in q, k, v = qkv.unbind(2)";

/// What each name means. Where none is Q, what all names begin with is left out; and where that does not help,
/// `arr_0`, `arr_1` and `arr_2`, as in `numpy.savez(file, q, k, v)`, are Q, K and V.
fn roles(names: &[String]) -> Result<Vec<Option<Role>>, InputError> {
    let roles: Vec<_> = names.iter().map(|name| names::role(name)).collect();
    if roles.contains(&Some(Role::Q)) || names.len() < 3 {
        return Ok(roles);
    }
    let short: Vec<_> = names::without_common_start(names).into_iter().map(names::role).collect();
    if [Role::Q, Role::K, Role::V].iter().all(|role| short.contains(&Some(*role))) {
        return Ok(short);
    }
    let position = |name: &String| name.strip_prefix("arr_").and_then(|n| n.parse::<usize>().ok());
    if !["arr_0", "arr_1", "arr_2"].iter().all(|wanted| names.iter().any(|name| name == wanted)) {
        return Ok(roles);
    }
    let by_position = |(name, role): (&String, Option<Role>)| match position(name) {
        None => Ok(role),
        Some(n) => match [Role::Q, Role::K, Role::V].get(n) {
            Some(role) => Ok(Some(*role)),
            None => InputError::array(
                name,
                "has no name: arr_0, arr_1 and arr_2 are taken for Q, K and V, and the others need one",
            ),
        },
    };
    names.iter().zip(roles).map(by_position).collect()
}

/// A metadata value that says that something is not there.
fn is_off(value: &str) -> bool {
    let word = Word::of(value);
    word == Word::Nothing || word.truth() == Some(false)
}

/// At most eight names, and how many more there are.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let count = names.len();
    let short = |name: &str| name.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let mut text = names.take(SHOWN).map(short).collect::<Vec<_>>().join(", ");
    if count > SHOWN {
        text.push_str(&format!(", ... ({count} in all)"));
    }
    if text.is_empty() { "-".into() } else { text }
}
