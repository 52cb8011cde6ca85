//! What is asked of an NVIDIA driver, as a trait: the real one answers it, and so does one that a test breaks on purpose.
//!
//! Handles are numbers, and no call can harm the host's memory: a wrong one is an error of the driver. What is freed twice
//! or never is the business of `session.rs`, which owns every handle.

use std::fmt;

/// A call of the driver that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The function of the driver, such as `cuMemAlloc_v2`.
    pub call: &'static str,
    /// Its result, as `cuda.h` numbers them.
    pub code: i32,
    /// The driver's name and words for it; empty where it has none.
    pub words: String,
    /// What the compiler of PTX said, on one line; empty for other calls.
    pub log: String,
}

impl Fault {
    pub const OUT_OF_MEMORY: i32 = 2;
    /// The driver does not know the version of the PTX.
    pub const UNSUPPORTED_PTX: i32 = 222;
    const NOT_FOUND: i32 = 500;

    /// After this every call in the same context fails as well: it must be made anew.
    pub fn is_sticky(&self) -> bool {
        // By cuda.h: the driver or the device went away, the context is gone, memory or a link broke, a kernel did what it
        // must not or did not end, and "unknown".
        matches!(self.code, 4 | 46 | 201 | 214 | 220 | 226 | 700 | 702 | 709 | 710 | 714..=719 | 721 | 999)
    }

    /// The module has no function of this name.
    pub fn is_not_found(&self) -> bool {
        self.code == Self::NOT_FOUND
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words.as_str() {
            "" => write!(f, "{}: error {}", self.call, self.code)?,
            words => write!(f, "{}: {words}", self.call)?,
        }
        if self.log.is_empty() { Ok(()) } else { write!(f, ": {}", self.log) }
    }
}

/// What a device is asked for, by its number in `cuda.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum DeviceAttribute {
    ClockKhz = 13,
    Multiprocessors = 16,
    Integrated = 18,
    MemoryClockKhz = 36,
    MemoryBusBits = 37,
    L2Bytes = 38,
    ThreadsPerMultiprocessor = 39,
    CapabilityMajor = 75,
    CapabilityMinor = 76,
    SharedBytesPerMultiprocessor = 81,
    RegistersPerMultiprocessor = 82,
    SharedBytesPerBlock = 97,
    BlocksPerMultiprocessor = 106,
}

/// What a compiled function is asked for, by its number in `cuda.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum FunctionAttribute {
    /// Most threads that a block of it may have.
    Threads = 0,
    SharedBytes = 1,
    /// Per thread: what did not fit into registers.
    LocalBytes = 3,
    Registers = 4,
    /// The most shared memory that a launch may give a block of it; 48 KiB until it is set.
    LaunchShared = 8,
}

/// Blocks along x, y, z.
pub type GridSize = [u32; 3];

/// What a launch gives each block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSize {
    pub threads: u32,
    /// Bytes of shared memory, beside what the function itself declares.
    pub shared: u32,
}

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub u64);
    )*};
}

handles! {
    Context,
    /// Work on it is done in order.
    Stream,
    Module,
    Function,
    Event,
    /// Where something lies in device memory, in bytes; 0 is nowhere.
    Address
}

impl Address {
    /// This many bytes further on.
    pub fn after(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}

/// An NVIDIA driver. Calls from [`Driver::memory_info`] on work in the context that is current on the calling thread.
#[expect(missing_docs, reason = "each is the function of the driver that it is named after")]
pub trait Driver: Send + Sync {
    /// First of all, once.
    fn initialise(&self) -> Result<(), Fault>;
    /// The newest CUDA that the driver knows: 12040 is 12.4.
    fn version(&self) -> Result<i32, Fault>;
    fn device_count(&self) -> Result<i32, Fault>;
    fn device_name(&self, ordinal: i32) -> Result<String, Fault>;
    fn device_bytes(&self, ordinal: i32) -> Result<u64, Fault>;
    fn device_attribute(&self, ordinal: i32, attribute: DeviceAttribute) -> Result<i32, Fault>;

    /// Makes a context on a device; it is current on this thread.
    fn create_context(&self, ordinal: i32) -> Result<Context, Fault>;
    /// Frees all that was made in it.
    fn destroy_context(&self, context: Context) -> Result<(), Fault>;
    fn make_current(&self, context: Context) -> Result<(), Fault>;

    /// Free and all bytes of the device.
    fn memory_info(&self) -> Result<(u64, u64), Fault>;
    fn allocate(&self, bytes: u64) -> Result<Address, Fault>;
    fn free(&self, address: Address) -> Result<(), Fault>;
    /// Returns when the bytes have arrived.
    fn upload(&self, to: Address, from: &[u8], stream: Stream) -> Result<(), Fault>;
    /// Returns when the bytes have arrived.
    fn download(&self, to: &mut [u8], from: Address, stream: Stream) -> Result<(), Fault>;
    /// Starts to copy within device memory.
    fn copy(&self, to: Address, from: Address, bytes: u64, stream: Stream) -> Result<(), Fault>;
    /// Starts to set `words` words of 32 bits.
    fn fill(&self, to: Address, word: u32, words: u64, stream: Stream) -> Result<(), Fault>;

    /// Compiles PTX for the device and loads it.
    fn load_module(&self, ptx: &str) -> Result<Module, Fault>;
    fn unload_module(&self, module: Module) -> Result<(), Fault>;
    fn function(&self, module: Module, name: &str) -> Result<Function, Fault>;
    fn function_attribute(&self, function: Function, attribute: FunctionAttribute) -> Result<i32, Fault>;
    fn set_function_attribute(&self, function: Function, attribute: FunctionAttribute, value: i32)
    -> Result<(), Fault>;
    /// Blocks of such a size that a multiprocessor holds at once.
    fn blocks_per_sm(&self, function: Function, block: BlockSize) -> Result<i32, Fault>;
    /// Starts a grid of blocks. `parameters` is the one parameter of the function, of the size that its PTX declares.
    fn launch(
        &self,
        function: Function,
        grid: GridSize,
        block: BlockSize,
        parameters: &[u8],
        stream: Stream,
    ) -> Result<(), Fault>;

    fn create_stream(&self) -> Result<Stream, Fault>;
    fn destroy_stream(&self, stream: Stream) -> Result<(), Fault>;
    /// Waits for all work on it.
    fn synchronise(&self, stream: Stream) -> Result<(), Fault>;
    fn create_event(&self) -> Result<Event, Fault>;
    fn destroy_event(&self, event: Event) -> Result<(), Fault>;
    fn record(&self, event: Event, stream: Stream) -> Result<(), Fault>;
    /// Whether all work before it is done.
    fn is_done(&self, event: Event) -> Result<bool, Fault>;
    /// Milliseconds between two events that are done.
    fn elapsed_ms(&self, begin: Event, end: Event) -> Result<f32, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_what_failed() {
        let fault = |code, words: &str, log: &str| Fault { call: "cuCall", code, words: words.into(), log: log.into() };
        assert_eq!(fault(34, "", "").to_string(), "cuCall: error 34");
        assert_eq!(
            fault(218, "CUDA_ERROR_INVALID_PTX (bad)", "line 3").to_string(),
            "cuCall: CUDA_ERROR_INVALID_PTX (bad): line 3"
        );
        // A context outlives what is only refused: no memory, a bad argument, bad PTX, a launch with too many threads.
        for code in [1, 2, 200, 209, 218, 222, 500, 600, 701] {
            assert!(!fault(code, "", "").is_sticky(), "{code}");
        }
        for code in [700, 702, 709, 715, 716, 719, 999] {
            assert!(fault(code, "", "").is_sticky(), "{code}");
        }
    }
}
