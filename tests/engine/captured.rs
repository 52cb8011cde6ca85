//! Captures of tiny models, written by `capture_example.py`: attention by what the file says is what the model computed.

use std::fs;
use std::path::Path;

use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{self, Input};
use tilescope::attention::{Precision, oracle};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");

fn read(name: &str) -> Input {
    let bytes = fs::read(Path::new(FOLDER).join(name)).expect("a file of the project");
    input::read(name, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// How far the model's own output is from the f64 oracle, over all heads.
fn distance(input: &Input) -> f64 {
    let shape = input.problem.shape;
    let heads = (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head)));
    let oracle = |(batch, head)| oracle::attention(&input.problem.head(batch, head, Precision::F64)).o;
    max_error(&heads.flat_map(oracle).collect::<Vec<_>>(), input.about.o.as_ref().expect("a capture has its output"))
}

#[test]
fn each_kind_of_mask_and_modifier_gives_the_models_output() {
    let files = [
        "llama.safetensors",
        "llama-decode.safetensors",
        "mistral-window-chunk.safetensors",
        "mistral-window.safetensors",
        "gemma2-softcap-window.safetensors",
        "bert-batch.safetensors",
        "modernbert-mask.safetensors",
    ];
    let entries = fs::read_dir(FOLDER).expect("a folder of the project").flatten();
    let there = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "safetensors")).count();
    assert_eq!(there, files.len());
    for name in files {
        let input = read(name);
        assert!(input.warnings.is_empty(), "{name}: {:?}", input.warnings);
        assert_eq!(input.about.tokens.len(), input.problem.shape.batch, "{name}");
        let error = distance(&input);
        // Models run in f32; their scores are small.
        assert!(error <= 2e-6, "{name}: the model's output is off by {error}");
    }
}

/// A decode step, and a chunk of a prefill under a window: the last queries of the same texts that are captured whole, whose
/// rows they have.
#[test]
fn the_last_queries_are_those_of_the_whole_text() {
    for (last, whole, sizes) in [
        ("llama-decode.safetensors", "llama.safetensors", (1, 8)),
        ("mistral-window-chunk.safetensors", "mistral-window.safetensors", (4, 6)),
    ] {
        let (last, whole) = (read(last), read(whole));
        assert_eq!((last.problem.shape.n_q, last.problem.shape.n_k), sizes);
        let rows = |input: &Input| -> Vec<f64> {
            let o = oracle::attention(&input.problem.head(0, 1, Precision::F64)).o;
            o.rows().into_iter().flatten().copied().collect()
        };
        let (found, expected) = (rows(&last), rows(&whole));
        let expected = &expected[expected.len() - found.len()..];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 2e-6), "{found:?} {expected:?}");
        assert_eq!(last.about.tokens[0].len(), sizes.1);
    }
}

#[test]
fn parts_of_a_character_are_read_as_its_parts() {
    let tokens = &read("llama.safetensors").about.tokens[0];
    // What no other token completes stays as the file says it; nothing is the sign of what could not be read.
    assert!(tokens.iter().all(|token| !token.contains('\u{fffd}')), "{tokens:?}");
    assert!(tokens.iter().any(|token| token.contains("1/3")), "{tokens:?}");
}
