//! What happens between a signal that ends the program and its end: what is to be kept is kept, hidden names go.

use std::sync::{Mutex, PoisonError};

type Wish = Box<dyn FnMut() + Send>;

static WISHES: Mutex<Vec<Wish>> = Mutex::new(Vec::new());

/// `wish` is carried out before a signal ends the program.
pub fn at_end(wish: impl FnMut() + Send + 'static) {
    WISHES.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(wish));
    guard();
}

/// From now on a signal that asks the program to end lets a file be finished that is taking its place, removes what is
/// half written, and then ends it as it would have. One that was ignored from the start, as under `nohup`, stays so.
pub fn guard() {
    #[cfg(unix)]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(unix::guard);
    }
}

#[cfg(unix)]
mod unix {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, PoisonError};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use super::super::part;

    pub(super) fn guard() {
        // A file that grows too large is then a failed write.
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
        let ignored = ignored();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let Ok(mut signals) = Signals::new(wanted) else { return };
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                end(signal);
            }
        });
    }

    fn end(signal: i32) {
        for wish in super::WISHES.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            wish();
        }
        let mut names = part::names();
        part::remove_all(&mut names);
        let _ = emulate_default_handler(signal);
    }

    /// Bit n - 1 is set where signal n is ignored; none where the system does not say.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }
}
