//! Draws `docs/screenshot.svg` from a real run: `cargo test --test it screenshot -- --ignored`.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use crate::harness::terminal::Person;
use std::fmt::Write;

/// A character's size in the picture, and the line's.
const WIDTH: f32 = 8.4;
const HEIGHT: f32 = 18.0;

#[test]
#[ignore = "writes into the source tree"]
fn a_picture_of_a_chat() {
    let server = TestServer::start(&[]);
    let mut bob = ClientProcess::join(server.address, "bob");
    bob.say("broadcast coffee at ten, kitchen");
    bob.see("bob: coffee");
    let mut alice = Person::join(server.address, "alice");
    alice.see("bob: coffee");
    alice.say("list");
    alice.see("2 active clients");
    bob.say("msg alice did you see the new build?");
    alice.see("did you see the new build?");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see_line("bob> ");
    alice.say("yes! it talks without the server now");
    bob.see("without the server");
    bob.say("shall I stop it and see?");
    alice.see("bob: shall I stop it");
    alice.press("sure, go a");
    alice.see_line("bob> sure, go a");
    drop(server);
    alice.see("Trying to come back");
    bob.say("done. still there?");
    alice.see("bob: done");
    alice.see_line("bob> sure, go a");
    let picture = alice.with_screen(draw);
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screenshot.svg"), picture).expect("written");
}

fn draw(screen: &vt100::Screen) -> String {
    let columns = screen.size().1;
    let rows = screen.contents().trim_end().lines().count();
    let (width, height) = (f32::from(columns) * WIDTH + 20.0, rows as f32 * HEIGHT + 24.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"monospace\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1e1e2e\"/>\n"
    );
    for row in 0..u16::try_from(rows).expect("a screen") {
        let mut column = 0;
        while column < columns {
            let style = style(screen, row, column);
            let run = (column..columns).take_while(|&next| self::style(screen, row, next) == style).count();
            let end = column + u16::try_from(run).expect("a screen");
            let text: String = (column..end).map(|column| contents(screen, row, column)).collect();
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
    let text = screen.cell(row, column).map(|cell| cell.contents().to_owned()).unwrap_or_default();
    if text.is_empty() { " ".to_owned() } else { text }
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
        _ => "#cdd6f4",
    };
    let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
    format!("fill=\"{colour}\"{weight}")
}
