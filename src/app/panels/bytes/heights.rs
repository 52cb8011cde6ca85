//! How high the arrow of each flow is: all on one scale, so that areas compare.

/// The row of the thinnest arrow, which has room for a name.
pub const LEAST_ROW: f32 = 16.0;
/// The same where there is little room: as high as the letters of a name.
pub const CLOSEST_ROW: f32 = 12.0;
/// The thickest arrow.
const MOST: f32 = 56.0;

/// Points for each byte, so that rows of `bytes`, each of at least `least` points, fit `room` points; the largest is at most
/// [`MOST`] points high.
pub fn scale(bytes: &[u64], room: f32, least: f32) -> f32 {
    let Some(most) = bytes.iter().copied().max().filter(|most| *most > 0) else { return 0.0 };
    let rows = |scale: f32| bytes.iter().map(|bytes| row(*bytes as f32 * scale, least)).sum::<f32>();
    let (mut low, mut high) = (least / most as f32, MOST / most as f32);
    if rows(high) <= room {
        return high;
    }
    for _ in 0..32 {
        let middle = (low + high) / 2.0;
        if rows(middle) <= room { low = middle } else { high = middle }
    }
    low
}

/// Points of the row around an arrow of `height`.
pub fn row(height: f32, least: f32) -> f32 {
    height.max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_where_they_can_and_the_largest_has_a_limit() {
        let flash2 = [65_536, 524_288, 524_288, 65_536, 1_024, 1_048_576, 1_048_576, 1_048_576, 1_048_576];
        let usual = [144.0, 200.0, 260.0, 400.0, 2000.0].map(|room| (room, LEAST_ROW));
        for (room, least) in usual.into_iter().chain([(108.0, CLOSEST_ROW)]) {
            let scale = scale(&flash2, room, least);
            let sum: f32 = flash2.iter().map(|bytes| row(*bytes as f32 * scale, least)).sum();
            assert!(sum <= room + 0.01, "{sum} in {room}");
            assert!(1_048_576.0 * scale <= MOST + 0.01 && 1_048_576.0 * scale >= least - 0.01);
        }
        // More room is never a smaller arrow, and less room than the rows need is no smaller one than a row.
        assert!(scale(&flash2, 300.0, LEAST_ROW) > scale(&flash2, 200.0, LEAST_ROW));
        assert_eq!(scale(&flash2, 10.0, LEAST_ROW), LEAST_ROW / 1_048_576.0);
        assert_eq!(scale(&[], 100.0, LEAST_ROW), 0.0);
        assert_eq!(scale(&[0, 0], 100.0, LEAST_ROW), 0.0);
        assert!(scale(&[u64::MAX], 100.0, LEAST_ROW).is_finite());
    }
}
