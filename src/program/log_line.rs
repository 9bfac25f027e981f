//! How the log and the errors of both programs are written. Much of it was written by others, so all of it is escaped
//! here, whoever reads it on a terminal.

use crate::value::text::{escape, escape_lines};
use env_logger::fmt::Formatter;
use log::Record;
use std::io::{self, Write};

/// Writes one record of a log that is not covered by a screen, with its time.
///
/// # Errors
/// What the formatter says.
pub fn log_line(out: &mut Formatter, record: &Record) -> io::Result<()> {
    let (time, level) = (out.timestamp(), record.level());
    let style = out.default_level_style(level);
    writeln!(out, "[{time} {style}{level:<5}{style:#}] {}", escape(&record.args().to_string()))
}

/// Whether the person has asked for no colours: `NO_COLOR` is set and not empty (<https://no-color.org>).
pub fn is_plain() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Tells on standard error why the program ends, or without what it goes on.
pub fn tell_error(program: &str, sentence: &str) {
    // Nobody may listen to our errors.
    let _ = writeln!(io::stderr(), "{program}: {}", escape_lines(sentence));
}

#[cfg(test)]
mod tests {
    use super::*;
    use env_logger::{Builder, Target};
    use log::{Level, Log};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_others_wrote_is_escaped_in_the_log() {
        let kept = Kept::default();
        let target = Target::Pipe(Box::new(kept.clone()));
        let log = Builder::new().format(log_line).filter_level(log::LevelFilter::Info).target(target).build();
        let args = format_args!("a\u{202e}\u{3164}\x1b[2J\n[forged] b");
        log.log(&Record::builder().level(Level::Info).args(args).build());
        let line = String::from_utf8(kept.0.lock().expect("not poisoned").clone()).expect("text");
        assert!(line.starts_with("[20") && line.contains("Z INFO ] a"), "{line:?}");
        assert!(line.ends_with("] a\\u{202e}\\u{3164}\\u{1b}[2J\\n[forged] b\n"), "{line:?}");
    }
}
