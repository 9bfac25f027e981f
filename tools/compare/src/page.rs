//! The part of a page that a program writes: what stands between two lines that say so. Pure.

/// The lines before and behind that part.
const BEGIN: &str = "<!-- written by scripts/bench: begin -->\n";
const END: &str = "<!-- written by scripts/bench: end -->\n";

/// The page with another text there; `None` when it has no such part.
pub fn filled(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, behind) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{text}{END}{behind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_part_is_written_anew() {
        let page = format!("a\n{BEGIN}old\n{END}b\n");
        let new = filled(&page, "new\n").expect("a part");
        assert_eq!(new, format!("a\n{BEGIN}new\n{END}b\n"));
        assert_eq!(filled(&new, "old\n"), Some(page));
        assert_eq!(filled("a\n", "b"), None);
    }
}
