//! The reports for programs, and those of a class.

use crate::harness::{grade_in, server, text, toy};
use serde_json::Value;
use std::fs;

/// A run with a check that passes, one that does not, and one that is skipped.
const THREE: &str = "--patience 1 --check answers-help --check says-goodbye --check idle";

#[test]
fn each_report_says_what_passed_and_what_did_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = format!("{THREE} --json report.json --junit report.xml --tap report.tap");
    let output = grade_in(folder.path(), &options, &toy("goodbye-by-reset"));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a report");

    let report: Value = serde_json::from_str(&read("report.json")).expect("JSON");
    assert_eq!(report["patience"], 1);
    assert_eq!((&report["ok"], &report["points"], &report["of"]), (&false.into(), &1.into(), &3.into()));
    let statuses: Vec<&str> =
        report["checks"].as_array().expect("a list").iter().filter_map(|check| check["status"].as_str()).collect();
    assert_eq!(statuses, ["pass", "fail", "skip"]);
    let conversation = report["checks"][1]["conversation"].as_array().expect("a list");
    let marked = conversation.iter().find(|entry| !entry["expected"].is_null()).expect("a line that differs");
    assert_eq!((&marked["who"], &marked["expected"]), (&"A".into(), &"an end by FIN".into()));

    let tap = read("report.tap");
    assert!(tap.starts_with("TAP version 13\n1..3\nok 1 - 1 hello / answers-help"), "{tap}");
    assert!(tap.contains("\nnot ok 2 - 1 hello / says-goodbye") && tap.contains("\nok 3 - 10 house / idle"), "{tap}");
    assert!(tap.contains("# SKIP the command line does not offer {idle}"), "{tap}");

    let junit = read("report.xml");
    assert!(junit.contains("<testsuite name=\"level 1 hello\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\""));
    assert!(junit.contains("<failure type=\"FAIL\" message=\"The connection was broken off instead of closed.\">"));
    assert!(junit.contains("<skipped message=\"the command line does not offer {idle}\"/>"), "{junit}");
}

#[test]
fn a_report_on_standard_output_stands_there_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = grade_in(folder.path(), "--patience 1 --check answers-help --json", &toy(""));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    assert_eq!((&report["ok"], output.status.code()), (&true.into(), Some(0)));
    let both = grade_in(folder.path(), "--json - --tap -", &toy(""));
    assert_eq!(both.status.code(), Some(2), "{}", text(&both));
}

#[test]
fn a_class_has_a_report_each_and_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    // Each submission is a script with its bug, and one has none.
    for (name, script) in
        [("ann", "TOY_BUG= exec \"$@\""), ("bob", "TOY_BUG=help-without-end exec \"$@\""), ("eve", "")]
    {
        let own = folder.path().join("class").join(name);
        fs::create_dir_all(&own).expect("a folder");
        if !script.is_empty() {
            fs::write(own.join("server.sh"), format!("export {script}\n").replace(" exec", "; exec")).expect("a file");
        }
    }
    let toy = server(&["TOY_PORT={port}".to_owned(), "TOY_DATA={data}".to_owned()]);
    let words = [vec!["sh".to_owned(), "{dir}/server.sh".to_owned()], toy].concat();
    let output = grade_in(folder.path(), "--class class --out reports --patience 1 --level 1", &words);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let read = |name: &str| fs::read_to_string(folder.path().join("reports").join(name)).expect("a report");
    let table = read("class.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[1].starts_with("ann,9,9,9,0,") && rows[1].ends_with(','), "{table}");
    assert!(rows[2].starts_with("bob,") && rows[2].ends_with(",answers-help"), "{table}");
    assert!(rows[3].starts_with("eve,0,9,0,") && rows[3].contains("It ended before it listened"), "{table}");
    let eve: Value = serde_json::from_str(&read("eve.json")).expect("JSON");
    assert_eq!((&eve["ok"], &eve["points"], &eve["of"]), (&false.into(), &0.into(), &9.into()));
    let seed = |name| serde_json::from_str::<Value>(&read(name)).expect("JSON")["seed"].as_u64().expect("a number");
    assert_ne!(seed("ann.json"), seed("bob.json"));
    assert!(read("bob.txt").contains("FAIL  1 hello / answers-help") && read("ann.json").contains("\"ok\": true"));
    assert!(read("eve.txt").contains("It ended before it listened"), "{}", read("eve.txt"));
}

#[test]
fn a_server_that_does_not_start_is_reported_too() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("r.xml"), "of the last run").expect("a file");
    let server = ["sh", "-c", "echo oh {port}; exit 7"].map(str::to_owned);
    let options = "--patience 1 --check greets --check idle --json no/such/folder/r.json --junit r.xml --tap r.tap";
    let output = grade_in(folder.path(), options, &server);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("no/such/folder/r.json: ") && told.contains("Its last words:\n  oh "), "{told}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a report");
    assert!(read("r.xml").contains("message=\"the server could not be started. It ended before it listened"), "{told}");
    assert!(read("r.tap").starts_with("TAP version 13\n1..1\nnot ok 1 - greets # the server"), "{}", read("r.tap"));
    let output = grade_in(folder.path(), "--json --patience 1 --check greets --connect 127.0.0.1:1", &[]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["of"], output.status.code()), (&2.into(), Some(2)), "{}", text(&output));
    assert!(report["no_start"].as_str().is_some_and(|why| why.starts_with("no server can be reached at 127.0.0.1:1")));
}

/// A server that keeps its accounts where it was started gets the same points each time.
#[test]
fn what_a_server_keeps_costs_the_next_run_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["ann", ".hidden", "__pycache__"] {
        fs::create_dir_all(folder.path().join("class").join(name)).expect("a folder");
    }
    let toy = server(&["TOY_BUG=", "TOY_PORT={port}", "TOY_DATA=."].map(str::to_owned));
    for _ in 0..2 {
        let checks = "--patience 1 --check crlf --check csv-fields --check login-answer";
        let told = text(&grade_in(folder.path(), checks, &toy));
        assert!(told.contains("6 of   6 points"), "{told}");
        let told = text(&grade_in(folder.path(), &format!("{checks} --class class --out reports"), &toy));
        assert!(told.contains("6 of   6 points") && told.lines().count() == 1, "{told}");
    }
    let kept = |at: &str| fs::read_dir(folder.path().join(at)).expect("a folder").count();
    assert!(kept("class/ann") > 0, "it ran somewhere else");
}
