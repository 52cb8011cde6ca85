//! `tilescope traffic` from outside: its closed form at once, what is counted beside it, and what it refuses.

use crate::common::program::{ok, refused};
use serde_json::Value;

fn reports(arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let text = ok(folder.path(), &[&["traffic", "--json"], arguments].concat());
    let mut json: Value = serde_json::from_str(&text).expect("JSON");
    serde_json::from_value(json["algorithms"].take()).expect("a list")
}

const MILLION: [&str; 7] = ["--n-q", "1000000", "--n-k", "1000000", "--d", "128", "--causal"];

/// Known by hand: at 128 x 128 a causal flash2 sees 7813 blocks of queries, and of keys as many as stand before each.
#[test]
fn a_million_tokens_are_not_walked() {
    let reports = reports(&MILLION);
    assert_eq!(reports.len(), 3);
    for report in &reports {
        assert_eq!(report["counted"], Value::Null);
        assert_eq!(report["sram"]["counted"], Value::Null);
        let reason = report["counted_reason"].as_str().expect("a reason");
        assert!(reason.contains("--count"), "{reason}");
    }
    let flash2 = &reports[2];
    let blocks: u64 = 7813;
    // The last block has 64 keys.
    let keys = 128 * (blocks * (blocks + 1) / 2) - 64;
    assert_eq!(flash2["closed_form"]["read"]["K"], keys * 128);
    assert_eq!(flash2["tiles"]["full"], blocks * (blocks - 1) / 2);
    assert_eq!(flash2["tiles"]["partial"], blocks);
    assert_eq!(flash2["steps"], 5 * blocks + 8 * blocks * (blocks + 1) / 2 + blocks);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let text = ok(folder.path(), &[&["traffic"][..], &MILLION].concat());
    assert!(text.contains("closed form; not counted (244,250,006 steps; --count walks them)"), "{text}");
}

/// `--count` walks more steps than are counted unasked, and finds the same.
#[test]
fn counting_can_be_asked_for() {
    let sizes = ["--n-q", "24000", "--n-k", "24000", "--d", "8", "--br", "16", "--bc", "16", "--algorithm", "flash2"];
    let [unasked, asked] = [vec![], vec!["--count"]].map(|more| reports(&[&sizes[..], &more].concat()).remove(0));
    assert!(unasked["steps"].as_u64() > Some(10_000_000), "{}", unasked["steps"]);
    for report in [&unasked, &asked] {
        assert_eq!(report["counted"], report["closed_form"]);
    }
    let wide = ["--n-q", "30000", "--n-k", "30000", "--d", "8", "--br", "16", "--bc", "16", "--algorithm", "flash2"];
    let [unasked, asked] = [vec![], vec!["--count"]].map(|more| reports(&[&wide[..], &more].concat()).remove(0));
    assert_eq!(unasked["counted"], Value::Null);
    assert_eq!(asked["counted"], unasked["closed_form"]);
    assert_eq!(asked["sram"]["counted"], unasked["sram"]["closed_form"]);
    assert!(asked.get("counted_reason").is_none() && asked.get("differs").is_none());
}

/// Key lengths do not move the diagonal: with 70 of 100 keys, query i still sees keys up to i.
#[test]
fn the_diagonal_is_that_of_all_keys() {
    let sizes = ["--n-q", "100", "--n-k", "100", "--d", "1", "--br", "1", "--bc", "1", "--algorithm", "flash2"];
    let report = reports(&[&sizes[..], &["--causal", "--kv-lengths", "70"]].concat()).remove(0);
    let seen: u64 = (0..100).map(|i| u64::min(i + 1, 70)).sum();
    assert_eq!(report["counted"]["read"]["K"], seen);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let help = ok(folder.path(), &["traffic", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains("they do not move the diagonal") && help.contains("the last query sees the last of n_k keys")
    );
}

#[test]
fn what_cannot_be_told_is_one_line() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let traffic = |n: &str, more: &[&str]| {
        let sizes = ["traffic", "--n-q", n, "--n-k", n, "--d", "64"];
        refused(folder.path(), &[&sizes[..], more].concat(), 2)
    };
    let cases = [
        (traffic("1000000000000", &[]), "above 2^64"),
        (traffic("1000000000", &["--algorithm", "flash1"]), "above 2^64"),
        (traffic("18446744073709551615", &[]), "out of reach"),
        (traffic("64", &["--d-v", "9223372036854775808"]), "out of reach"),
        (traffic("60000000", &["--br", "1", "--bc", "1", "--d-v", "1", "--algorithm", "flash2"]), "larger blocks"),
        (traffic("64", &["--kv-lengths", "3,4"]), "one length"),
        (traffic("64", &["--kv-lengths", "65"]), "at most n_k = 64"),
        (traffic("0", &[]), "n_q is 0"),
    ];
    for (line, expected) in cases {
        assert!(line.contains(expected), "{line}, not {expected}");
    }
}

/// A side of a window that no integer of the machine can be added to hides nothing.
#[test]
fn the_widest_window_is_none() {
    let sizes = ["--n-q", "33", "--n-k", "50", "--d", "4", "--br", "8", "--bc", "8"];
    let wide = reports(&[&sizes[..], &["--window", "18446744073709551615,9223372036854775807"]].concat());
    assert_eq!(wide, reports(&sizes));
}

/// A schedule is counted for the heads that it is of, and what all heads of all entries move is as often as much. Of a group
/// of g heads each writes its own dK and dV in f32, g N_k d elements of each, which `reduce-heads` reads once, and it writes
/// N_k d of each.
#[test]
fn heads_that_share_keys_are_counted_together() {
    let sizes = ["--n-q", "37", "--n-k", "41", "--d", "5", "--br", "16", "--bc", "8", "--causal", "--algorithm"];
    let many = ["--heads", "6", "--kv-heads", "2", "--entries", "5"];
    let keys = 41 * 5;
    for (name, group) in [
        ("standard", 1),
        ("flash2", 1),
        ("split-kv", 1),
        ("standard-backward", 3),
        ("flash1-backward", 3),
        ("flash2-backward", 3),
        ("two-kernel-backward", 3),
    ] {
        let [one, all] = [vec![], many.to_vec()].map(|more| reports(&[&sizes[..], &[name], &more].concat()).remove(0));
        assert_eq!(all["heads"], group, "{name}");
        assert_eq!(all["counted"], all["closed_form"], "{name}");
        assert!(all.get("differs").is_none() && one.get("differs").is_none(), "{name}");
        for way in ["read", "write"] {
            let [of_one, of_group, of_all] =
                [&one["bytes"], &all["bytes"], &all["bytes_of_all"]].map(|moved| moved[way].as_u64().expect("bytes"));
            assert_eq!(of_all, of_group * 30 / group, "{name}, {way}");
            if group == 1 {
                assert_eq!(of_group, of_one, "{name}, {way}");
                continue;
            }
            // In f16 an element has 2 bytes, and of what is to be summed 4; flash1 begins dK and dV in HBM with zeros, too.
            let times = if way == "write" && name == "flash1-backward" { 2 } else { 1 };
            let (own, parts) = (times * 2 * keys * 2, times * 2 * group * keys * 4);
            let want = match way {
                "read" => group * of_one + 2 * group * keys * 4,
                _ => group * (of_one - own) + parts + 2 * keys * 2,
            };
            assert_eq!(of_group, want, "{name}, {way}");
        }
        let elements = |tensor: &str| {
            ["read", "write"].map(|way| all["closed_form"][way].get(tensor).map(|of| of.as_u64().expect("elements")))
        };
        for tensor in ["dK", "dV"].into_iter().filter(|_| group > 1) {
            let times = if name == "flash1-backward" { 2 } else { 1 };
            let part = elements(&format!("{tensor}_head"));
            assert_eq!(part, [Some(group * keys), Some(times * group * keys)], "{name}: {tensor} of each head");
            assert_eq!(elements(tensor), [None, Some(keys)], "{name}: {tensor}");
        }
        for tensor in ["dK_head", "dV_head"] {
            assert!(one["closed_form"]["write"].get(tensor).is_none(), "{name}: of one head nothing is summed");
        }
    }
    let folder = tempfile::tempdir().expect("a folder for the test");
    let fault = refused(
        folder.path(),
        &["traffic", "--n-q", "8", "--n-k", "8", "--d", "4", "--heads", "8", "--kv-heads", "3"],
        2,
    );
    assert!(fault.contains("8 query heads cannot share 3 key/value heads"), "{fault}");
}

/// Pages of a shape alone: each block of K and of V reads an entry for each page that it lies in, page by page here.
#[test]
fn pages_of_a_shape_are_counted() {
    let (n_q, n_k, br, bc) = (130_usize, 257_usize, 32_usize, 64_usize);
    let shape =
        ["--n-q", "130", "--n-k", "257", "--d", "8", "--br", "32", "--bc", "64", "--causal", "--align", "top-left"];
    for size in [1_usize, 7, 16, 63, 64, 65, 128, 1000] {
        let size_text = size.to_string();
        let all = reports(&[&shape[..], &["--page-size", &size_text]].concat());
        let pages = |j: usize| {
            let mut met: Vec<usize> = (j * bc..((j + 1) * bc).min(n_k)).map(|key| key / size).collect();
            met.dedup();
            met.len() as u64
        };
        // Of flash2, a query block loads the key blocks that begin before its last query.
        let of_rows = |i: usize| (0..n_k.div_ceil(bc)).filter(move |j| j * bc < ((i + 1) * br).min(n_q));
        let wanted: u64 = (0..n_q.div_ceil(br)).flat_map(of_rows).map(|j| 2 * pages(j)).sum();
        assert_eq!(all[2]["closed_form"]["read"]["block_table"], wanted, "pages of {size}");
        for report in &all {
            assert_eq!(report["counted"], report["closed_form"], "pages of {size}");
        }
    }
    let folder = tempfile::tempdir().expect("a folder for the test");
    let text = ok(folder.path(), &[&["traffic"][..], &shape, &["--page-size", "16"]].concat());
    assert!(text.contains(", K and V in pages of 16. ") && text.contains("block_table"), "{text}");
    let line = refused(folder.path(), &[&["traffic"][..], &shape, &["--page-size", "0"]].concat(), 2);
    assert!(line.contains("page-size"), "{line}");
    // A run of a random shape has the same numbers in pages, and a trace says which.
    let run = |more: &[&str]| {
        ok(folder.path(), &[&["run", "random:9,20,4", "--output", "out.npz"], more].concat());
        std::fs::read(folder.path().join("out.npz")).expect("what was computed")
    };
    assert_eq!(run(&[]), run(&["--page-size", "3"]));
    ok(folder.path(), &["trace", "random:9,20,4", "--page-size", "3", "--bc", "4", "--br", "4", "--output", "t.json"]);
    let trace = std::fs::read(folder.path().join("t.json")).expect("a trace");
    let trace: Value = serde_json::from_slice(&trace).expect("JSON");
    assert_eq!(trace["input"]["page_size"], 3);
    assert_eq!(trace["problem"]["pages"]["pool"], 7);
    let step =
        trace["steps"].as_array().expect("steps").iter().find(|step| step["op"] == "load" && step["tensor"] == "K");
    let step = step.expect("a load");
    assert_eq!(step["pages"].as_array().map(Vec::len), Some(2), "keys 0 to 3 lie in two pages of 3: {step}");
}
