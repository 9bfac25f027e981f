//! What the person sees and types on a screen: windows of lines, and the line at the bottom. Plain values: it knows
//! nothing of terminals, sockets, files, threads or the clock.

mod cells;
mod input_line;
mod history;
mod completion;
mod window;
mod search;
mod question;
mod mode;
mod set;
mod layout;
mod bars;
mod view;
mod keys;

pub use bars::{Scene, Transfer, With};
pub use cells::{clip, pad, width, wrap};
pub use completion::{Completion, Known};
pub use history::History;
pub use input_line::{InputLine, MAX_TEXT};
pub use keys::Act;
pub use layout::Layout;
pub use set::{MAX_WINDOWS, Windows};
pub use view::draw;
pub use window::{MAX_LINES, Place};

#[cfg(test)]
mod tests {
    mod play;
    mod pictures;
    mod rules;
    mod typing;

    use proptest::prelude::*;

    /// Text of all that is hard: flags, joined emoji, skin tones, combining and wide characters, letters that join.
    pub(super) fn odd_text() -> impl Strategy<Value = String> {
        let hard = [
            " ",
            "a",
            "word",
            "  ",
            "\u{301}",
            "e\u{301}",
            "漢",
            "字",
            "👍🏽",
            "\u{1f3fd}",
            "👩\u{200d}🔬",
            "\u{200d}",
            "🇩🇪",
            "🇫",
            "☁\u{fe0f}",
            "\u{fe0f}",
            "ᄀ",
            "ᅡ",
            "ᆨ",
            "क्ष",
            "र्त्स्न्य",
            "ש",
            "\u{200b}",
            "ﷺ",
            "\u{17d8}",
            "👨‍👩‍👧‍👦",
            "\u{ad}",
        ];
        let piece = prop_oneof![4 => prop::sample::select(hard.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }
}
