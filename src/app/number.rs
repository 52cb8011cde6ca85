//! Numbers as text: four significant digits, grouped integers, bytes with their unit.

/// Four significant digits; NaN and infinities by name.
pub fn short(x: f64) -> String {
    if x.is_nan() {
        return "NaN".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.into();
    }
    if x == 0.0 {
        return "0".into();
    }
    // The exponent after rounding: 9.9999 is 10.00.
    let scientific = format!("{x:.3e}");
    let magnitude: i32 = scientific.rsplit('e').next().and_then(|exponent| exponent.parse().ok()).unwrap_or(0);
    match magnitude {
        -3..=3 => fixed(x, (3 - magnitude).max(0) as usize),
        4..=5 => fixed(x, 0),
        _ => scientific,
    }
}

/// For cells of a matrix: at most five characters and a sign.
pub fn cell(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => short(x),
        0.0 => "0".into(),
        a if a < 0.0005 => "~0".into(),
        a if a < 9.9995 => fixed(x, 3),
        a if a < 99.995 => fixed(x, 2),
        a if a < 999.95 => fixed(x, 1),
        a if a < 1e5 => fixed(x, 0),
        _ => format!("{x:.0e}"),
    }
}

/// With a true minus sign's width kept as an ASCII hyphen: tests and copies read it as a number.
fn fixed(x: f64, decimals: usize) -> String {
    format!("{x:.decimals$}")
}

/// `12,345`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Exact below a million; four significant digits with a decimal prefix above, as in `4.460 M`.
pub fn compact(n: u64) -> String {
    let mut value = n as f64 / 1e6;
    if n < 1_000_000 {
        return grouped(n);
    }
    let mut prefix = "M";
    for larger in ["G", "T", "P", "E"] {
        if value < 999.95 {
            break;
        }
        value /= 1e3;
        prefix = larger;
    }
    let decimals = if value < 9.9995 {
        3
    } else if value < 99.995 {
        2
    } else {
        1
    };
    format!("{value:.decimals$} {prefix}")
}

/// Exact below 10 KiB, four significant digits in binary units above.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    if n < 10 * 1024 {
        return format!("{} B", grouped(n));
    }
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    let decimals = if value < 10.0 {
        3
    } else if value < 100.0 {
        2
    } else {
        1
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_significant_digits() {
        for (x, text) in [
            (6.50761, "6.508"),
            (9.99996, "10.00"),
            (0.16982, "0.1698"),
            (-12.3456, "-12.35"),
            (1234.56, "1235"),
            (123456.0, "123456"),
            (1.5e9, "1.500e9"),
            (0.000012345, "1.234e-5"),
            (0.0, "0"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(short(x), text);
        }
    }

    #[test]
    fn cells_are_short() {
        for x in [0.0, 1e-9, -0.1234, 9.99999, -99.999, 999.99, 12345.6, -1e30, f64::NAN, f64::INFINITY, f64::MIN] {
            assert!(cell(x).len() <= 6, "{}", cell(x));
        }
    }

    #[test]
    fn integers_and_bytes() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(compact(999_999), "999,999");
        assert_eq!(compact(4_460_000), "4.460 M");
        assert_eq!(compact(999_999_999), "1.000 G");
        assert_eq!(compact(u64::MAX), "18.45 E");
        assert_eq!(bytes(352), "352 B");
        assert_eq!(bytes(4_248), "4,248 B");
        assert_eq!(bytes(163 << 10), "163.0 KiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
    }
}
