//! Thread blocks over multiprocessors as a GPU ran them, in the Trace Event format that Perfetto opens.
//!
//! Time is time here: what [`super::write_perfetto`] writes is counted in steps. A multiprocessor is a thread, a block a
//! slice; blocks that share a multiprocessor stand on tracks of their own below each other, since slices of one track may
//! not overlap.

use std::io::Write;

use serde_json::json;

use super::TraceError;
use super::sink::Sink;

/// One block on its multiprocessor, in nanoseconds from any zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    pub sm: u32,
    pub block: u32,
    pub begin_ns: u64,
    pub end_ns: u64,
}

/// For each block the track of its multiprocessor that it stands on, from 0: the first that is free when it begins.
///
/// A block that ends before it begins takes no time.
pub fn tracks(blocks: &[Timed]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&at| (blocks[at].sm, blocks[at].begin_ns, blocks[at].block));
    let mut tracks = vec![0; blocks.len()];
    let (mut sm, mut ends) = (None, Vec::new());
    for at in order {
        let block = blocks[at];
        if sm.replace(block.sm) != Some(block.sm) {
            ends.clear();
        }
        let free = ends.iter().position(|&end| end <= block.begin_ns).unwrap_or(ends.len());
        if free == ends.len() {
            ends.push(0);
        }
        (ends[free], tracks[at]) = (block.end_ns.max(block.begin_ns), free);
    }
    tracks
}

/// Writes `blocks`, with their times from the first beginning on. `title` says what ran. Gives the bytes written.
///
/// Errors when `out` does.
pub fn write_timeline(out: impl Write, title: &str, blocks: &[Timed]) -> Result<u64, TraceError> {
    /// Track ids of one multiprocessor: more blocks than this never share one.
    const PER_SM: u64 = 64;
    let mut sink = Sink::new(out);
    let zero = blocks.iter().map(|block| block.begin_ns).min().unwrap_or(0);
    let about = json!({ "title": title, "time": "nanoseconds of the GPU's clock from the first block on" });
    sink.text("{\"displayTimeUnit\":\"ns\",\"otherData\":")?;
    sink.json(&about)?;
    sink.text(",\n\"traceEvents\":[\n")?;
    sink.json(&json!({ "name": "process_name", "ph": "M", "pid": 1, "args": { "name": title } }))?;
    let mut named = std::collections::BTreeSet::new();
    for (block, track) in blocks.iter().zip(tracks(blocks)) {
        let tid = u64::from(block.sm) * PER_SM + track as u64 + 1;
        if named.insert(tid) {
            let name = format!("SM {}, slot {track}", block.sm);
            sink.text(",\n")?;
            sink.json(&json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": tid, "args": { "name": name } }))?;
        }
        // Microseconds, which the format counts in, with their fraction.
        let us = |ns: u64| ns as f64 / 1e3;
        let (ts, dur) = (us(block.begin_ns - zero), us(block.end_ns.saturating_sub(block.begin_ns)));
        sink.text(",\n")?;
        sink.json(&json!({
            "name": format!("block {}", block.block), "cat": "block", "ph": "X", "ts": ts, "dur": dur, "pid": 1, "tid": tid,
            "args": { "sm": block.sm, "block": block.block },
        }))?;
    }
    sink.text("\n]}\n")?;
    Ok(sink.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn block(sm: u32, block: u32, begin_ns: u64, end_ns: u64) -> Timed {
        Timed { sm, block, begin_ns, end_ns }
    }

    #[test]
    fn blocks_that_overlap_stand_below_each_other() {
        let blocks = [block(3, 0, 100, 200), block(3, 1, 150, 250), block(3, 2, 200, 300), block(0, 3, 120, 130)];
        assert_eq!(tracks(&blocks), [0, 1, 0, 0]);
        assert!(tracks(&[]).is_empty());
        // A clock that ran backwards breaks nothing.
        assert_eq!(tracks(&[block(0, 0, 9, 3), block(0, 1, 9, 12)]), [0, 0]);
    }

    #[test]
    fn the_file_holds_every_block_with_its_time() {
        let blocks = [block(1, 7, 5_000_001_500, 5_000_004_000), block(0, 8, 5_000_001_000, 5_000_002_000)];
        let mut out = Vec::new();
        let bytes = write_timeline(&mut out, "flash2 on a device", &blocks).unwrap();
        assert_eq!(bytes, out.len() as u64);
        let json: Value = serde_json::from_slice(&out).unwrap();
        let events = json["traceEvents"].as_array().unwrap();
        let slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(slices.len(), 2);
        assert_eq!((&slices[0]["ts"], &slices[0]["dur"]), (&json!(0.5), &json!(2.5)));
        assert_eq!((&slices[1]["ts"], &slices[1]["dur"]), (&json!(0.0), &json!(1.0)));
        assert_eq!(slices[0]["args"], json!({ "sm": 1, "block": 7 }));
        let names: Vec<_> = events.iter().filter(|event| event["name"] == "thread_name").collect();
        assert_eq!(names.len(), 2);
    }
}
