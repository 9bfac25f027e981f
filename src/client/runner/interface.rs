//! Where the person sees the client: a terminal that is a screen, or lines of standard output. It decides nothing of
//! what is shown.

use super::decider::Decider;
use super::stop::Stop;
use crate::client::app::Seen;
use crate::client::event::{Event, Frame, Line, Size};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

/// How often it is tried again to show a line when nobody reads our output.
const FULL: Duration = Duration::from_millis(50);
/// How long a paused terminal may hold up the last lines, in milliseconds.
const LAST_LINES: u16 = 1000;

/// A screen, or what a test has in its place. Nothing but [`Screen::end`] waits.
pub trait Screen {
    /// Draws a frame, soon; `Event::Painted` tells when the next one may come.
    ///
    /// # Errors
    /// The frame: there is no room for it.
    fn paint(&self, frame: Frame) -> Result<(), Frame>;

    /// Stops the process as Ctrl-Z does, soon.
    fn suspend(&self);

    /// Gives the terminal back, in two seconds at most.
    fn end(self: Box<Self>);
}

/// The printer has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The line mode: standard output and standard input, each on a thread of its own. Nothing but [`Output::end`] waits.
/// Who finds that nobody reads the output any more calls [`Stop::stop`], which does not wait for the runner.
pub trait Output {
    /// Shows a line, soon, or when [`Output::flush`] is called.
    ///
    /// # Errors
    /// [`Full`]; the runner comes again with the same line.
    fn show(&mut self, line: &Line) -> Result<(), Full>;

    /// All that follows from what has happened is shown.
    ///
    /// # Errors
    /// [`Full`]; the runner comes again.
    fn flush(&mut self) -> Result<(), Full>;

    /// Has one line of input told, as `Event::Typed` or `Event::InputEnded`. It is called again only after that.
    fn next_line(&mut self, prompt: String, hidden: bool);

    /// The line that was asked for has another prompt now.
    fn prompt(&mut self, prompt: String);

    /// Shows what is still to be shown, and ends the threads, in three seconds at most, though nobody reads.
    fn end(self: Box<Self>);
}

/// Where the person sees the client.
pub enum Interface {
    /// A screen, and the size that it has.
    Screen(Box<dyn Screen>, Size),
    /// Lines.
    Lines(Box<dyn Output>),
}

/// The interface, and what its next frame has beside the picture.
pub struct Showing {
    interface: Interface,
    /// Whether the painter has a frame.
    painting: bool,
    anew: bool,
    bell: bool,
}

impl Showing {
    /// A interface that shows nothing yet.
    pub fn new(interface: Interface) -> Showing {
        Showing { interface, painting: false, anew: false, bell: false }
    }

    /// The size of the screen, if it is one.
    pub fn size(&self) -> Option<Size> {
        match &self.interface {
            Interface::Screen(_, size) => Some(*size),
            Interface::Lines(_) => None,
        }
    }

    /// Looks at what the App is about to be told.
    pub fn mind(&mut self, event: &Event) {
        match event {
            Event::Painted => self.painting = false,
            Event::Resized(_) | Event::Resumed => self.anew = true,
            _ => {}
        }
    }

    /// Shows a line. A printer that has no room is waited for, until the client is to stop: a slow reader of our
    /// output slows us down, and nothing is lost.
    pub fn line(&mut self, line: &Line, stop: &Stop) {
        let Interface::Lines(output) = &mut self.interface else { return };
        while output.show(line).is_err() && stop.count() == 0 {
            thread::sleep(FULL);
        }
    }

    /// Has what was shown leave, as [`Showing::line`] does.
    pub fn flush(&mut self, stop: &Stop) {
        let Interface::Lines(output) = &mut self.interface else { return };
        while output.flush().is_err() && stop.count() == 0 {
            thread::sleep(FULL);
        }
    }

    /// Asks for a line of input.
    pub fn next_line(&mut self, prompt: String, hidden: bool) {
        if let Interface::Lines(output) = &mut self.interface {
            output.next_line(prompt, hidden);
        }
    }

    /// Changes the prompt of the line that was asked for.
    pub fn prompt(&mut self, prompt: String) {
        if let Interface::Lines(output) = &mut self.interface {
            output.prompt(prompt);
        }
    }

    /// Has the next frame ring.
    pub fn bell(&mut self) {
        self.bell = true;
    }

    /// Has the next frame draw everything.
    pub fn redraw(&mut self) {
        self.anew = true;
    }

    /// Stops the process as Ctrl-Z does.
    pub fn suspend(&self) {
        if let Interface::Screen(screen, _) = &self.interface {
            screen.suspend();
        }
    }

    /// Draws what there is to be seen, unless the painter is busy.
    pub fn draw(&mut self, app: &mut impl Decider) {
        let Interface::Screen(screen, _) = &self.interface else { return };
        if self.painting {
            return;
        }
        let Some(Seen { picture, title }) = app.picture() else { return };
        let frame = Frame { picture, anew: self.anew, bell: self.bell, title };
        (self.anew, self.bell) = (false, false);
        // The painter of a terminal that is gone takes no frame.
        self.painting = screen.paint(frame).is_ok();
    }

    /// Gives the terminal back and leaves these lines there, or shows what is still to be shown.
    pub fn end(self, last_lines: &[String]) {
        match self.interface {
            Interface::Screen(screen, _) => {
                screen.end();
                leave(last_lines);
            }
            Interface::Lines(output) => output.end(),
        }
    }
}

/// Writes lines to a terminal that may be paused, or gone: then the others are left out.
fn leave(lines: &[String]) {
    let output = io::stdout();
    for line in lines {
        let mut ends = [PollFd::new(output.as_fd(), PollFlags::POLLOUT)];
        let has_room = poll(&mut ends, PollTimeout::from(LAST_LINES)).unwrap_or(0) > 0;
        if !has_room || writeln!(&output, "{line}").is_err() {
            return;
        }
    }
}
