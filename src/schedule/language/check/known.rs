//! Tensors that the house knows by name, so that a header need not say their sizes.

use super::super::words::{Axis, Inner, Kind};

/// Axes, width and kind of the elements of a tensor.
pub struct Known {
    pub name: &'static str,
    pub axes: &'static [Axis],
    pub of: Inner,
    pub kind: Kind,
}

const fn matrix(name: &'static str, axes: &'static [Axis], of: Inner) -> Known {
    Known { name, axes, of, kind: Kind::Element }
}

const fn row(name: &'static str) -> Known {
    Known { name, axes: &[Axis::I], of: Inner::One, kind: Kind::Accumulator }
}

const fn tile(name: &'static str, kind: Kind) -> Known {
    Known { name, axes: &[Axis::I, Axis::J], of: Inner::One, kind }
}

pub const KNOWN: [Known; 18] = [
    matrix("Q", &[Axis::I], Inner::D),
    matrix("K", &[Axis::J], Inner::D),
    matrix("V", &[Axis::J], Inner::Dv),
    matrix("O", &[Axis::I], Inner::Dv),
    matrix("dO", &[Axis::I], Inner::Dv),
    matrix("dQ", &[Axis::I], Inner::D),
    matrix("dK", &[Axis::J], Inner::D),
    matrix("dV", &[Axis::J], Inner::Dv),
    row("m"),
    row("l"),
    row("L"),
    row("D"),
    tile("S", Kind::Element),
    tile("P", Kind::Element),
    tile("dP", Kind::Element),
    tile("dS", Kind::Element),
    tile("bias", Kind::Element),
    tile("keep", Kind::Byte),
];

pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}
