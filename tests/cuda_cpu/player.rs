//! Builds a CUDA kernel as C++ for the CPU and runs problems through it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Finished};

use half::{bf16, f16};
use ndarray::{Array2, Array4};
use tempfile::TempDir;
use tilescope::attention::dropout::{Dropout, Keep};
use tilescope::attention::oracle::Output;
use tilescope::attention::{Precision, Problem};

use super::threads;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Orders in which threads run between barriers, as `thread_block.h` numbers them.
pub const ORDERS: [&str; 3] = ["forwards", "backwards", "at random"];

/// One way to compile a kernel file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variant {
    /// Stem of the file in `kernels/`.
    pub kernel: &'static str,
    pub precision: Precision,
    /// Largest head dimension; in half precision the only one, to which rows are padded with zeros.
    pub d: usize,
    pub taps: bool,
    pub deterministic: bool,
}

impl Variant {
    pub fn name(&self) -> String {
        let taps = if self.taps { " with taps" } else { "" };
        let order = if self.deterministic { ", deterministic" } else { "" };
        format!("{} {} D={}{taps}{order}", self.kernel, self.precision.name(), self.d)
    }

    /// Whether it takes the problem.
    pub fn takes(&self, problem: &Problem) -> bool {
        problem.shape.d.max(problem.shape.d_v) <= self.d && (problem.dropout.is_none() || self.has_dropout())
    }

    /// Whether the kernel knows dropout.
    pub fn has_dropout(&self) -> bool {
        ["flash2", "flash2_backward", "two_kernel_backward"].contains(&self.kernel)
    }

    fn is_half(&self) -> bool {
        matches!(self.precision, Precision::F16 | Precision::BF16)
    }

    fn defines(&self) -> Vec<String> {
        let mut defines =
            vec![format!("-DKERNEL_FILE=\"{}.cu\"", self.kernel), format!("-DKERNEL_{}", self.kernel.to_uppercase())];
        if self.kernel != "standard" {
            defines.push(format!("-DD={}", self.d));
        }
        if self.is_half() {
            defines.push("-DTENSOR_CORES".into());
        }
        if self.precision == Precision::BF16 {
            defines.push("-DBF16".into());
        }
        if self.taps {
            defines.push("-DTAPS".into());
        }
        if self.deterministic {
            defines.push("-DDETERMINISTIC".into());
        }
        defines
    }
}

/// A kernel that was compiled for the CPU.
pub struct Player {
    pub variant: Variant,
    folder: TempDir,
}

/// A problem and the order (an index of [`ORDERS`]) in which threads run.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub problem: &'a Problem,
    pub order: usize,
    /// Parts that split_kv, and flash2_backward where it is deterministic, cut the keys into.
    pub splits: usize,
    /// What a backward kernel takes beside the problem: O, L and dO, as f32.
    pub given: &'a [f32],
}

impl<'a> Job<'a> {
    pub fn new(problem: &'a Problem, order: usize) -> Self {
        Self { problem, order, splits: 1, given: &[] }
    }
}

/// What a kernel made of one problem.
pub struct Answer {
    /// One per query head, batch by batch.
    pub outputs: Vec<Output>,
    /// m and l of every row after every key block, `[batch, heads, key blocks, n_q]`; NaN where a tile was skipped.
    pub taps: Option<[Vec<f32>; 2]>,
    /// All of it, bit by bit.
    pub bytes: Vec<u8>,
}

/// The sanitizers that stand guard, and a section for shared memory that they watch too.
const FLAGS: [&str; 8] = [
    "-std=c++17",
    "-O1",
    "-g1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fsanitize-sections=shared_memory",
    "-Wall",
    "-Wno-unknown-pragmas",
];

/// Whether `g++` with its sanitizers is there; a sentence if not.
pub fn compiler() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let source = folder.path().join("empty.cpp");
    fs::write(&source, "int main() { return 0; }\n").map_err(|error| error.to_string())?;
    let built = Command::new("g++").args(FLAGS).arg(&source).arg("-o").arg(folder.path().join("empty")).output();
    match built {
        Ok(built) if built.status.success() => Ok(()),
        Ok(_) => Err("g++ has no address sanitizer here".into()),
        Err(_) => Err("there is no g++".into()),
    }
}

/// Compiles `name` of `tests/cuda_cpu/` with these definitions, and with `sources` in place of files of `kernels/`.
pub fn build(name: &str, defines: &[String], sources: &[(&str, &str)]) -> Result<TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    // A file includes those beside it first, so changed ones lie beside a copy of the others.
    let kernels = fs::read_dir(Path::new(ROOT).join("kernels")).map_err(|error| error.to_string())?;
    for file in kernels.flatten().filter(|file| file.file_name().to_string_lossy().contains(".cu")) {
        fs::copy(file.path(), folder.path().join(file.file_name())).map_err(|error| error.to_string())?;
    }
    for (file, text) in sources {
        fs::write(folder.path().join(file), text).map_err(|error| error.to_string())?;
    }
    let here = Path::new(ROOT).join("tests/cuda_cpu");
    let finished = Command::new("g++")
        .args(FLAGS)
        // A mutant is compiled for a few cases: this halves the time, and what is out of bounds is still caught.
        .args(if sources.is_empty() { &[][..] } else { &["-fno-sanitize=undefined", "-g0"] })
        .args(defines)
        .args([Path::new("-I"), folder.path(), Path::new("-I"), &here, &here.join(name), &threads::object()?])
        .arg("-o")
        .arg(folder.path().join("program"))
        .output()
        .map_err(|error| format!("g++ does not start: {error}"))?;
    let said = String::from_utf8_lossy(&finished.stderr);
    // A mutant may leave a variable unused.
    let is_clean = said.is_empty() || !sources.is_empty();
    if finished.status.success() && is_clean { Ok(folder) } else { Err(said.into_owned()) }
}

/// Runs a program that [`build`] made.
pub fn start(folder: &TempDir, arguments: &[PathBuf]) -> Result<Finished, String> {
    let finished = Command::new(folder.path().join("program"))
        .args(arguments)
        .env("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0:allocator_may_return_null=0")
        .output()
        .map_err(|error| error.to_string())?;
    if finished.status.success() {
        return Ok(finished);
    }
    let said = String::from_utf8_lossy(&finished.stderr);
    // The sanitizer's first sentence, and the first line of ours that it names.
    let mut lines = said.lines().filter(|line| line.contains("ERROR") || line.contains("thread block:"));
    let first = lines.next().or_else(|| said.lines().find(|line| line.contains("runtime error"))).unwrap_or(&said);
    let place = said.lines().find(|line| line.contains(".cu:") && !line.contains("runtime error")).unwrap_or_default();
    Err(format!("{} {}", first.trim(), place.trim()))
}

impl Player {
    /// Compiles a variant from the sources in `kernels/`, some of which `sources` (file name, text) replaces.
    pub fn new(variant: Variant, sources: &[(&str, &str)]) -> Result<Self, String> {
        let folder = build("driver.cpp", &variant.defines(), sources).map_err(|why| format!("{variant:?}: {why}"))?;
        Ok(Self { variant, folder })
    }

    /// Runs all jobs in one process; an error if it dies in any of them.
    pub fn run(&self, jobs: &[Job<'_>]) -> Result<Vec<Answer>, String> {
        let output = self.results(jobs)?;
        let mut rest = &output[..];
        let answers = jobs.iter().map(|job| self.decode(job.problem, &mut rest)).collect();
        if rest.is_empty() { Ok(answers) } else { Err(format!("{} bytes too many", rest.len())) }
    }

    /// What the kernel wrote, job by job.
    pub fn results(&self, jobs: &[Job<'_>]) -> Result<Vec<u8>, String> {
        let input: Vec<u8> = jobs.iter().flat_map(|job| self.encode(job)).collect();
        let [problems, results] = ["problems", "results"].map(|name| self.folder.path().join(name));
        fs::write(&problems, input).map_err(|error| error.to_string())?;
        let _ = start(&self.folder, &[problems, results.clone()])?;
        fs::read(results).map_err(|error| error.to_string())
    }

    /// Columns that rows have in memory.
    fn columns(&self, d: usize) -> usize {
        if self.variant.is_half() { self.variant.d } else { d }
    }

    fn elements(&self, tensor: &Array4<f64>) -> Vec<u8> {
        let d = tensor.dim().3;
        let mut bytes = Vec::new();
        for row in tensor.rows() {
            let padded = row.iter().copied().chain(std::iter::repeat_n(0.0, self.columns(d) - d));
            match self.variant.precision {
                Precision::F16 => bytes.extend(padded.flat_map(|x| f16::from_f64(x).to_le_bytes())),
                Precision::BF16 => bytes.extend(padded.flat_map(|x| bf16::from_f64(x).to_le_bytes())),
                _ => bytes.extend(padded.flat_map(|x| (x as f32).to_le_bytes())),
            }
        }
        bytes
    }

    /// `Header` of the driver and its arrays.
    fn encode(&self, job: &Job<'_>) -> Vec<u8> {
        let (problem, shape) = (job.problem, job.problem.shape);
        let band = problem.mask.band(&shape, 0);
        // A bound past every pair of indices is no bound, and fits an i32.
        let bound = |side: i64| side.min((shape.n_q + shape.n_k) as i64) as i32;
        let bias_strides = problem.bias.as_ref().map_or([0; 4], |bias| {
            let mut step = 1;
            let mut strides = <[usize; 4]>::from(bias.dim());
            for size in strides.iter_mut().rev() {
                let length = std::mem::replace(size, if *size == 1 { 0 } else { step });
                step *= length;
            }
            strides
        });
        let sizes = [job.order, 7, shape.batch, shape.heads, shape.kv_heads, shape.n_q, shape.n_k];
        let mut header: Vec<i32> = sizes.map(|size| size as i32).to_vec();
        header.extend([self.columns(shape.d), self.columns(shape.d_v)].map(|size| size as i32));
        header.extend([bound(band.left), bound(band.right)]);
        header.push(problem.bias.as_ref().map_or(0, |bias| bias.len() as i32));
        header.extend(bias_strides.map(|stride| stride as i32));
        header.extend([problem.alibi_slopes.is_some().into(), job.splits as i32]);
        let (mask, seed, last_dropped, drawn) = drawn(problem);
        header.extend([problem.dropout.is_some().into(), mask.len() as i32]);
        header.extend([seed as i32, (seed >> 32) as i32, last_dropped as i32]);
        header.extend(drawn.map(|size| size as i32));
        let mut bytes: Vec<u8> = header.into_iter().flat_map(i32::to_le_bytes).collect();
        let floats = |values: &mut dyn Iterator<Item = f64>| -> Vec<u8> {
            values.flat_map(|x| (x as f32).to_le_bytes()).collect()
        };
        let kept = problem.dropout.as_ref().map_or(0.0, |dropout| 1.0 / (1.0 - dropout.rate));
        bytes.extend(floats(&mut [problem.scale, problem.softcap.unwrap_or(0.0), kept].into_iter()));
        for tensor in [&problem.q, &problem.k, &problem.v] {
            bytes.extend(self.elements(tensor));
        }
        bytes.extend(floats(&mut problem.bias.iter().flatten().copied()));
        bytes.extend(floats(&mut problem.alibi_slopes.iter().flatten().copied()));
        let bands = || (0..shape.batch).map(|batch| problem.mask.band(&shape, batch));
        bytes.extend(bands().flat_map(|band| (band.kv as i32).to_le_bytes()));
        bytes.extend(bands().flat_map(|band| (band.offset as i32).to_le_bytes()));
        bytes.extend(bands().flat_map(|band| (band.ahead as i32).to_le_bytes()));
        bytes.extend(mask);
        bytes.extend(job.given.iter().flat_map(|x| x.to_le_bytes()));
        bytes
    }

    fn decode(&self, problem: &Problem, rest: &mut &[u8]) -> Answer {
        let shape = problem.shape;
        let all = *rest;
        let rows = shape.batch * shape.heads * shape.n_q;
        let columns = self.columns(shape.d_v);
        let o: Vec<f64> = match self.variant.precision {
            Precision::F16 => take(rest, rows * columns, |b| f16::from_le_bytes(b).to_f64()),
            Precision::BF16 => take(rest, rows * columns, |b| bf16::from_le_bytes(b).to_f64()),
            _ => take(rest, rows * columns, |b| f64::from(f32::from_le_bytes(b))),
        };
        // split_kv tells neither m nor l: they are of a split, and no split knows the row's.
        let statistics = if self.variant.kernel == "split_kv" { [0, 0, rows] } else { [rows; 3] };
        let [m, l, lse] = statistics.map(|rows| take(rest, rows, |b| f64::from(f32::from_le_bytes(b))));
        let outputs = (0..shape.batch * shape.heads)
            .map(|head| {
                let rows = head * shape.n_q..(head + 1) * shape.n_q;
                let o = &o[rows.start * columns..rows.end * columns];
                Output {
                    o: Array2::from_shape_fn((shape.n_q, shape.d_v), |(i, c)| o[i * columns + c]),
                    m: m.get(rows.clone()).unwrap_or_default().to_vec(),
                    l: l.get(rows.clone()).unwrap_or_default().to_vec(),
                    lse: lse[rows].to_vec(),
                }
            })
            .collect();
        let taps = self.variant.taps.then(|| {
            let (br, bc) = self.blocks();
            let visits = shape.n_k.div_ceil(bc);
            let taps = [(); 2].map(|()| take(rest, rows * visits, f32::from_le_bytes));
            let tiles = shape.batch * shape.heads * shape.n_q.div_ceil(br) * visits;
            take(rest, tiles, |_: [u8; 24]| ());
            taps
        });
        Answer { outputs, taps, bytes: all[..all.len() - rest.len()].to_vec() }
    }

    /// Queries and keys of a block of this variant.
    pub fn blocks(&self) -> (usize, usize) {
        match (self.variant.kernel, self.variant.d) {
            ("standard", _) => (16, 16),
            ("flash2_mma", d) if d <= 64 => (128, 128),
            ("flash2_mma", _) => (if self.variant.taps { 64 } else { 128 }, 64),
            _ => (32, 32),
        }
    }
}

/// What a kernel needs of dropout: the bytes of a mask or a seed, the last word of the seed that drops a weight, and n_q and
/// n_k of what it is drawn for.
fn drawn(problem: &Problem) -> (Vec<u8>, u64, u32, [usize; 2]) {
    match &problem.dropout {
        None => (Vec::new(), 0, 0, [0, 0]),
        Some(Dropout { keep: Keep::Given(mask), .. }) => {
            let (_, _, n_q, n_k) = mask.dim();
            (mask.iter().map(|&keeps| u8::from(keeps)).collect(), 0, 0, [n_q, n_k])
        }
        Some(Dropout { rate, keep: Keep::Seed(stream) }) => {
            let [_, n_q, n_k] = stream.sizes();
            (Vec::new(), stream.seed, stream.last_dropped(*rate).expect("a rate that drops something"), [n_q, n_k])
        }
    }
}

/// The next `count` values of `N` bytes.
pub fn take<const N: usize, T>(rest: &mut &[u8], count: usize, of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (values, after) = rest.split_at(count * N);
    *rest = after;
    values.as_chunks::<N>().0.iter().copied().map(of).collect()
}
