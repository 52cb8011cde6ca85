//! `tilescope bench --gpu`: every kernel by itself, by the GPU's clock, at the sizes that attention is measured at.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::attention::{Precision, Shape};
use crate::gpu::{self, Backend, DeviceKind, GpuError, Measured, Probe, Workload};
use crate::number::{self, short};
use crate::sentence::Sentence;

use super::Failure;
use super::devices::device_json;
use super::failure::{note, print, print_json};
use super::progress::Progress;
use super::report::table;

/// Backends with kernels to measure, the fastest first.
const BACKENDS: [&str; 2] = ["cuda", "wgpu"];
/// Tokens of all batch entries, and width of all heads together: the sizes of the FlashAttention papers.
pub const TOKENS: u32 = 16_384;
const WIDTH: usize = 2_048;

/// One kernel at one size: its times, or why there are none.
#[derive(Debug, Serialize)]
struct Row {
    kernel: &'static str,
    backend: &'static str,
    algorithm: &'static str,
    precision: Precision,
    batch: usize,
    heads: usize,
    /// Keys, and queries.
    n: usize,
    n_q: usize,
    d: usize,
    causal: bool,
    splits: usize,
    deterministic: bool,
    variant: Option<String>,
    median_ms: Option<f64>,
    min_ms: Option<f64>,
    max_ms: Option<f64>,
    runs: usize,
    /// Sets of tensors that took turns.
    sets: usize,
    launches: usize,
    tflops: Option<f64>,
    /// Q, K, V and O, each once, over the time.
    least_gb_s: Option<f64>,
    reason: Option<String>,
}

/// Which workloads are asked for; `None` is any.
pub struct Wanted<'a> {
    /// Of this kernel.
    pub file: Option<&'a str>,
    /// Keys.
    pub n: Option<usize>,
    /// The head dimension.
    pub d: Option<usize>,
}

impl Wanted<'_> {
    fn holds(&self, file: &str, Shape { n_k, d, .. }: Shape) -> bool {
        self.file.is_none_or(|only| only == file)
            && self.n.is_none_or(|n| n == n_k)
            && self.d.is_none_or(|only| only == d)
    }
}

/// Measures the kernels that are asked for, on the devices that are there.
pub fn main(as_json: bool, tokens: usize, wanted: &Wanted<'_>) -> Result<(), Failure> {
    if let Some(only) = wanted.file
        && gpu::kernels::by_file(only).is_none()
    {
        let has = gpu::kernels::KERNELS.iter().map(|kernel| kernel.file).collect::<Vec<_>>().join(", ");
        return Err(Failure::Bad(format!("--only {only}: there is no such kernel; there are {has}")));
    }
    if !BACKENDS.iter().flat_map(|backend| workloads(backend, tokens)).any(|(file, w)| wanted.holds(file, w.shape)) {
        return Err(Failure::Bad("--n, --d: no kernel is measured at that size".to_owned()));
    }
    let (benches, reason) = devices(tokens, wanted);
    if benches.is_empty() {
        let reason = reason.as_ref().map(Sentence::to_string).unwrap_or_default();
        return Err(Failure::Missing(format!("--gpu: {reason}")));
    }
    let mut progress = Progress::new("measuring", benches.iter().map(|(_, workloads)| workloads.len() as u64).sum());
    let mut measured: Vec<Bench> = Vec::new();
    for (mut device, workloads) in benches {
        let copy = device.copy_bandwidth();
        let mut rows = Vec::new();
        for (file, workload) in workloads {
            progress.at(measured.iter().map(|bench| bench.rows.len()).sum::<usize>() as u64 + rows.len() as u64);
            device.prefer(file);
            let times = device.measure(&workload, &AtomicBool::new(false)).map_err(|error| error.sentence());
            let times = times.and_then(|times| of_file(file, times));
            rows.push(Row::new(file, device.info().backend, &workload, &times));
        }
        measured.push(Bench { device, copy, rows });
    }
    drop(progress);
    if let Some(reason) = &reason {
        note(&format!("not measured: {reason}"));
    }
    if as_json { print_json(&as_document(&measured, reason.as_ref())) } else { print(&as_text(&measured)) }
}

/// A device, and what is to be measured on it.
type OfDevice = (Box<dyn Backend>, Vec<(&'static str, Workload)>);

/// The devices that are there with their workloads, and why another is not measured.
fn devices(tokens: usize, wanted: &Wanted<'_>) -> (Vec<OfDevice>, Option<Sentence>) {
    let mut benches = Vec::new();
    let mut missing = Vec::new();
    for backend in BACKENDS {
        let mut workloads = workloads(backend, tokens);
        workloads.retain(|(file, workload)| wanted.holds(file, workload.shape));
        if workloads.is_empty() {
            continue;
        }
        match gpu::probe(backend) {
            Probe::Ready(device) if device.info().kind == DeviceKind::Software => {
                missing.push(
                    Sentence::new("{0} is a software driver: its speed says nothing about a GPU")
                        .with(&device.info().name),
                );
            }
            Probe::Ready(device) => benches.push((device, workloads)),
            Probe::Unavailable(reason) => missing.push(reason),
        }
    }
    (benches, Sentence::list(missing))
}

/// The times of a kernel, or which one ran in its place: where it does not fit, a device takes a simpler one.
fn of_file(file: &str, measured: Measured) -> Result<Measured, Sentence> {
    match measured.kernel {
        other if other != file => {
            Err(Sentence::new("the device has no room for {0}, and would run {1}").with(file).with(other))
        }
        _ => Ok(measured),
    }
}

/// What a device gave.
struct Bench {
    device: Box<dyn Backend>,
    copy: Result<f64, GpuError>,
    rows: Vec<Row>,
}

/// Kernel files of a backend with their workloads; sequences are no longer than all tokens.
fn workloads(backend: &str, tokens: usize) -> Vec<(&'static str, Workload)> {
    let all = if backend == "cuda" { of_cuda(tokens) } else { of_wgpu(tokens) };
    // Shorter sequences may have made two of them one.
    let mut each: Vec<(&'static str, Workload)> = Vec::new();
    for one in all {
        if !each.contains(&one) {
            each.push(one);
        }
    }
    each
}

/// A kernel's file with one size of all tokens, in as many batch entries as they fill.
fn of(
    file: &'static str,
    precision: Precision,
    tokens: usize,
    (n, d): (usize, usize),
    causal: bool,
) -> (&'static str, Workload) {
    let n = usize::min(n, tokens);
    let (batch, heads) = (tokens / n, WIDTH / d);
    let shape = Shape { batch, heads, kv_heads: heads, n_q: n, n_k: n, d, d_v: d };
    let algorithm = gpu::kernels::by_file(file).map_or("", |kernel| kernel.algorithm);
    (file, Workload { algorithm, precision, shape, causal, splits: 1, deterministic: false })
}

/// The same of one batch entry: its heads and blocks fill a device.
fn of_one(file: &'static str, tokens: usize, size: (usize, usize), causal: bool) -> (&'static str, Workload) {
    let (file, all) = of(file, Precision::F32, tokens, size, causal);
    (file, Workload { shape: Shape { batch: 1, ..all.shape }, ..all })
}

/// One query of each head over all keys.
fn decode(file: &'static str, tokens: usize, d: usize, splits: usize) -> (&'static str, Workload) {
    let (file, open) = of(file, Precision::F32, tokens, (tokens, d), false);
    (file, Workload { shape: Shape { n_q: 1, ..open.shape }, splits, ..open })
}

/// d and splits that a decoding kernel is measured at.
const DECODES: [(usize, usize); 4] = [(64, 1), (64, 4), (64, 16), (128, 16)];

fn of_cuda(tokens: usize) -> Vec<(&'static str, Workload)> {
    let mut all = Vec::new();
    for file in ["standard.cu", "flash1.cu", "flash2.cu"] {
        for size in [(1024, 64), (4096, 64), (4096, 128)] {
            all.push(of(file, Precision::F32, tokens, size, false));
        }
        all.push(of(file, Precision::F32, tokens, (4096, 64), true));
    }
    all.extend(DECODES.map(|(d, splits)| decode("split_kv.cu", tokens, d, splits)));
    for file in ["flash2_backward.cu", "two_kernel_backward.cu"] {
        for (d, causal) in [(64, false), (64, true), (128, false)] {
            let (file, open) = of_one(file, tokens, (4096, d), causal);
            let has_deterministic = gpu::kernels::by_file(file).is_some_and(gpu::Kernel::has_deterministic);
            let in_order = Workload { deterministic: true, ..open.clone() };
            all.push((file, open));
            all.extend(has_deterministic.then_some((file, in_order)));
        }
    }
    for precision in [Precision::F16, Precision::BF16] {
        for size in [(1024, 64), (4096, 64), (16_384, 64), (1024, 128), (4096, 128), (16_384, 128)] {
            for causal in [false, true] {
                all.push(of("flash2_mma.cu", precision, tokens, size, causal));
            }
        }
    }
    all
}

/// In f32, of one batch entry, and within what WebGPU binds at once, 128 MiB: S of 1024 x 1024 and 32 heads is as much.
fn of_wgpu(tokens: usize) -> Vec<(&'static str, Workload)> {
    let mut all =
        vec![of_one("standard.wgsl", tokens, (1024, 64), false), of_one("standard.wgsl", tokens, (1024, 128), false)];
    for file in ["flash1.wgsl", "flash2.wgsl", "flash2_wide.wgsl"] {
        for (size, causal) in [((1024, 64), false), ((4096, 64), false), ((4096, 64), true), ((4096, 128), false)] {
            all.push(of_one(file, tokens, size, causal));
        }
    }
    all.extend(DECODES.map(|(d, splits)| decode("split_kv.wgsl", tokens, d, splits)));
    all
}

impl Row {
    fn new(
        kernel: &'static str,
        backend: &'static str,
        workload: &Workload,
        measured: &Result<Measured, Sentence>,
    ) -> Self {
        let Shape { batch, heads, n_q, n_k: n, d, .. } = workload.shape;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let done = measured.as_ref().ok();
        let median = done.and_then(Measured::median);
        let rate = |amount: f64| median.filter(|time| !time.is_zero()).map(|time| amount / time.as_secs_f64());
        Self {
            kernel,
            backend,
            algorithm: workload.algorithm,
            precision: workload.precision,
            batch,
            heads,
            n,
            n_q,
            d,
            causal: workload.causal,
            splits: workload.splits,
            deterministic: workload.deterministic,
            variant: done.map(|measured| measured.variant.clone()),
            median_ms: median.map(ms),
            min_ms: done.and_then(|measured| measured.times.iter().min().copied().map(ms)),
            max_ms: done.and_then(|measured| measured.times.iter().max().copied().map(ms)),
            runs: done.map_or(0, |measured| measured.times.len()),
            sets: done.map_or(0, |measured| measured.sets),
            launches: done.map_or(0, |measured| measured.launches),
            tflops: rate(workload.flops()).map(|flops| flops / 1e12),
            least_gb_s: rate(workload.least_bytes()).map(|bytes| bytes / 1e9),
            reason: measured.as_ref().err().map(Sentence::to_string),
        }
    }
}

fn as_document(benches: &[Bench], missing: Option<&Sentence>) -> Value {
    let devices = benches.iter().map(|Bench { device, copy, .. }| {
        let info = device.info();
        json!({
            "device": device_json(info.backend, &Ok::<_, Sentence>(info.clone())),
            "copy_gb_s": copy.as_ref().ok().map(|bytes| bytes / 1e9),
            "copy_reason": copy.as_ref().err().map(GpuError::to_string),
        })
    });
    json!({
        "devices": devices.collect::<Vec<_>>(),
        "missing": missing.map(Sentence::to_string),
        "rows": benches.iter().flat_map(|bench| &bench.rows).collect::<Vec<_>>(),
    })
}

fn as_text(benches: &[Bench]) -> String {
    let mut text = String::new();
    for Bench { device, copy, .. } in benches {
        let copy = match copy {
            Ok(bytes) => format!("copies {}", number::rate(*bytes, "B/s")),
            Err(error) => format!("copies were not measured: {error}"),
        };
        text += &format!("{}, {}; {copy}\n", device.info().name, device.info().driver);
    }
    let rows: Vec<&Row> = benches.iter().flat_map(|bench| &bench.rows).collect();
    let head = ["kernel", "format", "N", "d", "batch", "heads", "causal", "ms", "TFLOP/s", "launches"];
    let mut cells = vec![head.map(String::from).to_vec()];
    cells.extend(rows.iter().map(|row| {
        let number = |number: Option<f64>| number.map_or("-".to_owned(), short);
        vec![
            match row.splits {
                _ if row.deterministic => format!("{}, deterministic", row.kernel),
                1 => row.kernel.to_owned(),
                splits => format!("{}, {splits} splits", row.kernel),
            },
            row.precision.to_string(),
            if row.n_q == row.n { row.n.to_string() } else { format!("{} x {}", row.n_q, row.n) },
            row.d.to_string(),
            row.batch.to_string(),
            row.heads.to_string(),
            if row.causal { "yes" } else { "no" }.to_owned(),
            number(row.median_ms),
            number(row.tflops),
            row.launches.to_string(),
        ]
    }));
    text += &table(&cells);
    for row in rows {
        if let Some(reason) = &row.reason {
            text += &format!("{} at N {}, d {}: {reason}\n", row.kernel, row.n, row.d);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels::{KERNELS, by_file};

    #[test]
    fn every_kernel_is_measured_at_sizes_that_fit_it() {
        for backend in BACKENDS {
            let all = workloads(backend, TOKENS as usize);
            for kernel in KERNELS.iter().filter(|kernel| kernel.backend == backend) {
                assert!(all.iter().any(|(file, _)| *file == kernel.file), "{}", kernel.file);
            }
            for (file, workload) in &all {
                let kernel = by_file(file).expect("a kernel");
                assert_eq!((kernel.backend, kernel.algorithm), (backend, workload.algorithm));
                assert!(kernel.precisions().contains(&workload.precision) && workload.shape.d <= kernel.d_max);
                assert_eq!(workload.shape.validate(), Ok(()));
            }
            assert!(workloads(backend, 512).iter().all(|(_, w)| w.shape.n_k == 512 && w.shape.batch == 1));
        }
        let all = workloads("cuda", TOKENS as usize);
        // What the tensor core kernel is judged by.
        for (n, d) in [(4096, 64), (4096, 128), (16_384, 64), (16_384, 128)] {
            let of = |causal| {
                all.iter()
                    .any(|(file, w)| *file == "flash2_mma.cu" && (w.shape.n_q, w.shape.d, w.causal) == (n, d, causal))
            };
            assert!(of(false) && of(true), "{n} {d}");
        }
    }

    #[test]
    fn what_is_wanted_is_measured_and_no_more() {
        let all = workloads("cuda", TOKENS as usize);
        let count = |wanted: Wanted<'_>| all.iter().filter(|(file, w)| wanted.holds(file, w.shape)).count();
        assert_eq!(count(Wanted { file: None, n: None, d: None }), all.len());
        assert_eq!(count(Wanted { file: Some("flash2_mma.cu"), n: Some(4096), d: Some(128) }), 4);
        assert_eq!(count(Wanted { file: Some("standard.cu"), n: Some(1024), d: Some(128) }), 0);
        let nowhere = Wanted { file: None, n: Some(17), d: None };
        assert!(matches!(main(true, TOKENS as usize, &nowhere), Err(Failure::Bad(_))));
    }

    #[test]
    fn a_row_holds_the_rates_of_its_median() {
        let (file, workload) = workloads("cuda", TOKENS as usize).swap_remove(0);
        let times = [2, 1, 4].map(Duration::from_millis).to_vec();
        let measured = Measured { kernel: file, variant: "x".into(), times, sets: 2, launches: 3, device_bytes: 1 };
        let row = Row::new(file, "cuda", &workload, &Ok(measured));
        assert_eq!((row.median_ms, row.min_ms, row.max_ms, row.runs), (Some(2.0), Some(1.0), Some(4.0), 3));
        let tflops = row.tflops.expect("a time");
        assert!((tflops - workload.flops() / 2e-3 / 1e12).abs() < 1e-9);
        let times = Measured {
            kernel: "flash2.wgsl",
            variant: String::new(),
            times: vec![],
            sets: 1,
            launches: 1,
            device_bytes: 1,
        };
        assert_eq!(of_file("flash2.wgsl", times.clone()), Ok(times.clone()));
        let other = of_file("flash2_wide.wgsl", times).expect_err("no time of one kernel is told of another");
        assert_eq!(other.to_string(), "the device has no room for flash2_wide.wgsl, and would run flash2.wgsl");
        let refused = Row::new(file, "cuda", &workload, &Err(GpuError::Lost("gone".into()).sentence()));
        assert_eq!((refused.median_ms, refused.tflops), (None, None));
        assert!(refused.reason.is_some_and(|reason| reason.contains("gone")));
    }
}
