//! `tilescope bench --gpu`: every CUDA kernel by itself, by the GPU's clock, at the sizes that attention is measured at.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::attention::{Precision, Shape};
use crate::gpu::{self, Backend, GpuError, Measured, Probe, Workload};
use crate::number::{self, short};
use crate::sentence::Sentence;

use super::Failure;
use super::devices::device_json;
use super::failure::{print, print_json};
use super::progress::Progress;
use super::report::table;

const BACKEND: &str = "cuda";
/// Tokens of all batch entries, and width of all heads together: the sizes of the FlashAttention papers.
pub const TOKENS: u32 = 16_384;
const WIDTH: usize = 2_048;

/// One kernel at one size: its times, or why there are none.
#[derive(Debug, Serialize)]
struct Row {
    kernel: &'static str,
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

/// Measures every kernel, or the one whose file is asked for.
pub fn main(as_json: bool, tokens: usize, only: Option<&str>) -> Result<(), Failure> {
    let workloads: Vec<_> =
        workloads(tokens).into_iter().filter(|(file, _)| only.is_none_or(|only| only == *file)).collect();
    if workloads.is_empty() {
        let has = gpu::kernels::KERNELS.iter().filter(|kernel| kernel.backend == BACKEND).map(|kernel| kernel.file);
        let (only, has) = (only.unwrap_or_default(), has.collect::<Vec<_>>().join(", "));
        return Err(Failure::Bad(format!("--only {only}: there is no such kernel; there are {has}")));
    }
    let mut device = match gpu::probe(BACKEND) {
        Probe::Ready(device) => device,
        Probe::Unavailable(reason) => return Err(Failure::Missing(format!("--gpu: {reason}"))),
    };
    let mut progress = Progress::new("measuring", workloads.len() as u64);
    let copy = device.copy_bandwidth();
    let mut rows = Vec::new();
    for (file, workload) in workloads {
        progress.at(rows.len() as u64);
        let measured = device.measure(&workload, &AtomicBool::new(false));
        rows.push(Row::new(file, &workload, &measured));
    }
    drop(progress);
    if as_json {
        print_json(&json!({
            "device": device_json(BACKEND, &Ok::<_, Sentence>(device.info().clone())),
            "copy_gb_s": copy.as_ref().ok().map(|bytes| bytes / 1e9),
            "copy_reason": copy.as_ref().err().map(GpuError::to_string),
            "rows": rows,
        }))
    } else {
        print(&as_text(device.as_ref(), &copy, &rows))
    }
}

/// Kernel files with their workloads; sequences are no longer than all tokens.
fn workloads(tokens: usize) -> Vec<(&'static str, Workload)> {
    let of = |file, algorithm, precision, (n, d): (usize, usize), causal| {
        let n = usize::min(n, tokens);
        let (batch, heads) = (tokens / n, WIDTH / d);
        let shape = Shape { batch, heads, kv_heads: heads, n_q: n, n_k: n, d, d_v: d };
        (file, Workload { algorithm, precision, shape, causal, splits: 1 })
    };
    // One query of each head over all keys.
    let decode = |d, splits| {
        let (file, open) = of("split_kv.cu", "split-kv", Precision::F32, (tokens, d), false);
        (file, Workload { shape: Shape { n_q: 1, ..open.shape }, splits, ..open })
    };
    let mut all = Vec::new();
    for (file, algorithm) in [("standard.cu", "standard"), ("flash1.cu", "flash1"), ("flash2.cu", "flash2")] {
        for size in [(1024, 64), (4096, 64), (4096, 128)] {
            all.push(of(file, algorithm, Precision::F32, size, false));
        }
        all.push(of(file, algorithm, Precision::F32, (4096, 64), true));
    }
    all.extend([(64, 1), (64, 4), (64, 16), (128, 16)].map(|(d, splits)| decode(d, splits)));
    for (file, algorithm) in
        [("flash2_backward.cu", "flash2-backward"), ("two_kernel_backward.cu", "two-kernel-backward")]
    {
        for (d, causal) in [(64, false), (64, true), (128, false)] {
            // Of one batch entry: its heads and key blocks fill a device.
            let (file, all_entries) = of(file, algorithm, Precision::F32, (4096, d), causal);
            all.push((file, Workload { shape: Shape { batch: 1, ..all_entries.shape }, ..all_entries }));
        }
    }
    for precision in [Precision::F16, Precision::BF16] {
        for size in [(1024, 64), (4096, 64), (16_384, 64), (1024, 128), (4096, 128), (16_384, 128)] {
            for causal in [false, true] {
                all.push(of("flash2_mma.cu", "flash2", precision, size, causal));
            }
        }
    }
    // Shorter sequences may have made two of them one.
    let mut each: Vec<(&'static str, Workload)> = Vec::new();
    for one in all {
        if !each.contains(&one) {
            each.push(one);
        }
    }
    each
}

impl Row {
    fn new(kernel: &'static str, workload: &Workload, measured: &Result<Measured, GpuError>) -> Self {
        let Shape { batch, heads, n_q, n_k: n, d, .. } = workload.shape;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let done = measured.as_ref().ok();
        let median = done.and_then(Measured::median);
        let rate = |amount: f64| median.filter(|time| !time.is_zero()).map(|time| amount / time.as_secs_f64());
        Self {
            kernel,
            algorithm: workload.algorithm,
            precision: workload.precision,
            batch,
            heads,
            n,
            n_q,
            d,
            causal: workload.causal,
            splits: workload.splits,
            variant: done.map(|measured| measured.variant.clone()),
            median_ms: median.map(ms),
            min_ms: done.and_then(|measured| measured.times.iter().min().copied().map(ms)),
            max_ms: done.and_then(|measured| measured.times.iter().max().copied().map(ms)),
            runs: done.map_or(0, |measured| measured.times.len()),
            sets: done.map_or(0, |measured| measured.sets),
            launches: done.map_or(0, |measured| measured.launches),
            tflops: rate(workload.flops()).map(|flops| flops / 1e12),
            least_gb_s: rate(workload.least_bytes()).map(|bytes| bytes / 1e9),
            reason: measured.as_ref().err().map(GpuError::to_string),
        }
    }
}

fn as_text(device: &dyn Backend, copy: &Result<f64, GpuError>, rows: &[Row]) -> String {
    let copy = match copy {
        Ok(bytes) => format!("copies {}", number::rate(*bytes, "B/s")),
        Err(error) => format!("copies were not measured: {error}"),
    };
    let mut text = format!("{}, {}; {copy}\n", device.info().name, device.info().driver);
    let head = ["kernel", "format", "N", "d", "batch", "heads", "causal", "ms", "TFLOP/s", "launches"];
    let mut cells = vec![head.map(String::from).to_vec()];
    cells.extend(rows.iter().map(|row| {
        let number = |number: Option<f64>| number.map_or("-".to_owned(), short);
        vec![
            if row.splits > 1 { format!("{}, {} splits", row.kernel, row.splits) } else { row.kernel.to_owned() },
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
    fn every_cuda_kernel_is_measured_at_sizes_that_fit_it() {
        let all = workloads(TOKENS as usize);
        for kernel in KERNELS.iter().filter(|kernel| kernel.backend == BACKEND) {
            assert!(all.iter().any(|(file, _)| *file == kernel.file), "{}", kernel.file);
        }
        for (file, workload) in &all {
            let kernel = by_file(file).expect("a kernel");
            assert_eq!(kernel.algorithm, workload.algorithm);
            assert!(kernel.precisions().contains(&workload.precision) && workload.shape.d <= kernel.d_max);
            assert_eq!(workload.shape.validate(), Ok(()));
        }
        assert!(workloads(512).iter().all(|(_, w)| w.shape.n_k == 512 && w.shape.batch == 1));
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
    fn a_row_holds_the_rates_of_its_median() {
        let (file, workload) = workloads(TOKENS as usize).swap_remove(0);
        let times = [2, 1, 4].map(Duration::from_millis).to_vec();
        let measured = Measured { kernel: file, variant: "x".into(), times, sets: 2, launches: 3, device_bytes: 1 };
        let row = Row::new(file, &workload, &Ok(measured));
        assert_eq!((row.median_ms, row.min_ms, row.max_ms, row.runs), (Some(2.0), Some(1.0), Some(4.0), 3));
        let tflops = row.tflops.expect("a time");
        assert!((tflops - workload.flops() / 2e-3 / 1e12).abs() < 1e-9);
        let refused = Row::new(file, &workload, &Err(GpuError::Lost("gone".into())));
        assert_eq!((refused.median_ms, refused.tflops), (None, None));
        assert!(refused.reason.is_some_and(|reason| reason.contains("gone")));
    }
}
