//! How a number is written for a person: one format for the window, the command line and lessons.
//!
//! Values have four significant digits. Counts are exact below a million. Bytes are in KiB, MiB, GiB, of 1024 each, as
//! makers mean them. JSON and CSV are for programs, and exact (`trace/number.rs`).

/// A value: four significant digits; NaN and infinities by name.
pub fn short(x: f64) -> String {
    digits(x, 4)
}

/// A value that may be a count: whole numbers are whole, others have four significant digits.
pub fn plain(x: f64) -> String {
    if x != 0.0 && x == x.trunc() && x.abs() < 1e15 { format!("{x:.0}") } else { short(x) }
}

/// Two values with as many digits, at least four, as tell them apart.
pub fn apart(a: f64, b: f64) -> [String; 2] {
    let written = |count| [a, b].map(|x| digits(x, count));
    let differ = |pair: &[String; 2]| pair[0] != pair[1];
    // 17 digits tell any two numbers of f64 apart.
    (4..17).map(written).find(differ).unwrap_or_else(|| written(17))
}

/// What is left of the first number after the second, as they stand on screen: who subtracts there gets this.
pub fn difference_shown(a: f64, b: f64) -> f64 {
    let shown = |x: f64| short(x).parse().unwrap_or(x);
    shown(a) - shown(b)
}

/// `count` significant digits.
fn digits(x: f64, count: usize) -> String {
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
    let scientific = format!("{x:.*e}", count - 1);
    let magnitude: i32 = scientific.rsplit('e').next().and_then(|exponent| exponent.parse().ok()).unwrap_or(0);
    match magnitude {
        -3..=5 => format!("{x:.*}", (count as i32 - 1 - magnitude).max(0) as usize),
        _ => scientific,
    }
}

/// For cells of a matrix: at most five characters and a sign.
pub fn cell(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => short(x),
        0.0 => "0".into(),
        a if a < 0.0005 => "~0".into(),
        a if a < 9.9995 => format!("{x:.3}"),
        a if a < 99.995 => format!("{x:.2}"),
        a if a < 999.95 => format!("{x:.1}"),
        a if a < 1e5 => format!("{x:.0}"),
        _ => format!("{x:.0e}"),
    }
}

/// For narrow cells of a matrix: at most four characters and a sign.
pub fn narrow_cell(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => short(x),
        0.0 => "0".into(),
        a if a < 0.005 => "~0".into(),
        a if a < 9.995 => format!("{x:.2}"),
        a if a < 99.95 => format!("{x:.1}"),
        a if a < 9999.5 => format!("{x:.0}"),
        _ => format!("{x:.0e}"),
    }
}

/// A count, exactly: `12,345`.
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

/// A count: exact below a million; four significant digits with a decimal prefix above, as in `4.460 M`.
pub fn compact(n: u64) -> String {
    if n < 1_000_000 {
        return grouped(n);
    }
    let mut value = n as f64 / 1e6;
    let mut prefix = "M";
    for larger in ["G", "T", "P", "E"] {
        if value < 999.95 {
            break;
        }
        value /= 1e3;
        prefix = larger;
    }
    format!("{} {prefix}", short(value))
}

/// The unit that numbers of bytes or counts are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    pub name: &'static str,
    size: u64,
}

const UNITS: [Unit; 6] = [
    Unit { name: "B", size: 1 },
    Unit { name: "KiB", size: 1 << 10 },
    Unit { name: "MiB", size: 1 << 20 },
    Unit { name: "GiB", size: 1 << 30 },
    Unit { name: "TiB", size: 1 << 40 },
    Unit { name: "PiB", size: 1 << 50 },
];

/// Of counts, of which a thousand has none.
const COUNTS: [Unit; 6] = [
    Unit { name: "", size: 1 },
    Unit { name: "M", size: 1_000_000 },
    Unit { name: "G", size: 1_000_000_000 },
    Unit { name: "T", size: 1_000_000_000_000 },
    Unit { name: "P", size: 1_000_000_000_000_000 },
    Unit { name: "E", size: 1_000_000_000_000_000_000 },
];

impl Unit {
    /// The one for numbers of which `most` is the largest: bytes below 10 KiB, above that the largest unit of which there
    /// is one.
    pub fn of(most: u64) -> Self {
        if most < 10 << 10 {
            return UNITS[0];
        }
        // What rounds to 1024 of one unit is 1 of the next.
        let is_enough = |unit: &&Unit| most as f64 / unit.size as f64 >= 1023.5 / 1024.0;
        *UNITS.iter().rev().find(is_enough).unwrap_or(&UNITS[0])
    }

    /// The one for counts of which `most` is the largest: exact below a million.
    pub fn of_count(most: u64) -> Self {
        let is_enough = |unit: &&Unit| most as f64 / unit.size as f64 >= 0.99995;
        let enough = COUNTS.iter().rev().find(is_enough);
        *enough.filter(|_| most >= 1_000_000).unwrap_or(&COUNTS[0])
    }

    /// The one for numbers of bytes that lie far apart, of which `least` is the smallest and still a tenth of it.
    pub fn down_to(least: u64) -> Self {
        let is_enough = |unit: &&Unit| least as f64 / unit.size as f64 >= 0.1;
        *UNITS.iter().rev().find(is_enough).unwrap_or(&UNITS[0])
    }

    /// A number in this unit, without its name: for a column, whose head has that.
    pub fn write(self, n: u64) -> String {
        let value = n as f64 / self.size as f64;
        match value {
            _ if self.size == 1 => grouped(n),
            0.0 => "0".into(),
            _ if value < 0.0005 => short(value),
            _ if value < 9.9995 => format!("{value:.3}"),
            _ if value < 9999.5 => short(value),
            _ => grouped(value.round() as u64),
        }
    }

    /// With its name: for one of several numbers that stand below each other.
    pub fn with_name(self, n: u64) -> String {
        format!("{} {}", self.write(n), self.name)
    }
}

/// Bytes with their unit: exact below 10 KiB, four significant digits above.
pub fn bytes(n: u64) -> String {
    Unit::of(n).with_name(n)
}

/// Two numbers of bytes, to the byte where they would look the same.
pub fn bytes_apart(a: u64, b: u64) -> [String; 2] {
    let written = [bytes(a), bytes(b)];
    if a != b && written[0] == written[1] { [a, b].map(|n| format!("{} B", grouped(n))) } else { written }
}

/// A time: `12.50 ms`; the unit leaves a number from 1 on before the point.
pub fn time(seconds: f64) -> String {
    let units = [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)];
    // What rounds to 1000 of one unit is 1 of the next.
    let (name, unit) = units.into_iter().find(|(_, unit)| seconds.abs() >= 0.99995 * unit).unwrap_or(units[3]);
    if seconds == 0.0 || !seconds.is_finite() {
        format!("{} s", short(seconds))
    } else {
        format!("{} {name}", short(seconds / unit))
    }
}

/// What a model says: two significant digits and no more, as in `0.59`, `1200`.
pub fn modelled(x: f64) -> String {
    // Rounded first, so that 1234 is 1200.
    let rounded: f64 = format!("{x:.1e}").parse().unwrap_or(x);
    let text = digits(rounded, 2);
    if text.contains('e') { text } else { text.strip_suffix(".0").unwrap_or(&text).to_owned() }
}

/// A time that a model says: `1.2 ms`.
pub fn modelled_time(seconds: f64) -> String {
    let units = [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)];
    // What rounds to 1000 of one unit is 1 of the next.
    let (name, unit) = units.into_iter().find(|(_, unit)| seconds.abs() >= 0.995 * unit).unwrap_or(units[3]);
    if seconds == 0.0 || !seconds.is_finite() {
        format!("{} s", modelled(seconds))
    } else {
        format!("{} {name}", modelled(seconds / unit))
    }
}

/// A rate that a model says: `2 TB/s`, `19 TB/s`.
pub fn modelled_rate(per_second: f64, unit: &str) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // What rounds to 1000 of one prefix is 1 of the next.
    let is_enough = |(scale, _): &(f64, &str)| per_second.abs() >= 0.995 * scale;
    let (scale, prefix) = prefixes.into_iter().find(is_enough).unwrap_or((1.0, ""));
    format!("{} {prefix}{unit}", modelled(per_second / scale))
}

/// A rate: four digits with a decimal prefix, as makers give them: `1.555 TB/s`, `245.8 MFLOP/s`.
pub fn rate(per_second: f64, unit: &str) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let is_enough = |(scale, _): &(f64, &str)| per_second.abs() >= 0.99995 * scale;
    let (scale, prefix) = prefixes.into_iter().find(is_enough).unwrap_or((1.0, ""));
    format!("{} {prefix}{unit}", short(per_second / scale))
}

/// A share of a whole in per cent, a space before the sign as before every unit: `38 %`.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0} %", 100.0 * share) } else { format!("{} %", short(share)) }
}

/// A time that runs, in tenths of a second.
pub fn clock(seconds: f64) -> String {
    format!("{seconds:.1} s")
}

/// How many times as large: `1.5`, `2`.
pub fn times(ratio: f64) -> String {
    let text = format!("{ratio:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_that_of_the_shown_numbers() {
        assert_eq!(short(difference_shown(6.507_54, 4.733_15)), "1.775");
        assert_eq!(short(6.507_54 - 4.733_15), "1.774");
        assert_eq!(difference_shown(f64::INFINITY, 1.0), f64::INFINITY);
        assert_eq!(difference_shown(2.0e-9, 1.0e-9), 1.0e-9);
    }

    #[test]
    fn four_significant_digits() {
        for (x, text) in [
            (6.50761, "6.508"),
            (9.99996, "10.00"),
            (0.16982, "0.1698"),
            (-12.3456, "-12.35"),
            (999.94, "999.9"),
            (999.95, "1000"),
            (-999.96, "-1000"),
            (1234.56, "1235"),
            (123456.0, "123456"),
            (999_949.0, "999949"),
            (999_999.4, "1.000e6"),
            (1.5e9, "1.500e9"),
            (0.001, "0.001000"),
            (0.000_999_96, "0.001000"),
            (0.000012345, "1.234e-5"),
            (0.0, "0"),
            (-0.0, "0"),
            (f64::from_bits(1), "4.941e-324"),
            (f64::MIN_POSITIVE, "2.225e-308"),
            (f64::MAX, "1.798e308"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
        ] {
            assert_eq!(short(x), text);
        }
    }

    #[test]
    fn two_values_have_the_digits_that_tell_them_apart() {
        assert_eq!(apart(0.5, 0.25), ["0.5000", "0.2500"]);
        assert_eq!(apart(1.0, 1.00001), ["1.00000", "1.00001"]);
        assert_eq!(apart(1.0, f64::from_bits(1.0f64.to_bits() + 1)), ["1.0000000000000000", "1.0000000000000002"]);
        assert_eq!(apart(f64::NAN, 1.0), ["NaN", "1.000"]);
        assert_eq!(apart(2.0, 2.0)[0], apart(2.0, 2.0)[1], "nothing tells a number from itself");
        assert_eq!(apart(0.0, -0.0), ["0", "0"]);
    }

    #[test]
    fn cells_are_short() {
        for x in [0.0, 1e-9, -0.1234, 9.99999, -99.999, 999.99, 12345.6, -1e30, f64::NAN, f64::INFINITY, f64::MIN] {
            assert!(cell(x).len() <= 6, "{}", cell(x));
            assert!(narrow_cell(x).len() <= 6, "{}", narrow_cell(x));
        }
        for (x, text) in [
            (0.0, "0"),
            (0.004, "~0"),
            (-0.1234, "-0.12"),
            (9.996, "10.0"),
            (-99.96, "-100"),
            (9999.4, "9999"),
            (-10002.0, "-1e4"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(narrow_cell(x), text);
        }
    }

    #[test]
    fn counts() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
        for (n, text) in [
            (999_999, "999,999"),
            (1_000_000, "1.000 M"),
            (4_460_000, "4.460 M"),
            (9_999_600, "10.00 M"),
            (999_949_999, "999.9 M"),
            (999_950_000, "1.000 G"),
            (u64::MAX, "18.45 E"),
        ] {
            assert_eq!(compact(n), text);
        }
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        for (n, text) in [
            (0, "0 B"),
            (352, "352 B"),
            (4_248, "4,248 B"),
            (10_239, "10,239 B"),
            (10_240, "10.00 KiB"),
            (163 << 10, "163.0 KiB"),
            // 1023.49 KiB, 1023.51 KiB and 1023.99 KiB.
            (1_048_053, "1023 KiB"),
            (1_048_075, "1.000 MiB"),
            (1_048_566, "1.000 MiB"),
            (1 << 20, "1.000 MiB"),
            ((8 << 20) + (1 << 19), "8.500 MiB"),
            (4 << 30, "4.000 GiB"),
            (u64::MAX, "16,384 PiB"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn a_column_has_one_unit() {
        let unit = Unit::of(8 << 20);
        assert_eq!((unit.name, unit.write(8 << 20), unit.write(1 << 10), unit.write(0)), {
            ("MiB", "8.000".into(), "0.001".into(), "0".into())
        });
        assert_eq!(unit.write(4), "3.815e-6", "something is not nothing");
        assert_eq!(Unit::of(0).write(0), "0");
        assert_eq!(unit.with_name(1 << 10), "0.001 MiB");
    }

    #[test]
    fn a_column_of_counts_has_one_unit() {
        let column = |counts: &[u64]| {
            let unit = Unit::of_count(counts.iter().copied().max().unwrap_or(0));
            (unit.name, counts.iter().map(|n| unit.write(*n)).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(column(&[999_999, 0, 12]), ("", "999,999 0 12".into()));
        assert_eq!(column(&[4_460_000, 65_536, 1]), ("M", "4.460 0.066 1.000e-6".into()));
        assert_eq!(column(&[999_960_000, 1_000_000]), ("G", "1.000 0.001".into()));
        assert_eq!(column(&[u64::MAX, 0]), ("E", "18.45 0".into()));
        assert_eq!(column(&[]), ("", String::new()));
    }

    #[test]
    fn numbers_far_apart_have_the_unit_of_the_smallest() {
        let sizes = [80_u64 << 30, 20_736 << 10, 192 << 10, 352];
        let unit = Unit::down_to(sizes[3]);
        assert_eq!((unit.name, sizes.map(|size| unit.write(size))), {
            ("KiB", ["83,886,080".into(), "20,736".into(), "192.0".into(), "0.344".into()])
        });
        let unit = Unit::down_to(192 << 10);
        assert_eq!((unit.name, unit.write(80 << 30), unit.write(192 << 10)), {
            ("MiB", "81,920".into(), "0.188".into())
        });
        assert_eq!([0, 1, 102].map(|least| Unit::down_to(least).name), ["B"; 3]);
    }

    #[test]
    fn a_model_says_two_digits() {
        for (x, text) in [
            (0.592_59, "0.59"),
            (1.185, "1.2"),
            (9.96, "10"),
            (4.0, "4"),
            (113.6, "110"),
            (1234.0, "1200"),
            (98_765.0, "99000"),
            (1.26e9, "1.3e9"),
            (0.0, "0"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(modelled(x), text);
        }
        let times = [1.234e-3, 0.9996e-3, 0.996e-6, 25.0, 0.0].map(modelled_time);
        assert_eq!(times, ["1.2 ms", "1 ms", "1 µs", "25 s", "0 s"]);
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (1.0, "1.000 s"),
            (0.0125, "12.50 ms"),
            (0.000_999_96, "1.000 ms"),
            (0.999_96, "1.000 s"),
            (3.2e-6, "3.200 µs"),
            (4e-10, "0.4000 ns"),
            (f64::NAN, "NaN s"),
            (f64::INFINITY, "inf s"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }

    #[test]
    fn rates_shares_and_ratios() {
        for (per_second, text) in [
            (1.555e12, "1.555 TB/s"),
            (999_960_000.0, "1.000 GB/s"),
            (245.83e6, "245.8 MB/s"),
            (12.0, "12.00 B/s"),
            (0.0, "0 B/s"),
            (f64::NAN, "NaN B/s"),
        ] {
            assert_eq!(rate(per_second, "B/s"), text);
        }
        assert_eq!([0.0, 0.375, 1.0, 12.5].map(percent), ["0 %", "38 %", "100 %", "1250 %"]);
        assert_eq!(percent(f64::INFINITY), "inf %");
        assert_eq!([8.0, -0.0, 0.5, 1e15, f64::NAN].map(plain), ["8", "0", "0.5000", "1.000e15", "NaN"]);
        assert_eq!(plain(-65504.0), "-65504");
        assert_eq!([1.0, 1.55, 2.04].map(times), ["1", "1.6", "2"]);
        assert_eq!(clock(12.34), "12.3 s");
        assert_eq!(bytes_apart(1 << 20, 3 << 20), ["1.000 MiB", "3.000 MiB"]);
        assert_eq!(bytes_apart((1 << 20) + 1, 1 << 20), ["1,048,577 B", "1,048,576 B"]);
    }
}
