//! Texts of one's own on the command line: `--algorithm FILE.tile` for `run` and `traffic`.

use std::fs;
use std::path::Path;

use crate::common::program::{ok, refused, tilescope};
use tempfile::TempDir;
use tilescope::attention::Precision;
use tilescope::attention::error_rule::{Errors, bounds, max_error};
use tilescope::schedule::language::{TEXTS, variant_of};

/// A folder with every text of the program as a file.
type Array = (String, Vec<usize>, Vec<f64>);

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (name, text) in TEXTS {
        fs::write(folder.path().join(format!("{name}.tile")), text).expect("it can be written");
    }
    folder
}

fn arrays(path: &Path) -> Vec<Array> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).expect("an output")).expect("an npz");
    let names: Vec<String> = archive.file_names().map(|name| name.expect("UTF-8").into_owned()).collect();
    let read = |name: String| {
        let npy = npyz::NpyFile::new(archive.by_name(&name).expect("listed")).expect("an npy");
        let shape = npy.shape().iter().map(|&size| size as usize).collect();
        // What an f32 holds is an f64 as well.
        let values = match npy.dtype().descr().as_str() {
            "'<f4'" => npy.into_vec::<f32>().expect("f32").into_iter().map(f64::from).collect(),
            _ => npy.into_vec::<f64>().expect("f64"),
        };
        (name.trim_end_matches(".npy").to_owned(), shape, values)
    };
    let mut all: Vec<_> = names.into_iter().map(read).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn ran(folder: &Path, algorithm: &str) -> Vec<Array> {
    let input = ["random:37,29,8,4,2", "--seed", "3", "--causal", "--precision", "f64", "--br", "8", "--bc", "5"];
    let arguments = ["run", input[0], "--algorithm", algorithm, "--output", "out.npz"];
    ok(folder, &[&arguments[..], &input[1..]].concat());
    arrays(&folder.join("out.npz"))
}

/// A text gives the bytes of the algorithm of its name: O, and what it stores or reports.
#[test]
fn a_text_gives_what_its_algorithm_gives() {
    let folder = folder();
    for name in ["standard", "flash1", "flash2"] {
        let (own, of_program) = (ran(folder.path(), &format!("{name}.tile")), ran(folder.path(), name));
        for array in &own {
            assert!(of_program.contains(array), "{name}: {} differs", array.0);
        }
        assert!(own.iter().any(|array| array.0 == "O"), "{name}");
    }
    let flash2: Vec<String> = ran(folder.path(), "flash2.tile").into_iter().map(|array| array.0).collect();
    assert_eq!(flash2, ["L", "O", "l", "m"]);
}

/// Backward texts run their forward first; dK and dV are of key/value heads.
#[test]
fn backward_texts_agree() {
    let folder = folder();
    let [a, b, c, d] =
        ["standard", "flash1", "flash2", "two-kernel"].map(|name| ran(folder.path(), &format!("{name}-backward.tile")));
    let shapes: Vec<(&str, &[usize])> = a.iter().map(|array| (array.0.as_str(), &array.1[..])).collect();
    assert_eq!(shapes, [("dK", &[2, 29, 8][..]), ("dQ", &[4, 37, 8]), ("dV", &[2, 29, 8])]);
    for other in [b, c, d] {
        for (one, two) in a.iter().zip(&other) {
            let far = one.2.iter().zip(&two.2).map(|(x, y)| (x - y).abs());
            // A NaN is within no bound.
            assert!(far.clone().all(|far| far <= 1e-12), "{}: {:?}", one.0, far.fold(0.0, f64::max));
            assert!(one.2.iter().any(|x| x.abs() > 1e-3), "{} is not all zero", one.0);
        }
    }
}

/// Where dO is from is said, and it is what is used: dQ of the random one differs from that of ones.
#[test]
fn a_line_says_where_the_gradient_of_the_output_is_from() {
    let folder = folder();
    let run = |options: &[&str]| {
        let run = ["run", "random:5,7,4", "--seed", "3", "--algorithm", "flash2-backward", "--output", "out.npz"];
        let done = tilescope(folder.path(), &[&run[..], options].concat());
        let said = String::from_utf8(done.stderr).expect("a line");
        assert!(done.status.success(), "{said}");
        let d_q = arrays(&folder.path().join("out.npz")).into_iter().find(|array| array.0 == "dQ").expect("a gradient");
        (said, d_q.2)
    };
    let (by_default, ones, random) = (run(&[]), run(&["--grad", "ones"]), run(&["--grad", "random"]));
    assert!(by_default.0.trim_end().ends_with(", dO of ones"), "{}", by_default.0);
    assert!(ones.0.trim_end().ends_with(", dO of ones from the option"), "{}", ones.0);
    assert!(random.0.trim_end().ends_with(", dO random by seed 3 from the option"), "{}", random.0);
    assert!(by_default.1 == ones.1 && ones.1 != random.1 && random.1 == run(&["--grad", "random:3"]).1);
    assert!(random.1 != run(&["--grad", "random:4"]).1);
}

/// In another order of arrival the last bits of dQ are others, by seed; a device has an order of its own.
#[test]
fn an_order_of_arrival_is_chosen() {
    let folder = folder();
    let run =
        ["run", "random:40,40,8", "--algorithm", "flash2-backward", "--br", "8", "--bc", "4", "--output", "out.npz"];
    let d_q = |arrival: &str| {
        ok(folder.path(), &[&run[..], &["--arrival", arrival]].concat());
        arrays(&folder.path().join("out.npz")).into_iter().find(|array| array.0 == "dQ").expect("a gradient").2
    };
    let (in_order, shuffled) = (d_q("in-order"), d_q("shuffled:1"));
    assert!(in_order != shuffled && shuffled == d_q("shuffled:1"));
    let line = refused(folder.path(), &[&run[..], &["--arrival", "shuffled:1", "--backend", "cuda"]].concat(), 2);
    assert!(line.contains("--arrival: on a device the order of arrival is its own"), "{line}");
}

/// Of heads that share keys, dK and dV are the sums: those of the golden data.
#[test]
fn gradients_of_a_group_are_those_of_the_oracle() {
    let folder = folder();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/gqa_b2_h4_kv2_q64_k64_d8.npz");
    let exact = arrays(Path::new(golden));
    for name in ["standard", "flash1", "flash2", "two-kernel"] {
        let algorithm = format!("{name}-backward");
        let blocks = ["--br", "16", "--bc", "10", "--precision", "f64", "--output", "out.npz"];
        ok(folder.path(), &[&["run", golden, "--algorithm", &algorithm][..], &blocks].concat());
        let own = arrays(&folder.path().join("out.npz"));
        for gradient in ["dQ", "dK", "dV"] {
            let of = |all: &[Array]| all.iter().find(|array| array.0 == gradient).expect("a gradient").clone();
            let (got, want) = (of(&own), of(&exact));
            assert_eq!(got.1, want.1, "{name}: {gradient}");
            let far = got.2.iter().zip(&want.2).map(|(x, y)| (x - y).abs());
            // A NaN is within no bound.
            assert!(far.clone().all(|far| far <= 1e-10), "{name}: {gradient}: {:?}", far.fold(0.0, f64::max));
        }
    }
}

#[test]
fn traffic_of_a_text_is_that_of_its_algorithm() {
    let folder = folder();
    let shape =
        ["traffic", "--n-q", "100", "--n-k", "90", "--d", "16", "--br", "16", "--bc", "32", "--causal", "--json"];
    for name in ["standard", "flash1", "flash2"] {
        let json = |algorithm: &str| -> serde_json::Value {
            let text = ok(folder.path(), &[&shape[..], &["--algorithm", algorithm]].concat());
            serde_json::from_str(&text).expect("JSON")
        };
        let (own, of_program) = (json(&format!("{name}.tile")), json(name));
        assert_eq!(own["problem"], of_program["problem"]);
        for key in ["tiling", "counted", "closed_form", "bytes", "sram", "tiles", "flops", "on_chip_bytes"] {
            assert_eq!(own["algorithms"][0][key], of_program["algorithms"][0][key], "{name}: {key}");
        }
    }
    let text = ok(folder.path(), &[&shape[..11], &["--algorithm", "split-kv.tile"]].concat());
    assert!(text.contains("O_part") && text.contains("counted = closed form"), "{text}");
}

/// However many parts the keys are cut into, O and L are those of flash2 within the error rule.
#[test]
fn splits_give_what_flash2_gives() {
    let folder = folder();
    let run = |algorithm: &str, precision: &str, splits: &[&str]| {
        let input = ["run", "random:37,29,8,4,2", "--seed", "3", "--causal", "--br", "8", "--bc", "5"];
        let others = ["--algorithm", algorithm, "--precision", precision, "--output", "out.npz"];
        ok(folder.path(), &[&input[..], &others, splits].concat());
        let all = arrays(&folder.path().join("out.npz"));
        all.into_iter().filter(|array| ["O", "L"].contains(&array.0.as_str())).collect::<Vec<_>>()
    };
    let exact = run("flash2.tile", "f64", &[]);
    // 29 keys are 6 key blocks.
    for splits in ["1", "2", "3", "7", "40"] {
        for precision in ["f64"] {
            let split = run("split-kv.tile", precision, &["--splits", splits]);
            assert_eq!(split.len(), 2);
            for (one, two) in split.iter().zip(&exact) {
                assert_eq!((&one.0, &one.1), (&two.0, &two.1));
                let error = max_error(&one.2, &two.2);
                let precision = Precision::parse(precision).expect("a format");
                let largest =
                    two.2.iter().copied().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs()));
                let largest = Errors { o: largest, lse: largest, ..Errors::ZERO };
                // Stricter than the rule: plain attention is taken to have no error.
                let bound = bounds(precision, &Errors::ZERO, &largest, 0.0).o;
                assert!(error <= bound, "{} of {splits} splits in {precision:?}: {error:e}", one.0);
            }
        }
    }
    assert_eq!(run("split-kv.tile", "f64", &[]), run("split-kv.tile", "f64", &["--splits", "2"]));
    assert_ne!(
        run("split-kv.tile", "f64", &[]),
        run("split-kv.tile", "f64", &["--splits", "3"]),
        "splits do something"
    );
}

#[test]
fn traffic_of_splits() {
    let folder = folder();
    let shape = ["traffic", "--n-q", "100", "--n-k", "90", "--d", "16", "--br", "16", "--bc", "32", "--json"];
    for splits in [1, 2, 3, 7] {
        let splits = splits.to_string();
        let arguments = [&shape[..], &["--algorithm", "split-kv.tile", "--splits", &splits]].concat();
        let json: serde_json::Value = serde_json::from_str(&ok(folder.path(), &arguments)).expect("JSON");
        let splits: u64 = splits.parse().expect("a number");
        assert_eq!(json["problem"]["splits"], splits);
        // Each part of each row goes out and comes back once, whether its split has key blocks or not.
        for side in ["read", "write"] {
            assert_eq!(json["algorithms"][0]["counted"][side]["O_part"], 100 * 16 * splits, "{side} of {splits}");
        }
    }
    let refuse = |others: &[&str]| refused(folder.path(), &[&shape[..11], others].concat(), 2);
    assert_eq!(
        refuse(&["--algorithm", "flash2", "--splits", "2"]),
        "tilescope: --splits: flash2 has no loop over splits"
    );
    let own = refuse(&["--algorithm", "flash2.tile", "--splits", "2"]);
    assert_eq!(own, "tilescope: --splits: flash2.tile has no loop over splits");
    for nonsense in ["0", "4097", "-1", "two"] {
        let splits = format!("--splits={nonsense}");
        assert!(refuse(&["--algorithm", "split-kv.tile", &splits]).contains("splits"), "{nonsense}");
    }
    let run = ["run", "random:8,8,4", "--splits", "2", "--output", "out.npz"];
    assert_eq!(refused(folder.path(), &run, 2), "tilescope: --splits: flash2 has no loop over splits");
}

/// A variant is a file like any other: what it is wrong about is told, and a bug is as wrong as it is.
#[test]
fn a_variant_is_a_text() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it can be written");
    write("same.tile", "language 1\ntitle x\nvariant of flash2\nrescale: O = O * alpha; l = l * alpha\n");
    write("bug.tile", variant_of("flash2", "forget-alpha").expect("a bug"));
    write("wrong.tile", "language 1\ntitle x\nvariant of flash2\nrescal: O = O\n");
    assert_eq!(ran(folder.path(), "same.tile"), ran(folder.path(), "flash2"));
    let o = |name: &str| ran(folder.path(), name).into_iter().find(|array| array.0 == "O").expect("O").2;
    assert!(max_error(&o("bug.tile"), &o("flash2")) > 1e-3);
    let traffic = ["traffic", "--n-q", "8", "--n-k", "8", "--d", "4", "--algorithm"];
    assert_eq!(
        refused(folder.path(), &[&traffic[..], &["wrong.tile"]].concat(), 2),
        "tilescope: wrong.tile:4:1: flash2 has no line rescal; did you mean rescale?"
    );
    let text = ok(folder.path(), &[&traffic[..], &["bug.tile"]].concat());
    assert!(text.contains("counted = closed form"), "{text}");
}

#[test]
fn what_is_wrong_is_one_line() {
    let folder = folder();
    let flash2 = TEXTS.iter().find(|(name, _)| *name == "flash2").expect("flash2").1;
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it can be written");
    write("typo.tile", &flash2.replace("rowmax(S)", "rowmx(S)"));
    write("many.tile", &flash2.replace("  load Q[i]\n", "").replace("load V[j]", "load W[j]"));
    write(
        "lost.tile",
        &flash2
            .replace("in       Q K V", "in       Q K V L0[i]:acc of 1")
            .replace("  load Q[i]\n", "  load Q[i]\n  load L0[i]\n")
            .replace("L = m + ln(l)", "L = m + ln(l) - L0"),
    );
    write("late.tile", &flash2.replace("report   m l", "report   m l\nafter    flash9"));
    fs::write(folder.path().join("bytes.tile"), [0xff, 0xfe]).expect("it can be written");
    let run =
        |name: &str| refused(folder.path(), &["run", "random:8,8,4", "--algorithm", name, "--output", "out.npz"], 2);
    let line = flash2.lines().position(|line| line.contains("rowmax(S)")).expect("there") + 1;
    assert_eq!(
        run("typo.tile"),
        format!("tilescope: typo.tile:{line}:34: there is no function rowmx; did you mean rowmax?")
    );
    assert!(run("many.tile").contains(" more)"), "{}", run("many.tile"));
    assert_eq!(
        run("lost.tile"),
        "tilescope: lost.tile: the text needs L0, which the input does not have; a text that needs what a forward pass \
         leaves says so: after flash2"
    );
    assert!(run("late.tile").contains("it comes after flash9, which is not there"));
    assert_eq!(run("bytes.tile"), "tilescope: bytes.tile: this is no text: it is not UTF-8");
    assert!(run("none.tile").starts_with("tilescope: none.tile: there is no such file"));
    let gpu = ["run", "random:8,8,4", "--algorithm", "flash2.tile", "--backend", "cuda", "--output", "out.npz"];
    assert!(refused(folder.path(), &gpu, 2).contains("has no kernel of its own"));
    assert!(!folder.path().join("out.npz").exists(), "no output is touched");
    let traffic = ["traffic", "--n-q", "8", "--n-k", "8", "--d", "4", "--algorithm", "typo.tile"];
    assert!(refused(folder.path(), &traffic, 2).starts_with("tilescope: typo.tile:"));
}

/// A bug is a text that differs in a line: without the guard of empty rows, a dead row is NaN.
#[test]
fn a_bug_is_a_text() {
    let folder = folder();
    let flash2 = TEXTS.iter().find(|(name, _)| *name == "flash2").expect("flash2").1;
    fs::write(folder.path().join("bug.tile"), flash2.replace("finite(", "(")).expect("it can be written");
    let run = |name: &str| {
        let arguments =
            ["run", "random:9,5,4", "--causal", "--precision", "f64", "--br", "9", "--bc", "5", "--output", "out.npz"];
        ok(folder.path(), &[&arguments[..], &["--algorithm", name]].concat());
        let all = arrays(&folder.path().join("out.npz"));
        all.into_iter().find(|array| array.0 == "O").expect("O").2
    };
    assert!(run("flash2.tile").iter().all(|x| x.is_finite()));
    assert!(run("bug.tile").iter().any(|x| x.is_nan()));
}

/// Texts of the program run by their names, bugs by that of their base and their own; other commands say what they have.
#[test]
fn texts_of_the_program_have_names() {
    let folder = folder();
    let folder = folder.path();
    assert_eq!(ran(folder, "split-kv"), ran(folder, "split-kv.tile"));
    let bug = variant_of("flash2", "forget-alpha").expect("a bug");
    fs::write(folder.join("bug.tile"), bug).expect("it can be written");
    assert_eq!(ran(folder, "flash2/forget-alpha"), ran(folder, "bug.tile"));
    let sizes = ["--n-q", "9", "--n-k", "7", "--d", "3", "--br", "4", "--bc", "2"];
    let moved = ok(folder, &[&["traffic", "--algorithm", "flash2-backward"], &sizes[..]].concat());
    assert!(moved.contains("counted = closed form"), "{moved}");
    for (name, word) in [
        ("mine.tile", "mine.tile: there is no such file"),
        ("flash2/no-such-bug", "there is no algorithm flash2/no-such-bug; there are standard, flash1, flash2"),
        ("flash3", "there is no algorithm flash3; there are"),
    ] {
        let error = refused(folder, &["trace", "random:4,4,2", "--algorithm", name, "--output", "t.json"], 2);
        assert!(error.contains(word), "{error}");
    }
}

/// Adding an algorithm touches one file: what runs the program's texts runs one that was written a moment ago.
#[test]
fn a_new_text_has_every_command() {
    let folder = folder();
    let folder = folder.path();
    // flash2 that weighs the values before it adds them up, under names of its own.
    let text = include_str!("../common/two_sums.tile");
    fs::write(folder.join("mine.tile"), text).expect("it can be written");
    let input = ["random:37,41,5", "--br", "8", "--bc", "6", "--precision", "f64"];
    let run = |algorithm: &str, output: &str| {
        ok(folder, &[&["run"], &input[..], &["--algorithm", algorithm, "--output", output]].concat());
        arrays(&folder.join(output))
    };
    let (mine, right) = (run("mine.tile", "mine.npz"), run("flash2", "right.npz"));
    let of = |all: &[Array], name: &str| all.iter().find(|(known, ..)| known == name).expect("a result").2.clone();
    assert!(max_error(&of(&mine, "O"), &of(&right, "O")) < 1e-12);
    assert!(max_error(&of(&mine, "weight"), &of(&right, "l")) < 1e-12);
    let sizes = ["--n-q", "37", "--n-k", "41", "--d", "5", "--br", "8", "--bc", "6", "--causal"];
    let moved = ok(folder, &[&["traffic", "--algorithm", "mine.tile"], &sizes[..]].concat());
    assert!(moved.contains("counted = closed form") && moved.contains("weight"), "{moved}");
    let trace = ["--algorithm", "mine.tile", "--tiles", "full", "--output", "mine.json"];
    ok(folder, &[&["trace"], &input[..], &trace[..]].concat());
    let bytes = fs::read(folder.join("mine.json")).expect("a trace");
    let trace = tilescope::trace::read(&bytes).expect("it is read back");
    assert_eq!((trace.algorithm.as_str(), trace.text.as_deref()), ("mine.tile", Some(text)));
    assert!(trace.check.as_ref().is_some_and(|check| check.passed && check.m.is_none()), "{:?}", trace.check);
    let last = trace.steps.iter().rfind(|step| step.op == "gather").expect("the last visit");
    // Its statistics are told by what they are, under whatever names; the rest under its own.
    assert_eq!(last.values.keys().map(String::as_str).collect::<Vec<_>>(), ["higher"]);
    let told = [&last.m, &last.l, &last.alpha, &last.l_tile, &last.beta, &last.m_tile, &last.lse];
    assert_eq!(told.map(Option::is_some), [true, true, true, true, false, false, false], "{last:?}");
    assert!(last.o.is_some() && last.blocks.is_empty(), "{last:?}");
    assert!(trace.steps.iter().any(|step| step.op == "weigh" && step.p.is_some()));
    // What a trace of it says is held against its own text.
    let mine = ["mine.json", "mine.json", "--json"];
    ok(folder, &[&["diff"], &mine[..]].concat());
    #[cfg(feature = "app")]
    {
        let picture = ["--algorithm", "mine.tile", "--at", "40", "--output", "mine.png"];
        ok(folder, &[&["render", "random:16,16,4"], &picture[..]].concat());
        assert!(fs::metadata(folder.join("mine.png")).expect("a picture").len() > 10_000);
    }
}

/// Texts with splits and backward passes leave traces whose steps follow from their input.
#[test]
fn every_text_of_the_program_leaves_a_trace() {
    let folder = folder();
    let folder = folder.path();
    for name in [
        "flash2-lazy",
        "flash2-lanes",
        "split-kv",
        "standard-backward",
        "flash1-backward",
        "flash2-backward",
        "two-kernel-backward",
    ] {
        for precision in ["f64", "bf16"] {
            let splits: &[&str] = if name == "split-kv" { &["--splits", "3"] } else { &[] };
            let input = ["trace", "random:13,17,4", "--br", "5", "--bc", "4", "--precision", precision, "--causal"];
            let output = ["--algorithm", name, "--tiles", "full", "--output", "t.json"];
            ok(folder, &[&input[..], &output[..], splits].concat());
            let trace = tilescope::trace::read(&fs::read(folder.join("t.json")).expect("a trace")).expect("a trace");
            let is_backward = name.ends_with("-backward");
            assert_eq!(trace.check.map(|check| check.passed), Some(true), "{name} in {precision}");
            let parts = trace.steps.iter().filter_map(|step| step.split).max();
            assert_eq!(parts, (name == "split-kv").then_some(2), "{name}");
            let gradients = trace.steps.iter().any(|step| step.blocks.contains_key("dV"));
            assert_eq!(gradients, is_backward, "{name}");
        }
    }
}
