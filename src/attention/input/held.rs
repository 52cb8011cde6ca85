//! What a file holds, before anything of it is decoded: named arrays, and words beside them. Each container says it in
//! this form, so that what names mean is known in one place ([`super::assemble`]).

use std::collections::BTreeMap;
use std::io::Read;

use ndarray::ArrayD;

use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::npy;
use super::word::Word;

/// Named arrays with their metadata.
pub(super) struct Held<'a> {
    /// One for each array, in the order of the file.
    pub names: Vec<String>,
    /// Words beside the arrays. Only safetensors files have them.
    pub metadata: BTreeMap<String, String>,
    pub arrays: Box<dyn Arrays + 'a>,
}

/// The numbers of an array.
pub(super) type Numbers = Result<ArrayD<f64>, InputError>;

/// The arrays of a container by their place in [`Held::names`]; `name` is for messages.
pub(super) trait Arrays {
    /// Element kind and shape, without a look at the data.
    fn header(&mut self, at: usize, name: &str) -> Result<(Element, Vec<usize>), InputError>;

    /// The numbers in C order. `as_bf16`: 16-bit whole numbers are the bits of bf16.
    fn numbers(&mut self, at: usize, name: &str, as_bf16: bool, budget: &mut Budget) -> Numbers;

    /// The text of an array of one element; `None` where it holds anything else.
    fn text(&mut self, at: usize, name: &str) -> Result<Option<String>, InputError>;
}

impl Held<'_> {
    pub fn header(&mut self, at: usize) -> Result<(Element, Vec<usize>), InputError> {
        self.arrays.header(at, &self.names[at])
    }

    pub fn numbers(&mut self, at: usize, as_bf16: bool, budget: &mut Budget) -> Result<ArrayD<f64>, InputError> {
        self.arrays.numbers(at, &self.names[at], as_bf16, budget)
    }

    /// A short array as a word: a number, a few of them, a truth, a name. `most` elements are needed at most.
    pub fn word(&mut self, at: usize, most: usize, budget: &mut Budget) -> Result<Word, InputError> {
        let (element, shape) = self.header(at)?;
        let name = &self.names[at];
        if let Element::Text { .. } = element {
            let text = self.arrays.text(at, name)?;
            return text.map_or_else(
                || InputError::array(name, "holds several texts; one is needed"),
                |text| Ok(Word::of(&text)),
            );
        }
        let count = shape.iter().fold(1usize, |count, &size| count.saturating_mul(size));
        if count > most {
            let fault = crate::sentence::Sentence::new("has shape {0}; at most {1} numbers are needed");
            return InputError::array(name, fault.with(format!("{shape:?}")).with(most));
        }
        let numbers = self.arrays.numbers(at, name, false, budget)?.into_iter().collect::<Vec<_>>();
        Ok(match (element, &numbers[..]) {
            (Element::Bool, &[truth]) => Word::Truth(truth == 1.0),
            _ => Word::Numbers(numbers),
        })
    }
}

/// A container of `.npy` files.
pub(super) trait NpyFiles {
    /// The bytes of the file at a place of [`Held::names`].
    fn file(&mut self, at: usize, name: &str) -> Result<impl Read, InputError>;
}

impl<T: NpyFiles> Arrays for T {
    fn header(&mut self, at: usize, name: &str) -> Result<(Element, Vec<usize>), InputError> {
        npy::header(name, self.file(at, name)?).map(|header| (header.element, header.shape))
    }

    fn numbers(&mut self, at: usize, name: &str, as_bf16: bool, budget: &mut Budget) -> Numbers {
        npy::read(name, self.file(at, name)?, as_bf16, budget)
    }

    fn text(&mut self, at: usize, name: &str) -> Result<Option<String>, InputError> {
        npy::text(name, self.file(at, name)?)
    }
}

/// A set of `.npy` files, by the stems of their names.
pub(super) struct NpySet<'a>(pub Vec<&'a [u8]>);

impl NpyFiles for NpySet<'_> {
    fn file(&mut self, at: usize, _: &str) -> Result<impl Read, InputError> {
        Ok(self.0[at])
    }
}
