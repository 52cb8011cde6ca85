//! NVIDIA's run-time compiler, where it is installed: CUDA C++ to PTX, with its messages. The kernels need it only when
//! their source is changed.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::Library;

use crate::gpu::kernels::CUDA_HEADERS;
use crate::gpu::source::{Remark, SourceError, messages};
use crate::sentence::Sentence;

/// Names a library file to be used before all others.
const PLACE: &str = "TILESCOPE_NVRTC";
/// The kernels are compiled for this virtual architecture, which every later one runs.
const ARCHITECTURE: &str = "--gpu-architecture=compute_80";

/// A program in the compiler.
type Program = *mut c_void;

/// What this calls of the library, as nvrtc.h declares it since CUDA 8.
struct Functions {
    version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int,
    create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> c_int,
    compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int,
    destroy: unsafe extern "C" fn(*mut Program) -> c_int,
    log_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    log: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    ptx_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    ptx: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
}

/// PTX, and what the compiler said though it compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    pub ptx: String,
    pub warnings: Vec<Remark>,
}

/// The version of the compiler, such as `12.1`; or why there is none, in a sentence.
pub fn version() -> Result<String, Sentence> {
    let functions = functions()?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the function writes two ints.
    match unsafe { (functions.version)(&mut major, &mut minor) } {
        0 => Ok(format!("{major}.{minor}")),
        code => Err(Sentence::new("{0} fails with {1}").with("nvrtcVersion").with(code)),
    }
}

/// Compiles a source that is called `file`; `defines` are macros such as `D=64`. The kernels' own headers can be included.
/// Takes up to seconds.
pub fn compile(file: &str, source: &str, defines: &[String]) -> Result<Compiled, SourceError> {
    let functions = functions().map_err(SourceError::Unavailable)?;
    let text = |text: &str| CString::new(text).map_err(|_| refused("the source has a zero byte"));
    let (source, name) = (text(source)?, text(file)?);
    let headers = CUDA_HEADERS.iter().map(|(name, source)| Ok((text(name)?, text(source)?)));
    let headers: Vec<(CString, CString)> = headers.collect::<Result<_, SourceError>>()?;
    let mut options = vec![text(ARCHITECTURE)?, text("--std=c++17")?];
    for define in defines {
        options.push(text(&format!("--define-macro={define}"))?);
    }
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_ptr()).collect();
    let sources: Vec<_> = headers.iter().map(|(_, source)| source.as_ptr()).collect();
    let mut program = std::ptr::null_mut();
    // SAFETY: every pointer is to a string that ends with a 0 and lives until this returns; the lists are as long as said.
    let code = unsafe {
        (functions.create)(
            &mut program,
            source.as_ptr(),
            name.as_ptr(),
            headers.len() as c_int,
            sources.as_ptr(),
            names.as_ptr(),
        )
    };
    if code != 0 {
        return Err(refused(&format!("nvrtcCreateProgram fails with {code}")));
    }
    let options: Vec<_> = options.iter().map(|option| option.as_ptr()).collect();
    // SAFETY: the program was made above; the options are strings that end with a 0.
    let code = unsafe { (functions.compile)(program, options.len() as c_int, options.as_ptr()) };
    let log = read(program, functions.log_size, functions.log).unwrap_or_default();
    let ptx = if code == 0 { read(program, functions.ptx_size, functions.ptx) } else { None };
    // SAFETY: the program was made above and is not used after this.
    unsafe { (functions.destroy)(&mut program) };
    let said = messages(&log, file);
    match ptx {
        Some(ptx) => Ok(Compiled { ptx, warnings: said }),
        None if said.is_empty() => Err(refused(&format!("nvrtcCompileProgram fails with {code}"))),
        None => Err(SourceError::Compiler(said)),
    }
}

fn refused(text: &str) -> SourceError {
    SourceError::Compiler(vec![Remark { file: None, line: None, text: text.to_owned() }])
}

/// A text of the program: its size, with a 0 at the end, and then itself.
fn read(
    program: Program,
    size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    get: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
) -> Option<String> {
    let mut bytes = 0;
    // SAFETY: the program is alive; the function writes one size.
    if unsafe { size(program, &mut bytes) } != 0 {
        return None;
    }
    let mut text = vec![0u8; bytes + 1];
    // SAFETY: the buffer has as many bytes as the function has just asked for, and one more.
    if unsafe { get(program, text.as_mut_ptr().cast()) } != 0 {
        return None;
    }
    Some(CStr::from_bytes_until_nul(&text).ok()?.to_string_lossy().into_owned())
}

/// The library, opened once per process.
fn functions() -> Result<&'static Functions, Sentence> {
    static FUNCTIONS: OnceLock<Result<Functions, Sentence>> = OnceLock::new();
    FUNCTIONS.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Result<Functions, Sentence> {
    let places = places();
    for place in &places {
        preload_builtins(place);
        // SAFETY: loading NVRTC runs its constructors, which have no precondition; the names are NVRTC's, or the one file
        // that the user named.
        if let Ok(library) = unsafe { Library::new(place) } {
            let lacks = |symbol| Sentence::new("{0} is no NVRTC: it lacks {1}").with(place.display()).with(symbol);
            let functions = find(&library).map_err(lacks);
            // It stays loaded: the functions below it are used until the process ends.
            std::mem::forget(library);
            return functions;
        }
    }
    match std::env::var_os(PLACE) {
        Some(place) => {
            let what = Sentence::new("{0} names {1}, which does not open as a library").with(PLACE);
            Err(what.with(Path::new(&place).display()))
        }
        None => {
            let what = "NVRTC is not installed (libnvrtc.so or nvrtc64_*.dll, of CUDA 11 to 13), which compiles changed \
                kernels; {0} may name its file";
            Err(Sentence::new(what).with(PLACE))
        }
    }
}

/// Files to try, by name for the system's search or by path.
fn places() -> Vec<PathBuf> {
    if let Some(place) = std::env::var_os(PLACE) {
        return vec![place.into()];
    }
    let names: &[&str] = match cfg!(windows) {
        true => &["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"],
        false => &["libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so.11.2", "libnvrtc.so"],
    };
    let (root, folder) = match cfg!(windows) {
        true => (std::env::var_os("CUDA_PATH"), "bin"),
        false => (std::env::var_os("CUDA_HOME").or(Some("/usr/local/cuda".into())), "lib64"),
    };
    let installed = root.map(|root| Path::new(&root).join(folder));
    let beside = installed.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    names.iter().map(PathBuf::from).chain(beside).collect()
}

/// NVRTC looks for this library by its name alone, when it first compiles: loaded before, it is found.
fn preload_builtins(place: &Path) {
    let Some(folder) = place.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return };
    let is_builtins = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().replace("lib", "").starts_with("nvrtc-builtins"))
    };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in files.filter(is_builtins) {
        // SAFETY: a library of tables that lies beside NVRTC; it stays loaded.
        if let Ok(library) = unsafe { Library::new(&path) } {
            std::mem::forget(library);
        }
    }
}

/// The functions, or the name of the first that is missing.
fn find(library: &Library) -> Result<Functions, &'static str> {
    macro_rules! symbol {
        ($name:literal) => {
            // SAFETY: nvrtc.h declares the function of this name with the arguments of the field that this goes to.
            *unsafe { library.get($name) }.map_err(|_| $name)?
        };
    }
    Ok(Functions {
        version: symbol!("nvrtcVersion"),
        create: symbol!("nvrtcCreateProgram"),
        compile: symbol!("nvrtcCompileProgram"),
        destroy: symbol!("nvrtcDestroyProgram"),
        log_size: symbol!("nvrtcGetProgramLogSize"),
        log: symbol!("nvrtcGetProgramLog"),
        ptx_size: symbol!("nvrtcGetPTXSize"),
        ptx: symbol!("nvrtcGetPTX"),
    })
}
