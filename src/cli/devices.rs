//! `tilescope devices`: the GPUs found, or why there are none, and the hardware models.

use clap::Args;
use serde_json::json;

use crate::gpu::{self, DeviceInfo};
use crate::number;
use crate::schedule::{Hardware, hardware};
use crate::sentence::Sentence;

use super::Failure;
use super::failure::{print, print_json};
use super::report::table;

#[derive(Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let (devices, models) = (gpu::devices(), hardware::all());
    if arguments.json { print_json(&as_json(&devices, &models)) } else { print(&as_text(&devices, &models)) }
}

type Found = (&'static str, Result<DeviceInfo, Sentence>);

/// A device, or the reason why a backend has none.
pub fn device_json(backend: &str, found: &Result<DeviceInfo, Sentence>) -> serde_json::Value {
    match found {
        Ok(info) => json!({
            "backend": backend,
            "available": true,
            "name": info.name,
            "driver": info.driver,
            "kind": info.kind.name(),
            "limits": info.limits.iter().map(|(name, value)| (name.to_string(), json!(value))).collect::<serde_json::Map<_, _>>(),
            "notes": info.notes,
        }),
        Err(reason) => json!({ "backend": backend, "available": false, "reason": reason.to_string() }),
    }
}

fn as_json(devices: &[Found], models: &[Hardware]) -> serde_json::Value {
    let devices: Vec<_> = devices.iter().map(|(backend, found)| device_json(backend, found)).collect();
    json!({ "devices": devices, "hardware": models })
}

fn as_text(devices: &[Found], models: &[Hardware]) -> String {
    let mut text = String::from("GPUs\n");
    for (backend, found) in devices {
        match found {
            Ok(info) => {
                text += &format!("  {backend}: {} ({}), {}\n", info.name, info.kind.name(), info.driver);
                info.notes.iter().for_each(|note| text += &format!("    {note}\n"));
            }
            Err(reason) => text += &format!("  {backend}: none: {reason}\n"),
        }
    }
    text += "\nHardware models, for block sizes and budgets (--hardware)\n";
    let head = ["  name", "SMs", "shared per block", "HBM GB/s", "f16 TFLOP/s", "exp G/s"].map(String::from);
    let mut rows = vec![head.to_vec()];
    rows.extend(models.iter().map(|model| {
        vec![
            format!("  {}", model.name),
            model.sms.to_string(),
            number::bytes(model.shared_bytes_per_block),
            number::short(model.hbm_bytes_per_s / 1e9),
            number::short(model.matmul_flops_per_s / 1e12),
            number::short(model.exp_per_s / 1e9),
        ]
    }));
    text + &table(&rows)
}
