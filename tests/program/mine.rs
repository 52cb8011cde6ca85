//! `tilescope check MINE.npz`: an output of another program, whether it is right, and which bug gives its numbers.

use crate::common::saved;
use std::path::Path;

use crate::common::program::{ok, refused, tilescope};
use ndarray::ArrayD;
use tilescope::attention::input::{self, random};

/// `mine.npz` with Q, K, V of 24 random tokens, and what `tilescope run` with `options` makes of them as O and lse.
fn write(folder: &Path, options: &[&str], lse: Option<&[usize]>) {
    let spec = "random:24,24,8,2";
    let run = [&["run", spec, "--precision", "f64", "--output", "out.npz"], options].concat();
    ok(folder, &run);
    let bytes = std::fs::read(folder.join("out.npz")).expect("what was computed");
    let [o, l] = input::read_named(&bytes, ["O", "L"]).expect("its arrays");
    let problem = random::read(spec, 0).expect("the same tokens").problem;
    let mut arrays: saved::Arrays = [("Q", problem.q), ("K", problem.k), ("V", problem.v)]
        .into_iter()
        .map(|(name, array)| (name, saved::Saved::f64(&array.into_dyn())))
        .chain([("O", saved::Saved::f64(&o))])
        .collect();
    if let Some(shape) = lse {
        let rows: usize = shape.iter().product();
        let values = ArrayD::from_shape_vec(shape, l.iter().copied().cycle().take(rows).collect()).expect("numbers");
        arrays.push(("lse", saved::Saved::f64(&values)));
    }
    std::fs::write(folder.join("mine.npz"), saved::npz(&arrays)).expect("a file");
}

#[test]
fn a_diagonal_one_key_too_far_is_named_with_its_first_wrong_number() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    write(folder.path(), &["--window", "-1,1"], None);
    let told = tilescope(folder.path(), &["check", "mine.npz", "--causal"]);
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert_eq!(told.status.code(), Some(1), "{out}{err}");
    assert!(out.contains("it is what this gives: the diagonal one key too far"), "{out}");
    assert!(out.contains("first wrong number: component 0 of O at query 0, head 0, batch entry 0: "), "{out}");
    // The last query sees all keys either way.
    assert!(out.contains("46 of 48 rows are wrong") && err.contains("46 of 48 rows are wrong"), "{out}{err}");
    // It is right where it is held against what it is.
    assert!(ok(folder.path(), &["check", "mine.npz", "--window", "-1,1"]).starts_with("O is right: off by "));
}

#[test]
fn a_logsumexp_is_checked_too() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for shape in [&[1, 2, 24][..], &[2, 24]] {
        write(folder.path(), &[], Some(shape));
        let out = ok(folder.path(), &["check", "mine.npz"]);
        assert!(out.contains("O is right") && out.contains("L is right"), "{out}");
    }
    for shape in [&[2, 25][..], &[24, 2], &[24]] {
        write(folder.path(), &[], Some(shape));
        let line = refused(folder.path(), &["check", "mine.npz"], 2);
        assert!(line.contains("but [1, 2, 24] is needed (batch, heads, n_q)"), "{line}");
    }
}

#[test]
fn json_has_the_causes_and_their_distance() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    write(folder.path(), &["--scale", "1"], None);
    let told = tilescope(folder.path(), &["check", "mine.npz", "--json"]);
    assert_eq!(told.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(json["causes"][0]["name"], "no-scale");
    assert!(json["causes"][0]["off"].as_f64().expect("a number") < 1e-6, "{json}");
    assert_eq!(json["rows"], 48);
}

/// `mine.npz` with Q, K, V, dO of 24 random tokens of four query heads over two, and what `tilescope run` makes of them as
/// dQ, dK and dV, those of `left_out` but for.
fn write_gradients(folder: &Path, options: &[&str], left_out: &[&str]) {
    let d_o = [("dO", random::d_o(&random::read("random:24,24,8,4,2", 0).expect("tokens").problem.shape, 5))];
    let problem = random::read("random:24,24,8,4,2", 0).expect("tokens").problem;
    let inputs = [("Q", problem.q), ("K", problem.k), ("V", problem.v)].into_iter().chain(d_o);
    let mut arrays: saved::Arrays = inputs.map(|(name, array)| (name, saved::Saved::f64(&array.into_dyn()))).collect();
    std::fs::write(folder.join("in.npz"), saved::npz(&arrays)).expect("a file");
    let run = ["run", "in.npz", "--algorithm", "two-kernel-backward", "--precision", "f64", "--output", "out.npz"];
    ok(folder, &[&run[..], options].concat());
    let bytes = std::fs::read(folder.join("out.npz")).expect("what was computed");
    let made = input::read_named(&bytes, ["dQ", "dK", "dV"]).expect("its arrays");
    arrays.extend(["dQ", "dK", "dV"].into_iter().zip(&made).map(|(name, array)| (name, saved::Saved::f64(array))));
    arrays.retain(|(name, _)| !left_out.contains(name));
    std::fs::write(folder.join("mine.npz"), saved::npz(&arrays)).expect("a file");
}

#[test]
fn gradients_are_judged_and_their_bug_is_named() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    write_gradients(folder.path(), &["--causal"], &[]);
    let out = ok(folder.path(), &["check", "mine.npz", "--causal"]);
    assert_eq!(out.matches(" is right: off by ").count(), 3, "{out}");
    let told = tilescope(folder.path(), &["check", "mine.npz"]);
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert_eq!(told.status.code(), Some(1), "{out}{err}");
    assert!(out.contains("it is what this gives: a causal mask where none is asked for"), "{out}");
    assert!(out.contains("first wrong gradient: dQ of query 0, component 0, head 0, batch entry 0: "), "{out}");
    assert!(err.contains("wrong gradients: dQ, dK, dV"), "{err}");
    // Without a dO of the file, under the one that is said.
    write_gradients(folder.path(), &["--grad", "ones"], &["dO"]);
    let out = ok(folder.path(), &["check", "mine.npz", "--grad", "ones"]);
    assert_eq!(out.matches(" is right: off by ").count(), 3, "{out}");
    assert_eq!(tilescope(folder.path(), &["check", "mine.npz", "--grad", "random"]).status.code(), Some(1));
    let line = refused(folder.path(), &["check", "mine.npz"], 2);
    assert!(line.contains("an array dO, or --grad ones where O was summed"), "{line}");
    // What is there is judged, and nothing else.
    write_gradients(folder.path(), &[], &["dQ", "dV"]);
    let told = tilescope(folder.path(), &["check", "mine.npz", "--json", "--scale", "0.5"]);
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let tensors = json["gradients"]["tensors"].as_array().expect("a list");
    assert!(tensors.len() == 1 && tensors[0]["name"] == "dK", "{json}");
    assert!(json.get("o").is_none() && json["gradients"]["first"]["tensor"] == "dK", "{json}");
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    write(folder.path(), &[], None);
    let line = refused(folder.path(), &["check", "random:4,4,4"], 2);
    assert!(line.contains("it has no output to be checked"), "{line}");
    let line = refused(folder.path(), &["check", "--causal"], 2);
    assert!(line.contains("name its file"), "{line}");
    let line = refused(folder.path(), &["check", "mine.npz", "--taps"], 2);
    assert!(line.contains("cannot be used with"), "{line}");
    let line = refused(folder.path(), &["check", "mine.npz", "--dropout", "0.5"], 2);
    assert!(line.contains("it needs a `keep` mask"), "{line}");
    refused(folder.path(), &["check", "nothing.npz"], 2);
    write_gradients(folder.path(), &[], &["dO"]);
    let line = refused(folder.path(), &["check", "mine.npz"], 2);
    assert!(line.contains("its gradients need the gradient of the output: an array dO"), "{line}");
}

/// Sequences of the mixed batch below: a prefill, a chunk of a prompt, a decode step.
const QUERIES: [usize; 3] = [7, 4, 1];
const KEYS: [usize; 3] = [7, 13, 11];

fn offsets(lengths: [usize; 3]) -> saved::Saved {
    saved::Saved::ints(&[4], move |at| lengths[..at].iter().sum::<usize>() as i64)
}

/// `in.npz`: a mixed batch as one array, and `flat.npz`, the same tokens as one sequence.
fn write_batch(folder: &Path) {
    let of = |n: usize, seed: u64| {
        let tokens = random::read(&format!("random:{n},{n},8,2"), seed).expect("tokens").problem;
        // [total, heads, d]
        tokens.q.index_axis_move(ndarray::Axis(0), 0).permuted_axes([1, 0, 2]).as_standard_layout().into_owned()
    };
    let (q, k, v) = (of(12, 1), of(31, 2), of(31, 3));
    let mut arrays: saved::Arrays = [("q", q), ("k", k), ("v", v)]
        .into_iter()
        .map(|(name, array)| (name, saved::Saved::f32(&array.into_dyn())))
        .collect();
    std::fs::write(folder.join("flat.npz"), saved::npz(&arrays)).expect("a file");
    arrays.extend([("cu_seqlens_q", offsets(QUERIES)), ("cu_seqlens_k", offsets(KEYS))]);
    std::fs::write(folder.join("in.npz"), saved::npz(&arrays)).expect("a file");
}

/// `mine.npz`: the batch of `in.npz`, with O and lse that a run of `input` makes.
fn write_output(folder: &Path, input: &str, options: &[&str]) {
    ok(folder, &[&["run", input, "--precision", "f64", "--output", "out.npz"], options].concat());
    let [q, k, v] = ["q", "k", "v"].map(|name| {
        let bytes = std::fs::read(folder.join("in.npz")).expect("the batch");
        input::read_named(&bytes, [name]).expect("an array")[0].clone()
    });
    let bytes = std::fs::read(folder.join("out.npz")).expect("what was computed");
    let [o, lse] = input::read_named(&bytes, ["O", "L"]).expect("its arrays");
    let numbers = [("q", q), ("k", k), ("v", v), ("O", o), ("lse", lse)];
    let arrays = numbers.into_iter().map(|(name, array)| (name, saved::Saved::f32(&array)));
    let arrays = arrays.chain([("cu_seqlens_q", offsets(QUERIES)), ("cu_seqlens_k", offsets(KEYS))]).collect();
    std::fs::write(folder.join("mine.npz"), saved::npz(&arrays)).expect("a file");
}

#[test]
fn a_mixed_batch_is_checked_by_its_sequences() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let folder = folder.path();
    write_batch(folder);
    let blocks = ["check", "mine.npz", "--causal", "--br", "4", "--bc", "4"];
    for options in [&["--causal"][..], &["--causal", "--varlen"]] {
        write_output(folder, "in.npz", options);
        for asked in [&blocks[..], &[&blocks[..], &["--varlen"]].concat()] {
            let out = ok(folder, asked);
            assert!(out.contains("O is right") && out.contains("L is right"), "{options:?} {asked:?}: {out}");
        }
    }
    let wrong = |more: &[&str]| {
        let told = tilescope(folder, &[&blocks[..], more].concat());
        assert_eq!(told.status.code(), Some(1), "{told:?}");
        String::from_utf8(told.stdout).expect("text")
    };
    write_output(folder, "in.npz", &["--causal", "--align", "top-left"]);
    let out = wrong(&[]);
    assert!(out.contains("it is what this gives: the diagonal from the other corner"), "{out}");
    // The prefill has one diagonal either way; of the chunk the first query misses keys 1 to 9.
    let place = "first wrong number: component 0 of O at query 0, head 0, sequence 1 (query 7 of all): ";
    assert!(out.contains(place), "{out}");
    let tile = "it is in tile 0,0 (query block, key block) of blocks of 4 x 4; there, key 1 of sequence 1 (key 8 of all) \
        is not seen and should be";
    assert!(out.contains(tile), "{out}");
    // In one schedule, the prefill has two blocks of queries and of keys before those of the chunk.
    assert!(wrong(&["--varlen"]).contains("it is in tile 2,2 (query block, key block)"), "{}", wrong(&["--varlen"]));
    // All tokens as one sequence: the first queries see keys of the next sequence.
    write_output(folder, "flat.npz", &["--causal", "--layout", "thd"]);
    let out = wrong(&[]);
    assert!(out.contains("it is what this gives: the sequences are ignored: all tokens are one"), "{out}");
    assert!(out.contains("; there, key 0 of sequence 1 (key 7 of all) is seen and should not be"), "{out}");
    let told = tilescope(folder, &[&blocks[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let cause = &json["causes"][0];
    assert!(cause["name"] == "sequences-ignored" && cause["key"]["batch"] == 1 && cause["key"]["key"] == 0, "{json}");
    assert!(json["tile"]["query_block"] == 0 && json["tile"]["br"] == 4, "{json}");
}

/// Key lengths of a padded batch: an option, whose diagonal is at the padding or at the lengths.
#[test]
fn a_padded_batch_is_checked_by_its_lengths() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let folder = folder.path();
    let problem = random::read("random:5,16,8,2", 4).expect("tokens").problem;
    let twice = |tensor: &ndarray::Array4<f64>| {
        ndarray::concatenate(ndarray::Axis(0), &[tensor.view(), (tensor * -0.5).view()]).expect("one shape").into_dyn()
    };
    let mut arrays: saved::Arrays = [("q", &problem.q), ("k", &problem.k), ("v", &problem.v)]
        .into_iter()
        .map(|(name, array)| (name, saved::Saved::f64(&twice(array))))
        .collect();
    std::fs::write(folder.join("in.npz"), saved::npz(&arrays)).expect("a file");
    let lengths = ["--causal", "--kv-lengths", "9,14"];
    ok(folder, &[&["run", "in.npz", "--precision", "f64", "--output", "out.npz"], &lengths[..]].concat());
    let bytes = std::fs::read(folder.join("out.npz")).expect("what was computed");
    let [o] = input::read_named(&bytes, ["O"]).expect("its output");
    arrays.push(("O", saved::Saved::f64(&o)));
    std::fs::write(folder.join("mine.npz"), saved::npz(&arrays)).expect("a file");
    let check = |more: &[&str]| tilescope(folder, &[&["check", "mine.npz"], &lengths[..], more].concat());
    for more in [&[][..], &["--varlen"]] {
        assert_eq!(check(more).status.code(), Some(0), "{more:?}: {:?}", check(more));
    }
    for more in [&["--diagonal", "lengths"][..], &["--diagonal", "lengths", "--varlen"]] {
        let told = check(more);
        let out = String::from_utf8_lossy(&told.stdout);
        assert_eq!(told.status.code(), Some(1), "{out}");
        assert!(out.contains("the diagonal ends at the padded length, and not at that of each sequence"), "{out}");
    }
    let line = refused(folder, &["check", "mine.npz", "--varlen", "--left-padding", "1,2"], 2);
    assert!(line.contains("--varlen: a batch in one schedule has no left padding"), "{line}");
}

/// The gradient of learned sinks that `run` works out is right, and one of the other sign is named.
#[test]
fn the_gradient_of_sinks_is_judged() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let folder = folder.path();
    let problem = random::read("random:24,24,8,4,2", 0).expect("tokens").problem;
    let d_o = random::d_o(&problem.shape, 5);
    let inputs = [("Q", problem.q), ("K", problem.k), ("V", problem.v), ("dO", d_o)];
    let mut arrays: saved::Arrays =
        inputs.into_iter().map(|(name, array)| (name, saved::Saved::f64(&array.into_dyn()))).collect();
    arrays.push(("sinks", saved::Saved::f64(&random::sinks(4, 7).into_dyn())));
    std::fs::write(folder.join("in.npz"), saved::npz(&arrays)).expect("a file");
    ok(folder, &["run", "in.npz", "--algorithm", "flash2-backward", "--precision", "f64", "--output", "out.npz"]);
    let bytes = std::fs::read(folder.join("out.npz")).expect("what was computed");
    let [d_sinks] = input::read_named(&bytes, ["dSinks"]).expect("its gradient");
    let write = |d_sinks: &ArrayD<f64>| {
        let arrays = arrays.iter().cloned().chain([("dSinks", saved::Saved::f64(d_sinks))]).collect();
        std::fs::write(folder.join("mine.npz"), saved::npz(&arrays)).expect("a file");
    };
    write(&d_sinks);
    assert!(ok(folder, &["check", "mine.npz"]).starts_with("dSinks is right: off by "));
    write(&d_sinks.mapv(|x| -x));
    let told = tilescope(folder, &["check", "mine.npz"]);
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.code() == Some(1) && err.contains("wrong gradients: dSinks"), "{out}{err}");
    assert!(out.contains("it is what this gives: dSinks has the other sign"), "{out}");
    assert!(out.contains("first wrong gradient: dSinks of head 0: "), "{out}");
}
