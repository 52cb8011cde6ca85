//! A path as a person types or pastes it: in quotes, from the home folder, or as the address that a file manager copies.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// The path that is meant. What is none of these stays as it is, since a name may have any of their letters.
pub fn typed(text: &str, home: Option<PathBuf>) -> PathBuf {
    let text = text.trim();
    let quoted = ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    let text = quoted.unwrap_or(text);
    if let Some(address) = text.strip_prefix("file://") {
        // A host of one's own stands before the first slash.
        let path = address.find('/').map_or(address, |slash| &address[slash..]);
        // What stands for no text stays as it is.
        return percent_decode_str(path).decode_utf8().map_or_else(|_| path.into(), |path| PathBuf::from(&*path));
    }
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) if rest.starts_with(['/', '\\']) => home.join(&rest[1..]),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_meant_in_many_ways() {
        for (text, path) in [
            ("a.npz", "a.npz"),
            ("  /tmp/a b.npz \n", "/tmp/a b.npz"),
            ("'/tmp/a b.npz'", "/tmp/a b.npz"),
            ("\"C:\\data\\a.npz\"", "C:\\data\\a.npz"),
            ("~/a.npz", "/home/me/a.npz"),
            ("~", "/home/me"),
            ("~you/a.npz", "~you/a.npz"),
            ("file:///tmp/a%20b.npz", "/tmp/a b.npz"),
            ("file://host/tmp/%E6%B3%A8.npz", "/tmp/\u{6ce8}.npz"),
            ("file:///tmp/100%.npz", "/tmp/100%.npz"),
            ("file:///tmp/%FF.npz", "/tmp/%FF.npz"),
            ("'", "'"),
            ("", ""),
        ] {
            assert_eq!(typed(text, Some("/home/me".into())), PathBuf::from(path), "{text}");
        }
        assert_eq!(typed("~/a.npz", None), PathBuf::from("~/a.npz"));
    }
}
