//! What a person sees: lines, or a screen.

use super::played::{self, Played, paths};
use peerline::client::app::Seen;
use peerline::client::event::Frame;
use peerline::client::event::{Effect, End, Event, Picture, Piece, Size, Style};
use peerline::client::runner::{Interface, Screen};
use std::sync::mpsc::{Receiver, Sender, channel};

const SIZE: Size = Size { columns: 80, rows: 24 };

struct Canvas(Sender<Option<Frame>>);

impl Screen for Canvas {
    fn paint(&self, frame: Frame) -> Result<(), Frame> {
        self.0.send(Some(frame)).expect("the test looks");
        Ok(())
    }

    fn suspend(&self) {
        self.0.send(None).expect("the test looks");
    }

    fn end(self: Box<Self>) {}
}

fn on_a_screen() -> (Played, Receiver<Option<Frame>>) {
    let (sender, frames) = channel();
    let played = Played::on(move || Interface::Screen(Box::new(Canvas(sender)), SIZE));
    assert_eq!(played.event(), Event::Resized(SIZE));
    (played, frames)
}

fn picture(text: &str) -> Picture {
    Picture { rows: vec![vec![Piece { style: Style::Plain, text: text.to_owned() }]], cursor: None }
}

fn seen(text: &str, title: Option<&str>) -> Seen {
    Seen { picture: picture(text), title: title.map(str::to_owned) }
}

/// Waits until all that was sent before is handled and drawn.
fn settle(played: &Played) {
    for ask in 0..2 {
        played.signals.event(paths(ask));
        while played.event() != paths(ask) {}
    }
}

#[test]
fn a_screen_is_drawn_when_the_painter_is_free() {
    let (played, frames) = on_a_screen();
    played.pictures.send(seen("one", None)).expect("the App is there");
    settle(&played);
    let first = Frame { picture: picture("one"), anew: true, ..Frame::default() };
    assert_eq!(frames.try_recv(), Ok(Some(first)));
    played.pictures.send(seen("two", Some("alice"))).expect("the App is there");
    played.carry_out(vec![Effect::Bell]);
    settle(&played);
    assert!(frames.try_recv().is_err(), "the painter is busy");
    played.signals.event(Event::Painted);
    settle(&played);
    let second = Frame { picture: picture("two"), anew: false, bell: true, title: Some("alice".to_owned()) };
    assert_eq!(frames.try_recv(), Ok(Some(second)));
    played.pictures.send(seen("three", None)).expect("the App is there");
    played.carry_out(vec![Effect::Redraw, Effect::Suspend]);
    played.signals.event(Event::Painted);
    settle(&played);
    let third = Frame { picture: picture("three"), anew: true, ..Frame::default() };
    assert_eq!([frames.try_recv(), frames.try_recv()], [Ok(None), Ok(Some(third))]);
    assert_eq!(played.end(), End::Left);
}

#[test]
fn nothing_is_lost_though_the_printer_has_no_room() {
    let played = Played::new();
    let lines = played.lines();
    lines.fill(2);
    played.carry_out(vec![Effect::Show(played::line("one")), Effect::Show(played::line("two"))]);
    played.carry_out(vec![Effect::NextLine { prompt: "> ".to_owned(), hidden: false }]);
    assert_eq!(played.end(), End::Left);
    assert_eq!(lines.shown(), ["one", "two", "> "]);
}

#[test]
fn a_printer_that_never_has_room_does_not_hold_up_a_stop() {
    let played = Played::new();
    let lines = played.lines();
    lines.fill(usize::MAX);
    played.carry_out(vec![Effect::Show(played::line("one"))]);
    played.stop.stop();
    assert_eq!(played.event(), Event::Stop);
    assert_eq!(played.end(), End::Left);
    assert!(lines.shown().is_empty());
}
