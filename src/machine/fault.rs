//! Why a text that is right in itself cannot be carried out.

use crate::number;
use crate::schedule::Place;
use crate::schedule::language::TEXTS;
use crate::sentence::{Sentence, says_a_sentence};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A tensor of the header that the input does not have.
    NotGiven {
        name: String,
    },
    /// A tensor that is given in another size.
    Size {
        name: String,
        found: (usize, usize),
        expected: (usize, usize),
    },
    /// A block that no step has written yet.
    Unwritten {
        name: String,
        place: Place,
        line: u32,
    },
    /// The forward pass that a backward pass names is none of the program.
    NoForward {
        name: String,
    },
    TooLarge {
        bytes: u64,
        most: u64,
    },
    TooManySteps {
        steps: u64,
        most: u64,
    },
    /// Whoever watched it stopped it.
    Stopped,
}

impl Fault {
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::NotGiven { name } => Sentence::new("the text needs {0}, which the input does not have").with(name),
            Self::Size { name, found, expected } => {
                let sentence = Sentence::new("{0} has shape {1}, but {2} is needed").with(name);
                sentence.with(format!("{found:?}")).with(format!("{expected:?}"))
            }
            Self::Unwritten { name, place, line } => {
                let at = [("i", place.i()), ("j", place.j()), ("s", place.s())];
                let at = at.iter().filter_map(|(axis, index)| Some(format!("{axis} = {}", (*index)?)));
                let sentence = Sentence::new("line {0} loads a block of {1} that no step has written, at {2}");
                sentence.with(line).with(name).with(at.collect::<Vec<_>>().join(", "))
            }
            Self::NoForward { name } => {
                let names = TEXTS.map(|(name, _)| name).join(", ");
                let sentence = Sentence::new("it comes after {0}, which is not there; there are {1}").with(name);
                sentence.with(names)
            }
            Self::TooLarge { bytes, most } => {
                let sentence = Sentence::new("its tensors take {0}, and {1} is the limit: take fewer tokens");
                let [bytes, most] = number::bytes_apart(*bytes, *most);
                sentence.with(bytes).with(most)
            }
            Self::TooManySteps { steps, most } => {
                let sentence = Sentence::new(
                    "it takes {0} {0|step|steps}, and {1} is the limit: take fewer tokens or larger blocks",
                );
                sentence.with(steps).with(most)
            }
            Self::Stopped => "it was stopped".into(),
        }
    }
}

says_a_sentence!(Fault);
