//! What a switch looks at in an Ethernet frame: who it is for, and what kind it is. Pure. And the sums of TCP and UDP,
//! which a virtual interface leaves to hardware that it does not have.

/// Bytes before the packet.
pub const HEADER: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// An address of Ethernet.
pub type Mac = [u8; 6];

/// What may be dropped by its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A datagram of UDP. Of one in fragments, only the first.
    Udp,
    /// What asks for a connection of TCP. The answer to it is none.
    Syn,
    /// Anything else.
    Other,
}

/// Who a frame is for, and who it is from; `None` of what is no frame.
pub fn addresses(frame: &[u8]) -> Option<(Mac, Mac)> {
    let (to, rest) = frame.get(..HEADER)?.split_first_chunk::<6>()?;
    Some((*to, *rest.first_chunk::<6>()?))
}

/// Whether a frame is for many.
pub fn is_for_many(to: Mac) -> bool {
    to[0] & 1 == 1
}

/// Of which kind a frame is.
pub fn kind(frame: &[u8]) -> Kind {
    match segment(frame) {
        Some(Segment { protocol: UDP, .. }) => Kind::Udp,
        // SYN without ACK.
        Some(Segment { protocol: TCP, begin, .. }) if frame.get(begin + 13).is_some_and(|flags| flags & 0x12 == 2) => {
            Kind::Syn
        }
        _ => Kind::Other,
    }
}

/// Where TCP or UDP lies in a frame.
struct Segment {
    protocol: u8,
    begin: usize,
    end: usize,
    /// Both IP addresses, one behind the other.
    addresses: std::ops::Range<usize>,
    /// It is the first of several fragments: its sum is that of all.
    is_fragment: bool,
}

/// The segment of a frame. A further fragment has none; behind extension headers of IPv6 none is looked for.
fn segment(frame: &[u8]) -> Option<Segment> {
    let packet = frame.get(HEADER..)?;
    let word = |at: usize| Some(usize::from(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?])));
    let (protocol, begin, length, addresses, fragment) = match [frame[12], frame[13]] {
        IPV4 => {
            let header = usize::from(packet.first()? & 0x0f) * 4;
            (*packet.get(9)?, header, word(2)?.checked_sub(header)?, 12..20, word(6)? & 0x3fff)
        }
        IPV6 => (*packet.get(6)?, 40, word(4)?, 8..40, 0),
        _ => return None,
    };
    let (begin, addresses) = (begin + HEADER, addresses.start + HEADER..addresses.end + HEADER);
    let is_whole = frame.len() >= begin + length && addresses.end <= begin;
    let is_first = fragment & 0x1fff == 0;
    (is_whole && is_first && matches!(protocol, TCP | UDP)).then_some(Segment {
        protocol,
        begin,
        end: begin + length,
        addresses,
        is_fragment: fragment != 0,
    })
}

/// Writes the sum of TCP or UDP anew: a virtual interface sums up the addresses alone and leaves the rest to hardware.
/// Only within the machine nobody minds; what comes from a program is looked at.
pub fn sum_up(frame: &mut [u8]) {
    let Some(segment) = segment(frame) else { return };
    let at = segment.begin + if segment.protocol == TCP { 16 } else { 6 };
    let has_none = segment.protocol == UDP && frame.get(at..at + 2) == Some(&[0, 0]);
    // Of a fragment the system has computed the sum itself.
    if at + 2 > segment.end || has_none || segment.is_fragment {
        return;
    }
    frame[at..at + 2].fill(0);
    let length = segment.end - segment.begin;
    let pseudo = sum(&frame[segment.addresses]) + u32::from(segment.protocol) + length as u32;
    let sum = match fold(pseudo + sum(&frame[segment.begin..segment.end])) {
        // In UDP, 0 says that there is no sum.
        0 if segment.protocol == UDP => u16::MAX,
        sum => sum,
    };
    frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The words of 16 bits, added. 65,535 bytes are no more than 31 bits hold.
fn sum(bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks_exact(2);
    let last = pairs.remainder().first().map_or(0, |last| u32::from(*last) << 8);
    last + pairs.map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>()
}

/// The sum of RFC 1071 of words that were added.
fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A frame of IPv4 from host 1 to host 2, with a segment of this protocol.
    pub fn ipv4(protocol: u8, segment: &[u8]) -> Vec<u8> {
        let mut frame = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &IPV4].concat();
        let length = u16::try_from(20 + segment.len()).expect("short").to_be_bytes();
        frame.extend([0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2]);
        frame.extend(segment);
        frame
    }

    /// A datagram of UDP that says this; its sum is anything.
    pub fn udp(text: &[u8]) -> Vec<u8> {
        let length = u16::try_from(8 + text.len()).expect("short").to_be_bytes();
        [&[0x10, 0, 0x20, 0, length[0], length[1], 1, 2][..], text].concat()
    }

    fn tcp(flags: u8) -> Vec<u8> {
        [&[0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 9, 9, 0, 0][..], b"odd"].concat()
    }

    /// The sum over what bears a right sum is 0.
    fn is_right(
        frame: &[u8],
        protocol: u8,
        segment: std::ops::Range<usize>,
        addresses: std::ops::Range<usize>,
    ) -> bool {
        let length = segment.len() as u32;
        fold(sum(&frame[addresses]) + u32::from(protocol) + length + sum(&frame[segment])) == 0
    }

    #[test]
    fn sums_are_those_of_the_standards() {
        // The example of RFC 1071, section 3.
        assert_eq!(!fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        for (protocol, segment) in [(UDP, udp(b"hello")), (UDP, udp(b"")), (TCP, tcp(0x10))] {
            let mut frame = ipv4(protocol, &segment);
            assert!(!is_right(&frame, protocol, 34..frame.len(), 26..34));
            // Short frames are filled up; what fills them does not count.
            frame.extend([7, 7]);
            sum_up(&mut frame);
            assert!(is_right(&frame, protocol, 34..frame.len() - 2, 26..34));
        }
        let mut frame = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &IPV6, &[0x60, 0, 0, 0, 0, 13, UDP, 64]].concat();
        frame.extend((0..32).chain(udp(b"hello")));
        sum_up(&mut frame);
        assert!(is_right(&frame, UDP, 54..67, 22..54));
    }

    #[test]
    fn what_has_no_sum_or_has_it_already_is_left_alone() {
        let mut none = udp(b"x");
        none[6..8].fill(0);
        let mut fragment = ipv4(UDP, &udp(b"first of two"));
        fragment[20] |= 0x20;
        let mut further = ipv4(UDP, &udp(b"second of two"));
        further[21] = 1;
        let mut other = ipv4(1, b"echo");
        let mut cut = ipv4(TCP, &tcp(2)[..10]);
        let mut lies = ipv4(TCP, &tcp(2));
        lies[17] += 9;
        let mut no_header = ipv4(UDP, &udp(b""));
        no_header[14] = 0x40;
        for frame in
            [&mut ipv4(UDP, &none), &mut fragment, &mut further, &mut other, &mut cut, &mut lies, &mut no_header]
        {
            let before = frame.clone();
            sum_up(frame);
            assert_eq!(*frame, before);
        }
        (0..40).for_each(|length| sum_up(&mut ipv4(TCP, &tcp(2))[..length]));
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(kind(&ipv4(UDP, &udp(b""))), Kind::Udp);
        assert_eq!(kind(&ipv4(TCP, &tcp(2))), Kind::Syn);
        assert_eq!(kind(&ipv4(TCP, &tcp(0x12))), Kind::Other);
        assert_eq!(kind(&ipv4(1, b"echo")), Kind::Other);
        assert_eq!(kind(b"short"), Kind::Other);
        assert_eq!(addresses(&ipv4(1, b"")), Some(([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1])));
        assert_eq!(addresses(b"short"), None);
        assert!(is_for_many([0xff; 6]) && is_for_many([0x33, 0x33, 0, 0, 0, 1]) && !is_for_many([2, 0, 0, 0, 0, 1]));
    }
}
