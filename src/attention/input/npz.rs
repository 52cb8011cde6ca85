//! An `.npz` archive: a zip of `.npy` files, of which only the arrays that an input needs are inflated.

use std::io::Cursor;

use zip::ZipArchive;

use super::arrays::{Arrays, canonical};
use super::budget::Budget;
use super::error::InputError;
use super::npy;

/// An input has at most seven arrays, and a result file some twenty.
const MAX_ENTRIES: usize = 64;
/// How a zip file begins: with an entry, or with the end of an empty archive.
pub const MAGICS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Reads the arrays that an input can use; others may be there and are not looked at.
///
/// Names are labels and never paths. Sizes that the archive declares are not believed: each entry is read only as
/// far as the header of its array reaches, within `budget`.
pub fn read(bytes: &[u8], budget: &mut Budget) -> Result<Arrays, InputError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.has_duplicate_names() {
        return Err(broken("two entries have the same name; save it again with numpy.savez"));
    }
    if archive.len() > MAX_ENTRIES {
        return Err(broken(format!("{} entries; at most {MAX_ENTRIES} are read", archive.len())));
    }
    let mut arrays = Arrays::default();
    for index in 0..archive.len() {
        if let Some(name) = wanted(&archive, index)? {
            let in_entry = |error| broken(format!("array {name}: {error}; save it again with numpy.savez"));
            let entry = archive.by_index(index).map_err(in_entry)?;
            arrays.insert(name, npy::read(name, entry, budget)?)?;
        }
    }
    Ok(arrays)
}

/// The name of the array in this entry, if an input needs it.
fn wanted(archive: &ZipArchive<Cursor<&[u8]>>, index: usize) -> Result<Option<&'static str>, InputError> {
    let entry = archive.by_index_data(index).map_err(broken)?;
    let Some(name) = entry.name().ok().and_then(|name| canonical(&name)) else {
        return Ok(None);
    };
    if entry.encrypted() {
        return Err(broken(format!("array {name} is encrypted; save it without a password")));
    }
    Ok(Some(name))
}

fn broken(fault: impl ToString) -> InputError {
    InputError::Npz { fault: fault.to_string() }
}
