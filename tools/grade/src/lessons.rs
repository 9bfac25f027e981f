//! Which chapter of docs/lessons is about which checks.

/// The chapters, as their files are called, each with its checks: those of its exercise and those that are near.
const CHAPTERS: [(&str, &[&str]); 12] = [
    ("01-a-stream-has-no-messages.md", &["split-line", "byte-by-byte", "two-in-one", "crlf"]),
    ("02-how-long-is-a-line.md", &["line-limit", "long-line-skipped", "endless-line"]),
    ("03-text-is-bytes.md", &["not-utf8", "utf8-split", "csv-fields"]),
    ("04-a-thread-for-each.md", &["second-visitor", "slow-visitors", "departed"]),
    ("05-one-map-many-threads.md", &["signup-race", "bcast-order"]),
    ("06-what-ok-means.md", &["kept-after-kill", "password-not-in-clear"]),
    ("07-leaving.md", &["says-goodbye", "cut-line", "half-close", "reset-in-flight"]),
    ("08-writing-to-others.md", &["whole-lines", "never-reads"]),
    ("09-udp-may.md", &["udp-repair", "udp-stranger", "tail"]),
    ("10-meeting.md", &["introduction", "ticket-before-answer"]),
    ("11-time.md", &["idle", "relogin", "login-limit"]),
    ("12-stop-and-start.md", &["sigterm", "restart-at-once", "port-taken", "numbers-go-on"]),
];

/// The page to read for this check, from the project's folder on.
pub fn page(check: &str) -> Option<String> {
    let (page, _) = CHAPTERS.iter().find(|(_, checks)| checks.contains(&check))?;
    Some(format!("docs/lessons/{page}"))
}
