//! Forms that a person may write, each with the parts that its names play and with what its lines are to readers.

use tilescope::schedule::algorithm::{by_name, of_program};
use tilescope::schedule::language::VARIANTS;
use tilescope::schedule::{Algorithm, Beat, Change, Part};

/// A text of one kernel that takes rows in pieces.
struct Online<'a> {
    out: &'a str,
    registers: &'a str,
    starts: &'a str,
    /// Of each tile, with labels and indented.
    tile: &'a [&'a str],
    end: &'a str,
}

const USUAL: Online<'_> = Online {
    out: "O",
    registers: "O, S P",
    starts: "O = 0 per row of d_v; l = 0 per row; m = -inf per row",
    tile: &[
        "scores: S = scale * (Q @ K^T)",
        "rise: n = max(m, rowmax(S)); a = exp(m - finite(n)); m = n",
        "weigh: P = exp(S - finite(m))",
        "sum: t = rowsum(P)",
        "shrink: l = a * l; O = a * O",
        "gain: O = O + P @ V; l = l + t",
    ],
    end: "O = ratio(O, l)",
};

impl Online<'_> {
    fn read(&self) -> Algorithm {
        let Self { out, registers, starts, end, .. } = self;
        let mut text = format!(
            "language 1\ntitle x\nin Q K V\nout {out}\nkernel k\nshared Q, K, V ; registers {registers}\n\
             parallel for i in query blocks\n  load Q[i]\n  begin: {starts}\n  for j in key blocks\n    load K[j]\n    \
             load V[j]\n"
        );
        self.tile.iter().for_each(|line| text += &format!("    {line}\n"));
        text += &format!("  finish: {end}\n");
        out.split(' ').for_each(|name| text += &format!("  store {name}[i]\n"));
        Algorithm::read("mine", &text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"))
    }
}

/// The parts of a kernel by the names of its text: `Scores S, Weights P`.
fn parts_of(algorithm: &Algorithm, kernel: usize) -> String {
    let parts = Part::ALL.into_iter().filter_map(|part| {
        let id = algorithm.parts(kernel).get(part)?;
        assert_eq!(algorithm.part_of(kernel, id), Some(part), "{algorithm:?}");
        Some(format!("{part:?} {}", algorithm.text().names[id]))
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn is(text: &Online<'_>, parts: &str) {
    let algorithm = text.read();
    assert_eq!(parts_of(&algorithm, 0), parts, "{}", algorithm.text().text);
}

#[test]
fn parts_are_known_in_every_form() {
    const ALL: &str = "Scores S, Weights P, Max m, NewMax n, Sum l, TileSum t, Alpha a, Output O";
    is(&USUAL, ALL);
    let tile = |lines: &[(usize, &'static str)]| {
        let mut tile = USUAL.tile.to_vec();
        lines.iter().for_each(|&(at, line)| tile[at] = line);
        tile
    };
    let of = |registers: &str, lines: &[(usize, &'static str)], parts: &str| {
        is(&Online { registers, tile: &tile(lines), ..USUAL }, parts);
    };
    // A factor that is no exponential is what the sum is multiplied by, on either side.
    let constant = "rise: n = max(m, rowmax(S)); a = 1; m = n";
    of("O, S P", &[(1, constant)], ALL);
    of("O, S P", &[(1, constant), (4, "shrink: l = l * a; O = O * a")], ALL);
    // A product with a name of its own, a second name of the scores, a tile that is no scores and its second name, a
    // second name of a value per row.
    of("O, raw S P", &[(0, "scores: raw = Q @ K^T; S = scale * raw")], ALL);
    of("O, raw S P", &[(0, "scores: raw = scale * (Q @ K^T); S = raw")], ALL);
    let others =
        "scores: r = rowsum(Q); w = rowsum(K); R = r * w^T; B = R; c = r; G = exp(B - c); S = scale * (Q @ K^T)";
    of("O, R B G S P", &[(0, others)], ALL);
    // Matrices that are no tile.
    let turned = "scores: M = K^T @ K; X = Q @ M; S = scale * (Q @ K^T)";
    of("O, M, X, S P", &[(0, turned)], ALL);
    // Sums of scores, and of weights that are scaled by a number or by a value per row.
    of("O, S P W", &[(3, "sum: e = rowsum(S); W = 2 * P; t = rowsum(W)")], ALL);
    of("O, S P W", &[(3, "sum: u = rowsum(Q); W = u * P; t = rowsum(W)")], ALL);
    let at_once = "gain: O = O + P @ V; l = l + rowsum(P)";
    of("O, S P", &[(3, "sum: P = 2 * P"), (5, at_once)], &ALL.replace("TileSum t, ", ""));
    // A maximum of something else that rises too, before and behind; a tile that is held below its row's.
    let other = "rise: z = max(z, rowsum(Q)); n = max(m, rowmax(S)); a = exp(m - finite(n)); m = n";
    let starts = "O = 0 per row of d_v; l = 0 per row; m = -inf per row; z = 0 per row";
    is(&Online { starts, tile: &tile(&[(1, other)]), ..USUAL }, ALL);
    let other = "rise: n = max(m, rowmax(S)); a = exp(m - finite(n)); m = n; z = max(z, rowmax(S) / 2)";
    is(&Online { starts, tile: &tile(&[(1, other)]), ..USUAL }, ALL);
    let held = "scores: S = scale * (Q @ K^T); S = max(S, rowmax(S) - 50)";
    of("O, S P", &[(0, held)], ALL);
    // The old maximum kept aside.
    let aside = "rise: n = m; m = max(n, rowmax(S)); a = exp(n - finite(m))";
    of("O, S P", &[(1, aside)], &ALL.replace("NewMax n, ", ""));
    // A weighted sum with a name of its own, behind one of scores.
    let apart = [(4, "shrink: Y = S @ V; U = P @ V; l = a * l"), (5, "gain: O = a * O + U; l = l + t")];
    of("O, S P, U, Y", &apart, ALL);
    // Nothing that rises: rows whole.
    let whole = [(1, "rise: m = rowmax(S)"), (4, "shrink: l = t"), (5, "gain: Y = S @ V; Y = (t * S) @ V; O = P @ V")];
    of("O, S P, Y", &whole, "Scores S, Weights P, Max m, Sum t, Output O");
}

/// The output of a text is what it makes of its weighted sum in the end, whatever that is called.
#[test]
fn an_output_is_what_the_sum_ends_as() {
    let starts = "O = 0 per row of d_v; l = 0 per row; m = -inf per row; U = 0 per row of d_v";
    let mut tile = USUAL.tile.to_vec();
    tile[5] = "gain: U = S @ V; O = O + P @ V; l = l + t";
    for end in ["Y = 2 * U; X = ratio(O, l)", "O = ratio(O, l); Y = U; X = O"] {
        let text = Online { out: "Y X", registers: "O, S P, U, X, Y", starts, tile: &tile, end };
        let algorithm = text.read();
        assert_eq!(algorithm.result(Part::Output), Some("X"), "{end}");
        assert_eq!(algorithm.called(Part::Output), "O", "{end}");
    }
}

/// The name that weights are exponentials against, where they are that and no more.
#[test]
fn weights_against_more_than_a_shift_have_none() {
    assert_eq!(USUAL.read().shift(0), Some("m"));
    let mut tile = USUAL.tile.to_vec();
    tile[2] = "weigh: P = exp(S - finite(m)) * 2; W = exp(S - finite(m))";
    assert_eq!(Online { registers: "O, S P W", tile: &tile, ..USUAL }.read().shift(0), None);
}

/// What a line is: `beat`, then whether it makes scores or weights, then what it does to the output.
fn line(algorithm: &Algorithm, n: usize) -> String {
    let facts = algorithm.facts(n);
    let mut all = vec![algorithm.operation(n), facts.beat.name().to_owned()];
    all.extend(
        [(facts.makes_scores, "scores"), (facts.makes_weights, "weights")]
            .map(|(is, of)| if is { of } else { "" }.to_owned()),
    );
    all.push(match facts.change {
        Some(Change::Rescales) => "rescales".into(),
        Some(Change::Accumulates) => "accumulates".into(),
        Some(Change::Divides) => "divides".into(),
        None => String::new(),
    });
    all.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn lines(algorithm: &Algorithm) -> Vec<String> {
    let is_move = |n: &usize| algorithm.line(*n).tensor().is_some();
    (0..algorithm.text().lines.len()).filter(|n| !is_move(n)).map(|n| line(algorithm, n)).collect()
}

#[test]
fn lines_are_told_by_what_they_do() {
    let [load, score, softmax, rescale, accumulate, store] = Beat::ALL.map(Beat::name);
    let of = |name: &str, want: &[String]| assert_eq!(lines(by_name(name).expect("a text")), want, "{name}");
    let online = [
        format!("start-rows {load}"),
        format!("scores {score} scores"),
        format!("mask {score}"),
        format!("row-max {softmax}"),
        format!("exponentiate {softmax} weights"),
        format!("row-sum {softmax}"),
        format!("dropout {softmax}"),
        format!("rescale {rescale} rescales"),
        format!("accumulate {accumulate} accumulates"),
        format!("normalise {store} divides"),
    ];
    of("flash2", &online);
    of("flash2-lazy", &online);
    of("flash2-lanes", &online);
    let combine = ["start-combine load", "raise softmax", "weigh softmax", "merge softmax", "combine store"];
    of("split-kv", &online.iter().cloned().chain(combine.map(str::to_owned)).collect::<Vec<_>>());
    of(
        "standard",
        &[
            "scores score scores",
            "mask score",
            "tile-max softmax",
            "exponentiate softmax weights",
            "row-sum softmax",
            "divide-rows store",
            "dropout softmax",
            "start-output load",
            "product accumulate accumulates",
        ]
        .map(str::to_owned),
    );
    of(
        "flash1",
        &[
            "scores score scores",
            "mask score",
            "tile-max softmax",
            "exponentiate softmax weights",
            "row-sum softmax",
            "dropout softmax",
            "merge-stats rescale",
            "merge-output accumulate accumulates",
        ]
        .map(str::to_owned),
    );
    of(
        "flash2-backward",
        &[
            "row-dot softmax",
            "start-keys load",
            "scores score scores",
            "mask score",
            "recompute softmax weights",
            "dropout softmax",
            "accumulate-dv accumulate",
            "grad-weights score",
            "dropout-grad softmax",
            "grad-scores softmax",
            "uncap softmax",
            "accumulate-dk accumulate",
        ]
        .map(str::to_owned),
    );
    of(
        "standard-backward",
        &[
            "start-keys load",
            "dropout softmax",
            "accumulate-dv accumulate",
            "grad-weights score",
            "dropout-grad softmax",
            "start-rows load",
            "row-dot softmax",
            "grad-scores softmax",
            "recompute softmax",
            "uncap softmax",
            "start-rows load",
            "accumulate-dq accumulate",
            "start-keys load",
            "accumulate-dk accumulate",
        ]
        .map(str::to_owned),
    );
    // What moves a block goes with its unit; the addition to HBM is a product.
    for algorithm in of_program() {
        for n in (0..algorithm.text().lines.len()).filter(|&n| algorithm.line(n).tensor().is_some()) {
            let operation = algorithm.operation(n);
            let beat = match operation.split([' ', '-']).next() {
                Some("load") => Beat::Load,
                Some("accumulate") => Beat::Accumulate,
                _ => Beat::Store,
            };
            assert_eq!(algorithm.facts(n).beat, beat, "{}: {operation}", algorithm.name());
        }
    }
}

/// Labels that the house does not know.
#[test]
fn a_line_of_ones_own_is_told_by_what_it_does() {
    let own = |lines: &[(usize, &'static str)], registers: &str, end: &str| {
        let mut tile = USUAL.tile.to_vec();
        lines.iter().for_each(|&(at, line)| tile[at] = line);
        self::lines(&Online { registers, tile: &tile, end, ..USUAL }.read())
    };
    let usual = own(&[], "O, S P", USUAL.end);
    let all = [
        "begin softmax",
        "scores score scores",
        "rise softmax",
        "weigh softmax weights",
        "sum softmax",
        "shrink rescale rescales",
        "gain accumulate accumulates",
        "finish store divides",
    ];
    assert_eq!(usual, all);
    // Divided by another way, by a second name of the sum, and by something else.
    assert_eq!(own(&[], "O, S P", "O = O / l")[7], "finish store divides");
    let second = own(&[(5, "gain: O = O + P @ V; n = l + t; O = ratio(O, n); l = n")], "O, S P", "O = 2 * O");
    assert_eq!(second[6..], ["gain accumulate accumulates", "finish rescale rescales"]);
    let second = own(&[(4, "shrink: b = l + t; O = a * O / b; l = b")], "O, S P", "O = 2 * O");
    assert_eq!(second[5], "shrink store divides");
    let else_where = own(&[(4, "shrink: b = 2 * t; O = O / b; c = b")], "O, S P", USUAL.end);
    assert_eq!(else_where[5], "shrink rescale rescales");
    // Tiles: scores capped in one statement, on either side, and less than nothing; other products.
    for (value, is_scores) in [
        ("cap * tanh(scale * (Q @ K^T) / cap)", true),
        ("tanh(scale * (Q @ K^T) / cap) * cap", true),
        ("cap * (Q @ K^T)", true),
        ("-(Q @ K^T)", true),
        ("2 - Q @ K^T / 3", true),
        ("tanh(Q @ K^T)", false),
        ("square(Q @ K^T)", false),
    ] {
        let text = format!(
            "language 1\ntitle x\nin Q K\nout A[i,j]:acc\nkernel k\nshared Q, K ; registers A, M, X\n\
             parallel for i in query blocks\n  load Q[i]\n  for j in key blocks\n    load K[j]\n    start: A = 0 * (Q @ K^T)\n    \
             it: A = {value} when softcap\n    side: M = K^T @ K; X = Q @ M\n    store A[i,j]\n"
        );
        let algorithm = Algorithm::read("mine", &text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"));
        let line = |label: &str| (0..).find(|&n| algorithm.line(n).label == label).expect("a line");
        assert_eq!(algorithm.facts(line("it")).makes_scores, is_scores, "{value}");
        assert!(!algorithm.facts(line("side")).makes_scores, "no tile");
    }
    let tile = own(
        &[(3, "sum: t = rowsum(P)"), (5, "gain: O = O + P @ V; l = l + t"), (2, "weigh: P = exp(S - finite(m))")],
        "O, S P",
        USUAL.end,
    );
    assert_eq!(tile, all);
    // Weights divided by their sum are results; others are not.
    let of = |line: &'static str| own(&[(3, line)], "O, S P", USUAL.end)[4].clone();
    assert_eq!(of("sum: t = rowsum(P); P = P / l"), "sum store");
    assert_eq!(of("sum: t = rowsum(P); P = ratio(P, l)"), "sum store");
    assert_eq!(of("sum: t = rowsum(P); P = P * 2"), "sum softmax");
    assert_eq!(of("sum: t = rowsum(P); x = t / l"), "sum softmax");
    assert_eq!(own(&[(2, "weigh: P = exp(S - finite(m)) / l")], "O, S P", USUAL.end)[3], "weigh softmax weights");
    // Products that are no tile are added up; a tile of other things is like scores.
    assert_eq!(own(&[(3, "sum: t = rowsum(P); Y = S @ V")], "O, S P, Y", USUAL.end)[4], "sum accumulate");
}

/// A variant knows its base, and no other text has one.
#[test]
fn a_variant_has_a_base() {
    for (base, bug, _) in VARIANTS {
        let variant = by_name(&format!("{base}/{bug}")).expect("a variant");
        assert_eq!(variant.base().map(Algorithm::name), Some(base), "{bug}");
        // Its comments are its own, and no gap is wider than one line.
        let (text, of_base) = (&variant.text().text, &by_name(base).expect("a base").text().text);
        let comments = of_base.lines().filter(|line| line.starts_with('#'));
        assert!(!text.contains("\n\n\n") && comments.into_iter().all(|line| !text.contains(line)), "{base}/{bug}");
    }
    assert!(of_program().all(|text| text.base().is_none()));
}
