//! Themes: what can be read on what, and which colour stands for which value.

use super::*;
use proptest::prelude::*;

fn luminance(color: Color32) -> f64 {
    let linear = |channel: u8| {
        let x = f64::from(channel) / 255.0;
        if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
}

fn contrast(a: Color32, b: Color32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// HBM is the cooler one, and no hue of a tensor is lost on either, nor either on the other.
#[test]
fn the_memories_are_cool_and_warm_and_tensors_stand_out_on_them() {
    let warmth = |color: Color32| i32::from(color.r()) - i32::from(color.b());
    let apart = |a: Color32, b: Color32| {
        let channels = [(a.r(), b.r()), (a.g(), b.g()), (a.b(), b.b())];
        channels.into_iter().map(|(a, b)| f64::from(i32::from(a) - i32::from(b)).powi(2)).sum::<f64>().sqrt()
    };
    for palette in [LIGHT, DARK, PROJECTOR] {
        for (cool, warm) in [(palette.hbm, palette.sram), (palette.hbm_edge, palette.sram_edge)] {
            assert!(warmth(cool) < 0 && warmth(warm) > 0, "{cool:?} and {warm:?}");
        }
        for memory in [palette.hbm, palette.sram] {
            for tensor in Tensor::FORWARD {
                let hue = palette.tensor(tensor);
                assert!(apart(hue, memory) > 90.0, "{tensor:?} on {memory:?}: {}", apart(hue, memory));
            }
            assert!(apart(memory, palette.hbm_edge) > 60.0 && apart(memory, palette.sram_edge) > 60.0);
        }
    }
}

#[test]
fn text_can_be_read_on_every_fill() {
    for (palette, least) in [(LIGHT, 4.5), (DARK, 4.5), (PROJECTOR, 7.0)] {
        let memories = [palette.hbm, palette.sram];
        let soft = [palette.empty, palette.accent_soft, palette.trouble_soft];
        for fill in [palette.background, palette.panel].into_iter().chain(soft) {
            assert!(contrast(palette.ink, fill) >= least, "ink on {fill:?}");
        }
        for fill in [palette.background, palette.panel].into_iter().chain(memories) {
            assert!(contrast(palette.faint_ink, fill) >= least, "faint ink on {fill:?}");
        }
        for step in -10..=10 {
            let t = f64::from(step) / 10.0;
            for fill in [palette.diverging(t, 1.0), palette.grey(t, 1.0)] {
                assert!(
                    contrast(palette.ink, fill) >= least,
                    "ink on {fill:?} at {t}: {}",
                    contrast(palette.ink, fill)
                );
            }
        }
        let listed = [Listed::Label, Listed::Keyword, Listed::Number, Listed::Comment, Listed::Plain];
        for (n, ink) in listed.map(|part| palette.listed(part)).into_iter().enumerate() {
            // A listing lies on the panel or in a field, and its lines are lit or faulty.
            for fill in [palette.background, palette.panel, palette.accent_soft, palette.trouble_soft] {
                assert!(contrast(ink, fill) >= least, "{:?} on {fill:?}: {}", listed[n], contrast(ink, fill));
            }
            assert!(listed[..n].iter().all(|other| palette.listed(*other) != ink), "{:?} is no ink", listed[n]);
        }
        for tensor in Tensor::FORWARD {
            let fill = palette.pale(palette.tensor(tensor));
            assert!(contrast(palette.ink, fill) >= least, "ink on pale {tensor:?}");
        }
    }
}

/// A lamp makes paler what it shows: there a ghost of the same weight is darker, and one of no weight is seen.
#[test]
fn ghosts_are_darker_on_a_projector() {
    let mut last = 1.0;
    for step in 0..=10 {
        let of = |palette: &Palette| luminance(palette.ghost(f64::from(step) / 10.0, 1.0));
        assert!(of(&PROJECTOR) < 0.92 * of(&LIGHT), "at {step}: {} and {}", of(&PROJECTOR), of(&LIGHT));
        assert!(of(&PROJECTOR) < last, "a larger weight is darker, at {step}");
        last = of(&PROJECTOR);
    }
    assert!(contrast(PROJECTOR.ghost(0.0, 1.0), PROJECTOR.background) > 1.2);
    assert_eq!(PROJECTOR.ghost(f64::NAN, 1.0), PROJECTOR.trouble_soft);
}

#[test]
fn every_theme_is_reached_and_told_from_the_others() {
    let ctx = Context::default();
    install(&ctx);
    assert_eq!(Theme::of(&ctx), Theme::Light, "before anybody chooses");
    let mut theme = Theme::Light;
    for _ in 0..2 * Theme::ALL.len() {
        theme = theme.next();
        theme.apply(&ctx);
        assert_eq!((Theme::of(&ctx), Theme::parse(theme.name())), (theme, Some(theme)));
        let mut seen = None;
        let _ = ctx.run_ui(egui::RawInput::default(), |ui| seen = Some(*Palette::of(ui)));
        let expected = match theme {
            Theme::Light => LIGHT,
            Theme::Dark => DARK,
            Theme::Projector => PROJECTOR,
        };
        assert_eq!(seen, Some(expected), "{theme:?}");
    }
    assert_eq!((theme, Theme::parse("sepia"), Theme::parse("Dark")), (Theme::Light, None, None));
}

proptest! {
    /// The sign decides the hue, the size how far it is from nothing; beyond the limit it is the end, and NaN is trouble.
    #[test]
    fn a_colour_goes_with_its_value(a in -2f64..2.0, b in -2f64..2.0, limit in 0.1f64..3.0) {
        for palette in [LIGHT, DARK, PROJECTOR] {
            let far = |value: f64| {
                let (color, zero) = (palette.diverging(value, limit), palette.zero);
                let channels = [(color.r(), zero.r()), (color.g(), zero.g()), (color.b(), zero.b())];
                channels.into_iter().map(|(a, b)| i32::from(a).abs_diff(i32::from(b))).sum::<u32>()
            };
            let (less, more) = if a.abs() <= b.abs() { (a, b) } else { (b, a) };
            prop_assert!(a.signum() != b.signum() || far(less) <= far(more), "{less} and {more} of {limit}");
            prop_assert_eq!(palette.diverging(a.signum() * (limit + a.abs()), limit), palette.diverging(a.signum() * limit, limit));
            let grey = |value: f64| luminance(palette.grey(value, limit));
            let is_dark_end = luminance(palette.dark) < luminance(palette.light);
            prop_assert!(a > b || (grey(a) >= grey(b)) == is_dark_end || grey(a) == grey(b));
        }
    }
}

#[test]
fn what_is_no_number_is_no_colour_of_a_number() {
    for palette in [LIGHT, DARK, PROJECTOR] {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let colors = [palette.diverging(odd, 1.0), palette.grey(odd, 1.0), palette.ghost(odd, 1.0)];
            assert_eq!(colors, [palette.trouble_soft; 3], "{odd}");
        }
        // All values are 0: none is the largest.
        assert_eq!(palette.diverging(0.0, 0.0), palette.zero);
        assert_eq!(palette.grey(0.0, 0.0), palette.light);
        assert_eq!(palette.error(Some(f64::NAN)), palette.trouble);
        assert_eq!(palette.error(None), palette.background);
        let ends = [-1.0, 0.0, 0.5, 1.0, 2.0].map(|part| palette.error(Some(part)));
        let [small, middle, large] = palette.errors;
        assert_eq!(ends, [small, small, middle, large, large]);
    }
}

/// A gradient has the hue of what it is of, and what becomes a tensor that of the tensor.
#[test]
fn a_hue_is_that_of_the_letter() {
    for (names, color) in [
        ("Q dQ Q_part", SKY),
        ("K dK K_new", ORANGE),
        ("V dV", GREEN),
        ("O dO O_part", PURPLE),
        ("m l L D m_new", YELLOW),
        // `d` of a small letter is a name of its own, and so is one that begins with another.
        ("S P dS dP dm alpha \u{6ce8}", GREY),
    ] {
        for name in names.split_whitespace() {
            assert_eq!(LIGHT.named(name), color, "{name}");
        }
    }
    assert_eq!(LIGHT.named(""), GREY);
}

#[test]
fn chinese_is_never_smaller_than_can_be_read() {
    assert_eq!((readable("tile", 9.0), readable("tile 块", 9.0), readable("块", 20.0)), (9.0, LEAST_CHINESE, 20.0));
    let font = readable_font("块", figures(10.0));
    assert_eq!(font, figures(LEAST_CHINESE));
}
