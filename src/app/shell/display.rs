//! Which display there is, if any; and what the window library says where it gives no window: a sentence in place of a panic.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::files::shown;
use crate::sentence::Sentence;

/// Which window system shows the window. The library takes Wayland wherever its variable is set, and X only elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// The library's own choice.
    Usual,
    /// Wayland is named and does not answer; X is named too.
    X,
}

/// Asked before anything else: the window library fails late and less clearly.
///
/// Errors in a sentence where there is no display.
pub fn display() -> Result<Display, Sentence> {
    if cfg!(any(target_os = "windows", target_os = "macos")) {
        return Ok(Display::Usual);
    }
    choose(|name| std::env::var_os(name).filter(|value| !value.is_empty()), answers)
}

fn choose(variable: impl Fn(&str) -> Option<OsString>, answers: impl Fn(&Path) -> bool) -> Result<Display, Sentence> {
    let has_x = variable("DISPLAY").is_some();
    // A socket that is handed over open has nothing to try.
    let named = variable("WAYLAND_DISPLAY").filter(|_| variable("WAYLAND_SOCKET").is_none());
    let Some(name) = named else {
        return match has_x || variable("WAYLAND_SOCKET").is_some() {
            true => Ok(Display::Usual),
            false => Err("there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set)".into()),
        };
    };
    let folder = variable("XDG_RUNTIME_DIR").unwrap_or_default();
    // A whole path stays as it is.
    let socket = Path::new(&folder).join(&name);
    match (socket.is_absolute() && answers(&socket), has_x) {
        (true, _) => Ok(Display::Usual),
        (false, true) => Ok(Display::X),
        (false, false) => {
            let what = "there is no display to open a window on (nothing answers at WAYLAND_DISPLAY, {0}, and DISPLAY is \
                not set)";
            Err(Sentence::new(what).with(shown(Path::new(&name))))
        }
    }
}

/// Tells the window library what was chosen.
#[cfg(target_os = "linux")]
pub fn hook(display: Display) -> Option<eframe::EventLoopBuilderHook> {
    use winit::platform::x11::EventLoopBuilderExtX11;
    let is_x = display == Display::X;
    is_x.then(|| -> eframe::EventLoopBuilderHook { Box::new(|builder| _ = builder.with_x11()) })
}

#[cfg(not(target_os = "linux"))]
pub fn hook(_: Display) -> Option<eframe::EventLoopBuilderHook> {
    None
}

#[cfg(unix)]
fn answers(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

#[cfg(not(unix))]
fn answers(_: &Path) -> bool {
    true
}

/// Carries out `open`, which sets its flag once the window is there. Until then a panic is an error: the window library
/// panics where a display lacks something.
pub fn guarded(open: impl FnOnce(Arc<AtomicBool>) -> Result<(), Sentence>) -> Result<(), Sentence> {
    let is_open = Arc::new(AtomicBool::new(false));
    let hook: Arc<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync> = Arc::from(panic::take_hook());
    let (own, flag, usual) = (std::thread::current().id(), Arc::clone(&is_open), Arc::clone(&hook));
    panic::set_hook(Box::new(move |info| {
        if flag.load(Ordering::Relaxed) || std::thread::current().id() != own {
            usual(info);
        }
    }));
    let flag = Arc::clone(&is_open);
    let result = panic::catch_unwind(AssertUnwindSafe(|| open(flag)));
    panic::set_hook(Box::new(move |info| hook(info)));
    match result {
        Ok(result) => result,
        Err(panic) if is_open.load(Ordering::Relaxed) => panic::resume_unwind(panic),
        Err(panic) => Err(cannot_open(said(&*panic))),
    }
}

/// What to say where there is no window.
pub fn cannot_open(reason: impl std::fmt::Display) -> Sentence {
    Sentence::new("the window cannot be opened: {0}").with(reason)
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the window library gave up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_that_does_not_answer_is_none() {
        let told = |set: &[(&str, &str)], there: &str| {
            let variable = |name: &str| set.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into());
            choose(variable, |socket| socket == Path::new(there))
        };
        let wayland = [("WAYLAND_DISPLAY", "wayland-7"), ("XDG_RUNTIME_DIR", "/run/user/1")];
        let with_x = [wayland[0], wayland[1], ("DISPLAY", ":1")];
        assert_eq!(told(&[("DISPLAY", ":1")], ""), Ok(Display::Usual));
        assert_eq!(told(&wayland, "/run/user/1/wayland-7"), Ok(Display::Usual));
        assert_eq!(told(&with_x, "/run/user/1/wayland-7"), Ok(Display::Usual));
        assert_eq!(told(&with_x, "/run/user/1/wayland-0"), Ok(Display::X));
        assert_eq!(told(&[("WAYLAND_DISPLAY", "/a/socket"), ("DISPLAY", ":1")], "/a/socket"), Ok(Display::Usual));
        // Without a folder, a name is no place; in the folder of the process it is not looked for.
        assert_eq!(told(&[with_x[0], with_x[2]], "wayland-7"), Ok(Display::X));
        assert_eq!(told(&[("WAYLAND_SOCKET", "3"), with_x[0], with_x[2]], ""), Ok(Display::Usual));
        assert!(told(&[], "").unwrap_err().to_string().contains("neither DISPLAY nor WAYLAND_DISPLAY is set"));
        assert!(told(&wayland, "").unwrap_err().to_string().contains("nothing answers at WAYLAND_DISPLAY, wayland-7,"));
    }

    #[test]
    fn a_panic_before_the_window_is_there_is_a_sentence() {
        assert_eq!(guarded(|_| Ok(())), Ok(()));
        let refused = guarded(|_| panic!("library {} is missing", "x"));
        assert_eq!(refused, Err(cannot_open("library x is missing")));
        let later = panic::catch_unwind(|| {
            guarded(|is_open| {
                is_open.store(true, Ordering::Relaxed);
                panic::resume_unwind(Box::new("later"))
            })
        });
        assert_eq!(later.unwrap_err().downcast_ref::<&str>(), Some(&"later"));
    }
}
