//! A kernel compiled for a head dimension and a format: from the embedded PTX, or from a source that was edited.

use std::borrow::Cow;

use super::driver::{BlockSize, Driver, Fault, Function, FunctionAttribute, Module};
use super::params;
use super::session::{Session, Trouble};
use super::stages::{self, Blocks, Stage};
use crate::attention::{Precision, Shape};
use crate::gpu::ptx::{self, Ptx, Sm};
use crate::gpu::{GpuError, Refusal};
use crate::schedule::{Algorithm, algorithm};
use crate::sentence::Sentence;

/// PTX with what the host must know of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Program {
    /// Different for each PTX.
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) algorithm: &'static str,
    pub(super) precision: Precision,
    /// Largest d and d_v; in half precision what every row is padded to.
    pub(super) d: usize,
    pub(super) taps: bool,
    /// The key blocks are cut into parts of which each adds up a dQ of its own.
    pub(super) deterministic: bool,
    pub(super) br: usize,
    pub(super) bc: usize,
    pub(super) threads: usize,
    /// Bytes of shared memory that a launch gives each block; 0 where a kernel declares all that it needs.
    pub(super) launch_shared: usize,
    pub(super) text: Cow<'static, str>,
    /// Parts that the keys are cut into; 1 where the algorithm has no splits.
    pub(super) splits: usize,
    /// Its author is at the keyboard: if it breaks the context, nothing is wrong with the device.
    pub(super) edited: bool,
}

impl Program {
    /// As it was compiled ahead.
    pub(super) fn embedded(ptx: &'static Ptx) -> Self {
        Self {
            name: ptx.name,
            file: ptx.file(),
            algorithm: ptx.algorithm,
            precision: ptx.precision,
            d: ptx.d,
            taps: ptx.taps,
            deterministic: ptx.deterministic,
            br: ptx.br,
            bc: ptx.bc,
            threads: ptx.threads,
            launch_shared: constant(ptx.text, "SHARED_BYTES").unwrap_or(0),
            text: Cow::Borrowed(ptx.text),
            splits: 1,
            edited: false,
        }
    }

    /// From another source of the same file. Block sizes and threads are those that its constants say.
    pub(super) fn edited(ptx: &'static Ptx, text: String) -> Result<Self, Sentence> {
        let must = |name: &str| {
            constant(&text, name)
                .ok_or_else(|| Sentence::new("it must say `constexpr int {0} = ..`, above 0").with(name))
        };
        let [br, bc, threads] = [must("BR")?, must("BC")?, must("THREADS")?];
        let launch_shared = constant(&text, "SHARED_BYTES").unwrap_or(0);
        if launch_shared == 0 && text.contains(".extern .shared") {
            return Err("it must say `constexpr int SHARED_BYTES = ..`: what a launch gives a block".into());
        }
        Ok(Self { br, bc, threads, launch_shared, text: Cow::Owned(text), edited: true, ..Self::embedded(ptx) })
    }

    /// The same with the keys in as many parts, where its algorithm has splits.
    pub(super) fn in_splits(self, splits: usize) -> Self {
        let has_splits = algorithm::by_name(self.algorithm).is_some_and(Algorithm::has_splits);
        Self { splits: if has_splits { splits.max(1) } else { 1 }, ..self }
    }

    pub(super) fn is_backward(&self) -> bool {
        algorithm::by_name(self.algorithm).is_some_and(Algorithm::is_backward)
    }

    pub(super) fn blocks_of(&self, shape: &Shape) -> Blocks {
        let is_half = self.precision.element_bytes() == 2;
        let width = |d: usize| if is_half { self.d } else { d };
        let splits = if self.deterministic { splits_of_gradients(shape) } else { self.splits };
        // More splits than key blocks would be empty.
        let splits = splits.min(shape.n_k.div_ceil(self.bc).max(1));
        Blocks { br: self.br, bc: self.bc, d: width(shape.d), d_v: width(shape.d_v), splits }
    }

    pub(super) fn block_size(&self) -> BlockSize {
        BlockSize { threads: self.threads as u32, shared: self.launch_shared as u32 }
    }

    pub(super) fn stages(&self) -> &'static [Stage] {
        stages::of(self.file, self.deterministic)
    }

    /// Compiles the PTX for the device, and asks the driver what each entry takes.
    ///
    /// Errors with [`Refusal::Fit`] where not one block of an entry fits an SM.
    pub(super) fn load(&self, session: &Session, sm: &Sm) -> Result<Loaded, Trouble> {
        self.check_parameters()?;
        let driver = &*session.driver;
        let module = driver.load_module(&self.text)?;
        let entries = self.stages().iter().map(|stage| self.entry(driver, module, stage, sm)).collect();
        match entries {
            Ok(entries) => Ok(Loaded { module, entries }),
            Err(trouble) => {
                drop(driver.unload_module(module));
                Err(trouble)
            }
        }
    }

    /// The driver reads as many bytes of the parameter as the PTX declares.
    fn check_parameters(&self) -> Result<(), GpuError> {
        for stage in self.stages() {
            let declared = params::declared(&self.text, stage.entry);
            if let Some(declared) = declared.filter(|declared| *declared != params::of_entry(stage.entry)) {
                let (file, bytes) = (self.file, params::BYTES);
                let what = "{0} of {1} takes `{2}`, but the program passes one struct Attention of {3} {3|byte|bytes}";
                let what = Sentence::new(what).with(stage.entry).with(file);
                return Err(GpuError::Driver(what.with(declared).with(bytes)));
            }
        }
        Ok(())
    }

    fn entry(&self, driver: &dyn Driver, module: Module, stage: &'static Stage, sm: &Sm) -> Result<Entry, Trouble> {
        let function = driver.function(module, stage.entry).map_err(|fault| match fault.is_not_found() {
            true => {
                Trouble::Gpu(GpuError::Driver(Sentence::new("{0} has no kernel {1}").with(self.file).with(stage.entry)))
            }
            false => fault.into(),
        })?;
        let ask = |attribute| driver.function_attribute(function, attribute).map(|value| value.max(0) as usize);
        let registers = ask(FunctionAttribute::Registers)?;
        let shared_bytes = ask(FunctionAttribute::SharedBytes)? + self.launch_shared;
        let most_threads = ask(FunctionAttribute::Threads)?;
        let blocks_per_sm = match self.threads <= most_threads && shared_bytes <= sm.shared_bytes {
            true => {
                if self.launch_shared > 0 {
                    let bytes = self.launch_shared as i32;
                    driver.set_function_attribute(function, FunctionAttribute::LaunchShared, bytes)?;
                }
                driver.blocks_per_sm(function, self.block_size())?.max(0) as usize
            }
            false => 0,
        };
        if blocks_per_sm == 0 {
            return Err(refusal(stage.entry, self.threads, registers, shared_bytes, sm).into());
        }
        Ok(Entry { stage, function, registers, shared_bytes, blocks_per_sm })
    }
}

/// Parts of the key blocks whose programs together fill a device of 128 SMs with room for two. By the shape alone: were it by
/// the SMs, as in flash-attention, another device would add in another order.
fn splits_of_gradients(shape: &Shape) -> usize {
    const PROGRAMS: usize = 256;
    PROGRAMS.div_ceil((shape.batch * shape.kv_heads).max(1))
}

/// What a PTX says of a constant of its source, if that is above 0.
fn constant(ptx: &str, name: &str) -> Option<usize> {
    let begins = format!(".u32 {name} = ");
    let (_, rest) = ptx.lines().find_map(|line| line.split_once(&begins))?;
    rest.trim().trim_end_matches(';').parse().ok().filter(|&value| value > 0)
}

fn refusal(entry: &str, threads: usize, registers: usize, shared_bytes: usize, sm: &Sm) -> Refusal {
    Refusal::Fit {
        entry: entry.to_owned(),
        threads,
        registers: registers * threads,
        shared_bytes,
        sm_threads: sm.threads,
        sm_registers: sm.registers,
        sm_shared_bytes: sm.shared_bytes,
    }
}

/// The first entry of an embedded PTX of which no block fits an SM, by the committed table.
pub(super) fn unfit(ptx: &Ptx, capability: (i32, i32), sm: &Sm) -> Option<Refusal> {
    let rows = ptx::resources(ptx, capability);
    let row = rows.iter().find(|row| row.blocks_per_sm(ptx.threads, sm) == 0)?;
    Some(refusal(&row.entry, ptx.threads, row.registers, row.shared_bytes, sm))
}

/// A program in a context.
pub(super) struct Loaded {
    pub(super) module: Module,
    pub(super) entries: Vec<Entry>,
}

/// One function of it, and what the driver says that it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) stage: &'static Stage,
    pub(super) function: Function,
    pub(super) registers: usize,
    pub(super) shared_bytes: usize,
    pub(super) blocks_per_sm: usize,
}

/// A fault in the words of someone whose driver is older than the PTX.
pub(super) fn too_new(fault: &Fault, text: &str, driver: &str) -> Option<Sentence> {
    let version = text.lines().find_map(|line| line.trim().strip_prefix(".version "));
    (fault.code == Fault::UNSUPPORTED_PTX).then(|| {
        let version = version.unwrap_or("unknown");
        let what = "the NVIDIA driver (CUDA {0}) does not load PTX {1}: a newer driver, or an older NVRTC, is needed";
        Sentence::new(what).with(driver).with(version)
    })
}
