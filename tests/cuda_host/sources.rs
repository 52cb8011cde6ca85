//! Changed kernels: compiled by NVRTC where it is installed, with its messages, and run.
//!
//! `TILESCOPE_NVRTC` names the library, for the program and for these tests; `scripts/test` sets it where
//! `scripts/compile-kernels --install` has put one under target/.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tilescope::attention::Precision;
use tilescope::attention::cases::single;
use tilescope::attention::error_rule::{self, Errors};
use tilescope::gpu::cuda::{CudaBackend, nvrtc};
use tilescope::gpu::kernels::by_file;
use tilescope::gpu::source::with_blocks;
use tilescope::gpu::{Backend, SourceError, ptx};
use tilescope::schedule::Tiling;

use super::common::skips;
use super::memory_driver::{Facts, Failing, MemoryDriver};
use super::player_driver::PlayerDriver;
use super::results::can_build;

static NEVER: AtomicBool = AtomicBool::new(false);

/// The compiler's version; where there is none, how much is skipped and why is said. One that was named must be there.
fn compiler(skipping: usize) -> Option<String> {
    match nvrtc::version() {
        Ok(version) => Some(version),
        Err(reason) => {
            let reason = reason.to_string();
            assert!(reason.contains("NVRTC") && !reason.contains('\n'), "{reason}");
            assert!(std::env::var_os("TILESCOPE_NVRTC").is_none(), "TILESCOPE_NVRTC names it, but: {reason}");
            skips::skipped_here(&format!("{skipping} cases"), &reason);
            None
        }
    }
}

#[test]
fn without_a_compiler_the_reason_is_named() {
    let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    let mut backend = CudaBackend::with_driver(driver).expect("it opens");
    let source = by_file("flash2.cu").expect("a kernel").source;
    match (nvrtc::version(), backend.set_source("flash2.cu", Some(source))) {
        (Ok(_), done) => assert_eq!(done, Ok(())),
        (Err(reason), done) => assert_eq!(done, Err(SourceError::Unavailable(reason))),
    }
    let unknown = backend.set_source("flash9.cu", Some("")).expect_err("there is no such kernel");
    assert_eq!(unknown.to_string(), "there is no CUDA kernel \"flash9.cu\"");
    assert_eq!(backend.set_source("flash2.cu", None), Ok(()));
}

#[test]
fn a_source_compiles_to_the_ptx_that_is_embedded() {
    let Some(version) = compiler(ptx::all().count()) else { return };
    let mut same = 0;
    for ptx in ptx::all() {
        let source = by_file(ptx.file()).expect("a kernel").source;
        let made = nvrtc::compile(ptx.file(), source, &ptx.defines()).expect("it compiles");
        assert_eq!(made.warnings, vec![], "{}", ptx.name);
        // The embedded one has no comments, indentation and empty lines.
        let slim = |text: &str| {
            let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim().to_owned());
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
        };
        if version == "12.1" {
            assert_eq!(slim(&made.ptx), slim(ptx.text), "{}", ptx.name);
            same += 1;
        }
    }
    println!("NVRTC {version}: {} variants compiled, {same} equal to the embedded PTX", ptx::all().count());
}

#[test]
fn messages_have_the_line_of_the_mistake() {
    if compiler(3).is_none() {
        return;
    }
    let source = by_file("flash2.cu").expect("a kernel").source;
    let broken = source.replace("float m = NEG_INF", "float m = NEG_INFINITE");
    let line = broken.lines().position(|line| line.contains("NEG_INFINITE")).expect("it was replaced") + 1;
    let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    let mut backend = CudaBackend::with_driver(driver).expect("it opens");
    let error = backend.set_source("flash2.cu", Some(&broken)).expect_err("it does not compile");
    assert!(error.to_string().starts_with(&format!("line {line}: error")), "{error}");
    assert!(error.to_string().contains("NEG_INFINITE"), "{error}");
    let SourceError::Compiler(messages) = error else { panic!("{error:?}") };
    assert!(messages.iter().any(|message| message.line == Some(line) && message.file.is_none()));
    // The kernel stays what it was.
    assert!(backend.run(&single(8, 8, 8), "flash2", Precision::F32, &NEVER).is_ok());
    // A parameter of another size is refused: the driver would read past the one it gets.
    let other = source.replace("const Attention a)", "const Attention a, int more)");
    backend.set_source("flash2.cu", Some(&other)).expect("it compiles");
    let error = backend.run(&single(8, 8, 8), "flash2", Precision::F32, &NEVER).expect_err("it is not launched");
    assert!(error.to_string().contains("328 bytes"), "{error}");
    let nameless = source.replace("flash2(const Attention a)", "another(const Attention a)");
    backend.set_source("flash2.cu", Some(&nameless)).expect("it compiles");
    println!("{error}");
}

/// Other block sizes, compiled by NVRTC, with the grid that they ask for; run from the same source on the CPU.
#[test]
fn changed_block_sizes_give_the_same_attention() {
    if compiler(4).is_none() || !can_build(4) {
        return;
    }
    let problem = single(70, 90, 24);
    let reference = error_rule::reference(&problem, 0, 0, Precision::F32);
    for (file, algorithm, br, bc) in
        [("flash2.cu", "flash2", 16, 64), ("flash2.cu", "flash2", 64, 8), ("flash1.cu", "flash1", 8, 16)]
    {
        let driver = Arc::new(PlayerDriver::new());
        let mut backend = CudaBackend::with_driver(driver.clone()).expect("it opens");
        let text = with_blocks(file, by_file(file).expect("a kernel").source, br, bc).expect("sizes that fit");
        driver.edited.lock().expect("no panic").insert(file.into(), text.clone());
        backend.set_source(file, Some(&text)).expect("it compiles");
        let taps = backend.taps(&problem, algorithm, Precision::F32, &NEVER).expect("it runs");
        assert_eq!((taps.br, taps.bc), (br, bc), "{file}");
        let run = backend.run(&problem, algorithm, Precision::F32, &NEVER).expect("it runs");
        let errors = Errors::between(&run.outputs[0], &reference.exact);
        assert!(errors.within(&reference.bound), "{file} {br} x {bc}: {errors:?}");
        let tiling =
            |backend: &CudaBackend| backend.choice(&problem, algorithm, Precision::F32).expect("it runs").tiling;
        assert_eq!(tiling(&backend), Tiling { br, bc }, "{file}: what ran is what is told");
        backend.set_source(file, None).expect("its own again");
        let taps = backend.taps(&problem, algorithm, Precision::F32, &NEVER).expect("it runs");
        assert_eq!((taps.br, taps.bc), (32, 32), "{file}");
        assert_eq!(tiling(&backend), Tiling { br: 32, bc: 32 }, "{file}");
    }
}

/// An edited kernel that breaks the context does not take the backend with it.
#[test]
fn a_changed_kernel_may_break_its_context() {
    if compiler(1).is_none() || !can_build(1) {
        return;
    }
    let driver = Arc::new(PlayerDriver::new());
    let mut backend = CudaBackend::with_driver(driver.clone()).expect("it opens");
    let source = by_file("flash2.cu").expect("a kernel").source;
    let wild = source.replace("int key_length = a.key_lengths[batch]", "int key_length = a.key_lengths[batch + 1]");
    assert_ne!(wild, source);
    driver.edited.lock().expect("no panic").insert("flash2.cu".into(), wild.clone());
    backend.set_source("flash2.cu", Some(&wild)).expect("it compiles");
    let problem = single(20, 20, 8);
    for _ in 0..2 {
        let error = backend.run(&problem, "flash2", Precision::F32, &NEVER).expect_err("an illegal address");
        assert!(error.to_string().contains("the changed kernel broke the context"), "{error}");
    }
    backend.set_source("flash2.cu", None).expect("its own again");
    assert!(backend.run(&problem, "flash2", Precision::F32, &NEVER).is_ok());
}
