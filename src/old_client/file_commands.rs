//! What the menu's commands about files do.

use super::desk::Desk;
use super::event::Event;
use super::fetch;
use super::fetches::{Job, MAX_RUNNING};
use super::link::LinkError;
use super::transfer::{Stage, Step};
use crate::protocol::{MemberRequest, Reply, Request};
use crate::value::FileName;
use crate::value::Username;
use std::sync::Arc;

/// Shows the files of one user, or of all.
///
/// # Errors
/// Why the server gave no answer.
pub fn show(desk: &Desk, of: Option<&Username>) -> Result<(), LinkError> {
    let request = match of {
        Some(name) => Request::Member(MemberRequest::GetUserFiles(name.to_string())),
        None => Request::Member(MemberRequest::GetAllFiles),
    };
    let answer = desk.request(&request)?;
    for reply in answer.data {
        if let Reply::Files { name, files } = reply {
            for file in files {
                desk.screen.show(Event::File { owner: name.clone(), file });
            }
        }
    }
    match answer.end {
        Reply::Err(why) => desk.screen.refuse(why.to_string()),
        Reply::Ok(text) => desk.screen.show(Event::Done { text }),
        other => desk.screen.show(Event::Done { text: other.to_string() }),
    }
    Ok(())
}

/// Shows every file that is on its way, in or out.
pub fn show_transfers(desk: &Desk) {
    let all = under_way(desk);
    if all.is_empty() {
        desk.screen.info("No files on their way");
    }
    all.into_iter().for_each(|step| desk.screen.show(Event::Transfer(step)));
}

/// Every file that is on its way, in or out.
pub fn under_way(desk: &Desk) -> Vec<Step> {
    let uploads = desk.files.share.iter().flat_map(|share| share.uploads.list());
    desk.files.fetches.list().into_iter().chain(uploads).collect()
}

/// Fetches a file in the background.
pub fn get(desk: &Arc<Desk>, from: Username, file: FileName) {
    let job = Arc::new(Job::new(from, file));
    let (before, wanted) = match desk.files.fetches.put(&job) {
        Ok(put) => put,
        Err(why) => return desk.screen.refuse(why),
    };
    if before >= MAX_RUNNING {
        desk.screen.show(Event::Transfer(job.transfer.step(Stage::Waiting { before })));
    }
    if wanted {
        let of_thread = Arc::clone(desk);
        if let Err(error) = desk.crew.start("fetch", move || work(&of_thread)) {
            desk.screen.refuse(format!("{}: no thread to fetch it: {error}", job.transfer.file));
            desk.files.fetches.take_back(&job);
        }
    }
}

fn work(desk: &Desk) {
    while let Some(job) = desk.files.fetches.next() {
        let stage = fetch::run(desk, &job);
        // Whoever sees the end can ask for the same file again.
        desk.files.fetches.end(&job);
        desk.screen.show(Event::Transfer(job.transfer.step(stage)));
        desk.waker.nudge();
    }
}

/// Ends the fetches of `file`, or all.
pub fn cancel(desk: &Desk, file: Option<&FileName>) {
    let (waiting, running) = desk.files.fetches.cancel(file);
    for job in &waiting {
        desk.screen.show(Event::Transfer(job.transfer.step(Stage::Cancelled { done: 0 })));
    }
    match file {
        Some(file) if waiting.len() + running == 0 => desk.screen.refuse(format!("{file} is not being fetched")),
        _ => {}
    }
}
