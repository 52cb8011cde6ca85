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
