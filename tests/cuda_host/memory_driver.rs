//! A driver without a device: it keeps books of every handle, and fails where a test tells it to. Kernels do nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::thread::ThreadId;

use tilescope::gpu::cuda::driver::{
    Address, BlockSize, Context, DeviceAttribute, Driver, Event, Fault, Function, FunctionAttribute, GridSize, Module,
    Stream,
};
use tilescope::gpu::cuda::params;

/// What the device says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub version: i32,
    pub devices: i32,
    pub capability: (i32, i32),
    pub free: u64,
    pub registers: i32,
    pub blocks_per_sm: i32,
    /// Of every launch.
    pub launch_ms: f32,
    /// Launches that end.
    pub ends: bool,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            version: 12040,
            devices: 1,
            capability: (9, 0),
            // Small, since a test's copy of a quarter of it is a real one.
            free: 1 << 23,
            registers: 64,
            blocks_per_sm: 2,
            launch_ms: 0.01,
            ends: true,
        }
    }
}

/// Which call fails and how.
#[derive(Clone, Copy, Debug)]
pub enum Failing {
    Never,
    /// The call of this number, counted from 0.
    Once(usize, i32),
    /// This one and all after it.
    From(usize, i32),
}

#[derive(Default)]
struct Books {
    calls: Vec<&'static str>,
    contexts: BTreeMap<u64, Made>,
    current: Vec<(ThreadId, u64)>,
    next: u64,
    contexts_made: usize,
    launches: Vec<GridSize>,
    blocks: Vec<BlockSize>,
    /// What a launch may give a block of a function, where that was set.
    launch_shared: BTreeMap<u64, u32>,
    /// What should never happen, whatever fails.
    misuse: Vec<String>,
}

/// What lives in a context.
#[derive(Default)]
struct Made {
    memory: BTreeMap<u64, Vec<u8>>,
    handles: BTreeSet<(&'static str, u64)>,
    /// The fault after which nothing works any more.
    broken: Option<i32>,
}

pub struct MemoryDriver {
    facts: Facts,
    failing: Failing,
    books: Mutex<Books>,
}

/// The name of an error, as the driver's.
pub fn words(code: i32) -> String {
    format!("CUDA_ERROR_{code} (of a test)")
}

impl MemoryDriver {
    pub fn new(facts: Facts, failing: Failing) -> Self {
        Self { facts, failing, books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no panic in a test's driver")
    }

    /// Names of all calls so far.
    pub fn calls(&self) -> Vec<&'static str> {
        self.books().calls.clone()
    }

    pub fn contexts_made(&self) -> usize {
        self.books().contexts_made
    }

    pub fn launches(&self) -> Vec<GridSize> {
        self.books().launches.clone()
    }

    /// What each launch gave its blocks.
    pub fn blocks(&self) -> Vec<BlockSize> {
        self.books().blocks.clone()
    }

    /// Contexts, allocations and other handles that nobody has freed, and what was used wrongly.
    pub fn left_over(&self) -> Vec<String> {
        let books = self.books();
        let mut left = books.misuse.clone();
        for (context, made) in &books.contexts {
            left.push(format!("context {context}: {} allocations, {:?}", made.memory.len(), made.handles));
        }
        left
    }

    fn fault(call: &'static str, code: i32) -> Fault {
        Fault { call, code, words: words(code), log: String::new() }
    }

    /// Counts a call, and fails it if it is its turn.
    fn enter(&self, call: &'static str) -> Result<MutexGuard<'_, Books>, Fault> {
        let mut books = self.books();
        let number = books.calls.len();
        books.calls.push(call);
        let failed = match self.failing {
            Failing::Once(at, code) if at == number => Some(code),
            Failing::From(at, code) if at <= number => Some(code),
            _ => None,
        };
        let Some(code) = failed else { return Ok(books) };
        let fault = Self::fault(call, code);
        if fault.is_sticky() {
            let current = books.current();
            if let Some(made) = current.and_then(|current| books.contexts.get_mut(&current)) {
                made.broken = Some(code);
            }
        }
        Err(fault)
    }

    /// Counts a call that needs a context: the current one of this thread.
    fn within<T>(&self, call: &'static str, work: impl FnOnce(&mut Books, u64) -> T) -> Result<T, Fault> {
        let mut books = self.enter(call)?;
        let Some(current) = books.current().filter(|current| books.contexts.contains_key(current)) else {
            books.misuse.push(format!("{call} without a context"));
            return Err(Self::fault(call, 201));
        };
        match books.contexts[&current].broken {
            Some(code) => Err(Self::fault(call, code)),
            None => Ok(work(&mut books, current)),
        }
    }

    fn make(&self, call: &'static str, kind: &'static str) -> Result<u64, Fault> {
        self.within(call, |books, current| {
            books.next += 1;
            let handle = (kind, books.next);
            books.made(current).handles.insert(handle);
            handle.1
        })
    }

    fn end(&self, call: &'static str, kind: &'static str, handle: u64) -> Result<(), Fault> {
        self.within(call, |books, current| {
            if !books.made(current).handles.remove(&(kind, handle)) {
                books.misuse.push(format!("{call} of a {kind} that is not there"));
            }
        })
    }

    fn uses(&self, call: &'static str, handles: &[(&'static str, u64)]) -> Result<(), Fault> {
        self.within(call, |books, current| {
            for handle in handles {
                if !books.made(current).handles.contains(handle) {
                    books.misuse.push(format!("{call}: {handle:?} is not there"));
                }
            }
        })
    }

    /// Works on bytes of one allocation, which must hold them all.
    fn bytes(&self, call: &'static str, at: Address, length: usize, work: impl FnOnce(&mut [u8])) -> Result<(), Fault> {
        self.within(call, |books, current| {
            let found = books.made(current).memory.range_mut(..=at.0).next_back();
            let inside = found.and_then(|(start, memory)| memory.get_mut((at.0 - start) as usize..)?.get_mut(..length));
            match inside {
                Some(bytes) => work(bytes),
                None => books.misuse.push(format!("{call}: {length} bytes at {at:?} are not all there")),
            }
        })
    }
}

impl Books {
    fn current(&self) -> Option<u64> {
        let here = std::thread::current().id();
        self.current.iter().rev().find(|(thread, _)| *thread == here).map(|(_, context)| *context)
    }

    fn made(&mut self, context: u64) -> &mut Made {
        self.contexts.get_mut(&context).expect("it was looked for before")
    }

    /// 48 KiB of shared memory is what every launch may give.
    fn check_shared(&mut self, function: Function, block: BlockSize) {
        let most = self.launch_shared.get(&function.0).copied().unwrap_or(48 << 10);
        if block.shared > most {
            self.misuse.push(format!("a block gets {} bytes of shared memory, and may get {most}", block.shared));
        }
    }
}

impl Driver for MemoryDriver {
    fn initialise(&self) -> Result<(), Fault> {
        self.enter("cuInit").map(drop)
    }

    fn version(&self) -> Result<i32, Fault> {
        self.enter("cuDriverGetVersion").map(|_| self.facts.version)
    }

    fn device_count(&self) -> Result<i32, Fault> {
        self.enter("cuDeviceGetCount").map(|_| self.facts.devices)
    }

    fn device_name(&self, ordinal: i32) -> Result<String, Fault> {
        self.enter("cuDeviceGetName").map(|_| format!("Paper GPU {ordinal}"))
    }

    fn device_bytes(&self, _: i32) -> Result<u64, Fault> {
        self.enter("cuDeviceTotalMem_v2").map(|_| self.facts.free)
    }

    fn device_attribute(&self, _: i32, attribute: DeviceAttribute) -> Result<i32, Fault> {
        use DeviceAttribute as A;
        self.enter("cuDeviceGetAttribute").map(|_| match attribute {
            A::CapabilityMajor => self.facts.capability.0,
            A::CapabilityMinor => self.facts.capability.1,
            A::Multiprocessors => 10,
            A::Integrated => 0,
            A::ThreadsPerMultiprocessor => 2048,
            A::BlocksPerMultiprocessor => 32,
            A::RegistersPerMultiprocessor => 65536,
            A::SharedBytesPerMultiprocessor => 102_400,
            A::SharedBytesPerBlock => 101_376,
            A::L2Bytes => 1 << 20,
            A::ClockKhz | A::MemoryClockKhz | A::MemoryBusBits => 1,
        })
    }

    fn create_context(&self, _: i32) -> Result<Context, Fault> {
        let mut books = self.enter("cuCtxCreate_v2")?;
        books.next += 1;
        let context = books.next;
        books.contexts.insert(context, Made::default());
        books.current.push((std::thread::current().id(), context));
        books.contexts_made += 1;
        Ok(Context(context))
    }

    fn destroy_context(&self, context: Context) -> Result<(), Fault> {
        let mut books = self.enter("cuCtxDestroy_v2")?;
        if books.contexts.remove(&context.0).is_none() {
            books.misuse.push("a context is destroyed twice".to_owned());
        }
        Ok(())
    }

    fn make_current(&self, context: Context) -> Result<(), Fault> {
        let mut books = self.enter("cuCtxSetCurrent")?;
        match books.contexts.get(&context.0).map(|made| made.broken) {
            None => books.misuse.push("a context that is gone is made current".to_owned()),
            Some(Some(code)) => {
                books.current.push((std::thread::current().id(), context.0));
                return Err(Self::fault("cuCtxSetCurrent", code));
            }
            Some(None) => books.current.push((std::thread::current().id(), context.0)),
        }
        Ok(())
    }

    fn memory_info(&self) -> Result<(u64, u64), Fault> {
        self.within("cuMemGetInfo_v2", |_, _| (self.facts.free, self.facts.free))
    }

    fn allocate(&self, bytes: u64) -> Result<Address, Fault> {
        self.within("cuMemAlloc_v2", |books, current| {
            // Far apart, so that a step beyond the end of one is in no other.
            books.next += 1;
            let address = books.next << 36;
            books.made(current).memory.insert(address, vec![0; bytes as usize]);
            Address(address)
        })
    }

    fn free(&self, address: Address) -> Result<(), Fault> {
        self.within("cuMemFree_v2", |books, current| {
            if books.made(current).memory.remove(&address.0).is_none() {
                books.misuse.push("memory is freed that is not there".to_owned());
            }
        })
    }

    fn upload(&self, to: Address, from: &[u8], _: Stream) -> Result<(), Fault> {
        self.bytes("cuMemcpyHtoDAsync_v2", to, from.len(), |bytes| bytes.copy_from_slice(from))
    }

    fn download(&self, to: &mut [u8], from: Address, _: Stream) -> Result<(), Fault> {
        self.bytes("cuMemcpyDtoHAsync_v2", from, to.len(), |bytes| to.copy_from_slice(bytes))
    }

    fn copy(&self, to: Address, from: Address, bytes: u64, _: Stream) -> Result<(), Fault> {
        self.bytes("cuMemcpyDtoDAsync_v2", from, bytes as usize, |_| {})?;
        self.bytes("cuMemcpyDtoDAsync_v2", to, bytes as usize, |_| {})
    }

    fn fill(&self, to: Address, word: u32, words: u64, _: Stream) -> Result<(), Fault> {
        let fill = |bytes: &mut [u8]| bytes.as_chunks_mut::<4>().0.fill(word.to_ne_bytes());
        self.bytes("cuMemsetD32Async", to, 4 * words as usize, fill)
    }

    fn load_module(&self, _: &str) -> Result<Module, Fault> {
        self.make("cuModuleLoadDataEx", "module").map(Module)
    }

    fn unload_module(&self, module: Module) -> Result<(), Fault> {
        self.end("cuModuleUnload", "module", module.0)
    }

    fn function(&self, module: Module, _: &str) -> Result<Function, Fault> {
        self.uses("cuModuleGetFunction", &[("module", module.0)])?;
        Ok(Function(module.0))
    }

    fn function_attribute(&self, function: Function, attribute: FunctionAttribute) -> Result<i32, Fault> {
        self.uses("cuFuncGetAttribute", &[("module", function.0)])?;
        Ok(match attribute {
            FunctionAttribute::Threads => 1024,
            FunctionAttribute::SharedBytes => 4096,
            FunctionAttribute::LaunchShared => 48 << 10,
            FunctionAttribute::LocalBytes => 0,
            FunctionAttribute::Registers => self.facts.registers,
        })
    }

    fn set_function_attribute(
        &self,
        function: Function,
        attribute: FunctionAttribute,
        value: i32,
    ) -> Result<(), Fault> {
        self.uses("cuFuncSetAttribute", &[("module", function.0)])?;
        let mut books = self.books();
        if attribute != FunctionAttribute::LaunchShared {
            books.misuse.push(format!("{attribute:?} cannot be set"));
        }
        books.launch_shared.insert(function.0, value as u32);
        Ok(())
    }

    fn blocks_per_sm(&self, function: Function, block: BlockSize) -> Result<i32, Fault> {
        self.uses("cuOccupancyMaxActiveBlocksPerMultiprocessor", &[("module", function.0)])?;
        self.books().check_shared(function, block);
        Ok(self.facts.blocks_per_sm)
    }

    fn launch(
        &self,
        function: Function,
        grid: GridSize,
        block: BlockSize,
        parameters: &[u8],
        stream: Stream,
    ) -> Result<(), Fault> {
        assert_eq!(parameters.len(), params::BYTES);
        self.uses("cuLaunchKernel", &[("module", function.0), ("stream", stream.0)])?;
        let mut books = self.books();
        books.check_shared(function, block);
        books.launches.push(grid);
        books.blocks.push(block);
        Ok(())
    }

    fn create_stream(&self) -> Result<Stream, Fault> {
        self.make("cuStreamCreate", "stream").map(Stream)
    }

    fn destroy_stream(&self, stream: Stream) -> Result<(), Fault> {
        self.end("cuStreamDestroy_v2", "stream", stream.0)
    }

    fn synchronise(&self, stream: Stream) -> Result<(), Fault> {
        self.uses("cuStreamSynchronize", &[("stream", stream.0)])
    }

    fn create_event(&self) -> Result<Event, Fault> {
        self.make("cuEventCreate", "event").map(Event)
    }

    fn destroy_event(&self, event: Event) -> Result<(), Fault> {
        self.end("cuEventDestroy_v2", "event", event.0)
    }

    fn record(&self, event: Event, stream: Stream) -> Result<(), Fault> {
        self.uses("cuEventRecord", &[("event", event.0), ("stream", stream.0)])
    }

    fn is_done(&self, event: Event) -> Result<bool, Fault> {
        self.uses("cuEventQuery", &[("event", event.0)])?;
        Ok(self.facts.ends)
    }

    fn elapsed_ms(&self, begin: Event, end: Event) -> Result<f32, Fault> {
        self.uses("cuEventElapsedTime", &[("event", begin.0), ("event", end.0)])?;
        Ok(self.facts.launch_ms)
    }
}
