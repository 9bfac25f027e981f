//! What a certificate says of itself where the library keeps it: names, dates, and who has issued it. Nothing here decides
//! whom to trust.

use jiff::Unit;
use jiff::civil::DateTime;
use rustls::pki_types::{DnsName, SignatureVerificationAlgorithm};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Tags of DER (ITU-T X.690, and RFC 5280 for those of a certificate).
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const LONG_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// The extension subjectAltName: 2.5.29.17.
const OTHER_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// What was read of a certificate.
pub(super) struct Certificate<'a> {
    /// What its signature is of.
    signed: &'a [u8],
    /// By what it is signed, and the signature.
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// Of which kind its key is, and the key.
    kind: &'a [u8],
    key: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    dates: &'a [u8],
    /// What stands in its subjectAltName; nothing where it has none.
    names: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads one in DER; `None` for what is none.
    pub(super) fn read(der: &'a [u8]) -> Option<Certificate<'a>> {
        let mut whole = expect(SEQUENCE, &mut &*der)?;
        let before = whole;
        let mut inside = expect(SEQUENCE, &mut whole)?;
        let signed = &before[..before.len() - whole.len()];
        let (algorithm, signature) = (expect(SEQUENCE, &mut whole)?, whole_bytes(expect(BITS, &mut whole)?)?);
        // A certificate of version 1 does not say so.
        let _ = expect(VERSION, &mut inside);
        expect(INTEGER, &mut inside)?;
        expect(SEQUENCE, &mut inside)?;
        let issuer = expect(SEQUENCE, &mut inside)?;
        let dates = expect(SEQUENCE, &mut inside)?;
        let subject = expect(SEQUENCE, &mut inside)?;
        let mut info = expect(SEQUENCE, &mut inside)?;
        let (kind, key) = (expect(SEQUENCE, &mut info)?, whole_bytes(expect(BITS, &mut info)?)?);
        let names = expect(EXTENSIONS, &mut inside).and_then(names_in).unwrap_or_default();
        Some(Certificate { signed, algorithm, signature, kind, key, issuer, subject, dates, names })
    }

    /// Whether it names itself as the one who has issued it, and its own key has made its signature.
    pub(super) fn is_self_signed(&self, known: &[&dyn SignatureVerificationAlgorithm]) -> bool {
        let fits = |one: &&&dyn SignatureVerificationAlgorithm| {
            *one.signature_alg_id() == *self.algorithm && *one.public_key_alg_id() == *self.kind
        };
        let has_signed = |one: &&dyn SignatureVerificationAlgorithm| {
            one.verify_signature(self.key, self.signed, self.signature).is_ok()
        };
        self.issuer == self.subject && known.iter().filter(fits).any(has_signed)
    }

    /// From when to when it counts, before 1970 too, and whichever comes first.
    pub(super) fn validity(&self) -> Option<(SystemTime, SystemTime)> {
        let mut dates = self.dates;
        let mut date = || next(&mut dates).and_then(|(tag, text)| time(tag, text));
        Some((date()?, date()?))
    }

    /// The names by which a server can be asked for: host names, addresses, and those with a `*` that stands for a word. The
    /// library wants two words behind it.
    pub(super) fn names(&self) -> Vec<String> {
        let (mut left, mut names) = (self.names, Vec::new());
        while let Some((tag, name)) = next(&mut left) {
            names.extend(match tag {
                DNS_NAME => host(name),
                IP_ADDRESS => address(name),
                _ => None,
            });
        }
        names
    }
}

fn names_in(mut extensions: &[u8]) -> Option<&[u8]> {
    let mut list = expect(SEQUENCE, &mut extensions)?;
    while let Some(mut extension) = expect(SEQUENCE, &mut list) {
        let which = expect(OBJECT, &mut extension)?;
        let _critical = expect(BOOLEAN, &mut extension);
        if which == OTHER_NAMES {
            return expect(SEQUENCE, &mut expect(OCTETS, &mut extension)?);
        }
    }
    None
}

fn host(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let is_host = |host: &str| !host.ends_with('.') && DnsName::try_from(host).is_ok();
    let counts = match name.strip_prefix("*.") {
        Some(rest) => rest.contains('.') && is_host(rest),
        None => is_host(name),
    };
    counts.then(|| name.to_owned())
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

/// A time as RFC 5280, 4.1.2.5 has it: a short one has two digits of the year, and lies between 1950 and 2049.
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?;
    let century = match (tag, text.len()) {
        (UTC_TIME, 13) if text < "50" => "20",
        (UTC_TIME, 13) => "19",
        (LONG_TIME, 15) => "",
        _ => return None,
    };
    // What reads a year takes a sign for one as well.
    if text.starts_with(['+', '-']) {
        return None;
    }
    let read = |text: &str| DateTime::strptime("%Y%m%d%H%M%SZ", text).ok();
    let (epoch, at) = (read("19700101000000Z")?, read(&format!("{century}{text}"))?);
    let seconds = at.since((Unit::Second, epoch)).ok()?.get_seconds();
    let apart = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(apart) } else { SystemTime::UNIX_EPOCH.checked_add(apart) }
}

/// A string of bits, all of whose bytes are full.
fn whole_bytes(bits: &[u8]) -> Option<&[u8]> {
    bits.strip_prefix(&[0])
}

/// What the next element holds, if it has this tag; else nothing is taken.
fn expect<'a>(tag: u8, from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = *from;
    let (found, inside) = next(&mut rest)?;
    if found != tag {
        return None;
    }
    *from = rest;
    Some(inside)
}

/// The next element of DER: its tag, and what it holds.
fn next<'a>(from: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = from.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        // A length without an end is none of DER.
        0x80 => return None,
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            let more = |length: usize, digit: &u8| length.checked_mul(256)?.checked_add(usize::from(*digit));
            (digits.iter().try_fold(0, more)?, rest)
        }
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some((tag, inside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};
    use rustls::crypto::ring;

    fn made(params: CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().expect("random bytes");
        params.self_signed(&key).expect("a key").der().to_vec()
    }

    #[test]
    fn names_that_count_are_hosts_and_addresses() {
        let text = |text: &str| Ia5String::try_from(text).expect("ASCII");
        let mut params = CertificateParams::default();
        let hosts =
            ["chat.example", "*.chat.example", "*.example", "a.*.example", "no host", "10.0.0.1", "dot.example."];
        params.subject_alt_names = hosts.iter().map(|host| SanType::DnsName(text(host))).collect();
        params.subject_alt_names.extend([
            SanType::URI(text("https://chat.example")),
            SanType::Rfc822Name(text("root@chat.example")),
            SanType::IpAddress([10, 0, 0, 2].into()),
            SanType::IpAddress("2001:db8::".parse().expect("an address")),
        ]);
        let der = made(params);
        let read = Certificate::read(&der).expect("a certificate");
        assert_eq!(read.names(), ["chat.example", "*.chat.example", "10.0.0.2", "2001:db8::"]);
        let none = made(CertificateParams::default());
        assert!(Certificate::read(&none).expect("a certificate").names().is_empty());
    }

    #[test]
    fn dates_are_read_before_1970_and_in_the_wrong_order_too() {
        let days = |(from, to): (SystemTime, SystemTime)| {
            [from, to].map(|time| match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_secs()).expect("not so far") / 86_400,
                Err(before) => -i64::try_from(before.duration().as_secs()).expect("not so far") / 86_400,
            })
        };
        for (from, to, counts) in [
            (1950, 1960, [-7305, -3653]),
            (1940, 2031, [-10_958, 22_280]),
            (2031, 2020, [22_280, 18_262]),
            (2049, 2050, [28_855, 29_220]),
            (1, 9999, [-719_162, 2_932_532]),
        ] {
            let mut params = CertificateParams::default();
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
            let der = made(params);
            let read = Certificate::read(&der).expect("a certificate");
            assert_eq!(read.validity().map(days), Some(counts), "{from} {to}");
        }
        for bad in ["", "20310101000000", "20311301000000Z", "2031010100000Z", "310101000000Z", "+0310101000000Z"] {
            assert_eq!(time(LONG_TIME, bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_read_without_harm() {
        let der = made(CertificateParams::new(["chat.example".to_owned()]).expect("a name"));
        let known = ring::default_provider().signature_verification_algorithms.all;
        assert!(Certificate::read(&der).expect("a certificate").is_self_signed(known));
        for end in 0..der.len() {
            assert!(Certificate::read(&der[..end]).is_none(), "{end}");
        }
        for at in 0..der.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = der.clone();
                changed[at] = byte;
                if let Some(read) = Certificate::read(&changed) {
                    let _ = (read.names(), read.validity());
                    assert!(changed == der || !read.is_self_signed(known), "{at}");
                }
            }
        }
    }
}
