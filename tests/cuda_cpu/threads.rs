//! The object file of `thread_block.cpp`, which every kernel that runs on the CPU is linked with: built once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cuda_cpu");

/// Optimised, as most of the time of a run goes into it; also for a library.
const FLAGS: [&str; 6] = ["-std=c++17", "-O3", "-g1", "-fPIC", "-Wall", "-c"];

/// The object file. What was built of the same sources before is used again.
pub fn object() -> Result<PathBuf, String> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hash = Sha256::new();
    for name in ["thread_block.cpp", "thread_block.h", "fibre.h", "formats.h"] {
        hash.update(fs::read(Path::new(HERE).join(name)).map_err(|error| error.to_string())?);
    }
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("thread_block-{hash}.o"));
    if built.exists() {
        return Ok(built);
    }
    let partial = built.with_extension(format!("{}.o", std::process::id()));
    let finished = Command::new("g++")
        .args(FLAGS)
        .args([&Path::new(HERE).join("thread_block.cpp"), Path::new("-o"), &partial])
        .output()
        .map_err(|error| format!("g++ does not start: {error}"))?;
    if !finished.status.success() || !finished.stderr.is_empty() {
        return Err(String::from_utf8_lossy(&finished.stderr).into_owned());
    }
    // Whole or not at all.
    fs::rename(&partial, &built).map_err(|error| error.to_string())?;
    Ok(built)
}
