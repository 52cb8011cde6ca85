//! The NVIDIA driver itself: its library, opened at run time, behind the safe calls of [`Driver`].
//!
//! Of cudarc this takes the types, the numbers and the names of the library. Its functions are not called: they panic where
//! a library lacks one, and give results as an enum, which must not hold the number of an error that is newer than it is.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

use cudarc::driver::sys::{CUcontext, CUdevice, CUdeviceptr, CUevent, CUfunction, CUmodule, CUstream};
use libloading::Library;

use crate::sentence::Sentence;

use super::driver::{
    Address, BlockSize, Context, DeviceAttribute, Driver, Event, Fault, Function, FunctionAttribute, GridSize, Module,
    Stream,
};

/// Waiting for the device puts the thread to sleep.
const BLOCKING_SYNC: c_uint = 4;
/// A stream that does not wait for work of others on the default stream.
const NON_BLOCKING: c_uint = 1;
const NOT_READY: c_int = 600;
const MOST_PARAMETER_BYTES: usize = 32_768;
/// Options of the compiler of PTX.
const ERROR_LOG: c_uint = 5;
const ERROR_LOG_BYTES: c_uint = 6;

macro_rules! functions {
    ($($field:ident = $symbol:literal ( $($argument:ty),* );)*) => {
        /// The functions of the library that are called. All are there, or the library is not used.
        struct Functions {
            $($field: unsafe extern "C" fn($($argument),*) -> c_int,)*
        }

        impl Functions {
            fn find(library: &Library) -> Result<Self, Sentence> {
                $(
                    // SAFETY: cuda.h of CUDA 12.0 declares the function of this name with these arguments. Names with
                    // a version at the end have kept their meaning since; the library is never unloaded.
                    let $field = *unsafe { library.get::<unsafe extern "C" fn($($argument),*) -> c_int>($symbol) }
                        .map_err(|_| {
                            let what = "the NVIDIA driver library is a stub or too old: it lacks {0}";
                            Sentence::new(what).with($symbol)
                        })?;
                )*
                Ok(Self { $($field),* })
            }
        }
    };
}

functions! {
    init = "cuInit"(c_uint);
    version = "cuDriverGetVersion"(*mut c_int);
    error_name = "cuGetErrorName"(c_int, *mut *const c_char);
    error_string = "cuGetErrorString"(c_int, *mut *const c_char);
    device_count = "cuDeviceGetCount"(*mut c_int);
    device_get = "cuDeviceGet"(*mut CUdevice, c_int);
    device_name = "cuDeviceGetName"(*mut c_char, c_int, CUdevice);
    device_bytes = "cuDeviceTotalMem_v2"(*mut usize, CUdevice);
    device_attribute = "cuDeviceGetAttribute"(*mut c_int, c_int, CUdevice);
    context_create = "cuCtxCreate_v2"(*mut CUcontext, c_uint, CUdevice);
    context_destroy = "cuCtxDestroy_v2"(CUcontext);
    context_set = "cuCtxSetCurrent"(CUcontext);
    memory_info = "cuMemGetInfo_v2"(*mut usize, *mut usize);
    allocate = "cuMemAlloc_v2"(*mut CUdeviceptr, usize);
    free = "cuMemFree_v2"(CUdeviceptr);
    upload = "cuMemcpyHtoDAsync_v2"(CUdeviceptr, *const c_void, usize, CUstream);
    download = "cuMemcpyDtoHAsync_v2"(*mut c_void, CUdeviceptr, usize, CUstream);
    copy = "cuMemcpyDtoDAsync_v2"(CUdeviceptr, CUdeviceptr, usize, CUstream);
    fill = "cuMemsetD32Async"(CUdeviceptr, c_uint, usize, CUstream);
    module_load = "cuModuleLoadDataEx"(*mut CUmodule, *const c_void, c_uint, *mut c_uint, *mut *mut c_void);
    module_unload = "cuModuleUnload"(CUmodule);
    module_function = "cuModuleGetFunction"(*mut CUfunction, CUmodule, *const c_char);
    function_attribute = "cuFuncGetAttribute"(*mut c_int, c_int, CUfunction);
    set_function_attribute = "cuFuncSetAttribute"(CUfunction, c_int, c_int);
    occupancy = "cuOccupancyMaxActiveBlocksPerMultiprocessor"(*mut c_int, CUfunction, c_int, usize);
    launch = "cuLaunchKernel"(
        CUfunction, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, CUstream, *mut *mut c_void, *mut *mut c_void
    );
    stream_create = "cuStreamCreate"(*mut CUstream, c_uint);
    stream_destroy = "cuStreamDestroy_v2"(CUstream);
    stream_wait = "cuStreamSynchronize"(CUstream);
    event_create = "cuEventCreate"(*mut CUevent, c_uint);
    event_destroy = "cuEventDestroy_v2"(CUevent);
    event_record = "cuEventRecord"(CUevent, CUstream);
    event_query = "cuEventQuery"(CUevent);
    event_elapsed = "cuEventElapsedTime"(*mut f32, CUevent, CUevent);
}

/// The driver of this machine.
pub(super) struct NvidiaDriver(&'static Functions);

impl NvidiaDriver {
    /// Opens the driver's library, once per process.
    ///
    /// Errors with a sentence where there is none, or it lacks a function.
    pub(super) fn open() -> Result<Self, Sentence> {
        static FUNCTIONS: OnceLock<Result<Functions, Sentence>> = OnceLock::new();
        FUNCTIONS.get_or_init(load).as_ref().map(Self).map_err(Clone::clone)
    }

    /// The fault of a call that did not give 0.
    fn check(&self, call: &'static str, code: c_int) -> Result<(), Fault> {
        if code == 0 {
            return Ok(());
        }
        let text = |function: unsafe extern "C" fn(c_int, *mut *const c_char) -> c_int| {
            let mut text = std::ptr::null();
            // SAFETY: the function writes a pointer, to a string that lives as long as the library, or null.
            let done = unsafe { function(code, &mut text) };
            // SAFETY: as above, and the pointer was checked.
            (done == 0 && !text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
        };
        let words = match (text(self.0.error_name), text(self.0.error_string)) {
            (Some(name), Some(words)) => format!("{name} ({words})"),
            (name, words) => name.or(words).unwrap_or_default(),
        };
        Err(Fault { call, code, words, log: String::new() })
    }

    /// The handle of a device; `cuDeviceGet` may have been called for it before.
    fn device(&self, ordinal: i32) -> Result<CUdevice, Fault> {
        let mut device = 0;
        // SAFETY: the function writes one device.
        self.check("cuDeviceGet", unsafe { (self.0.device_get)(&mut device, ordinal) })?;
        Ok(device)
    }
}

/// Opens the first library of the driver's names that opens.
fn load() -> Result<Functions, Sentence> {
    // The driver's own name first: a toolkit puts a stub called libcuda.so where libraries are looked for.
    let others = ["cuda", "nvcuda"].into_iter().flat_map(cudarc::get_lib_name_candidates);
    let library = ["libcuda.so.1".to_owned(), "nvcuda.dll".to_owned()]
        .into_iter()
        .chain(others)
        // SAFETY: loading the driver runs its constructors, which have no precondition; the names are those of the
        // NVIDIA driver, which the process loads on purpose.
        .find_map(|name| unsafe { Library::new(name) }.ok())
        .ok_or("there is no NVIDIA driver library (libcuda.so.1 or nvcuda.dll) on this machine")?;
    let functions = Functions::find(&library);
    // It stays loaded: a driver does not survive being unloaded.
    std::mem::forget(library);
    functions
}

// SAFETY of the calls below: each function has the arguments that cuda.h declares (see `functions!`), every pointer is to
// a variable of this frame or to a slice of the length given, and the driver checks its handles itself: one that it did
// not give out, or gave to another context, is an error. Handles come from this file alone.
impl Driver for NvidiaDriver {
    fn initialise(&self) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuInit", unsafe { (self.0.init)(0) })
    }

    fn version(&self) -> Result<i32, Fault> {
        let mut version = 0;
        // SAFETY: see above.
        self.check("cuDriverGetVersion", unsafe { (self.0.version)(&mut version) })?;
        Ok(version)
    }

    fn device_count(&self) -> Result<i32, Fault> {
        let mut count = 0;
        // SAFETY: see above.
        self.check("cuDeviceGetCount", unsafe { (self.0.device_count)(&mut count) })?;
        Ok(count)
    }

    fn device_name(&self, ordinal: i32) -> Result<String, Fault> {
        let (device, mut name) = (self.device(ordinal)?, [0u8; 256]);
        // The last byte stays 0, whatever the driver writes.
        // SAFETY: see above.
        self.check("cuDeviceGetName", unsafe { (self.0.device_name)(name.as_mut_ptr().cast(), 255, device) })?;
        Ok(CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy().into_owned())
    }

    fn device_bytes(&self, ordinal: i32) -> Result<u64, Fault> {
        let (device, mut bytes) = (self.device(ordinal)?, 0);
        // SAFETY: see above.
        self.check("cuDeviceTotalMem_v2", unsafe { (self.0.device_bytes)(&mut bytes, device) })?;
        Ok(bytes as u64)
    }

    fn device_attribute(&self, ordinal: i32, attribute: DeviceAttribute) -> Result<i32, Fault> {
        let (device, mut value) = (self.device(ordinal)?, 0);
        // SAFETY: see above.
        let code = unsafe { (self.0.device_attribute)(&mut value, attribute as c_int, device) };
        self.check("cuDeviceGetAttribute", code)?;
        Ok(value)
    }

    fn create_context(&self, ordinal: i32) -> Result<Context, Fault> {
        let (device, mut context) = (self.device(ordinal)?, std::ptr::null_mut());
        // SAFETY: see above.
        let code = unsafe { (self.0.context_create)(&mut context, BLOCKING_SYNC, device) };
        self.check("cuCtxCreate_v2", code)?;
        Ok(Context(context as u64))
    }

    fn destroy_context(&self, context: Context) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuCtxDestroy_v2", unsafe { (self.0.context_destroy)(context.0 as CUcontext) })
    }

    fn make_current(&self, context: Context) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuCtxSetCurrent", unsafe { (self.0.context_set)(context.0 as CUcontext) })
    }

    fn memory_info(&self) -> Result<(u64, u64), Fault> {
        let (mut free, mut total) = (0, 0);
        // SAFETY: see above.
        self.check("cuMemGetInfo_v2", unsafe { (self.0.memory_info)(&mut free, &mut total) })?;
        Ok((free as u64, total as u64))
    }

    fn allocate(&self, bytes: u64) -> Result<Address, Fault> {
        let mut address = 0;
        // SAFETY: see above.
        self.check("cuMemAlloc_v2", unsafe { (self.0.allocate)(&mut address, bytes as usize) })?;
        Ok(Address(address))
    }

    fn free(&self, address: Address) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuMemFree_v2", unsafe { (self.0.free)(address.0) })
    }

    fn upload(&self, to: Address, from: &[u8], stream: Stream) -> Result<(), Fault> {
        let handle = stream.0 as CUstream;
        // SAFETY: see above; the slice outlives the copy, since this waits for the stream.
        let code = unsafe { (self.0.upload)(to.0, from.as_ptr().cast(), from.len(), handle) };
        self.check("cuMemcpyHtoDAsync_v2", code)?;
        self.synchronise(stream)
    }

    fn download(&self, to: &mut [u8], from: Address, stream: Stream) -> Result<(), Fault> {
        let handle = stream.0 as CUstream;
        // SAFETY: see above; the slice outlives the copy, since this waits for the stream.
        let code = unsafe { (self.0.download)(to.as_mut_ptr().cast(), from.0, to.len(), handle) };
        self.check("cuMemcpyDtoHAsync_v2", code)?;
        self.synchronise(stream)
    }

    fn copy(&self, to: Address, from: Address, bytes: u64, stream: Stream) -> Result<(), Fault> {
        // SAFETY: see above.
        let code = unsafe { (self.0.copy)(to.0, from.0, bytes as usize, stream.0 as CUstream) };
        self.check("cuMemcpyDtoDAsync_v2", code)
    }

    fn fill(&self, to: Address, word: u32, words: u64, stream: Stream) -> Result<(), Fault> {
        // SAFETY: see above.
        let code = unsafe { (self.0.fill)(to.0, word, words as usize, stream.0 as CUstream) };
        self.check("cuMemsetD32Async", code)
    }

    fn load_module(&self, ptx: &str) -> Result<Module, Fault> {
        let bad =
            |words: &str| Fault { call: "cuModuleLoadDataEx", code: 218, words: words.into(), log: String::new() };
        let ptx = CString::new(ptx).map_err(|_| bad("the PTX has a zero byte"))?;
        let (mut module, mut log) = (std::ptr::null_mut(), vec![0u8; 4096]);
        let mut options = [ERROR_LOG, ERROR_LOG_BYTES];
        // A value that is no pointer is passed in the place of one. The last byte of the log stays 0.
        let mut values: [*mut c_void; 2] = [log.as_mut_ptr().cast(), (log.len() - 1) as *mut c_void];
        // SAFETY: see above; the text ends with a 0, and the log is as long as its option says.
        let code = unsafe {
            (self.0.module_load)(&mut module, ptx.as_ptr().cast(), 2, options.as_mut_ptr(), values.as_mut_ptr())
        };
        self.check("cuModuleLoadDataEx", code).map_err(|fault| {
            let said = CStr::from_bytes_until_nul(&log).unwrap_or_default().to_string_lossy();
            Fault { log: said.split_whitespace().collect::<Vec<_>>().join(" "), ..fault }
        })?;
        Ok(Module(module as u64))
    }

    fn unload_module(&self, module: Module) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuModuleUnload", unsafe { (self.0.module_unload)(module.0 as CUmodule) })
    }

    fn function(&self, module: Module, name: &str) -> Result<Function, Fault> {
        let none = Fault { call: "cuModuleGetFunction", code: 500, words: name.into(), log: String::new() };
        let name = CString::new(name).map_err(|_| none)?;
        let mut function = std::ptr::null_mut();
        // SAFETY: see above; the name ends with a 0.
        let code = unsafe { (self.0.module_function)(&mut function, module.0 as CUmodule, name.as_ptr()) };
        self.check("cuModuleGetFunction", code)?;
        Ok(Function(function as u64))
    }

    fn function_attribute(&self, function: Function, attribute: FunctionAttribute) -> Result<i32, Fault> {
        let mut value = 0;
        // SAFETY: see above.
        let code = unsafe { (self.0.function_attribute)(&mut value, attribute as c_int, function.0 as CUfunction) };
        self.check("cuFuncGetAttribute", code)?;
        Ok(value)
    }

    fn set_function_attribute(
        &self,
        function: Function,
        attribute: FunctionAttribute,
        value: i32,
    ) -> Result<(), Fault> {
        // SAFETY: see above.
        let code = unsafe { (self.0.set_function_attribute)(function.0 as CUfunction, attribute as c_int, value) };
        self.check("cuFuncSetAttribute", code)
    }

    fn blocks_per_sm(&self, function: Function, block: BlockSize) -> Result<i32, Fault> {
        let (mut blocks, function) = (0, function.0 as CUfunction);
        // SAFETY: see above.
        let code = unsafe { (self.0.occupancy)(&mut blocks, function, block.threads as c_int, block.shared as usize) };
        self.check("cuOccupancyMaxActiveBlocksPerMultiprocessor", code)?;
        Ok(blocks)
    }

    fn launch(
        &self,
        function: Function,
        [x, y, z]: GridSize,
        block: BlockSize,
        parameters: &[u8],
        stream: Stream,
    ) -> Result<(), Fault> {
        let (function, stream) = (function.0 as CUfunction, stream.0 as CUstream);
        // As long as any function may declare its parameters: the driver reads what the function declares, not what is
        // given here.
        let mut buffer = [0u8; MOST_PARAMETER_BYTES];
        let given = parameters.len().min(MOST_PARAMETER_BYTES);
        buffer[..given].copy_from_slice(&parameters[..given]);
        let mut pointers = [buffer.as_mut_ptr().cast::<c_void>()];
        // SAFETY: see above; the driver has copied the parameters when it returns.
        let code = unsafe {
            let (threads, shared, none) = (block.threads, block.shared, std::ptr::null_mut());
            (self.0.launch)(function, x, y, z, threads, 1, 1, shared, stream, pointers.as_mut_ptr(), none)
        };
        self.check("cuLaunchKernel", code)
    }

    fn create_stream(&self) -> Result<Stream, Fault> {
        let mut stream = std::ptr::null_mut();
        // SAFETY: see above.
        self.check("cuStreamCreate", unsafe { (self.0.stream_create)(&mut stream, NON_BLOCKING) })?;
        Ok(Stream(stream as u64))
    }

    fn destroy_stream(&self, stream: Stream) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuStreamDestroy_v2", unsafe { (self.0.stream_destroy)(stream.0 as CUstream) })
    }

    fn synchronise(&self, stream: Stream) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuStreamSynchronize", unsafe { (self.0.stream_wait)(stream.0 as CUstream) })
    }

    fn create_event(&self) -> Result<Event, Fault> {
        let mut event = std::ptr::null_mut();
        // SAFETY: see above.
        self.check("cuEventCreate", unsafe { (self.0.event_create)(&mut event, 0) })?;
        Ok(Event(event as u64))
    }

    fn destroy_event(&self, event: Event) -> Result<(), Fault> {
        // SAFETY: see above.
        self.check("cuEventDestroy_v2", unsafe { (self.0.event_destroy)(event.0 as CUevent) })
    }

    fn record(&self, event: Event, stream: Stream) -> Result<(), Fault> {
        // SAFETY: see above.
        let code = unsafe { (self.0.event_record)(event.0 as CUevent, stream.0 as CUstream) };
        self.check("cuEventRecord", code)
    }

    fn is_done(&self, event: Event) -> Result<bool, Fault> {
        // SAFETY: see above.
        match unsafe { (self.0.event_query)(event.0 as CUevent) } {
            NOT_READY => Ok(false),
            code => self.check("cuEventQuery", code).map(|()| true),
        }
    }

    fn elapsed_ms(&self, begin: Event, end: Event) -> Result<f32, Fault> {
        let mut time = 0.0;
        // SAFETY: see above.
        let code = unsafe { (self.0.event_elapsed)(&mut time, begin.0 as CUevent, end.0 as CUevent) };
        self.check("cuEventElapsedTime", code)?;
        Ok(time)
    }
}
