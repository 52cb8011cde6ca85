//! Real and golden inputs: each file reads with the shapes it is known to have, and the f64 oracle meets its results.

use std::fs;
use std::path::Path;

use crate::common::golden;
use ndarray::{Array4, Axis};
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{self, Input, Reading};
use tilescope::attention::{Precision, oracle};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/captures");

fn read(folder: &str, name: &str) -> Input {
    let bytes = fs::read(Path::new(folder).join(name)).expect("a file of the project");
    input::read(name, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(folder: &str, extension: &str) -> Vec<String> {
    let names = fs::read_dir(folder)
        .expect("a folder of the project")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"));
    let mut names: Vec<_> = names.filter(|name| name.ends_with(extension)).collect();
    names.sort();
    names
}

/// O of every head of the input, as `[batch, heads, n_q, d_v]` flattened in that order.
fn oracle_of(input: &Input) -> Vec<f64> {
    let shape = input.problem.shape;
    let heads = (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head)));
    heads.flat_map(|(batch, head)| oracle::attention(&input.problem.head(batch, head, Precision::F64)).o).collect()
}

#[test]
fn captures_agree_with_the_model() {
    let files = names(CAPTURES, ".safetensors");
    assert_eq!(files.len(), 9);
    for name in files {
        let input = read(CAPTURES, &name);
        let (shape, about) = (input.problem.shape, &input.about);
        assert!(input.warnings.is_empty(), "{name}: {:?}", input.warnings);
        assert!(about.tokens.len() == shape.batch && about.text.len() == shape.batch, "{name}");
        assert_eq!(input.problem.mask.causal, name.starts_with("smollm2"), "{name}");
        assert_eq!(input.problem.mask.key_lengths.is_some(), name.starts_with("minilm"), "{name}");
        let recorded = about.recorded_error.unwrap();
        let error = max_error(&oracle_of(&input), about.o.as_ref().unwrap());
        assert!(error <= 2.0 * recorded, "{name}: {error} against {recorded}");
    }
}

#[test]
fn a_prefix_of_a_capture_is_exact() {
    let whole = read(CAPTURES, "smollm2-en-layer10.safetensors");
    let short = whole.prefix(16).unwrap();
    assert_eq!(short.about.tokens[0][..], whole.about.tokens[0][..16]);
    let error = max_error(&oracle_of(&short), short.about.o.as_ref().unwrap());
    assert!(error <= 2.0 * whole.about.recorded_error.unwrap(), "{error}");
}

#[test]
fn golden_files_have_the_shapes_of_the_manifest() {
    let cases = golden::manifest();
    for case in &cases {
        let input = read(golden::FOLDER, case["file"].as_str().unwrap());
        let size = |key: &str| case[key].as_u64().unwrap() as usize;
        let shape = input.problem.shape;
        assert_eq!([shape.batch, shape.heads, shape.kv_heads], [size("B"), size("Hq"), size("Hkv")]);
        assert_eq!([shape.n_q, shape.n_k, shape.d, shape.d_v], [size("Nq"), size("Nk"), size("d"), size("d")]);
        assert_eq!(input.sha256.as_deref(), case["sha256"].as_str());
        assert_eq!(input.problem.bias.is_some(), case["has_bias"] == true);
        assert_eq!(input.problem.alibi_slopes.is_some(), case["has_alibi"] == true);
        assert_eq!(input.keep.is_some(), case["dropout_p"] != 0.0);
        assert!(input.d_o.is_some() && input.rank == 4);
    }
    // One more file is for the errata lab, and has rank 2.
    assert_eq!(names(golden::FOLDER, ".npz").len(), cases.len() + 1);
    assert_eq!(read(golden::FOLDER, "errata.npz").rank, 2);
}

#[test]
fn the_oracle_meets_every_golden_result() {
    for case in golden::cases() {
        let shape = case.problem.shape;
        for (batch, head) in (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head))) {
            let output = oracle::attention(&case.problem.head(batch, head, Precision::F64));
            let wrong = case.compare(batch, head, &output, Precision::F64);
            assert!(wrong.is_empty(), "{}: {}", case.name, wrong.join("; "));
        }
    }
}

#[test]
fn a_set_of_npy_files_is_an_input() {
    let npy = |values: &[u8]| {
        let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}, 1)}}", values.len());
        [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes(), values].concat()
    };
    let (q, k, v) = (npy(&[1, 2]), npy(&[3, 4, 5]), npy(&[6, 7, 8]));
    let set = |files: &[(&str, &[u8])]| input::read_npy_set("mine", files, &Reading::default());
    let input = set(&[("v.npy", &v), ("Q.npy", &q), ("k.npy", &k)]).unwrap();
    assert_eq!(input.problem.v, Array4::from_shape_vec((1, 1, 3, 1), vec![6.0, 7.0, 8.0]).unwrap());
    assert_eq!((input.rank, input.problem.q.len_of(Axis(2))), (2, 2));
    // A start that all share is left out.
    let named = set(&[("l3_q.npy", &q), ("l3_k.npy", &k), ("l3_v.npy", &v)]).unwrap();
    assert_eq!(named.problem.k, input.problem.k);
    let missing = set(&[("q.npy", &q), ("k.npy", &k)]).unwrap_err();
    assert!(missing.to_string().contains("no array is named as V"));
    let stranger = set(&[("q.npy", &q), ("k.npy", &k), ("v.npy", &v), ("w.npy", &q)]).unwrap().warnings;
    assert!(stranger.iter().any(|warning| warning.to_string().contains("not used: w")), "{stranger:?}");
}
