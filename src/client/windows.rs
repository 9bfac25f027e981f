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
mod key_table;

pub use bars::{Scene, Transfer, With};
pub use key_table::KEYS;
pub use keys::Act;
pub use layout::Layout;
pub use set::Windows;
pub use view::draw;

#[cfg(test)]
mod tests;
