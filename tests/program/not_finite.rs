//! The command line on inputs with NaN, infinities, overflows and masks of large numbers: right values, and a word with the
//! place for whatever is not finite.

use std::collections::HashMap;
use std::fs;

use crate::common::program::tilescope;
use ndarray::{Array2, Array3, ArrayD, s};
use tempfile::TempDir;
use tilescope::attention::input;
use tilescope::attention::npz_out::{NpyArray, write_npz};
use tilescope::attention::{Precision, oracle};

/// Small inputs, each of which went wrong once.
const INPUTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/odd_inputs");

const ALGORITHMS: [&str; 3] = ["standard", "flash1", "flash2"];

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// `run` on one of [`INPUTS`] or a path: O `[n_q, d_v]`, and m, l, L; and what is said on stderr.
fn run(input: &str, options: &str) -> (Array2<f64>, HashMap<String, Vec<f64>>, String) {
    let folder = folder();
    let path = if input.contains('/') { input.to_owned() } else { format!("{INPUTS}/{input}.npz") };
    let arguments: Vec<&str> = ["run", &path, "-o", "out.npz"].into_iter().chain(options.split_whitespace()).collect();
    let output = tilescope(folder.path(), &arguments);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let bytes = fs::read(folder.path().join("out.npz")).expect("an output");
    let [o, m, l, lse] = input::read_named(&bytes, ["O", "m", "l", "L"]).expect("four arrays");
    let values = |array: ArrayD<f64>| array.iter().copied().collect::<Vec<f64>>();
    let width = *o.shape().last().expect("an axis");
    let o = Array2::from_shape_vec((o.len() / width, width), values(o)).expect("rows");
    (o, HashMap::from([("m".into(), values(m)), ("l".into(), values(l)), ("L".into(), values(lse))]), said)
}

#[test]
fn keys_that_do_not_exist_leave_no_trace() {
    let path = format!("{INPUTS}/nan_in_padding.npz");
    let mut problem = input::read("nan", &fs::read(path).expect("a fixture")).expect("an input").problem;
    assert!(problem.v.iter().any(|x| x.is_nan()), "the keys past the length hold NaN");
    for tensor in [&mut problem.q, &mut problem.k, &mut problem.v] {
        tensor.slice_mut(s![.., .., 6.., ..]).mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
    }
    problem.mask.key_lengths = Some(vec![7]);
    let right = oracle::attention(&problem.head::<f64>(0, 0, Precision::F64)).o;
    for algorithm in ALGORITHMS {
        for bc in 1..=9 {
            let (o, _, _) = run("nan_in_padding", &format!("--kv-lengths 7 --algorithm {algorithm} --br 3 --bc {bc}"));
            assert!((&o - &right).iter().all(|error| error.abs() < 1e-5), "{algorithm}, keys by {bc}: {o}");
        }
    }
}

#[test]
fn rows_without_keys_are_0_beside_rows_of_nan() {
    for algorithm in ALGORITHMS {
        for (br, bc) in [(6, 6), (1, 1), (4, 2), (5, 3)] {
            let options = format!("--causal --algorithm {algorithm} --br {br} --bc {bc}");
            let (o, rows, said) = run("nan_and_rows_without_keys", &options);
            for (i, row) in o.rows().into_iter().enumerate() {
                let (m, l, lse) = (rows["m"][i], rows["l"][i], rows["L"][i]);
                match i {
                    0..3 => {
                        assert!(row.iter().all(|&x| x == 0.0), "{options}, row {i}: {o}");
                        assert_eq!((m, l, lse), (f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY));
                    }
                    5 => assert!(row.iter().any(|x| x.is_nan()), "{options}, row {i}: {o}"),
                    _ => assert!(row.iter().all(|x| x.is_finite()) && m.is_finite() && l > 0.0, "row {i}: {o}"),
                }
            }
            assert!(said.contains("1 of 6 rows are not finite"), "{said}");
        }
    }
}

#[test]
fn a_row_of_nan_is_none_without_keys() {
    for algorithm in ALGORITHMS {
        let (o, rows, said) = run("nan_in_query_3", &format!("--causal --algorithm {algorithm} --br 2 --bc 4"));
        for i in 0..9 {
            let mut values = o.row(i).to_vec();
            values.extend([rows["m"][i], rows["l"][i], rows["L"][i]]);
            let expected = if i == 3 { f64::is_nan as fn(f64) -> bool } else { f64::is_finite };
            assert!(values.into_iter().all(expected), "{algorithm}, row {i}: {o}, {rows:?}");
        }
        let told = "1 of 9 rows are not finite; the first, of batch 0, head 0: The score of query 3, key 0 is NaN";
        assert!(said.contains(told), "{said}");
        assert!(said.contains("holds NaN or infinity"), "{said}");
    }
}

#[test]
fn a_score_beyond_f32_is_named_with_its_place() {
    let (_, rows, said) = run("scores_above_f32", "");
    assert!(said.contains("overflows f32"), "{said}");
    assert!(rows["l"].iter().all(|&l| l != 0.0), "every query sees keys: {rows:?}");
    let folder = folder();
    let input = format!("{INPUTS}/scores_above_f32.npz");
    let output = tilescope(folder.path(), &["trace", &input, "-o", "t.json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("flash2: not within the error rule: O of query 0, component 0 is NaN, the exact one "),
        "{said}"
    );
    // In f64 nothing overflows.
    let (o, _, said) = run("scores_above_f32", "--precision f64");
    assert!(o.iter().all(|x| x.is_finite()) && !said.contains("warning"), "{said}");
}

#[test]
fn a_value_beyond_a_format_is_named_before_it_is_infinite() {
    let (o, _, said) = run("query_above_f16", "--precision f16");
    assert!(o.row(0).iter().all(|x| x.is_nan()) && o.slice(s![1.., ..]).iter().all(|x| x.is_finite()), "{o}");
    assert!(said.contains("Q[0, 0, 0, 0] is 70000, beyond f16 (at most 65504): it becomes inf"), "{said}");
    let (o, _, said) = run("query_above_f16", "--precision f32");
    assert!(o.iter().all(|x| x.is_finite()) && !said.contains("warning"), "{said}");

    let folder = folder();
    let path = folder.path().join("large.npz");
    let mut v = Array3::<f64>::ones((1, 3, 2)).into_dyn();
    let ones = v.clone();
    v[[0, 1, 1].as_slice()] = 1e39;
    let array = |values| NpyArray { values, precision: Precision::F64 };
    let arrays = [("q", array(ones.view())), ("k", array(ones.view())), ("v", array(v.view()))];
    write_npz(&mut fs::File::create(&path).expect("a file"), &arrays).expect("an npz");
    let (o, _, said) = run(&path.to_string_lossy(), "--precision f32");
    assert!(o.column(0).iter().all(|&x| x == 1.0) && o.column(1).iter().all(|&x| x == f64::INFINITY), "{o}");
    assert!(said.contains("V[0, 0, 1, 1] is 1.000e39, beyond f32 (at most 3.40e38): it becomes inf"), "{said}");
    let (_, _, said) = run(&path.to_string_lossy(), "--precision f64");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_mask_of_large_numbers_is_judged_by_plain_attention_in_its_format() {
    let folder = folder();
    let input = format!("{INPUTS}/mask_minus_1e4.npz");
    for algorithm in ALGORITHMS {
        let arguments = [
            "trace",
            &input,
            "--algorithm",
            algorithm,
            "--precision",
            "f16",
            "--br",
            "16",
            "--bc",
            "16",
            "-o",
            "t.json",
        ];
        let output = tilescope(folder.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{algorithm}: {said}");
        assert!(said.contains("is -10000: a score that is stored with it is rounded to steps of 8 in f16"), "{said}");
    }
}
