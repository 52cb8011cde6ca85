//! Plain tables for people: aligned columns, each in one unit.

use crate::number::Unit;

/// Rows of cells; the first row is the head. The first column is left-aligned, the others right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A column of bytes in one unit, which its head names.
pub fn bytes_column(head: &str, values: &[u64]) -> Vec<String> {
    let unit = Unit::of(values.iter().copied().max().unwrap_or(0));
    let head = format!("{head}, {}", unit.name);
    [head].into_iter().chain(values.iter().map(|&bytes| unit.write(bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_columns() {
        assert_eq!(bytes_column("read", &[0, 1 << 20, 3 << 19]), ["read, MiB", "0", "1.000", "1.500"]);
        assert_eq!(bytes_column("read", &[]), ["read, B"]);
        let rows = [vec!["a".into(), "bb".into()], vec!["ccc".into(), "d".into()]];
        assert_eq!(table(&rows), "a    bb\nccc   d\n");
    }
}
