//! A row per step, for spreadsheets and data frames.
//!
//! Columns are those of [`HEADER`]. Fields that do not apply are empty. Statistics are one number per row of the tile
//! with spaces between, `NaN`, `Infinity` and `-Infinity` among them. No field needs quotes.

use std::io::Write;

use super::TraceError;
use super::describe::Export;
use super::format::Step;
use super::json::Summary;
use super::number::Values;
use super::sink::Sink;
use super::walk::{Tiles, walk};

/// The first line.
pub const HEADER: &str = "n,kernel,program,op,tensor,i,j,row_start,row_end,col_start,col_end,class,\
    hbm_read_bytes,hbm_write_bytes,shared_bytes,register_bytes,matmul_flops,exp_flops,other_flops,m,l,alpha,pages";

/// Writes the steps of `export` as CSV. Tile values have no column: `Full` is as `Stats`.
/// `go_on`, errors and panics are those of [`super::write_json`].
pub fn write_csv(
    out: impl Write,
    export: &Export<'_>,
    tiles: Tiles,
    go_on: impl FnMut(u64) -> bool,
) -> Result<Summary, TraceError> {
    let tiles = if tiles == Tiles::Full { Tiles::Stats } else { tiles };
    let mut sink = Sink::new(out);
    sink.text(HEADER)?;
    sink.text("\n")?;
    let end = walk(export, tiles, go_on, |step| Ok(sink.text(&row(step))?))?;
    Ok(Summary { steps: end.totals.steps, bytes: sink.finish()?, check: end.check, fault: end.fault })
}

/// Numbers of pages with spaces between, `-1` for none.
fn pages(step: &Step<'_>) -> String {
    let number = |page: &Option<usize>| page.map_or("-1".into(), |page| page.to_string());
    step.pages.iter().flatten().map(number).collect::<Vec<_>>().join(" ")
}

fn row(step: &Step<'_>) -> String {
    let index = |index: Option<usize>| index.map_or(String::new(), |index| index.to_string());
    let range = |range: Option<[usize; 2]>| range.map_or(",".into(), |[start, end]| format!("{start},{end}"));
    let values = |values: &Option<Values>| values.as_ref().map_or(String::new(), Values::text);
    format!(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
        step.n,
        step.kernel,
        step.program,
        step.op,
        step.tensor.map_or("", |tensor| tensor.name()),
        index(step.i),
        index(step.j),
        range(step.rows),
        range(step.cols),
        step.class.map_or("", |class| class.name()),
        step.hbm_read_bytes,
        step.hbm_write_bytes,
        step.on_chip_bytes.shared,
        step.on_chip_bytes.registers,
        step.flops.matmul,
        step.flops.exp,
        step.flops.other,
        values(&step.m),
        values(&step.l),
        values(&step.alpha),
        pages(step),
    )
}
