//! The text that runs for query heads that share keys: what each makes of keys is of its own, and `reduce-heads` sums it.

use ndarray::Array2;
use tilescope::attention::{Precision, Shape};
use tilescope::machine::Given;
use tilescope::schedule::language::{Setting, TEXTS, closed_form};
use tilescope::schedule::{Algorithm, Plan, Tiling, algorithm};

use super::outcome::carry_out;

fn named(text: &str) -> Algorithm {
    Algorithm::read("mine.tile", text).unwrap_or_else(|wrong| panic!("{}\n{text}", super::lines(&wrong)))
}

const HEAD: &str = "language 1\ntitle    Of keys\nin       Q K V\n";

/// Numbers of a head: no two alike.
fn given(head: usize, plan: &Plan) -> Given<f64> {
    let of = |rows: usize, cols: usize, by: f64| {
        Array2::from_shape_fn((rows, cols), |(row, col)| ((row * 31 + col * 7) as f64 * by + head as f64).sin())
    };
    let shape =
        Shape { n_q: plan.n_q, n_k: plan.n_k, d: plan.d, d_v: plan.d_v, ..Shape::single(plan.n_q, plan.n_k, plan.d) };
    let four = |values: Array2<f64>| values.insert_axis(ndarray::Axis(0)).insert_axis(ndarray::Axis(0));
    // K and V are one for the group.
    let keys = |by: f64, cols: usize| {
        Array2::from_shape_fn((shape.n_k, cols), |(row, col)| ((row * 13 + col * 5) as f64 * by).cos())
    };
    let problem = tilescope::attention::Problem::new(
        four(of(shape.n_q, shape.d, 0.37)),
        four(keys(0.11, shape.d)),
        four(keys(0.23, shape.d_v)),
    );
    Given::new(problem.expect("the sizes fit").head::<f64>(0, 0, Precision::F64))
}

/// Every output of keys of `text` for three heads is the sum of what it is for each of them alone, and what is counted is the
/// closed form. Gives the text that ran.
fn sums(text: &str, outputs: &[&str]) -> Algorithm {
    const HEADS: usize = 3;
    let algorithm = named(text);
    let of_group = algorithm.for_heads(HEADS).clone();
    assert_eq!(algorithm.heads(&Shape { heads: 6, kv_heads: 2, ..Shape::single(7, 11, 2) }), HEADS, "{text}");
    assert_eq!(algorithm.for_heads(1).text().text, text, "of one head it is as it was written");
    assert_eq!((of_group.written(), of_group == algorithm), (text, true), "it is the same text");
    for (n_q, n_k, tiling, splits) in [
        (7, 11, Tiling { br: 4, bc: 4 }, 2),
        (1, 1, Tiling { br: 4, bc: 4 }, 3),
        (5, 4, Tiling { br: 2, bc: 1 }, 1),
        (3, 8, Tiling { br: 3, bc: 4 }, 2),
    ] {
        let plan = Plan { d_v: 3, ..Plan::new(n_q, n_k, 2, tiling, Precision::F64) };
        let setting = Setting { splits, heads: HEADS, ..Setting::new(plan.clone()) };
        let heads: Vec<Given<f64>> = (0..HEADS).map(|head| given(head, &plan)).collect();
        let got = carry_out(of_group.text(), &setting, &heads).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(got.tally.total(), closed_form(of_group.text(), &setting).total(), "{text}");
        let one = Setting { heads: 1, ..setting };
        for name in outputs {
            let parts = heads.iter().map(|head| {
                let alone = carry_out(algorithm.text(), &one, std::slice::from_ref(head)).expect("it runs alone");
                alone.tensor(name, 0).expect("an output").to_owned()
            });
            let want = parts.reduce(|sum, part| sum + part).expect("some heads");
            assert!(want.iter().any(|x| x.abs() > 0.01), "{name} is not all zero");
            let got = got.tensor(name, 0).expect("an output of the group");
            assert_eq!(got.mapv(f64::to_bits), want.mapv(f64::to_bits), "{name} of\n{}", of_group.text().text);
        }
    }
    of_group
}

/// The text by hand: as it stands in `groups.rs`, and word for word.
#[test]
fn the_text_is_the_one_that_one_would_write() {
    for name in ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"] {
        let own = algorithm::by_name(name).expect("a text of the program");
        let of_group = own.for_heads(4);
        let said = &of_group.text().text;
        let behind = "\nkernel reduce-heads
registers dK, dV, dK_head, dV_head
parallel for j in key blocks
  start-keys: dK = 0 per key of d; dV = 0 per key of d_v
  for h in heads of the group
    load dK_head[h,j]
    load dV_head[h,j]
    add-heads: dK = dK + dK_head; dV = dV + dV_head
  store dK[j]
  store dV[j]
";
        let declared = "dK_head[h,j]:acc of d dV_head[h,j]:acc of d_v\n";
        assert!(said.ends_with(behind) && said.contains(declared), "{said}");
        let before = said.strip_suffix(behind).expect("it ends so");
        // The names of the heads' own tensors taken back, the lines are those that were written.
        let back = before.replace(&format!("hbm      {declared}"), "").replace(&format!(" {declared}"), "\n");
        let back = back.replace("_head[h,j]", "[j]").replace("dK_head", "dK").replace("dV_head", "dV");
        let back: Vec<&str> = back.lines().filter(|line| !line.starts_with("# Query heads share")).collect();
        assert_eq!(back.join("\n").trim_end(), own.text().text.trim_end(), "{name}");
        // Each line is the line that it was, but for those that were put in.
        for (number, line) in (1u32..).zip(said.lines()) {
            let own = own.text().text.lines();
            match of_group.written_line(number) {
                Some(at) => {
                    let written = own.clone().nth(at as usize - 1).expect("a line of the text");
                    let line = line.replace(&format!(" {}", declared.trim_end()), "");
                    let line = line.replace("_head[h,j]", "[j]").replace("dK_head", "dK").replace("dV_head", "dV");
                    assert_eq!(line, written, "{name}");
                }
                None => assert!(line.starts_with("hbm ") || number as usize > own.count(), "{name}: {line}"),
            }
        }
        assert!(algorithm::is_of_program(of_group) && of_group.for_heads(4) == of_group, "{name}");
        for line in 0..own.text().lines.len() {
            assert_eq!(of_group.written_operation(line), own.operation(line), "{name}");
        }
    }
}

/// Texts that sum over heads themselves, or make nothing of keys, are what they were.
#[test]
fn other_texts_stay() {
    for (name, _) in TEXTS.into_iter().filter(|(name, _)| !name.ends_with("-backward")) {
        let own = algorithm::by_name(name).expect("a text of the program");
        assert_eq!(own.for_heads(7).text().text, own.text().text, "{name}");
    }
    let own = algorithm::by_name("two-kernel-backward").expect("a text of the program").for_heads(2);
    let again = named(&own.text().text);
    assert_eq!(again.for_heads(2).text().text, own.text().text, "it has its kernel already");
}

#[test]
fn names_that_are_taken_and_comments_and_labels() {
    let ran = sums(
        &format!(
            "{HEAD}out      E[j] of d E_head[j] of 1 # what comes\n\n# E of comments stays.\nkernel reduce-heads\nshared Q, K ; registers S E_tile, E, E_head\n\
             parallel for j in key blocks\n  load K[j]\n  e: E = 0 per key of d; E_head = 0 per key # E\n  for i in query blocks\n    load Q[i]\n    \
             scores: S = Q @ K^T\n    more: E_tile = exp(S)\n    e-head: E = E + E_tile^T @ Q; E_head = E_head - (E_head) * 2 + rowsum(E) / 8\n  \
             store E[j] # E\n  store E_head[j]\n"
        ),
        &["E", "E_head"],
    );
    let text = &ran.text().text;
    for said in [
        "hbm      E_head2[h,j]:acc of d E_head_head[h,j]:acc of 1\n",
        "# E of comments stays.",
        "  e: E_head2 = 0 per key of d; E_head_head = 0 per key # E\n",
        "kernel reduce-heads-2\nregisters E, E_head, E_head2, E_head_head\n",
        "add-heads: E = E + E_head2; E_head = E_head + E_head_head\n",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn heads_in_the_header_additions_and_blocks_that_no_query_sees() {
    // A header that counts the heads of an output; one that is added to in HBM, in a format of its own.
    let ran = sums(
        &format!(
            "{HEAD}out      E[h,j]:acc of d F[j]:acc of d_v\nhbm      W[j] of 1 # width\n\nkernel fill\nparallel for j in key blocks\n  \
             begin: fill F[j] = 0\n\nkernel all\nshared Q, K, V ; registers S, E\nfor j in key blocks that some query sees\n  load K[j]\n  load V[j]\n  \
             start-keys: E = 0 per key of d\n  for i in query blocks that see j\n    load Q[i]\n    scores: S = Q @ K^T\n    sum: E = E + S^T @ Q\n    \
             add F[j] += S^T @ (S @ V)\n  store E[h,j]\n  width: W = rowsum(E)\n  store W[j]\n"
        ),
        &["E", "F"],
    );
    let text = &ran.text().text;
    assert!(text.contains("out      E[j]:acc of d F[j]:acc of d_v\nhbm      W[j] of 1 E_head[h,j]:acc of d F_head[h,j]:acc of d_v # width\n"), "{text}");
    assert!(
        text.contains("kernel reduce-heads\nregisters E, E_head\nparallel for j in key blocks that some query sees\n"),
        "{text}"
    );
    assert!(text.contains("kernel reduce-heads-2\nregisters F, F_head\nparallel for j in key blocks\n"), "{text}");
}

#[test]
fn splits_of_keys() {
    let ran = sums(
        &format!(
            "{HEAD}out      E[s,j] of d\n\nkernel all\nshared Q, K ; registers S, E\nparallel for s in splits\n  for j in key blocks of split s\n    load K[j]\n    \
             start-keys: E = 0 per key of d\n    for i in query blocks\n      load Q[i]\n      scores: S = Q @ K^T\n      sum: E = E + S^T @ Q\n    store E[s,j]\n"
        ),
        &["E"],
    );
    let text = &ran.text().text;
    assert!(text.contains("parallel for s in splits\n  for j in key blocks of split s\n    start-keys:"), "{text}");
    assert!(text.contains("      load E_head[h,s,j]\n") && text.contains("    store E[s,j]\n"), "{text}");
}

/// A variant stays one: its lines are where it says.
#[test]
fn variants_of_backward_passes() {
    for base in ["flash1-backward", "flash2-backward", "two-kernel-backward"] {
        let own = named(&format!(
            "language 1\ntitle    No scale\nvariant of {base}\n\naccumulate-dk: dK = dK + dS^T @ Q\nwithout accumulate-dv\n"
        ));
        let of_group = own.for_heads(2);
        let variant = of_group.text().variant.as_ref().expect("a variant");
        let lines: Vec<&str> = of_group.text().text.lines().collect();
        let replaced: Vec<&str> = variant.replaced.iter().map(|line| lines[*line as usize - 1].trim()).collect();
        assert_eq!(replaced, ["accumulate-dk: dK_head = dK_head + dS^T @ Q"], "{base}");
        let before = lines[variant.left_out[0].before as usize - 1].trim();
        let written: Vec<&str> = own.text().text.lines().collect();
        let left_out = &own.text().variant.as_ref().expect("a variant").left_out[0];
        assert_eq!(before, written[left_out.before as usize - 1].trim(), "{base}");
        assert_eq!(of_group.base().map(Algorithm::name), Some(base));
    }
}

/// A text at the limits has no room for the sum, which is told when it is read.
#[test]
fn a_text_without_room_is_refused_in_one_line() {
    let tensors: Vec<String> = (0..10).map(|n| format!("A{n}[j] of d")).collect();
    let body: String = (0..10).map(|n| format!("  a{n}: A{n} = K + {n}\n  store A{n}[j]\n")).collect();
    let names: Vec<String> = (0..10).map(|n| format!("A{n}")).collect();
    let text = format!(
        "{HEAD}out      {}\n\nkernel all\nshared K ; registers {}\nparallel for j in key blocks\n  load K[j]\n{body}",
        tensors.join(" "),
        names.join(", "),
    );
    let wrong = Algorithm::read("mine.tile", &text).expect_err("it has 13 tensors, and 10 would come to it");
    let [wrong] = &wrong[..] else { panic!("{}", super::lines(&wrong)) };
    let said = wrong.to_string();
    assert!(said.contains("a text has at most 14 tensors in its header") && said.contains("A0_head"), "{said}");
}
