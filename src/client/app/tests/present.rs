//! Who comes and who goes, as a person and a program hear of it.

use super::*;
use crate::client::app::Watching;

const LIST: [&str; 3] = ["client_alice_127.0.0.2:4401", "client_bob_127.0.0.3:4401", "OK,2 active clients"];

/// Logged in, and told who is there.
fn watching(watching: Watching, face: Face) -> Play {
    let mut play = Play::online(Rules { watching, ..rules(face) });
    assert!(play.sent().contains(&"watch".to_owned()));
    play.server(&LIST);
    play
}

fn names(play: &mut Play) -> String {
    play.app.picture();
    let picture = play.app.display.as_ref().map(|display| format!("{:?}", display.windows));
    let known = picture.expect("a screen");
    let from = known.find(" names: [").expect("a list") + " names: [".len();
    known[from..].split(']').next().expect("its end").replace('"', "")
}

#[test]
fn a_person_hears_who_has_come_and_who_has_gone() {
    let mut play = watching(Watching::ForPeople, PERSON);
    play.shown();
    play.server(&["joined_carol_10.0.0.9:0", "joined_carol_10.0.0.9:4401", "joined_bob_127.0.0.4:4401"]);
    assert_eq!(play.shown(), ["joined carol true"], "another address is no news");
    play.server(&["left_bob", "left_nobody", "left_alice"]);
    assert_eq!(play.shown(), [""; 0]);
    play.after(Duration::from_secs(4));
    play.server(&["joined_bob_127.0.0.5:0", "left_carol", "joined_alice_127.0.0.6:0"]);
    assert_eq!(play.shown(), [""; 0], "bob has logged in again");
    play.after(Duration::from_secs(5));
    assert_eq!(play.shown(), ["left carol"]);
}

#[test]
fn a_program_hears_everything() {
    let mut play = watching(Watching::ForPrograms, SCRIPT);
    assert_eq!(play.shown()[1..], ["joined alice false", "joined bob false"]);
    play.server(&["joined_eve_127.0.0.7:12000_guest-packet", "joined_bob_127.0.0.4:4401", "left_eve", "left_eve"]);
    assert_eq!(play.shown(), ["joined eve true", "joined bob false", "left eve"]);
}

#[test]
fn after_a_cut_the_list_is_true_again() {
    let mut play = watching(Watching::ForPrograms, SCRIPT);
    play.shown();
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.look();
    play.link = 2;
    play.log_in();
    play.sent();
    play.shown();
    play.server(&["client_alice_127.0.0.2:4401", "client_carol_10.0.0.9:0", "OK,2 active clients"]);
    assert_eq!(play.shown(), ["joined carol true", "left bob"], "alice is where she was");
}

#[test]
fn the_screen_shows_who_is_there() {
    let mut play = watching(Watching::ForPeople, Face::Screen);
    assert_eq!(names(&mut play), "alice, bob");
    play.server(&["joined_carol_10.0.0.9:0", "left_bob"]);
    assert_eq!(names(&mut play), "alice, carol");
}

#[test]
fn nobody_is_told_where_nobody_reads_or_the_server_is_older() {
    let mut play = Play::script();
    assert!(!play.sent().contains(&"watch".to_owned()));
    let mut play = watching(Watching::ForPrograms, SCRIPT);
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.look();
    play.link = 2;
    play.log_in();
    play.shown();
    let ticket = format!("ticket_watch_{TICKET}");
    play.server(&[&ticket, "peer_127.0.0.9:4401", "OK,Connect to watch at 127.0.0.9:4401"]);
    assert_eq!(play.shown(), [""; 0], "somebody is called so there");
    let mut play = Play::online(Rules { watching: Watching::ForPeople, ..rules(PERSON) });
    play.shown();
    play.server(&["ERR,User not found! Nobody active is watch: send list"]);
    assert_eq!(play.shown(), [""; 0]);
    assert_eq!(play.app.deadline().map(|_| ()), play.app.hellos.deadline(&play.app.inbox).map(|_| ()));
}

#[test]
fn who_is_asked_for_tells_since_when() {
    let mut play = Play::script();
    play.look();
    play.typed("who");
    assert_eq!(play.sent(), ["who"]);
    play.server(&["person_bob_127.0.0.3:4401_1700000000_dnd", "OK,1 active client"]);
    let shown = play.pick(|effect| if let Effect::Show(line) = effect { Some(line.shown.clone()) } else { None });
    let bob = Shown::Person {
        name: name("bob"),
        address: ([127, 0, 0, 3], 4401).into(),
        guest: None,
        since: 1_700_000_000,
        dnd: true,
    };
    assert_eq!(shown[0], bob);
}
