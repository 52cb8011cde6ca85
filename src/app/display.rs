//! Whether there is a display; and what the window library says where it gives no window: a sentence in place of a panic.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a window could be shown. Asked before anything else: the window library fails late and less clearly.
pub fn has_display() -> bool {
    if cfg!(any(target_os = "windows", target_os = "macos")) {
        return true;
    }
    ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
}

/// Carries out `open`, which sets its flag once the window is there. Until then a panic is an error: the window library
/// panics where a display lacks something.
pub fn guarded(open: impl FnOnce(Arc<AtomicBool>) -> Result<(), String>) -> Result<(), String> {
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
        Err(panic) => Err(format!("the window cannot be opened: {}", said(&*panic))),
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the window library gave up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_before_the_window_is_there_is_a_sentence() {
        assert_eq!(guarded(|_| Ok(())), Ok(()));
        let refused = guarded(|_| panic!("library {} is missing", "x"));
        assert_eq!(refused, Err("the window cannot be opened: library x is missing".into()));
        let later = panic::catch_unwind(|| {
            guarded(|is_open| {
                is_open.store(true, Ordering::Relaxed);
                panic::resume_unwind(Box::new("later"))
            })
        });
        assert_eq!(later.unwrap_err().downcast_ref::<&str>(), Some(&"later"));
    }
}
