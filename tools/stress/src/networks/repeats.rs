//! How often a server says a broadcast again to the same client by UDP: seen at its own network interface, where
//! nothing is lost yet.

use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// `ETH_P_ALL`: frames of every protocol, those that are sent included.
const EVERY_PROTOCOL: u16 = 3;
/// How often the thread looks whether it is to end, when nothing is sent.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that may wait.
const BUFFER: usize = 4 << 20;

/// Who got which broadcast how often.
#[derive(Default)]
pub struct Sent(HashMap<(Vec<u8>, u64), u32>);

impl Sent {
    /// Looks at a frame that was sent from this port.
    fn see(&mut self, frame: &[u8], port: u16) {
        let Some((to, payload)) = datagram(frame, port) else { return };
        for line in payload.split(|byte| *byte == b'\n') {
            let number = line.strip_prefix(b"bcast_").map(|rest| rest.split(|byte| *byte == b'_').next());
            let number = number.flatten().and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            if let Some(number) = number {
                *self.0.entry((to.to_vec(), number)).or_default() += 1;
            }
        }
    }

    /// The share of lines that had been sent before to the same client.
    pub fn repeats(&self) -> f64 {
        let all: u32 = self.0.values().sum();
        f64::from(all - self.0.len() as u32) / f64::from(all.max(1))
    }
}

/// The receiver and the text of a datagram from this port.
fn datagram(frame: &[u8], port: u16) -> Option<(&[u8], &[u8])> {
    let packet = frame.get(14..)?;
    let (protocol, to, begin) = match frame.get(12..14)? {
        [0x08, 0x00] => (*packet.get(9)?, packet.get(16..20)?, usize::from(packet.first()? & 0x0f) * 4),
        [0x86, 0xdd] => (*packet.get(6)?, packet.get(24..40)?, 40),
        _ => return None,
    };
    let is_meant = protocol == 17 && packet.get(begin..begin + 2)? == port.to_be_bytes();
    Some((to, packet.get(begin + 8..)?)).filter(|_| is_meant)
}

/// Counts until it is asked.
pub struct Counter {
    thread: JoinHandle<Sent>,
    end: Arc<AtomicBool>,
}

impl Counter {
    /// Begins to count what leaves this network namespace from a port.
    ///
    /// # Errors
    /// Those of the system: it needs the right to read frames.
    pub fn start(port: u16) -> io::Result<Counter> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(EVERY_PROTOCOL.to_be()))))?;
        socket.set_recv_buffer_size(BUFFER)?;
        socket.set_read_timeout(Some(LOOK))?;
        let end = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&end);
        let count = move || {
            let (mut sent, mut frame) = (Sent::default(), vec![0; 70_000]);
            while !is_over.load(Ordering::Relaxed) {
                if let Ok(length) = (&socket).read(&mut frame) {
                    sent.see(&frame[..length], port);
                }
            }
            sent
        };
        Ok(Counter { thread: thread::Builder::new().name("repeats".to_owned()).spawn(count)?, end })
    }

    /// What was sent.
    pub fn end(self) -> Sent {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2]);
        frame.extend([0x11, 0x30, 0x20, 0, 0, 0, 0, 0]);
        frame.extend(text.as_bytes());
        frame
    }

    #[test]
    fn lines_that_were_sent_before_are_repeats() {
        let mut sent = Sent::default();
        sent.see(&frame("udp_x\nbcast_1_0_a_one\nbcast_2_0_a_two\n"), 4400);
        assert_eq!(sent.repeats(), 0.0);
        sent.see(&frame("udp_x\nbcast_2_0_a_two\nbcast_3_0_a_three\nhead_3\n"), 4400);
        assert_eq!(sent.repeats(), 0.25);
        let mut other = frame("bcast_3_0_a_three\n");
        other[33] = 3;
        sent.see(&other, 4400);
        assert_eq!(sent.repeats(), 0.2);
        sent.see(&frame("bcast_3_0_a_three\n"), 4401);
        (0..frame("").len()).for_each(|length| sent.see(&frame("")[..length], 4400));
        assert_eq!(sent.repeats(), 0.2);
    }
}
