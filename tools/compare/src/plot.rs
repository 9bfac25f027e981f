//! Pictures of ratios: a bar a row, and the aim as a line across it. Pure.

use crate::table::{Aim, Row};

/// In pixels: of a row, of the names, of the longest bar, of what stands behind it.
const ROW: usize = 26;
const NAMES: usize = 430;
const BAR: f64 = 360.0;
const BEHIND: usize = 150;
/// Bars of more are cut off: else one would make all others too short to be read.
const MOST: f64 = 4.0;
/// Above the rows.
const HEAD: usize = 44;

/// The picture of rows that have a ratio or an aim of ours alone; `None` when no row has.
pub fn picture(title: &str, rows: &[&Row]) -> Option<String> {
    let bars: Vec<(&Row, f64, Option<f64>)> = rows.iter().filter_map(|row| bar(row)).collect();
    let wanted = bars.iter().flat_map(|(_, ratio, aim)| [Some(*ratio), *aim]).flatten();
    let most = wanted.reduce(f64::max)?.clamp(1.0, MOST);
    let (width, height) = (NAMES + BAR as usize + BEHIND, HEAD + ROW * bars.len() + 8);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\">{}</text>\n\
         <text x=\"8\" y=\"36\" fill=\"#666\">bar: ratio; line: aim; blue: reached; orange: not; grey: no aim</text>\n",
        escape(title)
    );
    for (number, bar) in bars.iter().enumerate() {
        svg += &drawn(HEAD + ROW * number, most, bar);
    }
    Some(svg + "</svg>\n")
}

/// A row's name, bar, figure and line.
fn drawn(top: usize, most: f64, (row, ratio, aim): &(&Row, f64, Option<f64>)) -> String {
    let end = |value: f64| NAMES as f64 + BAR * value.min(most) / most;
    let colour = match row.is_met() {
        Some(true) => "#2563eb",
        Some(false) => "#d97706",
        None => "#94a3b8",
    };
    let rival = match row.aim {
        Some(Aim::Value(_)) => "the aim",
        _ => row.rival().map_or("", |(name, _)| name),
    };
    // The backticks are for the table.
    let (name, note) = (escape(&row.work.replace('`', "")), escape(&format!("{ratio:.2} of {rival}")));
    let (names, base, bar, width) = (NAMES - 8, top + 17, top + 4, end(*ratio) - NAMES as f64);
    let behind = end(ratio.max(aim.unwrap_or(0.0))) + 6.0;
    let mut svg = format!(
        "<text x=\"{names}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\n\
         <rect x=\"{NAMES}\" y=\"{bar}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"/>\n\
         <text x=\"{behind:.1}\" y=\"{base}\" fill=\"#333\">{note}</text>\n",
        ROW - 8
    );
    if let Some(aim) = aim {
        let (x, bottom) = (end(*aim), top + ROW - 2);
        svg += &format!(
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#111\" stroke-width=\"2\"/>\n"
        );
    }
    svg
}

/// A row's ratio and its aim. A value that is to be reached is drawn as a share of the aim.
fn bar<'a>(row: &&'a Row) -> Option<(&'a Row, f64, Option<f64>)> {
    match row.aim {
        Some(Aim::Value(aim)) => Some((*row, row.own.median()? / aim, Some(1.0))),
        Some(Aim::AtLeast(aim) | Aim::AtMost(aim)) => Some((*row, row.ratio().median()?, Some(aim))),
        None => Some((*row, row.ratio().median()?, None)),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Rounds;
    use crate::table::Unit;

    fn row(own: f64, aim: Option<Aim>) -> Row {
        let others = vec![("redis".to_owned(), Rounds(vec![10.0]))];
        Row { work: "`a` < b".to_owned(), unit: Unit::Rate, own: Rounds(vec![own]), others, against: None, aim }
    }

    #[test]
    fn each_row_has_a_bar_and_each_aim_a_line() {
        let (good, bad, bare) = (row(30.0, Some(Aim::AtLeast(2.0))), row(5.0, Some(Aim::AtLeast(1.0))), row(1.0, None));
        let svg = picture("t & u", &[&good, &bad, &bare]).expect("rows");
        assert_eq!((svg.matches("<rect").count(), svg.matches("<line").count()), (4, 2), "{svg}");
        assert!(svg.contains("3.00 of redis") && svg.contains("a &lt; b") && svg.contains("t &amp; u"), "{svg}");
        let counts = ["#2563eb", "#d97706", "#94a3b8"].map(|colour| svg.matches(colour).count());
        assert_eq!(counts, [1, 1, 1], "{svg}");
    }

    #[test]
    fn a_value_is_drawn_as_a_share_of_its_aim_and_nothing_as_nothing() {
        let memory = row(9.0, Some(Aim::Value(12.0)));
        assert!(picture("t", &[&memory]).expect("a row").contains("0.75 of the aim"));
        let unmeasured = Row { own: Rounds::default(), ..row(0.0, None) };
        assert_eq!(picture("t", &[&unmeasured]), None);
    }
}
