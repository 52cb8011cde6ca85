//! The committed PTX and the table of registers, against the sources and against what the issue asks of them.

use crate::common::skips;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

const ARCHITECTURES: [&str; 5] = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_100"];

fn kernels() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of the PTX files, without their ending.
fn variants() -> BTreeSet<String> {
    let files = fs::read_dir(kernels().join("ptx")).expect("PTX is committed").flatten();
    files.filter_map(|file| file.file_name().to_string_lossy().strip_suffix(".ptx").map(str::to_owned)).collect()
}

/// Needs no tools: the hash of the sources stands in each PTX.
#[test]
fn ptx_is_not_older_than_its_source() {
    let variants = variants();
    assert!(variants.len() >= 30, "{variants:?}");
    for variant in variants {
        let ptx = read(&kernels().join(format!("ptx/{variant}.ptx")));
        let file = format!("{}.cu", variant.split('.').next().expect("a name has a first part"));
        let sources = [file.as_str(), "attention.cuh", "tiles.cuh", "backward.cuh", "tensor_cores.cuh"]
            .map(|name| read(&kernels().join(name)));
        let hash: String = Sha256::digest(sources.concat()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(ptx.contains(&format!("// source {hash}")), "{variant}: run scripts/compile-kernels");
        assert!(ptx.starts_with(&format!("// {file}")) && ptx.lines().next().is_some_and(|l| l.contains("NVRTC 12.1")));
        assert!(ptx.contains("\n.version 8.1\n.target sm_80\n"), "{variant}: every driver since 530 must load it");
    }
}

#[test]
fn every_variant_fits_every_architecture_without_spills() {
    let table: Value = serde_json::from_str(&read(&kernels().join("registers.json"))).expect("JSON");
    let rows = table["kernels"].as_array().expect("rows");
    for row in rows {
        assert_eq!(row["spill_bytes"], 0, "{row}");
        assert!(row["registers"].as_u64().is_some_and(|n| (1..=255).contains(&n)), "{row}");
        // What a block gets on the smallest of these architectures.
        assert!(row["shared_bytes"].as_u64().is_some_and(|n| n <= 99 << 10), "more than every launch is given: {row}");
    }
    for variant in variants() {
        let of: BTreeSet<_> = rows
            .iter()
            .filter(|row| row["variant"] == *variant)
            .filter_map(|row| row["architecture"].as_str())
            .collect();
        assert_eq!(of, BTreeSet::from(ARCHITECTURES), "{variant}");
    }
    let readme = read(&kernels().join("README.md"));
    for row in rows.iter().filter(|row| !row["variant"].as_str().is_some_and(|name| name.ends_with(".taps"))) {
        let (entry, variant) = (row["entry"].as_str().expect("a name"), row["variant"].as_str().expect("a name"));
        let begins = format!("| `{entry}` | `{variant}` | {} |", row["shared_bytes"]);
        let line = readme.lines().find(|line| line.starts_with(&begins)).unwrap_or_else(|| panic!("no row {begins}"));
        assert!(line.contains(&format!(" {} |", row["registers"])), "{line} has not {row}");
    }
}

/// Compiles and assembles all of it anew.
#[test]
fn the_sources_give_what_is_committed() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/compile-kernels");
    let finished = match Command::new("python3").arg(script).arg("--check").output() {
        Ok(finished) if finished.status.code() != Some(3) => finished,
        Ok(finished) => {
            let why = String::from_utf8_lossy(&finished.stderr);
            skips::skipped_here(&format!("{} variants", variants().len()), why.trim());
            return;
        }
        Err(error) => {
            skips::skipped_here(&format!("{} variants", variants().len()), &format!("python3: {error}"));
            return;
        }
    };
    let said = [finished.stdout, finished.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    println!("{said}");
    assert!(finished.status.success(), "{said}");
}
