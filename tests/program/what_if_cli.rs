//! `tilescope whatif` from outside: that it says what it is, a chip of one's own, and what it refuses.

use crate::common::program::{ok, refused};

const SIZES: [&str; 7] = ["whatif", "--n-q", "1024", "--n-k", "1024", "--d", "64"];

fn told(more: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder for the test");
    ok(folder.path(), &[&SIZES[..], more].concat())
}

fn json(more: &[&str]) -> serde_json::Value {
    serde_json::from_str(&told(&[more, &["--json"]].concat())).expect("it is JSON")
}

#[test]
fn it_says_that_it_is_modelled_and_what_it_leaves_out() {
    let text = told(&["--heads", "16", "--entries", "8"]);
    assert!(text.contains("All of this is modelled") && text.contains("Not modelled: latency"), "{text}");
    // 1024 blocks in 216 slots, 113.6 FLOP per byte, 4 n^2 d FLOPs of 128 heads at 312 TFLOP/s.
    for line in ["1,024", "4.7", "110 µs"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(json(&[])["made_by"], "modelled");
}

/// FlashAttention's grid of 12 heads reaches 12 of 108 SMs, each of which could hold two blocks.
#[test]
fn an_sm_with_work_is_told_from_a_slot_at_work() {
    let grid = |algorithm, more: &[&str]| {
        json(&[&["--heads", "12", "--algorithm", algorithm, "--hardware", "a100-40gb"], more].concat())["kernels"][0]
            .clone()
    };
    let flash1 = grid("flash1", &["--br", "128", "--bc", "128"]);
    assert_eq!((flash1["sms"].as_u64(), flash1["blocks_per_sm"].as_u64()), (Some(12), Some(1)), "{flash1}");
    let small = grid("flash1", &["--br", "64", "--bc", "64"]);
    let (sms, slots) = (small["sms"].as_u64().expect("SMs"), small["blocks_per_sm"].as_u64().expect("slots"));
    assert_eq!((sms, small["busy"].as_f64()), (12, Some(12.0 / (108 * slots) as f64)), "{small}");
    assert_eq!(grid("flash2", &["--br", "128", "--bc", "128"])["sms"], 96);
}

#[test]
fn a_chip_of_ones_own_has_the_figures_that_are_given() {
    let chip = ["--sms", "4", "--bandwidth", "100", "--matmul", "10", "--exp", "1e6", "--l2", "0"];
    let own = json(&chip);
    assert_eq!(own["hardware"]["name"], "custom");
    assert_eq!((own["ridge"].as_f64(), own["l2_hit_rate"].as_f64()), (Some(100.0), Some(0.0)));
    // 4 n^2 d FLOPs at 10 TFLOP/s.
    let seconds = own["at_least"]["seconds"].as_f64().expect("a number");
    assert!((seconds - 4.0 * 1024.0 * 1024.0 * 64.0 / 1e13).abs() < 1e-12, "{seconds}");
}

#[test]
fn what_makes_no_sense_is_refused_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (more, what) in [
        (&["--order", "random"][..], "in-order, reversed and longest-first"),
        (&["--bandwidth", "0"], "from 0.001"),
        (&["--matmul", "NaN"], "from 0.001"),
        (&["--sms", "0"], "--sms"),
        (&["--precision", "f64"], "f64"),
        (&["--splits", "4"], "no loop over splits"),
        (&["--entries", "2", "--kv-lengths", "1,16"], "--kv-lengths: this command takes one length"),
        (&["--kv-lengths", "1025"], "of at most n_k = 1024"),
    ] {
        let line = refused(folder.path(), &[&SIZES[..], more].concat(), 2);
        assert!(line.contains(what), "{more:?}: {line}");
    }
    let huge = ["whatif", "--n-q", "1048576", "--n-k", "1048576", "--d", "64", "--br", "1", "--bc", "1"];
    let line = refused(folder.path(), &[&huge[..], &["--algorithm", "standard-backward"]].concat(), 2);
    assert!(line.contains("too many to list"), "{line}");
}
