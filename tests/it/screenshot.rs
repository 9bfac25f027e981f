//! Draws `docs/screenshot.svg` from a real run: `cargo test --test it screenshot -- --ignored`.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use crate::harness::terminal::Person;
use std::fmt::Write;

/// A character's size in the picture, and the line's.
const WIDTH: f32 = 8.4;
const HEIGHT: f32 = 18.0;

/// The colours of the terminal.
const LIGHT: &str = "#cdd6f4";
const DARK: &str = "#1e1e2e";

#[test]
#[ignore = "writes into the source tree"]
fn a_picture_of_a_chat() {
    let server = TestServer::start(&[]);
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut carol = ClientProcess::join(server.address, "carol");
    let mut alice = Person::join(server.address, "alice");
    alice.resize(80, 16);
    alice.say("list");
    alice.see("3 active clients");
    bob.say("msg alice did you see the new build?");
    alice.see_bar("3 bob*");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see_status("bob (verified, chat)");
    alice.say("yes! it talks without the server now");
    bob.see("without the server");
    bob.say("shall I stop it and see? 漢字 👍 stay, by the way");
    alice.see("shall I stop it");
    carol.say("broadcast coffee at ten, kitchen");
    alice.see_bar("2 all:1");
    carol.say("chat alice");
    alice.see_bar("4 carol?");
    alice.press("sure, go a");
    alice.see_line("> sure, go a");
    drop(server);
    alice.see_status("coming back");
    bob.say("done. still there?");
    alice.see("bob    done");
    alice.see_line("> sure, go a");
    let picture = alice.with_screen(draw);
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screenshot.svg"), picture).expect("written");
}

fn draw(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = (f32::from(columns) * WIDTH + 20.0, f32::from(rows) * HEIGHT + 24.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"monospace\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{DARK}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let style = style(screen, row, column);
            let is_reverse = screen.cell(row, column).is_some_and(vt100::Cell::inverse);
            let run = (column..columns).take_while(|&next| self::style(screen, row, next) == style).count();
            let end = column + u16::try_from(run).expect("a screen");
            let text: String = (column..end).map(|column| contents(screen, row, column)).collect();
            if is_reverse {
                let (x, y) = (f32::from(column) * WIDTH + 10.0, f32::from(row) * HEIGHT + 10.0);
                let wide = f32::from(end - column) * WIDTH;
                writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{HEIGHT}\" fill=\"{LIGHT}\"/>")
                    .expect("text");
            }
            if !text.trim().is_empty() {
                let (x, y) = (f32::from(column) * WIDTH + 10.0, f32::from(row + 1) * HEIGHT + 6.0);
                let text = text.trim_end().replace('&', "&amp;").replace('<', "&lt;");
                writeln!(svg, "<text x=\"{x}\" y=\"{y}\" xml:space=\"preserve\" {style}>{text}</text>").expect("text");
            }
            column = end;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn contents(screen: &vt100::Screen, row: u16, column: u16) -> String {
    match screen.cell(row, column) {
        Some(cell) if cell.has_contents() => cell.contents().to_owned(),
        // The second column of a wide letter.
        Some(cell) if cell.is_wide_continuation() => String::new(),
        _ => " ".to_owned(),
    }
}

fn style(screen: &vt100::Screen, row: u16, column: u16) -> String {
    let Some(cell) = screen.cell(row, column) else { return String::new() };
    let colour = match cell.fgcolor() {
        vt100::Color::Idx(1) => "#f38ba8",
        vt100::Color::Idx(2) => "#a6e3a1",
        vt100::Color::Idx(3) => "#f9e2af",
        vt100::Color::Idx(5) => "#f5c2e7",
        vt100::Color::Idx(6) => "#89dceb",
        _ if cell.dim() => "#7f849c",
        _ if cell.inverse() => DARK,
        _ => LIGHT,
    };
    let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
    format!("fill=\"{colour}\"{weight}")
}
