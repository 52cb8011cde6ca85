//! What drivers expect of the environment of a process.
#![allow(unsafe_code)]

/// Call first thing in `main`, before any thread starts.
///
/// Where there is no `XDG_RUNTIME_DIR` (as root, in containers, in CI), a layer of Mesa's Vulkan drivers that picks among
/// GPUs by asking the display prints a complaint on stderr. Without a session there is no display to ask: it is switched
/// off.
pub fn prepare() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the caller promises that no other thread runs yet, so none can be reading the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
