//! The problem: shapes, masks, score modifiers, precision, inputs, the f64 oracle and the error rule.
//!
//! Knows nothing of schedules, files on disk, clocks or windows.

pub mod band;
pub mod cases;
pub mod conversion;
pub mod diagnosis;
pub mod dropout;
pub mod e4m3;
pub mod error_rule;
pub mod exp;
pub mod expected;
pub mod format;
pub mod gradients;
pub mod input;
mod lanes;
pub mod mask;
pub mod naive;
pub mod not_finite;
pub mod npz_out;
pub mod odd_row;
pub mod oracle;
pub mod pages;
pub mod pairs;
pub mod precision;
pub mod problem;
pub mod product;
pub mod rows;
pub mod runs;
pub mod sequences;
pub mod shape;
pub mod stored;

pub use band::{Band, TileClass};
pub use dropout::Dropout;
pub use expected::{Compared, Expected, WrongNumber};
pub use format::Format;
pub use input::Input;
pub use mask::{Align, Diagonal, Mask, Window};
pub use pages::Pages;
pub use pairs::{BiasOf, Pairs, PairsOfHeads};
pub use precision::{Precision, Real};
pub use problem::{Head, Problem, ProblemError};
pub use runs::Runs;
pub use sequences::{Sequence, Sequences};
pub use shape::Shape;
pub use stored::Stored;
