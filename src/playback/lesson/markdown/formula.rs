//! Formulas, set by RaTeX as KaTeX sets them: glyphs and lines at their places, in units of the size of the type.

use ratex_layout::{LayoutOptions, layout, to_display_list};
use ratex_types::color::Color;
use ratex_types::math_style::MathStyle;

pub use ratex_types::display_item::{DisplayItem, DisplayList};
pub use ratex_types::path_command::PathCommand;

use crate::sentence::Sentence;

/// The fonts that a formula may take, without the name of their family; `CJK-Regular` is the font of the text.
pub const FONTS: [&str; 10] = [
    "Main-Regular",
    "Main-Italic",
    "Main-Bold",
    "Math-Italic",
    "AMS-Regular",
    "Caligraphic-Regular",
    "Size1-Regular",
    "Size2-Regular",
    "Size3-Regular",
    "Size4-Regular",
];

/// The font of what those have not.
pub const OF_THE_TEXT: &str = "CJK-Regular";

/// In units of the size of the type.
const LARGEST: f64 = 200.0;

/// What is wrong with a formula, and at which byte of its TeX.
pub struct FormulaFault {
    pub at: usize,
    pub what: Sentence,
}

/// Sets `tex`, on a line of its own or within one.
pub fn set(tex: &str, is_display: bool) -> Result<DisplayList, FormulaFault> {
    let nodes = ratex_parser::parse(tex).map_err(|error| FormulaFault {
        at: error.loc.as_ref().map_or(0, |place| place.start.min(tex.len())),
        what: Sentence::verbatim(error.message),
    })?;
    let style = if is_display { MathStyle::Display } else { MathStyle::Text };
    let list = to_display_list(&layout(&nodes, &LayoutOptions { style, ..LayoutOptions::default() }));
    let fault = |what: Sentence| Err(FormulaFault { at: 0, what });
    let size = [list.width, list.height, list.depth];
    if !size.iter().all(|size| (-LARGEST..=LARGEST).contains(size)) {
        return fault("it is too large".into());
    }
    if list.items.is_empty() {
        return fault("there is nothing in it to be seen".into());
    }
    for item in &list.items {
        let (color, font) = match item {
            DisplayItem::GlyphPath { color, font, .. } => (color, font.as_str()),
            DisplayItem::Rect { color, .. } | DisplayItem::Line { color, .. } | DisplayItem::Path { color, .. } => {
                (color, OF_THE_TEXT)
            }
        };
        if *color != Color::BLACK {
            return fault("it has a colour of its own, or a link; formulas have the colour of the text".into());
        }
        if font != OF_THE_TEXT && !FONTS.contains(&font) {
            return fault(Sentence::new("the typeface {0} is not here").with(font));
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What lessons about attention write.
    const FORMULAS: [&str; 14] = [
        r"\frac{Q K^T}{\sqrt{d_k}}",
        r"\operatorname{softmax}(x)_j = \frac{e^{x_j - m}}{\sum_{k=0}^{n-1} e^{x_k - m}}",
        r"\alpha = e^{m_{\text{old}} - m_{\text{new}}}",
        r"l \leftarrow \alpha\, l + \sum_j e^{s_j - m}",
        r"O = \operatorname{diag}(l)^{-1} P V",
        r"L = m + \ln l",
        r"dS = P \odot (dP - D), \quad D_i = \sum_c dO_{ic}\, O_{ic}",
        r"\mathbf{Q} \in \mathbb{R}^{n \times d}",
        r"m_i = \max_{j \le i} s_{ij}",
        r"\left( \frac{a}{b} \right)^{2^{20}}",
        r"\begin{cases} 0 & m = -\infty \\ e^{m - m'} & \text{otherwise} \end{cases}",
        r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}",
        r"\mathcal{O}(n^2 d)",
        r"\text{分块}\; i",
    ];

    #[test]
    fn formulas_of_lessons_are_set() {
        for tex in FORMULAS {
            for is_display in [false, true] {
                let list = set(tex, is_display).unwrap_or_else(|fault| panic!("{tex}: {}", fault.what));
                assert!(list.width > 0.5 && list.height > 0.3, "{tex}: {} x {}", list.width, list.height);
            }
        }
        let (inline, display) = (set(FORMULAS[1], false), set(FORMULAS[1], true));
        assert!(inline.is_ok_and(|inline| display.is_ok_and(|display| display.height > inline.height)));
    }

    #[test]
    fn what_cannot_be_set_is_told_with_its_place() {
        for (tex, at, what) in [
            (r"x + \foo", 4, "Undefined control sequence"),
            (r"\frac{a}", 8, "end of input"),
            (r"x^2^3", 3, "superscript"),
            (r"\color{red} x", 0, "colour"),
            (r"\href{https://x.org}{y}", 0, "colour"),
            (r"\mathfrak{x}", 0, "typeface"),
            (r"\kern 1000em x", 0, "too large"),
            (r"\,", 0, "nothing"),
            (r"\def\a{\a\a}\a", 0, "expansions"),
        ] {
            let fault = set(tex, false).err().unwrap_or_else(|| panic!("{tex} is set"));
            let told = fault.what.to_string();
            assert!(told.to_lowercase().contains(&what.to_lowercase()) && fault.at == at, "{tex}: {} {told}", fault.at);
        }
    }

    /// Parts of TeX in any order.
    fn soup() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "{",
            "}",
            "^",
            "_",
            "\\frac",
            "\\sqrt",
            "\\left",
            "\\right",
            "(",
            ")",
            "a",
            "1",
            "\\sum",
            "\\begin{cases}",
            "\\end{cases}",
            "&",
            "\\\\",
            "\\text",
            "[",
            "]",
            "'",
            "\\rule",
            "{1em}",
            "\\kern",
            "-9e9em",
            "分",
            "\\over",
            "\\def",
            "\\limits",
            "~",
            "#",
            "\\genfrac",
            "\\overbrace",
            "\\hline",
            "\\begin{array}",
            "{c|c}",
            "\\char",
            "`",
            "\\not",
            "\\u",
            "é",
            "\u{1f600}",
            "\\tag",
            "\\verb",
            "|",
            "\\middle",
            "\\raisebox",
            "%",
            "\\newcommand",
        ]);
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_text_is_set_or_refused(tex in soup(), is_display: bool) {
            if let Ok(list) = set(&tex, is_display) {
                prop_assert!(list.width.is_finite() && !list.items.is_empty());
            }
        }
    }
}
