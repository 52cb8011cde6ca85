//! A driver whose kernels run: each context is a process, each module the kernel's own source compiled for the CPU.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tilescope::gpu::cuda::driver::{
    Address, BlockSize, Context, DeviceAttribute, Driver, Event, Fault, Function, FunctionAttribute, GridSize, Module,
    Stream,
};

use super::threads;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The sanitizers that stand guard, as in tests/cuda_cpu.
const FLAGS: [&str; 9] = [
    "-std=c++17",
    "-O1",
    "-g1",
    "-fPIC",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fsanitize-sections=shared_memory",
    "-fno-gnu-unique",
    "-Wno-unknown-pragmas",
];

/// Every file that what is built may depend on.
fn sources() -> Result<Vec<PathBuf>, String> {
    let mut sources: Vec<PathBuf> = Vec::new();
    for folder in ["tests/cuda_host", "tests/cuda_cpu", "kernels"] {
        let files = fs::read_dir(Path::new(ROOT).join(folder)).map_err(|error| error.to_string())?;
        let files = files.flatten().map(|entry| entry.path());
        sources.extend(files.filter(|path| path.is_file() && path.extension().is_some_and(|e| e != "rs")));
    }
    sources.sort();
    Ok(sources)
}

/// A place for what is built of these sources in a way that has a name.
fn cached(name: &str, sources: &[PathBuf]) -> Result<PathBuf, String> {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(fs::read(source).map_err(|error| error.to_string())?);
    }
    hash.update(name);
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cuda_host-{hash}")))
}

/// A folder with a library that plays the NVIDIA driver, and one for the modules that it compiles.
pub fn stand_in() -> Result<[PathBuf; 2], String> {
    let folder = cached("stand-in", &sources()?)?;
    let [library, modules] = ["library", "modules"].map(|name| folder.join(name));
    for folder in [&library, &modules] {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    let to = library.join("libcuda.so");
    let from = Path::new(ROOT).join("tests/cuda_host/libcuda.cpp");
    let finished = Command::new("g++")
        .args(["-std=c++17", "-shared", "-fPIC", "-o"])
        .args([&to, &from, Path::new("-ldl")])
        .output()
        .map_err(|error| error.to_string())?;
    let copied = fs::copy(&to, library.join("libcuda.so.1")).map(drop).map_err(|error| error.to_string());
    if finished.status.success() { copied.map(|()| [library, modules]) } else { Err("it does not compile".into()) }
}

/// Compiles a file of this folder, once for each set of sources: what was built before is used again.
fn build(name: &str, defines: &[String], shared: bool, edited: Option<(&str, &str)>) -> Result<PathBuf, String> {
    static TURN: Mutex<()> = Mutex::new(());
    // One at a time, so that none is built twice.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let here = Path::new(ROOT).join("tests/cuda_host");
    let kernels = Path::new(ROOT).join("kernels");
    let folders = [here.clone(), Path::new(ROOT).join("tests/cuda_cpu"), kernels.clone()];
    let sources = sources()?;
    let built = cached(&format!("{name} {defines:?} {edited:?} {FLAGS:?}"), &sources)?;
    if built.exists() {
        return Ok(built);
    }
    // An edited file lies in a folder that is looked through first.
    let changed = tempfile::tempdir().map_err(|error| error.to_string())?;
    if let Some((file, text)) = edited {
        for path in sources.iter().filter(|path| path.starts_with(&kernels)) {
            fs::copy(path, changed.path().join(path.file_name().unwrap_or_default())).map_err(|e| e.to_string())?;
        }
        fs::write(changed.path().join(file), text).map_err(|error| error.to_string())?;
    }
    let partial = changed.path().join("built");
    let finished = Command::new("g++")
        .args(FLAGS)
        .args(if shared { &["-shared"][..] } else { &[] })
        .args(defines)
        .arg("-I")
        .arg(changed.path())
        .args(folders.iter().flat_map(|folder| [Path::new("-I"), folder]))
        .arg(here.join(name))
        .args(shared.then(threads::object).transpose()?)
        .args([Path::new("-o"), &partial, Path::new("-ldl")])
        .output()
        .map_err(|error| format!("g++ does not start: {error}"))?;
    if !finished.status.success() {
        return Err(String::from_utf8_lossy(&finished.stderr).into_owned());
    }
    // Whole or not at all.
    let beside = built.with_extension(format!("{}", std::process::id()));
    fs::copy(&partial, &beside).and_then(|_| fs::rename(&beside, &built)).map_err(|error| error.to_string())?;
    Ok(built)
}

/// Whether `g++` with its sanitizers is there; a sentence if not.
pub fn compiler() -> Result<(), String> {
    match Command::new("g++").arg("--version").output() {
        Ok(found) if found.status.success() => build("device.cpp", &[], false, None)
            .map(drop)
            .map_err(|why| format!("g++ does not build the device: {why}")),
        _ => Err("there is no g++".into()),
    }
}

/// Compiles and runs a program that prints.
pub fn printed(name: &str, defines: &[String]) -> Result<String, String> {
    let program = build(name, defines, false, None)?;
    let output = Command::new(program).output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The process that plays a device.
struct Device {
    process: Child,
    to: ChildStdin,
    from: ChildStdout,
    /// It died: what it said.
    dead: Option<String>,
}

pub struct PlayerDriver {
    devices: Mutex<HashMap<u64, Device>>,
    current: AtomicUsize,
    /// Functions by their number: the module's address in the process, and the name.
    functions: Mutex<Vec<(u64, String)>>,
    /// Kernel files with another source than the project's, as edited PTX means them.
    pub edited: Mutex<HashMap<String, String>>,
    /// What the clock says of every launch.
    pub launch_ms: Mutex<f32>,
    pub launches: AtomicUsize,
    /// The launch of this number (from 1) kills the device.
    pub dies_at: AtomicUsize,
    /// Set when the first launch begins.
    pub cancel: AtomicBool,
}

impl PlayerDriver {
    pub fn new() -> Self {
        Self {
            devices: Mutex::default(),
            current: AtomicUsize::new(0),
            functions: Mutex::default(),
            edited: Mutex::default(),
            launch_ms: Mutex::new(0.01),
            launches: AtomicUsize::new(0),
            dies_at: AtomicUsize::new(0),
            cancel: AtomicBool::new(false),
        }
    }

    /// Sends a command to the device of the current context, and gives its answer.
    fn ask(&self, call: &'static str, command: &[&[u8]]) -> Result<(u64, Vec<u8>), Fault> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load(Ordering::Relaxed) as u64;
        let fault = |code, words: &str| Fault { call, code, words: words.into(), log: String::new() };
        let device = devices.get_mut(&current).ok_or_else(|| fault(201, "no context"))?;
        if let Some(said) = &device.dead {
            return Err(fault(700, said));
        }
        let mut exchange = || {
            for part in command {
                device.to.write_all(part)?;
            }
            device.to.flush()?;
            let mut head = [0; 20];
            device.from.read_exact(&mut head)?;
            let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
            let mut data = vec![0; word(12) as usize];
            device.from.read_exact(&mut data)?;
            std::io::Result::Ok((i32::from_le_bytes(head[..4].try_into().expect("four bytes")), word(4), data))
        };
        match exchange() {
            Ok((0, value, data)) => Ok((value, data)),
            Ok((code, ..)) => Err(fault(code, "the device refused")),
            Err(_) => {
                let mut said = String::new();
                let mut errors = device.process.stderr.take();
                let _ = errors.as_mut().map(|errors| errors.read_to_string(&mut said));
                let line = said.lines().find(|line| line.contains("ERROR") || line.contains("thread block:"));
                let said = line.unwrap_or("the device died").trim().to_owned();
                device.dead = Some(said.clone());
                Err(fault(700, &said))
            }
        }
    }

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// The library of a PTX, by its first line: `// flash2.cu D=64 TAPS: ..`.
    fn library(&self, ptx: &str) -> Result<PathBuf, String> {
        let first = ptx.lines().next().unwrap_or_default();
        let (what, _) = first.strip_prefix("// ").and_then(|line| line.split_once(": ")).ok_or("no first line")?;
        let mut words = what.split(' ');
        let file = words.next().ok_or("no file")?;
        let stem = file.trim_end_matches(".cu");
        let mut defines = vec![format!("-DKERNEL_FILE=\"{file}\""), format!("-DKERNEL={stem}")];
        defines.extend(words.map(|define| format!("-D{define}")));
        defines.push(format!("-DKERNEL_{}", stem.to_uppercase()));
        defines.extend((stem == "flash2_mma").then(|| "-DTENSOR_CORES".to_owned()));
        let edited = self.edited.lock().unwrap_or_else(PoisonError::into_inner);
        let source = edited.get(file).filter(|_| first.contains("changed"));
        build("module.cpp", &defines, true, source.map(|text| (file, text.as_str())))
    }
}

impl Drop for PlayerDriver {
    fn drop(&mut self) {
        for device in self.devices.get_mut().unwrap_or_else(PoisonError::into_inner).values_mut() {
            drop(device.process.kill());
            drop(device.process.wait());
        }
    }
}

impl Driver for PlayerDriver {
    fn initialise(&self) -> Result<(), Fault> {
        Ok(())
    }
    fn version(&self) -> Result<i32, Fault> {
        Ok(12040)
    }
    fn device_count(&self) -> Result<i32, Fault> {
        Ok(1)
    }
    fn device_name(&self, _: i32) -> Result<String, Fault> {
        Ok("CPU in the place of a GPU".into())
    }
    fn device_bytes(&self, _: i32) -> Result<u64, Fault> {
        Ok(1 << 34)
    }
    fn device_attribute(&self, _: i32, attribute: DeviceAttribute) -> Result<i32, Fault> {
        use DeviceAttribute as A;
        Ok(match attribute {
            A::CapabilityMajor => 9,
            A::CapabilityMinor | A::Integrated => 0,
            A::ThreadsPerMultiprocessor => 2048,
            A::BlocksPerMultiprocessor => 32,
            A::RegistersPerMultiprocessor => 65536,
            A::SharedBytesPerMultiprocessor | A::SharedBytesPerBlock => 233_472,
            _ => 1,
        })
    }

    fn create_context(&self, _: i32) -> Result<Context, Fault> {
        let fault = |words: String| Fault { call: "cuCtxCreate_v2", code: 999, words, log: String::new() };
        let program = build("device.cpp", &[], false, None).map_err(fault)?;
        let mut process = Command::new(program)
            .env("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0:allocator_may_return_null=1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| fault(error.to_string()))?;
        let (to, from) = (process.stdin.take(), process.stdout.take());
        let (Some(to), Some(from)) = (to, from) else { return Err(fault("no pipes".into())) };
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let context = u64::from(process.id());
        devices.insert(context, Device { process, to, from, dead: None });
        self.current.store(context as usize, Ordering::Relaxed);
        Ok(Context(context))
    }

    fn destroy_context(&self, context: Context) -> Result<(), Fault> {
        let device = self.devices.lock().unwrap_or_else(PoisonError::into_inner).remove(&context.0);
        if let Some(Device { mut process, to, from, .. }) = device {
            // It ends when nobody speaks to it any more.
            drop((to, from));
            drop(process.wait());
        }
        Ok(())
    }

    fn make_current(&self, context: Context) -> Result<(), Fault> {
        self.current.store(context.0 as usize, Ordering::Relaxed);
        Ok(())
    }

    fn memory_info(&self) -> Result<(u64, u64), Fault> {
        Ok((1 << 34, 1 << 34))
    }

    fn allocate(&self, bytes: u64) -> Result<Address, Fault> {
        self.ask("cuMemAlloc_v2", &[b"a", &bytes.to_le_bytes()]).map(|(address, _)| Address(address))
    }

    fn free(&self, address: Address) -> Result<(), Fault> {
        self.ask("cuMemFree_v2", &[b"f", &address.0.to_le_bytes()]).map(drop)
    }

    fn upload(&self, to: Address, from: &[u8], _: Stream) -> Result<(), Fault> {
        let length = (from.len() as u64).to_le_bytes();
        self.ask("cuMemcpyHtoDAsync_v2", &[b"u", &to.0.to_le_bytes(), &length, from]).map(drop)
    }

    fn download(&self, to: &mut [u8], from: Address, _: Stream) -> Result<(), Fault> {
        let length = (to.len() as u64).to_le_bytes();
        let (_, data) = self.ask("cuMemcpyDtoHAsync_v2", &[b"d", &from.0.to_le_bytes(), &length])?;
        to.copy_from_slice(&data);
        Ok(())
    }

    fn copy(&self, to: Address, from: Address, bytes: u64, stream: Stream) -> Result<(), Fault> {
        let mut data = vec![0; bytes as usize];
        self.download(&mut data, from, stream)?;
        self.upload(to, &data, stream)
    }

    fn fill(&self, to: Address, word: u32, words: u64, _: Stream) -> Result<(), Fault> {
        let command = [&b"s"[..], &to.0.to_le_bytes(), &word.to_le_bytes(), &words.to_le_bytes()];
        self.ask("cuMemsetD32Async", &command).map(drop)
    }

    fn load_module(&self, ptx: &str) -> Result<Module, Fault> {
        let call = "cuModuleLoadDataEx";
        let path = self.library(ptx).map_err(|log| Fault { call, code: 218, words: "no library".into(), log })?;
        self.ask(call, &[b"m", &Self::text(&path.to_string_lossy())]).map(|(launch, _)| Module(launch))
    }

    fn unload_module(&self, _: Module) -> Result<(), Fault> {
        Ok(())
    }

    fn function(&self, module: Module, name: &str) -> Result<Function, Fault> {
        let nothing = [0; 16];
        let name_bytes = Self::text(name);
        let command = [&b"l"[..], &module.0.to_le_bytes(), &[0], &name_bytes, &nothing, &0u64.to_le_bytes()];
        self.ask("cuModuleGetFunction", &command)?;
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        functions.push((module.0, name.to_owned()));
        Ok(Function(functions.len() as u64 - 1))
    }

    fn function_attribute(&self, _: Function, attribute: FunctionAttribute) -> Result<i32, Fault> {
        Ok(match attribute {
            FunctionAttribute::Threads => 1024,
            FunctionAttribute::LocalBytes => 0,
            FunctionAttribute::SharedBytes | FunctionAttribute::Registers => 1,
            FunctionAttribute::LaunchShared => 48 << 10,
        })
    }

    fn set_function_attribute(&self, _: Function, _: FunctionAttribute, _: i32) -> Result<(), Fault> {
        Ok(())
    }

    fn blocks_per_sm(&self, _: Function, _: BlockSize) -> Result<i32, Fault> {
        Ok(1)
    }

    fn launch(
        &self,
        function: Function,
        grid: GridSize,
        block: BlockSize,
        parameters: &[u8],
        _: Stream,
    ) -> Result<(), Fault> {
        let call = "cuLaunchKernel";
        let launch = self.launches.fetch_add(1, Ordering::Relaxed) + 1;
        self.cancel.store(true, Ordering::Relaxed);
        if launch == self.dies_at.load(Ordering::Relaxed) {
            // A command that it does not know.
            return self.ask(call, &[b"?"]).map(drop);
        }
        let (module, name) = self.functions.lock().unwrap_or_else(PoisonError::into_inner)[function.0 as usize].clone();
        let numbers: Vec<u8> = grid.into_iter().chain([block.threads]).flat_map(u32::to_le_bytes).collect();
        let length = (parameters.len() as u64).to_le_bytes();
        let name = Self::text(&name);
        self.ask(call, &[b"l", &module.to_le_bytes(), &[1], &name, &numbers, &length, parameters]).map(drop)
    }

    fn create_stream(&self) -> Result<Stream, Fault> {
        Ok(Stream(1))
    }
    fn destroy_stream(&self, _: Stream) -> Result<(), Fault> {
        Ok(())
    }
    fn synchronise(&self, _: Stream) -> Result<(), Fault> {
        Ok(())
    }
    fn create_event(&self) -> Result<Event, Fault> {
        Ok(Event(1))
    }
    fn destroy_event(&self, _: Event) -> Result<(), Fault> {
        Ok(())
    }
    fn record(&self, _: Event, _: Stream) -> Result<(), Fault> {
        Ok(())
    }
    fn is_done(&self, _: Event) -> Result<bool, Fault> {
        Ok(true)
    }
    fn elapsed_ms(&self, _: Event, _: Event) -> Result<f32, Fault> {
        Ok(*self.launch_ms.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
