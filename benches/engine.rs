//! The rows of `tilescope bench`, one after another: `cargo bench`.
#![allow(clippy::print_stdout)]

use tilescope::cli::bench::ENGINE;

fn main() {
    for measurement in ENGINE {
        let Some(row) = (measurement.measure)() else {
            println!("{:18} not measured: {}  ({})", measurement.name, measurement.needs, measurement.what);
            continue;
        };
        let against = row.ratio.map_or(String::new(), |ratio| format!(", {ratio:.3} of its baseline"));
        println!("{:18} {:>9.3} {}{against}  ({})", row.name, row.value, row.unit, measurement.what);
    }
}
