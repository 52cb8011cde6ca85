//! The format of every tensor and of every name on chip under a run's precision.

use crate::attention::{Format, Precision};

use super::text::{Action, Algorithm, Buffer, Expr, ExprKind, NameId, Names, Tensor};
use super::words::{Kind, Operator};

/// Of a tensor in HBM; `None` of a mask of bytes.
pub fn format_in_hbm(tensor: &Tensor, precision: Precision) -> Option<Format> {
    format_of_kind(&tensor.name, tensor.kind, precision)
}

fn format_of_kind(name: &str, kind: Kind, precision: Precision) -> Option<Format> {
    match kind {
        Kind::Element => Some(precision.format_of(name)),
        Kind::Accumulator => Some(precision.own(name).unwrap_or(precision.acc())),
        Kind::Byte => None,
    }
}

/// Bytes of one element of a tensor.
pub fn element_bytes(name: &str, kind: Kind, precision: Precision) -> u64 {
    format_of_kind(name, kind, precision).map_or(1, Format::bytes)
}

/// Bytes of one element of a buffer: of that of its names which needs most.
pub fn buffer_bytes(algorithm: &Algorithm, buffer: &Buffer, precision: Precision) -> u64 {
    if precision.is_whole() {
        return match buffer.kind {
            Kind::Element => precision.element_bytes(),
            Kind::Accumulator => precision.accumulator_bytes(),
            Kind::Byte => 1,
        };
    }
    let operands = operands(algorithm);
    let of = |&name: &NameId| match buffer.kind {
        Kind::Element => precision.format_of(&algorithm.names[name]).bytes(),
        Kind::Accumulator => format_on_chip(algorithm, operands, name, precision).bytes(),
        Kind::Byte => 1,
    };
    buffer.names.iter().map(of).max().unwrap_or(0)
}

/// Of a value that a line makes. A name with a format of its own has that one, unless it is rounded elsewhere: a tensor
/// when it is stored, an operand of a product when that reads it. So has a value that gets that name later (`m = m_new`):
/// the two are one place.
pub fn format_on_chip(algorithm: &Algorithm, operands: Names, name: NameId, precision: Precision) -> Format {
    let own = |name: NameId| {
        let is_rounded_elsewhere = operands.has(name) || algorithm.tensors.iter().any(|tensor| tensor.id == name);
        precision.own(&algorithm.names[name]).filter(|_| !is_rounded_elsewhere)
    };
    own(name).or_else(|| second_names(algorithm, name).find_map(own)).unwrap_or(precision.acc())
}

/// The names that a value gets later.
fn second_names(algorithm: &Algorithm, name: NameId) -> impl Iterator<Item = NameId> {
    let statements = algorithm.lines.iter().flat_map(|line| &line.statements);
    statements.filter_map(move |statement| match statement.action {
        Action::Rename { name: second, from, .. } if from == name => Some(second),
        _ => None,
    })
}

/// The names that some product of the text multiplies as they are.
pub fn operands(algorithm: &Algorithm) -> Names {
    let statements = algorithm.lines.iter().flat_map(|line| &line.statements);
    let values = statements.filter_map(|statement| match &statement.action {
        Action::Assign { value, .. } | Action::Add { value, .. } => Some(value),
        _ => None,
    });
    values.fold(Names::default(), |names, value| names.with(operands_of(value)))
}

fn operands_of(expr: &Expr) -> Names {
    let own = match &expr.kind {
        ExprKind::Binary(Operator::Product, a, b) => named(a).with(named(b)),
        _ => Names::default(),
    };
    expr.parts().into_iter().fold(own, |names, part| names.with(operands_of(part)))
}

/// The name that an operand is, transposed or not.
fn named(operand: &Expr) -> Names {
    match &operand.kind {
        ExprKind::Name(name) => Names::of(*name),
        ExprKind::Transposed(inner) => named(inner),
        _ => Names::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::algorithm::by_name;

    #[test]
    fn each_name_is_rounded_in_one_place() {
        let precision = Precision::read("bf16,O=f32,S=f16,P=e4m3,m=f16,l=bf16").unwrap();
        let of = |text: &str, name: &str| {
            let text = by_name(text).unwrap().text();
            let in_hbm = text.tensor(name).and_then(|tensor| format_in_hbm(&text.tensors[tensor], precision));
            (in_hbm, format_on_chip(text, operands(text), text.name(name).unwrap(), precision))
        };
        let (f16, f32) = (Format::F16, Format::F32);
        assert_eq!(of("flash2", "O"), (Some(f32), f32));
        assert_eq!(of("flash2", "K"), (Some(Format::Bf16), f32));
        assert_eq!(of("flash2", "S"), (None, f16), "where it is made");
        assert_eq!(of("standard", "S"), (Some(f16), f32), "where it is stored");
        assert_eq!(of("flash2", "P"), (None, f32), "at its product");
        assert_eq!(of("standard", "P"), (Some(Format::E4m3), f32));
        assert_eq!([of("flash2", "m"), of("flash1", "m")], [(None, f16), (Some(f16), f32)]);
        assert_eq!([of("flash2", "m_new"), of("flash1", "m_new")], [(None, f16), (None, f32)]);
        let all = Precision::read("f16,acc=bf16").unwrap();
        let text = by_name("flash2").unwrap().text();
        for name in ["O", "S", "P", "m", "alpha"] {
            assert_eq!(format_on_chip(text, operands(text), text.name(name).unwrap(), all), Format::Bf16, "{name}");
        }
    }
}
