//! The file dialog of the system, on a thread of its own: it may take as long as a person does.

use std::path::PathBuf;

/// What became of a dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum Picked {
    File(PathBuf),
    /// The person closed it, or the system showed none and did not say so.
    Nothing,
    /// The system has no dialog.
    Unavailable,
}

/// Asks a person for a file, or a folder; a test passes a stand-in.
pub type PickFile = fn() -> Picked;

/// With the dialog of the system. Blocks until it is closed.
pub fn with_dialog() -> Picked {
    if !has_dialog() {
        return Picked::Unavailable;
    }
    let dialog = rfd::FileDialog::new()
        .add_filter("Q, K, V", &["safetensors", "npz", "json", "tile", "md"])
        .add_filter("*", &["*"]);
    dialog.pick_file().map_or(Picked::Nothing, Picked::File)
}

/// The same, for a folder.
pub fn with_folder_dialog() -> Picked {
    if !has_dialog() {
        return Picked::Unavailable;
    }
    rfd::FileDialog::new().pick_folder().map_or(Picked::Nothing, Picked::File)
}

/// On Linux dialogs come over the session bus.
fn has_dialog() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
        || folder.is_some_and(|folder| folder.join("bus").exists())
}
