//! What a buffer on chip holds of the block at hand, and what it is called then.

use eframe::egui::Context;

use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::bytes;
use crate::schedule::Buffer;

/// What a buffer holds of the block at hand.
pub struct Held {
    pub name: String,
    /// Its block along the axis of the buffer.
    pub block: Option<usize>,
    /// The block that its second half is of, where it is torn.
    pub torn: Option<usize>,
}

/// The name that was written last of those that share the buffer; `None` while all that it has is of another block. The
/// steps tell it, without a value.
pub fn held(look: &Look<'_>, buffer: &Buffer) -> Option<Held> {
    let snapshot = look.snapshot;
    let name = buffer.names.iter().rev().find(|name| snapshot.holds(name))?;
    let place = snapshot.place_of(name);
    let block = place.zip(buffer.axis).and_then(|(place, axis)| place.at(axis));
    Some(Held { name: name.clone(), block, torn: snapshot.view.torn(name) })
}

/// `K_j`, or `K_2` once it holds that block, `V_2 | V_1` where it is torn; of names that share a buffer, the one that it holds.
pub fn label(buffer: &Buffer, held: Option<&Held>) -> String {
    match held {
        Some(Held { name, block: Some(block), torn: Some(torn) }) => format!("{name}_{block} | {name}_{torn}"),
        Some(Held { name, block: Some(block), .. }) if !name.contains('_') => format!("{name}_{block}"),
        Some(Held { name, .. }) => name.clone(),
        None => buffer.label(),
    }
}

/// Its size, and whether it holds something of the block at hand.
pub fn told(ctx: &Context, buffer: &Buffer, is_held: bool) -> String {
    let (rows, cols, bytes) = (buffer.rows, buffer.cols, bytes(buffer.bytes()));
    let size = match buffer.copies {
        1 => fill(ctx, "{0} x {1} elements, {2}", &[&rows, &cols, &bytes]),
        copies => fill(ctx, "{0} {0|copy|copies} of {1} x {2} elements, {3}", &[&copies, &rows, &cols, &bytes]),
    };
    if is_held { size } else { format!("{size}; {}", tr(ctx, "holds nothing of this block yet")) }
}
