//! The words of the window in Chinese, by their English. One place to translate; [`super::words`] looks them up.

use std::collections::HashMap;
use std::sync::LazyLock;

static BY_ENGLISH: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| TABLE.iter().copied().collect());

/// The Chinese of a line of the table.
pub fn of(english: &str) -> Option<&'static str> {
    BY_ENGLISH.get(english).copied()
}

/// English, Chinese.
pub static TABLE: &[(&str, &str)] = &[("Setup", "设置")];
