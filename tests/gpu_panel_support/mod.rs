//! A device that plays a GPU: known results, known taps, known faults; it does what its mode says and waits when told to.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ndarray::Array2;
use tilescope::attention::cases::with;
use tilescope::attention::{Precision, Problem, oracle};
use tilescope::gpu::kernels::FLASH2_WGSL;
use tilescope::gpu::source::Remark;
use tilescope::gpu::{
    Backend, DeviceInfo, DeviceKind, GpuError, GpuRun, HeadTaps, Kernel, Occupancy, Probe, Progress, Refusal,
};
use tilescope::gpu::{Roofs, SourceError, Taps, TileVisit};
use tilescope::schedule::{Plan, Tiling};

pub const NO_COMPILER: &str = "there is no compiler in this test";
/// Words of a source that the stand-in understands.
pub const RESCALE: &str = "o[n] *= alpha;";
pub const TYPO: &str = "o[n] *== alpha;";
pub const HANGS: &str = "// never ends";
pub const LOSES: &str = "// loses the device";

/// What is wrong with the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Right,
    /// O[3, 1] is 0.25 too large in every head; l of query 13 after key block 2 is 0.5 too large.
    Off,
    /// O[2, 0] and O[5, 3] are NaN.
    Nan,
    /// A run goes on until it is cancelled.
    Hangs,
    /// Every call finds the device gone.
    Lost,
    /// standard is out of memory from N = 256 on, in a run and not in what it supports.
    LittleMemory,
    /// A sweep loses the device at N = 128.
    DiesInASweep,
    /// There is no compiler for changed sources.
    NoCompiler,
}

pub struct StandIn {
    pub info: DeviceInfo,
    pub mode: Mode,
    /// Blocks of its taps.
    pub blocks: Tiling,
    /// It says that it runs the WGSL kernel of flash2, whose blocks are 16 x 16.
    pub has_kernel: bool,
    /// What each head says of its tiles.
    pub tiles: Vec<TileVisit>,
    pub progress: Progress,
    /// The changed source that it runs. It understands little: see [`StandIn::set_source`].
    pub source: Option<String>,
}

const fn tile(i: usize, j: usize, sm: u32, begin_ns: u64, end_ns: u64) -> TileVisit {
    TileVisit { i, j, sm, begin_ns, end_ns }
}

/// Four blocks of one head: two side by side on SM 7, two one after the other on SM 2, the last with two tiles.
pub const TILES: [TileVisit; 5] = [
    tile(0, 0, 7, 1_000, 3_000),
    tile(1, 0, 7, 1_500, 4_000),
    tile(2, 0, 2, 1_000, 2_000),
    tile(3, 0, 2, 2_000, 2_500),
    tile(3, 1, 2, 2_600, 5_500),
];

pub const ROOFS: Roofs = Roofs { copy_bytes_per_s: Some(1e9), fma_flops_per_s: Some(2e12) };

pub fn info(name: &str, kind: DeviceKind) -> DeviceInfo {
    DeviceInfo {
        backend: "wgpu",
        name: name.into(),
        driver: "driver 1.2 (none)".into(),
        kind,
        limits: vec![("workgroup storage bytes", 16_384)],
        notes: vec!["A note of the device.".into()],
    }
}

/// What it says of the one entry point of its kernel.
pub fn occupancy() -> Occupancy {
    Occupancy {
        entry: "stand_in".into(),
        threads: 128,
        registers: 96,
        shared_bytes: 24_576,
        blocks_per_sm: 4,
        sms: 10,
        sm_threads: 2048,
        blocks: 60,
    }
}

impl StandIn {
    pub fn new(mode: Mode) -> Self {
        Self {
            info: info("stand-in", DeviceKind::Discrete),
            mode,
            blocks: Tiling { br: 4, bc: 4 },
            has_kernel: false,
            tiles: Vec::new(),
            progress: Progress::default(),
            source: None,
        }
    }

    pub fn probe(self) -> Probe {
        Probe::Ready(Box::new(self))
    }

    fn fault(&self, problem: &Problem, algorithm: &str, cancel: &AtomicBool) -> Result<(), GpuError> {
        let n = problem.shape.n_q;
        let says = |word: &str| self.source.as_ref().is_some_and(|source| source.contains(word));
        match self.mode {
            _ if says(LOSES) => Err(GpuError::Lost("the kernel broke it".into())),
            mode if mode == Mode::Hangs || says(HANGS) => {
                self.progress.set(0.25);
                while !cancel.load(Ordering::Relaxed) {
                    sleep(Duration::from_millis(1));
                }
                Err(GpuError::Cancelled { launches: 2 })
            }
            Mode::Lost => Err(GpuError::Lost("it was unplugged".into())),
            Mode::DiesInASweep if n == 128 => Err(GpuError::Lost("it was unplugged".into())),
            Mode::LittleMemory if algorithm == "standard" && n >= 256 => {
                Err(GpuError::OutOfMemory { bytes: 8 * (n * n) as u64 })
            }
            _ if cancel.load(Ordering::Relaxed) => Err(GpuError::Cancelled { launches: 0 }),
            _ => Ok(()),
        }
    }
}

impl Backend for StandIn {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn supports(&self, _: &Problem, algorithm: &str, precision: Precision) -> Result<(), Refusal> {
        if precision != Precision::F32 {
            return Err(Refusal::Precision(precision));
        }
        match algorithm {
            "standard" | "flash2" => Ok(()),
            _ => {
                Err(Refusal::Algorithm { backend: "wgpu", algorithm: algorithm.into(), has: "standard, flash2".into() })
            }
        }
    }

    fn kernel(&self, _: &Problem, _: &str) -> Option<&'static Kernel> {
        self.has_kernel.then_some(&FLASH2_WGSL)
    }

    fn occupancy(&self, _: &Problem, _: &str, _: Precision) -> Result<Vec<Occupancy>, Refusal> {
        Ok(vec![occupancy()])
    }

    fn run(&mut self, p: &Problem, algorithm: &str, _: Precision, cancel: &AtomicBool) -> Result<GpuRun, GpuError> {
        self.fault(p, algorithm, cancel)?;
        let heads = (0..p.shape.heads).map(|head| p.head::<f64>(0, head, Precision::F64));
        let mut outputs: Vec<_> = heads.map(|head| oracle::attention(&head)).collect();
        for output in &mut outputs {
            match self.mode {
                Mode::Off => output.o[[3, 1]] += 0.25,
                Mode::Nan => [[2, 0], [5, 3]].into_iter().for_each(|at| output.o[at] = f64::NAN),
                _ if self.source.as_ref().is_some_and(|source| !source.contains(RESCALE)) => output.o[[3, 1]] += 0.25,
                _ => {}
            }
        }
        let n = p.shape.n_q as u64;
        // Bytes as a kernel would ask for: N^2 or N.
        let device_bytes = if algorithm == "standard" { 8 * n * n } else { 64 * n };
        Ok(GpuRun {
            outputs,
            kernel_time: Some(Duration::from_micros(1500)),
            wall: Duration::from_millis(2),
            launches: 3,
            device_bytes,
        })
    }

    fn taps(&mut self, p: &Problem, algorithm: &str, _: Precision, cancel: &AtomicBool) -> Result<Taps, GpuError> {
        if algorithm == "standard" {
            return Err(Refusal::Taps("the kernel sees whole rows: m and l do not run").into());
        }
        self.fault(p, algorithm, cancel)?;
        let mut heads: Vec<_> = (0..p.shape.heads).map(|head| exact_taps(p, head, self.blocks)).collect();
        if self.mode == Mode::Off {
            heads.iter_mut().for_each(|head| head.l[[2, 13]] += 0.5);
        }
        let Tiling { br, bc } = self.blocks;
        heads[0].tiles = self.tiles.clone();
        Ok(Taps { br, bc, heads })
    }

    /// A source with [`TYPO`] in it is refused, with three messages. Without [`RESCALE`] it gives an O[3, 1] that is 0.25
    /// too large; with [`HANGS`] it goes on until it is cancelled, and [`LOSES`] loses the device.
    fn set_source(&mut self, _: &str, source: Option<&str>) -> Result<(), SourceError> {
        if self.mode == Mode::NoCompiler {
            return Err(SourceError::Unavailable(NO_COMPILER.into()));
        }
        let typo = source.and_then(|source| source.lines().position(|line| line.contains(TYPO)));
        if let Some(at) = typo {
            let message =
                |file: Option<&str>, line, text: &str| Remark { file: file.map(Into::into), line, text: text.into() };
            return Err(SourceError::Compiler(vec![
                message(None, Some(at + 1), "error: no such word"),
                message(Some("attention.wgsl"), Some(7), "warning: unused"),
                message(None, None, "1 error"),
            ]));
        }
        self.source = source.map(Into::into);
        Ok(())
    }

    fn roofs(&mut self, _: &AtomicBool) -> Result<Roofs, GpuError> {
        if self.mode == Mode::Right { Ok(ROOFS) } else { Err(Refusal::Measure { backend: "wgpu" }.into()) }
    }

    fn progress(&self) -> Option<Progress> {
        Some(self.progress.clone())
    }
}

/// m and l of every row when its keys end after each key block, by the oracle.
pub fn exact_taps(problem: &Problem, head: usize, tiling: Tiling) -> HeadTaps {
    let plan = Plan::of_problem(problem, 0, tiling, Precision::F32);
    let nothing = Array2::from_elem((plan.t_c(), plan.n_q), f64::NAN);
    let mut taps = HeadTaps { m: nothing.clone(), l: nothing, tiles: Vec::new() };
    for j in 0..plan.t_c() {
        let prefix = with(problem.clone(), |p| p.mask.key_lengths = Some(vec![plan.cols(j).end; p.shape.batch]));
        let inputs = prefix.head::<f64>(0, head, Precision::F64);
        for i in (0..plan.t_r()).filter(|i| plan.visible_key_blocks(*i).contains(j)) {
            for query in plan.rows(i) {
                let row = oracle::row(&inputs, query);
                (taps.m[[j, query]], taps.l[[j, query]]) = (row.m, row.l);
            }
        }
    }
    taps
}
