//! The program as people start it: files, exit codes, and what goes to which output.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

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
    for (arguments, sentence) in [
        (&["show", "none.json"][..], "trace: none.json: No such file or directory (os error 2)\n"),
        (&["show", "empty.json"], "trace: no event is in these files\n"),
        (&["show", "server.json", "--who", "eve"], "trace: eve takes no part; these do: 127.0.0.1:50, server\n"),
        (&["show", "server.json", "--from", "900"], "trace: no event in these files is wanted\n"),
    ] {
        let output = trace(folder.path(), arguments);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), sentence));
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn only_what_is_wanted_is_shown() {
    let folder = folder();
    let rows = |arguments: &[&str]| text(&trace(folder.path(), arguments).stdout).lines().count() - 1;
    assert_eq!(rows(&["show", "server.json"]), 2);
    assert_eq!(rows(&["show", "server.json", "--who", "SERVER", "--until", "150"]), 1);
    assert_eq!(rows(&["show", "server.json", "--from", "150.5"]), 1);
}
