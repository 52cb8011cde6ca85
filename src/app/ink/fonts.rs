//! The fonts of the window: those of egui, Chinese after them, and a family for each font of formulas.

use eframe::egui::{self, FontDefinitions, FontFamily, FontId};

/// Every font that text may take.
pub fn all() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    // The monospace face has arrows and Greek letters that the proportional one lacks.
    let mono = fonts.families.get(&FontFamily::Monospace).and_then(|names| names.first().cloned());
    if let (Some(mono), Some(names)) = (mono, fonts.families.get_mut(&FontFamily::Proportional)) {
        names.push(mono);
    }
    // After all others: Latin keeps its face, and what no other has is Chinese.
    let chinese = egui::FontData::from_static(include_bytes!("../../../assets/fonts/NotoSansCJKsc-subset.otf"));
    fonts.font_data.insert("chinese".into(), chinese.into());
    fonts.families.values_mut().for_each(|names| names.push("chinese".into()));
    add_formula_fonts(&mut fonts);
    fonts
}

/// The fonts of these names, with their bytes.
macro_rules! formula_font {
    ($($name:literal),*) => {
        [$(($name, include_bytes!(concat!("../../../assets/fonts/katex/KaTeX_", $name, ".ttf")).as_slice())),*]
    };
}

/// Those that formulas may take.
const FORMULA_FONTS: [(&str, &[u8]); 10] = formula_font!(
    "Main-Regular",
    "Main-Italic",
    "Main-Bold",
    "Math-Italic",
    "AMS-Regular",
    "Caligraphic-Regular",
    "Size1-Regular",
    "Size2-Regular",
    "Size3-Regular",
    "Size4-Regular"
);

/// A family for each font of formulas.
fn add_formula_fonts(fonts: &mut FontDefinitions) {
    let others = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    for (name, bytes) in FORMULA_FONTS {
        fonts.font_data.insert(name.into(), egui::FontData::from_static(bytes).into());
        let family = std::iter::once(name.to_owned()).chain(others.iter().cloned());
        fonts.families.insert(FontFamily::Name(name.into()), family.collect());
    }
}

/// The font `name` of a formula; that of the text where it has none of its own.
pub fn formula(name: &str, size: f32) -> FontId {
    match FORMULA_FONTS.iter().any(|(known, _)| *known == name) {
        true => FontId::new(size, FontFamily::Name(name.into())),
        false => FontId::new(size, FontFamily::Proportional),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playback::lesson::markdown::formula::FONTS;

    #[test]
    fn every_font_of_formulas_is_here() {
        assert_eq!(FORMULA_FONTS.map(|(name, _)| name), FONTS);
    }
}
