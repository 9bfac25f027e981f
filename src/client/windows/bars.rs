//! The bar of the windows, the status row, and the rows of transfers. They know no lines.

use super::cells::{clip, pad, width};
use super::layout::WIDE;
use super::mode::{Doubt, Mode};
use super::set::Windows;
use super::window::Window;
use crate::client::event::{Assurance, Piece, Place, Row, Style, Way};
use crate::client::shown::{Weight, clock};
use crate::value::Size;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most transfers that are shown.
const MAX_TRANSFERS: usize = 3;

/// From so many columns on a transfer has a bar, and its rate.
const WITH_BAR: usize = 72;
const WITH_RATE: usize = 50;

/// The cells of the bar of a transfer.
const BAR: usize = 18;

/// What the owner knows and a picture shows. All texts are fit to be shown: no control character is in them.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// The name of this person; empty before the login.
    pub me: String,
    /// How it is connected: `online`, `coming back`.
    pub online: String,
    /// From where, shown beside it where there is room; may be empty.
    pub address: String,
    /// How one talks with the person of the window in front.
    pub with: Option<With>,
    /// More for the status row where there is room, such as `2 transfers, 14 MiB/s`.
    pub more: Vec<String>,
    /// The transfers under way that belong to the window in front.
    pub transfers: Vec<Transfer>,
}

/// How one talks with somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct With {
    /// How sure it is who the other is.
    pub assurance: Assurance,
    /// Whether a chat is open; else a line is a single message.
    pub is_chat: bool,
}

/// A transfer under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Which way.
    pub way: Way,
    /// The name of the file.
    pub name: String,
    /// How many bytes are there.
    pub done: u64,
    /// How many bytes there will be.
    pub size: u64,
    /// Bytes a second, once it is known.
    pub rate: Option<u64>,
    /// How long it will take, once it is known.
    pub left: Option<Duration>,
    /// Whether nothing has come for some seconds.
    pub is_stalled: bool,
}

/// The mark of a window in a picture. `is_read`: once it is painted, all of the window in front was read.
pub(super) fn weight(windows: &Windows, number: u32, window: &Window, is_read: bool) -> Weight {
    match window.mark() {
        weight if is_read && number == windows.front && weight < Weight::Question => Weight::None,
        weight => weight,
    }
}

/// How a mark reads behind the name of its window.
fn mark(windows: &Windows, number: u32, window: &Window, is_read: bool) -> String {
    match weight(windows, number, window, is_read) {
        Weight::Question => "?".to_owned(),
        Weight::ForYou => "*".to_owned(),
        Weight::Unread => format!(":{}", window.tally().lines),
        Weight::Failed => "!".to_owned(),
        Weight::None => String::new(),
    }
}

/// All windows with their marks, as [`weight`] has them.
pub(super) fn windows_bar(windows: &Windows, is_read: bool, columns: usize) -> Row {
    let item = |(number, window): (&u32, &Window)| {
        let mark = mark(windows, *number, window, is_read);
        (*number, format!("{number} {}{mark}", window.place.title()))
    };
    let items: Vec<(u32, String)> = windows.windows.iter().map(item).collect();
    let whole = items.iter().map(|(_, text)| width(text) + 2).sum::<usize>();
    if whole <= columns + 1 {
        return joined(windows.front, " ", &items, "  ", "");
    }
    short_bar(windows, is_read, columns)
}

/// The window in front and those with a mark, the strongest first; `<` and `>` say that there are more.
fn short_bar(windows: &Windows, is_read: bool, columns: usize) -> Row {
    let mut order: Vec<(&u32, &Window)> = windows.windows.iter().collect();
    order.retain(|(number, window)| **number == windows.front || window.mark() > Weight::None);
    order.sort_by_key(|(number, window)| (**number != windows.front, std::cmp::Reverse(window.mark()), **number));
    let (mut items, mut used) = (Vec::new(), 1);
    for (number, window) in order {
        let (title, mark) = (window.place.title(), mark(windows, *number, window, is_read));
        let text = match window.mark() {
            _ if *number == windows.front => format!("{number} {}{mark}", clip(&title, 8)),
            Weight::Question | Weight::ForYou => format!("{number} {}{mark}", clip(&title, 3)),
            _ => format!("{number}{mark}"),
        };
        used += width(&text) + 1;
        if used > columns {
            break;
        }
        items.push((*number, text));
    }
    let shown: BTreeSet<u32> = items.iter().map(|(number, _)| *number).collect();
    let mut left_out = windows.windows.keys().filter(|number| !shown.contains(number));
    let (before, behind) =
        (left_out.clone().any(|number| *number < windows.front), left_out.any(|number| *number > windows.front));
    joined(windows.front, if before { "<" } else { " " }, &items, " ", if behind { ">" } else { "" })
}

/// The window in front is not in reverse, so that it stands out in the bar.
fn joined(front: u32, first: &str, items: &[(u32, String)], between: &str, last: &str) -> Row {
    let bar = |text: &str| Piece { style: Style::Reverse, text: text.to_owned() };
    let mut row = vec![bar(first)];
    for (at, (number, text)) in items.iter().enumerate() {
        if at > 0 {
            row.push(bar(between));
        }
        row.push(if *number == front { Piece { style: Style::Plain, text: text.clone() } } else { bar(text) });
    }
    row.push(bar(last));
    row.retain(|piece| !piece.text.is_empty());
    row
}

/// The status row. `below` is how many lines of the window in front stand below what is shown.
pub(super) fn status(windows: &Windows, scene: &Scene, below: u64, columns: usize) -> String {
    if let Some(text) = asking(windows, columns) {
        return clip(&text, columns);
    }
    let is_wide = columns >= WIDE;
    let between = if is_wide { " | " } else { "|" };
    let below = match (below, is_wide) {
        (0, _) => None,
        (_, true) => Some(format!("{below} more below: End")),
        (_, false) => Some(format!("{below} below")),
    };
    let mut parts: Vec<String> = vec![scene.me.clone(), with(&windows.window().place, scene.with, is_wide)];
    parts.push(if is_wide {
        format!("{} {}", scene.online, scene.address).trim_end().to_owned()
    } else {
        scene.online.clone()
    });
    if is_wide {
        parts.extend(scene.more.iter().cloned());
    }
    parts.retain(|part| !part.is_empty());
    let below = below.map_or(String::new(), |below| format!("{between}{below}"));
    // What stands below is said in any case.
    clip(&parts.join(between), columns.saturating_sub(width(&below))) + &clip(&below, columns)
}

fn with(place: &Place, with: Option<With>, is_wide: bool) -> String {
    match with.filter(|_| is_wide) {
        None => place.title().into_owned(),
        Some(with) => {
            let how = match (with.assurance, with.is_chat) {
                (Assurance::ByVoice, true) => "verified by voice, chat",
                (Assurance::Verified, true) => "verified, chat",
                (Assurance::Unverified, true) => "unverified, chat",
                // No other key is spoken to.
                (Assurance::ByVoice, false) => "verified by voice, message",
                // Nobody has proven anything yet, and each message asks for it.
                (Assurance::Verified, false) => "message",
                // There is nobody whom the server could introduce.
                (Assurance::Unverified, false) => "unverified, chat over",
            };
            format!("{} ({how})", place.title())
        }
    }
}

/// What the status row asks or offers instead.
fn asking(windows: &Windows, columns: usize) -> Option<String> {
    let title = windows.window().place.title();
    if windows.questions.asked().is_some_and(|asked| asked.is_over) {
        return Some("The question is over: Enter drops what was typed".to_owned());
    }
    match &windows.mode {
        Mode::Sure(Doubt::Lines(count), _) => {
            let cut = if windows.window().input.is_cut() { " (the end did not fit)" } else { "" };
            Some(match windows.window().place {
                Place::Server => format!("do {count} lines{cut}, each a command? Enter / Esc"),
                _ => format!("send {count} lines{cut} to {title}? Enter / Esc"),
            })
        }
        Mode::Sure(Doubt::Long(bytes), _) => Some(format!("send a line of {bytes} bytes to {title}? Enter / Esc")),
        Mode::Sure(Doubt::Slash, _) => Some("send as text? Enter / Esc".to_owned()),
        Mode::Searching(search) if search.is_missing => Some("search: not found".to_owned()),
        Mode::Searching(_) => Some("search: Enter or Up earlier, Down later, Esc ends".to_owned()),
        Mode::Recalling(recall) => Some(match &recall.found {
            Some(found) => format!("Enter takes: {}", found.replace('\n', " ")),
            None => "history: type a part of a line; Ctrl-R goes back, Esc ends".to_owned(),
        }),
        Mode::Typing => offered(windows, columns).or_else(|| windows.hint_text().map(str::to_owned)),
    }
}

/// The candidates of Tab, from the first on if the chosen one has room then.
fn offered(windows: &Windows, columns: usize) -> Option<String> {
    let (all, chosen) = windows.completion.offered(&windows.window().input).filter(|(all, _)| all.len() > 1)?;
    let item = |(at, text): (usize, &String)| match at == chosen {
        true => format!("[{}]", text.trim_end()),
        false => text.trim_end().to_owned(),
    };
    let list =
        |from: usize, to: usize| all.iter().enumerate().take(to).skip(from).map(item).collect::<Vec<_>>().join(" ");
    let from = if width(&list(0, chosen + 1)) < columns { 0 } else { chosen };
    // No more than that has room, as each takes two columns or more.
    Some(list(from, all.len().min(from + columns)))
}

/// The rows of transfers, at most `most`: three, and how many there are more.
pub(super) fn transfer_rows(scene: &Scene, columns: usize, most: usize) -> Vec<String> {
    let shown = scene.transfers.len().min(MAX_TRANSFERS).min(most);
    let mut rows: Vec<String> = scene.transfers[..shown].iter().map(|one| transfer_row(one, columns)).collect();
    let more = scene.transfers.len() - shown;
    if more > 0 && shown < most {
        rows.push(format!("+{more} more: /transfers"));
    }
    rows
}

fn transfer_row(transfer: &Transfer, columns: usize) -> String {
    let percent = u128::from(transfer.done) * 100 / u128::from(transfer.size.max(1));
    let percent = percent.min(100);
    let rate = transfer.rate.filter(|_| !transfer.is_stalled).map_or(String::new(), |rate| format!("{}/s", Size(rate)));
    let left = if transfer.is_stalled { "stalled".to_owned() } else { transfer.left.map_or(String::new(), clock) };
    if columns < WITH_RATE {
        return format!("{} {percent:>3}% {left}", pad(&transfer.name, 9)).trim_end().to_owned();
    }
    let way = if transfer.way.is_inward() { "get" } else { "send" };
    let name = pad(&format!("{way} {}", transfer.name), 17 + columns.saturating_sub(80).min(20));
    let behind = format!("{percent:>3}%  {rate}  {left}");
    if columns < WITH_BAR {
        return format!(" {name} {}", behind.trim_end());
    }
    let full = usize::try_from(percent).unwrap_or(100) * BAR / 100;
    format!(" {name} [{}{}] {}", "#".repeat(full), ".".repeat(BAR - full), behind.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_of_which_nothing_comes_says_so_at_every_width() {
        let transfer = Transfer {
            way: Way::Fetch,
            name: "slides.zip".to_owned(),
            done: 51,
            size: 100,
            rate: Some(1),
            left: Some(Duration::from_secs(49)),
            is_stalled: true,
        };
        assert_eq!(transfer_row(&transfer, 40), "slides.z~  51% stalled");
        assert_eq!(transfer_row(&transfer, 80), " get slides.zip    [#########.........]  51%    stalled");
    }
}
