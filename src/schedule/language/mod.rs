//! The tile language: an algorithm is the text that a reader sees, and the text is what runs.
//!
//! `README.md` beside this file is its grammar. A text is parsed, then checked; what it reads, writes and costs is derived
//! from its lines. Reading knows no run: sizes, masks and numbers come with a [`Plan`](super::Plan).

mod check;
mod closed;
mod colours;
mod cost;
mod count;
mod diagnostic;
mod effects;
mod formats;
mod lanes;
mod ledger;
mod lexer;
mod nearest;
mod parser;
mod programs;
pub mod reduce_heads;
mod sections;
mod setting;
mod shape;
mod shown;
mod syntax;
mod text;
mod totals;
mod variant;
mod variants;
mod walk;
mod words;

pub use closed::{closed_form, visits};
pub use colours::{Listed, ListedPart, listed};
pub use cost::{Cost, Counts, Linear, SCALE_BYTES};
pub use count::{Counter, counted};
pub use diagnostic::{Diagnostic, MOST as MOST_DIAGNOSTICS, Race, Span};
pub use effects::{Effects, whole_rows};
pub use formats::{buffer_bytes, element_bytes, format_in_hbm, format_on_chip, operands};
pub use lanes::{Handed, Lanes, handed};
pub use ledger::{buffers, footprint, length, peak};
pub use programs::{KernelWork, MOST_PROGRAMS, ProgramSteps, StepWork, Work, programs};
pub use sections::{Alike, Sections, has_sections, reads_once};
pub use setting::Setting;
pub use shape::{Extent, Shape};
pub use shown::{Shown, shown};
pub use text::{
    Action, Algorithm, Buffer, Expr, ExprKind, Kernel, Line, Loop, LoopOver, MOST_NAMES, MOST_TENSORS, NameId, Names,
    Node, Parameter, Role, Statement, Tensor, TensorId,
};
pub use totals::{Tally, Totals};
pub use variant::{LeftOut, Variant};
pub use variants::{VARIANTS, variant_of};
pub use walk::{Block, Ready, Section, Step, Walker, walk};
pub use words::{Axes, Axis, Diagonal, Function, Initial, Inner, Kind, Operator, Over, Test};

/// Reads a text: an algorithm, or all that is wrong with it, in the order of its lines.
pub fn read(text: &str) -> Result<Algorithm, Vec<Diagnostic>> {
    match parser::variant(text) {
        Some(variant) => variant::read(&variant?),
        None => whole(text),
    }
}

/// Reads a text that is no variant.
fn whole(text: &str) -> Result<Algorithm, Vec<Diagnostic>> {
    let document = parser::parse(text)?;
    check::check(&document, text)
}

/// The texts that come with the program, by name.
pub const TEXTS: [(&str, &str); 10] = [
    ("standard", include_str!("../algorithms/standard.tile")),
    ("flash1", include_str!("../algorithms/flash1.tile")),
    ("flash2", include_str!("../algorithms/flash2.tile")),
    ("flash2-lazy", include_str!("../algorithms/flash2-lazy.tile")),
    ("flash2-lanes", include_str!("../algorithms/flash2-lanes.tile")),
    ("split-kv", include_str!("../algorithms/split-kv.tile")),
    ("standard-backward", include_str!("../algorithms/standard-backward.tile")),
    ("flash1-backward", include_str!("../algorithms/flash1-backward.tile")),
    ("flash2-backward", include_str!("../algorithms/flash2-backward.tile")),
    ("two-kernel-backward", include_str!("../algorithms/two-kernel-backward.tile")),
];
