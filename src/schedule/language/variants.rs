//! The variants that come with the program: bugs, for lessons and for tests, and misprints of papers.

/// The text of which it is a variant, its own name, and its lines. Names of bugs are those of lessons, links and settings.
pub const VARIANTS: [(&str, &str, &str); 30] = [
    ("flash2", "forget-alpha", include_str!("../algorithms/variants/flash2/forget-alpha.tile")),
    ("flash2", "no-max", include_str!("../algorithms/variants/flash2/no-max.tile")),
    ("flash2", "no-guard", include_str!("../algorithms/variants/flash2/no-guard.tile")),
    ("flash2", "minus-1000", include_str!("../algorithms/variants/flash2/minus-1000.tile")),
    ("flash2", "zero", include_str!("../algorithms/variants/flash2/zero.tile")),
    ("flash2", "stuck-max", include_str!("../algorithms/variants/flash2/stuck-max.tile")),
    ("flash2", "first-print", include_str!("../algorithms/variants/flash2/first-print.tile")),
    ("flash2", "inverse-alpha", include_str!("../algorithms/variants/flash2/inverse-alpha.tile")),
    ("flash2", "output-not-rescaled", include_str!("../algorithms/variants/flash2/output-not-rescaled.tile")),
    ("flash2", "sum-not-rescaled", include_str!("../algorithms/variants/flash2/sum-not-rescaled.tile")),
    ("flash2", "diagonal-one-far", include_str!("../algorithms/variants/flash2/diagonal-one-far.tile")),
    ("flash2", "diagonal-one-short", include_str!("../algorithms/variants/flash2/diagonal-one-short.tile")),
    ("flash2", "other-corner", include_str!("../algorithms/variants/flash2/other-corner.tile")),
    ("flash2", "lse-base-2", include_str!("../algorithms/variants/flash2/lse-base-2.tile")),
    ("flash2", "drop-barrier", include_str!("../algorithms/variants/flash2/drop-barrier.tile")),
    ("flash1", "forget-alpha", include_str!("../algorithms/variants/flash1/forget-alpha.tile")),
    ("flash1", "no-max", include_str!("../algorithms/variants/flash1/no-max.tile")),
    ("flash1", "no-guard", include_str!("../algorithms/variants/flash1/no-guard.tile")),
    ("flash1", "minus-1000", include_str!("../algorithms/variants/flash1/minus-1000.tile")),
    ("flash1", "zero", include_str!("../algorithms/variants/flash1/zero.tile")),
    ("flash1", "stuck-max", include_str!("../algorithms/variants/flash1/stuck-max.tile")),
    ("flash1", "fa2-section-2-3-first", include_str!("../algorithms/variants/flash1/fa2-section-2-3-first.tile")),
    ("flash1", "fa2-section-2-3-revised", include_str!("../algorithms/variants/flash1/fa2-section-2-3-revised.tile")),
    ("flash1", "fa2-section-3-1-1", include_str!("../algorithms/variants/flash1/fa2-section-3-1-1.tile")),
    ("flash2-lazy", "late", include_str!("../algorithms/variants/flash2-lazy/late.tile")),
    ("standard", "no-max", include_str!("../algorithms/variants/standard/no-max.tile")),
    ("standard", "no-guard", include_str!("../algorithms/variants/standard/no-guard.tile")),
    ("standard", "minus-1000", include_str!("../algorithms/variants/standard/minus-1000.tile")),
    ("standard", "zero", include_str!("../algorithms/variants/standard/zero.tile")),
    ("standard", "stuck-max", include_str!("../algorithms/variants/standard/stuck-max.tile")),
];

/// The variant `name` of the text `base`, where that can have it.
pub fn variant_of(base: &str, name: &str) -> Option<&'static str> {
    VARIANTS.into_iter().find(|(of, own, _)| *of == base && *own == name).map(|(_, _, text)| text)
}
