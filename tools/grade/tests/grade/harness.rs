//! Runs the grader.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

/// All that the real server's command line offers.
pub const ALL_RULES: &str = "--port {port} --data {data} --idle {idle} --relogin {relogin} --history {history} \
                             --login-limit {login} --max-clients {max} --rate {rate} --udp-loss {loss}";
/// The grader is killed after so many seconds: it must never hang.
const LIMIT: &str = "280";
/// So many of them run at a time: they wait more than they work.
const AT_ONCE: usize = 5;

/// This program, as a server: `variables` tell what it is.
pub fn server(variables: &[String]) -> Vec<String> {
    let own = std::env::current_exe().expect("this program").display().to_string();
    let fixed = ["--exact", "serves", "--nocapture", "--test-threads=1"].map(str::to_owned);
    [vec!["env".to_owned()], variables.to_vec(), vec![own], fixed.to_vec()].concat()
}

/// The real server with these options.
pub fn real(options: &str) -> Vec<String> {
    server(&[format!("REAL_SERVER={options}")])
}

/// The toy with this bug.
pub fn toy(bug: &str) -> Vec<String> {
    server(&[format!("TOY_BUG={bug}"), "TOY_PORT={port}".to_owned(), "TOY_DATA={data}".to_owned()])
}

/// What the grader says of a server.
pub fn grade(options: &str, server: &[String]) -> Output {
    grade_in(Path::new("."), options, server)
}

/// The same, run in this folder.
pub fn grade_in(folder: &Path, options: &str, server: &[String]) -> Output {
    let mut command = Command::new("timeout");
    command.arg(LIMIT).arg(env!("CARGO_BIN_EXE_grade")).args(options.split_whitespace());
    if !server.is_empty() {
        command.arg("--").args(server);
    }
    command.current_dir(folder).output().expect("timeout runs")
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Does this with each of them, several at a time; fails with all that they say is wrong.
pub fn with_each<T: Sync>(cases: &[T], play: impl Fn(&T) -> Option<String> + Sync) {
    let (next, wrong) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = { next.lock().expect("no panic").next() } {
                    wrong.lock().expect("no panic").extend(play(case));
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
