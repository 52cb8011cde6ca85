//! Exports and saves that are interrupted at random moments: the old file or the new one, whole; and nothing beside it.
//!
//! `TILESCOPE_KILLS` says how many; a few dozen where it does not.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tilescope::files;

use super::skips::skipped_here;
use super::{folder, listed, program, shell};

const BIG: [&str; 8] = ["trace", "random:192,192,8", "--br", "4", "--bc", "4", "--output", "out.json"];
const SIGNALS: [(i32, &str); 4] = [(2, "INT"), (15, "TERM"), (1, "HUP"), (9, "KILL")];
const KILL: i32 = 9;

fn rounds() -> u64 {
    std::env::var("TILESCOPE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// The signals that a process started here dies of: one that was ignored when the tests began, as under `nohup`, stays
/// ignored in all of them.
fn signals() -> Vec<(i32, &'static str)> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let (kept, left): (Vec<_>, Vec<_>) = SIGNALS.into_iter().partition(|(signal, _)| ignored >> (signal - 1) & 1 == 0);
    for (_, name) in left {
        skipped_here(name, "the tests were started with this signal ignored");
    }
    kept
}

fn send(child: &Child, signal: &str) {
    let status = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(status.expect("kill").success());
}

fn start(folder: &Path) -> Child {
    program(folder).args(BIG).stderr(Stdio::null()).spawn().expect("the program starts")
}

#[test]
fn an_interrupted_export_leaves_the_old_file_or_the_new_one() {
    let folder = folder();
    let path = folder.path().join("out.json");
    let begin = Instant::now();
    assert!(start(folder.path()).wait().expect("it ends").success());
    let whole_time = begin.elapsed();
    let new = fs::read(&path).expect("the trace");
    let (mut rng, signals) = (ChaCha8Rng::seed_from_u64(8), signals());
    let mut finished = 0;
    for round in 0..rounds() {
        let old = (round % 3 > 0).then_some(b"old and whole".as_slice());
        match old {
            Some(old) => fs::write(&path, old).expect("the old file"),
            None => drop(fs::remove_file(&path)),
        }
        let (signal, name) = signals[rng.random_range(0..signals.len())];
        let mut child = start(folder.path());
        // Every second one near the end, when the file takes its place.
        let from = if round % 2 == 0 { 0.0 } else { 0.8 };
        std::thread::sleep(whole_time.mul_f64(rng.random_range(from..1.05)));
        // It may have ended by itself.
        send(&child, name);
        let status = child.wait().expect("it ends");
        assert!(status.success() || status.signal() == Some(signal), "{name}: {status:?}");
        let found = fs::read(&path).ok();
        let is_new = found.as_deref() == Some(&new[..]);
        assert!(is_new || found.as_deref() == old, "{round} {name}: {:?} bytes", found.map(|bytes| bytes.len()));
        assert!(is_new || !status.success(), "{round} {name}: it ended well without the new file");
        finished += u64::from(is_new);
        let beside: Vec<String> = listed(folder.path()).into_iter().filter(|name| name != "out.json").collect();
        if signal != KILL {
            assert_eq!(beside, [""; 0], "{round} {name}");
        }
        assert!(beside.iter().all(|name| name.starts_with(files::PART_PREFIX)), "{beside:?}");
    }
    assert!((1..rounds()).contains(&finished), "{finished} of {} were not interrupted: no moment was met", rounds());
    assert!(start(folder.path()).wait().expect("it ends").success());
    assert_eq!(listed(folder.path()), ["out.json"]);
}

const SAVER: &str = "TILESCOPE_TEST_SAVER";
const TEXTS: [&str; 2] = ["one", "another, and longer"];

fn text(n: usize) -> Vec<u8> {
    TEXTS[n % 2].repeat(5000).into_bytes()
}

/// Saves without end where it is started by the test below, as a process of its own.
#[test]
fn saver() {
    let Some(path) = std::env::var_os(SAVER) else { return };
    for n in 0.. {
        files::replace(Path::new(&path), &text(n)).expect("it is saved");
    }
}

#[test]
fn an_interrupted_save_leaves_the_old_file_or_the_new_one() {
    let folder = folder();
    let path = folder.path().join("settings.json");
    let (mut rng, signals) = (ChaCha8Rng::seed_from_u64(9), signals());
    for round in 0..rounds() {
        let (signal, name) = signals[rng.random_range(0..signals.len())];
        fs::write(&path, text(0)).expect("the old file");
        let program = std::env::current_exe().expect("this test");
        let mut child = Command::new(program)
            .args(["--exact", "interrupted::saver", "--nocapture"])
            .env(SAVER, &path)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        // Until it saves, and some more.
        let begin = Instant::now();
        while fs::read(&path).expect("the file") == text(0) && begin.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(rng.random_range(0..20_000)));
        send(&child, name);
        assert_eq!(child.wait().expect("it ends").signal(), Some(signal));
        let found = fs::read(&path).expect("the file");
        assert!(found == text(0) || found == text(1), "{round} {name}: {} bytes", found.len());
        if signal != KILL {
            assert_eq!(listed(folder.path()), ["settings.json"], "{round} {name}");
        }
    }
    files::replace(&path, b"the next start").expect("it is saved");
    assert_eq!(listed(folder.path()), ["settings.json"]);
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let folder = folder();
    let script = format!(
        "trap '' HUP INT; $TS {} & id=$!; sleep 0.05; for n in 1 2 3; do kill -s HUP $id; kill -s INT $id; sleep 0.02; done; wait $id",
        BIG.join(" ")
    );
    let output = shell(folder.path(), &script);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(listed(folder.path()), ["out.json"]);
}
