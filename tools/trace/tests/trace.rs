//! The program as people start it: files, exit codes, and what goes to which output.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SERVER: &str = r#"{"t":10.0,"m":0.0,"n":1,"ev":"start","who":"server","pid":7,"version":"0","masked":true}
{"t":10.1,"m":0.1,"n":2,"ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44","dialect":"client"}
{"t":10.2,"m":0.2,"n":3,"ev":"read","c":1,"off":0,"len":5,"bytes":"help\n"}
"#;

fn trace(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace"));
    command.current_dir(folder).args(arguments).output().expect("it starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("server.json"), SERVER).expect("written");
    folder
}

#[test]
fn a_file_that_is_cut_off_is_shown_and_told() {
    let folder = folder();
    fs::write(folder.path().join("cut.json"), &SERVER[..SERVER.len() - 20]).expect("written");
    let output = trace(folder.path(), &["show", "cut.json"]);
    let shown = text(&output.stdout);
    assert!(output.status.success() && shown.contains("connects") && !shown.contains("help"), "{shown}");
    let told = "trace: cut.json: it ends in the middle of an event, as that of a program that was killed does\n";
    assert_eq!(text(&output.stderr), told);
}

#[test]
fn what_cannot_be_shown_is_one_sentence() {
    let folder = folder();
    fs::write(folder.path().join("empty.json"), "").expect("written");
    let accept =
        |c| format!("{{\"t\":11,\"ev\":\"accept\",\"c\":{c},\"from\":\"127.0.0.1:{c}\",\"at\":\"127.0.0.1:44\"}}\n");
    let crowd: String = (100..130).map(accept).collect();
    fs::write(folder.path().join("crowd.json"), format!("{}\n{crowd}", SERVER.lines().next().unwrap_or_default()))
        .expect("written");
    for (arguments, sentence) in [
        (&["show", "none.json"][..], "trace: none.json: No such file or directory (os error 2)\n"),
        (&["show", "empty.json"], "trace: no event is in these files\n"),
        (&["show", "server.json", "--who", "eve"], "trace: eve takes no part; these do: 127.0.0.1:50, server\n"),
        (
            &["show", "crowd.json"],
            "trace: 31 take part, and at most 24 find room: choose some by --who, --from, --until\n",
        ),
        (
            &["show", "server.json", "--from", "900"],
            "trace: nothing is in the time that --from and --until leave: what is there goes from 100.000 ms to 200.000 ms\n",
        ),
        (
            &["show", "server.json", "--output", "./server.json"],
            "trace: ./server.json is one of the traces: choose another file with --output\n",
        ),
    ] {
        let output = trace(folder.path(), arguments);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), sentence));
        assert_eq!(text(&output.stdout), "");
    }
    assert_eq!(fs::read_to_string(folder.path().join("server.json")).expect("text"), SERVER);
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_the_others_are_shown() {
    let folder = folder();
    let output = trace(folder.path(), &["show", "none.json", "server.json", "."]);
    let told = "trace: none.json: No such file or directory (os error 2); the others are shown without it\n\
        trace: .: Is a directory (os error 21); the others are shown without it\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), told));
    assert_eq!(output.stdout, trace(folder.path(), &["show", "server.json"]).stdout);
}

#[test]
fn what_was_drawn_before_stays_where_nothing_is_drawn() {
    let folder = folder();
    let drawn = || fs::read_to_string(folder.path().join("session.svg")).expect("text");
    let draw = |file: &str| trace(folder.path(), &["picture", file, "-o", "session.svg"]);
    let output = draw("server.json");
    assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(0), "", ""));
    let before = drawn();
    assert!(before.starts_with("<svg") && before.ends_with("</svg>\n"));
    fs::write(folder.path().join("empty.json"), "").expect("written");
    for file in ["none.json", "empty.json"] {
        assert_eq!((draw(file).status.code(), drawn()), (Some(2), before.clone()));
    }
}

#[test]
fn a_full_disk_is_told() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace"));
    let output =
        command.current_dir(folder.path()).args(["show", "server.json"]).stdout(full).output().expect("it starts");
    let told = "trace: it cannot be written: No space left on device (os error 28)\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), told));
}

#[test]
fn only_what_is_wanted_is_shown() {
    let folder = folder();
    let rows = |arguments: &[&str]| text(&trace(folder.path(), arguments).stdout).lines().count() - 1;
    assert_eq!(rows(&["show", "server.json"]), 2);
    assert_eq!(rows(&["show", "server.json", "--who", "SERVER", "--until", "150"]), 1);
    assert_eq!(rows(&["show", "server.json", "--from", "150.5"]), 1);
}

/// A server's file that is far too long to be kept whole: a read each 10 ms of two connections, from 1 s on.
fn write_long(path: &Path, events: u64) {
    let mut text = SERVER.lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
    text += "{\"t\":10.15,\"m\":0.15,\"n\":3,\"ev\":\"name\",\"c\":1,\"name\":\"alice\"}\n";
    text += "{\"t\":10.16,\"m\":0.16,\"n\":4,\"ev\":\"accept\",\"c\":2,\"from\":\"127.0.0.1:51\",\"at\":\"127.0.0.1:44\"}\n";
    for at in 0..events {
        let m = 1.0 + at as f64 / 100.0;
        let (t, n, c, off) = (m + 10.0, at + 5, at % 2 + 1, at / 2 * 5);
        text += &format!(
            "{{\"t\":{t:.6},\"m\":{m:.6},\"n\":{n},\"ev\":\"read\",\"c\":{c},\"off\":{off},\"len\":5,\"bytes\":\"help\\n\"}}\n"
        );
    }
    fs::write(path, text).expect("written");
}

#[test]
fn of_a_file_that_is_too_long_any_part_can_be_chosen() {
    let folder = folder();
    write_long(&folder.path().join("long.json"), 120_000);
    let rows = |arguments: &[&str]| {
        let output = trace(folder.path(), arguments);
        (text(&output.stdout).matches(" ms ").count(), text(&output.stderr).to_owned())
    };
    let long = "long.json: it is too long: what comes behind its first 100000 events is left out\n";
    assert_eq!(rows(&["show", "long.json"]).1, format!("trace: {long}"));
    // Its end is 1,200 s behind the first read.
    assert_eq!(rows(&["show", "long.json", "--from", "1190.995s", "--until", "1191.995s"]), (100, String::new()));
    assert_eq!(
        rows(&["show", "long.json", "--from", "1190.995s", "--until", "1191.995s", "--who", "alice"]),
        (50, String::new())
    );
    assert_eq!(
        rows(&["show", "long.json", "--from", "2000s"]).1.matches("goes from 100.000 ms to 1200990.000 ms").count(),
        1
    );
    // Of one person all is kept, and so the end of it is there.
    let (shown, told) = rows(&["show", "long.json", "--who", "alice"]);
    assert_eq!((shown, told.as_str()), (60_001, ""));
    // What comes by a pipe is the same.
    let mut command = Command::new("sh");
    let script = format!("cat long.json | '{}' show - --from 1190.995s --until 1191.995s", env!("CARGO_BIN_EXE_trace"));
    let output = command.current_dir(folder.path()).args(["-c", &script]).output().expect("it starts");
    assert_eq!((text(&output.stdout).matches(" ms ").count(), text(&output.stderr)), (100, ""));
}

#[test]
fn standard_input_is_read_whatever_it_is_from_where_it_stands() {
    let folder = folder();
    let given = folder.path().join("given.json");
    let before = "no event, and read already\n";
    fs::write(&given, format!("{before}{SERVER}")).expect("written");
    for limits in [&[][..], &["--until", "900"]] {
        let shown = |file: &str, input: Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_trace"));
            let output = command.current_dir(folder.path()).args(["show", file]).args(limits).stdin(input).output();
            let output = output.expect("it starts");
            (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
        };
        let expected = shown("server.json", Stdio::null());
        assert!(expected.0.contains("help") && expected.1.is_empty(), "{expected:?}");
        let (mut ours, its) = UnixStream::pair().expect("a pair");
        ours.write_all(SERVER.as_bytes()).expect("it has room");
        drop(ours);
        assert_eq!(shown("-", OwnedFd::from(its).into()), expected);
        let mut file = File::open(&given).expect("it is there");
        file.seek(SeekFrom::Start(before.len() as u64)).expect("a place");
        assert_eq!(shown("-", file.into()), expected);
    }
}

#[test]
fn what_short_files_leave_is_for_a_long_one() {
    let folder = folder();
    write_long(&folder.path().join("long.json"), 60_000);
    let mut arguments = vec!["show".to_owned(), "long.json".to_owned()];
    for pid in 1..5 {
        let start = format!("{{\"t\":10.{pid},\"m\":0.0,\"n\":1,\"ev\":\"start\",\"who\":\"client\",\"pid\":{pid}}}\n");
        fs::write(folder.path().join(format!("{pid}.json")), start).expect("written");
        arguments.push(format!("{pid}.json"));
    }
    let output = trace(folder.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!text(&output.stderr).contains("too long"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).lines().count() > 60_000);
}

#[test]
fn clocks_are_compared_before_times_are_chosen() {
    let folder = folder();
    write_long(&folder.path().join("long.json"), 120_000);
    // An hour ahead of the server's clock: the bytes tell.
    let client = r#"{"t":3610.0,"m":0.0,"n":1,"ev":"start","who":"client","pid":8}
{"t":3610.1,"m":0.1,"n":2,"ev":"connect","c":1,"from":"10.0.0.5:50","at":"10.0.0.1:44"}
{"t":3611.0,"m":1.0,"n":3,"ev":"write","c":1,"off":0,"len":5,"bytes":"help\n"}
{"t":4800.5,"m":1190.5,"n":4,"ev":"write","c":1,"off":297625,"len":5,"bytes":"help\n"}
"#;
    let server = fs::read_to_string(folder.path().join("long.json")).expect("text");
    let server = server.replace("127.0.0.1:50", "10.0.0.5:50").replace("127.0.0.1:44", "10.0.0.1:44");
    fs::write(folder.path().join("long.json"), server).expect("written");
    fs::write(folder.path().join("alice.json"), client).expect("written");
    let arguments = ["show", "long.json", "alice.json", "--from", "1191.3s", "--until", "1191.5s"];
    let output = trace(folder.path(), &arguments);
    let shown = text(&output.stdout);
    assert!(output.status.success() && shown.lines().count() > 15, "{shown}{}", text(&output.stderr));
}

#[test]
fn a_file_that_is_named_twice_is_taken_once() {
    let folder = folder();
    let alone = trace(folder.path(), &["show", "server.json"]);
    let twice = trace(folder.path(), &["show", "server.json", "./server.json"]);
    assert_eq!((twice.status.code(), &twice.stdout), (Some(0), &alone.stdout));
    assert_eq!(text(&twice.stderr), "trace: ./server.json is named twice, and taken once\n");
    fs::write(folder.path().join("copy.json"), SERVER).expect("written");
    let copied = trace(folder.path(), &["show", "server.json", "copy.json"]);
    assert_eq!((copied.status.code(), &copied.stdout), (Some(0), &alone.stdout));
    assert_eq!(text(&copied.stderr), "trace: copy.json: it is of the same run as server.json, and left out\n");
}

/// What a browser makes of a page, when a script has done in it what a person does.
fn play(folder: &Path, page: &str, actions: &str) -> Option<String> {
    let browser = ["chromium", "chromium-headless-shell", "google-chrome"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    })?;
    let page = page.replace("</body>", &format!("<script>{actions}</script></body>"));
    fs::write(folder.join("played.html"), page).expect("written");
    let address = format!("file://{}", folder.join("played.html").display());
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let options = ["--headless", "--no-sandbox", "--disable-gpu", &profile, "--dump-dom", &address];
    let output = Command::new("timeout").arg("60").arg(browser).args(options).output().expect("timeout starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(text(&output.stdout).to_owned())
}

#[test]
fn a_click_on_an_arrow_shows_its_bytes() {
    let folder = folder();
    let evil =
        r#"{"t":10.3,"m":0.3,"n":4,"ev":"read","c":1,"off":5,"len":36,"bytes":"bcast_</script><img src=x onerror=f>"}"#;
    fs::write(folder.path().join("server.json"), format!("{SERVER}{evil}\n")).expect("written");
    let output = trace(folder.path(), &["picture", "--html", "server.json"]);
    let page = text(&output.stdout);
    let detail = |actions: &str| {
        let dom = play(folder.path(), page, actions)?;
        let detail = dom.split("<aside").nth(1).and_then(|rest| rest.split("</aside>").next());
        Some((detail.expect("a place for details").to_owned(), dom))
    };
    let click = "document.querySelectorAll('g.row .hit')[1].dispatchEvent(new MouseEvent('click', {bubbles: true}));";
    let Some((shown, _)) = detail(click) else {
        eprintln!("NOT CHECKED: the page, as there is no chromium here (apt-get install chromium)");
        return;
    };
    assert!(shown.contains("200.000 ms, 127.0.0.1:50 → server"), "{shown}");
    assert!(shown.contains("help⏎") && shown.contains("0000  68 65 6c 70 0a           help."), "{shown}");
    assert!(shown.contains("server.json: {\"t\":10.2,"), "{shown}");
    let down = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown'}));";
    let (shown, dom) = detail(&[click, down].concat()).expect("a browser");
    assert!(shown.contains("bcast_&lt;/script&gt;&lt;img src=x onerror=f&gt;"), "{shown}");
    assert!(!dom.contains("<img"), "what was said became a part of the page");
    let (_, dom) = detail("document.querySelector('#filter input').click();").expect("a browser");
    // All three are of the one client.
    assert_eq!(dom.matches("class=\"row stream off\"").count(), 3, "{dom}");
}
