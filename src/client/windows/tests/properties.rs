//! Any keys, any lines, any size: nothing breaks.

use super::*;
use crate::client::event::Picture;
use proptest::prelude::*;

fn is_whole(picture: &Picture, columns: u16, rows: u16) -> bool {
    let fits = |row: &crate::client::event::Row| {
        row.iter().map(|piece| cells::width(&piece.text)).sum::<usize>() <= usize::from(columns)
    };
    picture.rows.len() <= usize::from(rows)
        && picture.rows.iter().all(fits)
        && picture.cursor.is_none_or(|(row, column)| row < rows && column < columns)
}

/// A screen with something of everything.
fn full() -> Play {
    let mut play = Play::with_people(80, 24);
    play.windows.set_names((0..60).map(|number| format!("someone{number}")).collect());
    for number in 0..30 {
        play.clock += 3600;
        play.add(3, "漢字漢字漢字", &"漢字 wörter 👩‍🔬 ".repeat(number % 5), Weight::Unread);
    }
    let left = Some(Duration::from_secs(41));
    let row =
        Transfer { way: Way::Fetch, name: "漢".repeat(30), done: 1, size: 3, rate: Some(1), left, is_stalled: false };
    play.scene.transfers = vec![row; 5];
    play
}

#[test]
fn every_size_is_drawn() {
    let variants: [&[Key]; 4] = [&[], &[Key::PageUp], &[Key::Paste("漢字\n".repeat(9))], &[Key::Ctrl('f')]];
    let mut plays = variants.map(|keys| {
        let mut play = full();
        play.keys(keys);
        play
    });
    // Every narrow one, and of the others a fifth: one of each width and of each height.
    let sizes = (0..=140).flat_map(|columns| (0..=50).map(move |rows| (columns, rows)));
    for (columns, rows) in sizes.filter(|(columns, rows)| *columns < 45 || (columns + rows) % 5 == 0) {
        let play = &mut plays[usize::from(columns + rows) % 4];
        play.resize(columns, rows);
        let picture = play.draw().picture;
        assert!(is_whole(&picture, columns, rows), "{columns}x{rows}");
        assert!(columns < 20 || rows < 5 || picture.rows.len() == usize::from(rows), "{columns}x{rows}");
    }
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        3 => proptest::sample::select(vec!['a', ' ', '/', '漢', '\u{301}', '👩']).prop_map(Key::Char),
        2 => proptest::sample::select("abcdefhklnprtuwxyz".chars().collect::<Vec<_>>()).prop_map(Key::Ctrl),
        1 => proptest::sample::select("abdfu0123456".chars().collect::<Vec<_>>()).prop_map(Key::Alt),
        2 => proptest::sample::select(vec![Key::Enter, Key::Tab, Key::BackTab, Key::Escape, Key::Up, Key::Down]),
        1 => proptest::sample::select(vec![Key::Left, Key::Home, Key::End, Key::Backspace, Key::Delete]),
        1 => proptest::sample::select(vec![Key::PageUp, Key::PageDown, Key::AltUp, Key::AltDown, Key::AltHome, Key::AltEnd]),
        1 => proptest::sample::select(vec![Key::AltLeft, Key::AltRight, Key::Focus(true), Key::Focus(false)]),
        1 => "[/a漢\n\t\u{1b}]{0,12}".prop_map(Key::Paste),
    ]
}

proptest! {
    // Each draws some 25 screens.
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_keys_leave_a_whole_screen(
        keys in proptest::collection::vec(key(), 0..50),
        columns in 4..140_u16, rows in 2..50_u16, asks in any::<bool>(),
    ) {
        let mut play = full();
        play.resize(columns, rows);
        for (number, key) in keys.into_iter().enumerate() {
            if asks && number == 20 {
                play.windows.set_question(Some(("Password of alice:".to_owned(), true)));
            }
            play.key(key);
            play.look();
            prop_assert!(is_whole(&play.draw().picture, columns, rows));
        }
    }

    #[test]
    fn a_password_is_never_shown(keys in proptest::collection::vec(key(), 0..40), at in 0..40_usize) {
        let mut play = Play::with_people(80, 24);
        play.windows.go(1);
        play.windows.set_question(Some(("Password of alice:".to_owned(), true)));
        play.write("ZΩΨ");
        for (number, key) in keys.into_iter().enumerate() {
            if number == at {
                play.windows.set_question(None);
            }
            let acts = play.key(key);
            let is_told = |act: &Act| match act {
                Act::Line { text, .. } | Act::Remember(text) => text.contains(['Z', 'Ω', 'Ψ']),
                _ => false,
            };
            prop_assert!(!acts.iter().any(is_told));
            prop_assert!(!play.shown().concat().contains(['Z', 'Ω', 'Ψ']));
        }
    }
}
