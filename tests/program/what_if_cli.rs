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
    assert_eq!((flash1["sms"].as_u64(), flash1["blocks_per_sm"].as_u64()), (Some(12), Some(2)), "{flash1}");
    assert!((flash1["busy"].as_f64().expect("a share") - 12.0 / 216.0).abs() < 1e-12, "{flash1}");
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

/// Packed heads load a block of K and V once for all of them, a batch in one schedule has thread blocks of its sequences
/// alone, and what is asked for is what `traffic` counts.
#[test]
fn heads_and_sequences_are_laid_out_as_traffic_has_them() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let answer = |command: &str, more: &[&str]| -> serde_json::Value {
        let text = ok(folder.path(), &[&[command], more, &["--json"]].concat());
        serde_json::from_str(&text).expect("it is JSON")
    };
    let sizes = ["--n-q", "2", "--n-k", "320", "--d", "16", "--br", "4", "--bc", "32", "--heads", "12"];
    let decode = [&sizes[..], &["--kv-heads", "3", "--entries", "5"]].concat();
    let batch = [&sizes[..], &["--entries", "3", "--kv-lengths", "320,33,1", "--varlen"]].concat();
    for (more, blocks) in [
        (decode.clone(), 12 * 5),
        // Eight rows of a group in blocks of four.
        ([&decode[..], &["--pack-heads"]].concat(), 2 * 3 * 5),
        ([&decode[..], &["--pack-heads", "--causal"]].concat(), 2 * 3 * 5),
        (batch.clone(), 12 * 3),
        ([&batch[..], &["--causal"]].concat(), 12 * 3),
    ] {
        let more = [&more[..], &["--algorithm", "flash2"]].concat();
        let (modelled, counted) = (answer("whatif", &more), answer("traffic", &more));
        assert_eq!(modelled["kernels"][0]["blocks"], blocks, "{more:?}");
        let moved = &counted["algorithms"][0]["bytes_of_all"];
        let all = [&moved["read"], &moved["write"]].map(|bytes| bytes.as_f64().expect("bytes"));
        assert_eq!(modelled["bytes"].as_f64(), Some(all[0] + all[1]), "{more:?}: {moved}");
    }
    let line = refused(folder.path(), &[&["whatif"], &batch[..], &["--pack-heads"]].concat(), 2);
    assert!(line.contains("--varlen: a batch in one schedule has no packed heads"), "{line}");
    let text = ok(folder.path(), &[&["whatif"], &decode[..], &["--pack-heads"]].concat());
    assert!(text.starts_with("5 batch entries of 12 query heads, 3 of keys and values, n_q 2, n_k 320"), "{text}");
    assert!(text.contains(", the query heads of a group as rows, blocks 4 x 32: "), "{text}");
}

/// Of the chip that is named or made: 9 heads, 64 key blocks (`tiling::splits` has them by hand).
#[test]
fn splits_by_the_rule_are_those_of_the_chip() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let sizes = ["--n-q", "1", "--n-k", "8192", "--d", "64", "--heads", "9", "--br", "64", "--bc", "128"];
    let run = |command: &str, more: &[&str]| {
        ok(folder.path(), &[&[command], &sizes[..], &["--algorithm", "split-kv"], more].concat())
    };
    for command in ["whatif", "traffic"] {
        let chip = ["--hardware", "a100-80gb", "--splits"];
        let told = run(command, &[&chip[..], &["rule"]].concat());
        assert_eq!(told, run(command, &[&chip[..], &["22"]].concat()));
        assert!(told.contains(", --splits 22"), "{told}");
    }
    // 4 SMs take two thread blocks each, and 9 are enough.
    assert!(run("whatif", &["--sms", "4", "--splits", "rule"]).contains(", --splits 1,"));
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
