//! What the painters are tried on: four small stories, written as the files of those who took part, and the rows of
//! it.

use crate::merge::Merged;
use crate::recording::{Budget, Recording};
use crate::rows::{self, Story, Wanted};

/// A file: a line an event, which has its milliseconds before its fields.
pub fn file(name: &str, who: &str, events: &str) -> Recording {
    let first = format!("0 \"ev\":\"start\",\"who\":\"{who}\",\"pid\":7,\"version\":\"0\",\"masked\":true");
    let lines = [first.as_str()].into_iter().chain(events.trim().lines());
    let json = lines.enumerate().map(|(at, line)| {
        let (time, fields) = line.trim().split_once(' ').expect("a time and fields");
        let time = 1_000.0 + time.parse::<f64>().expect("milliseconds") / 1e3;
        format!("{{\"t\":{time:.6},\"m\":{:.6},\"n\":{},{fields}}}\n", time - 1_000.0, at + 1)
    });
    Recording::read(name, json.collect::<String>().as_bytes(), Budget::whole()).expect("memory can be read")
}

/// Files side by side, of which there is nothing to be remarked.
pub fn merged(files: &[Recording]) -> Merged {
    let merged = Merged::new(files.to_vec(), None);
    assert_eq!(merged.remarks, [""; 0]);
    merged
}

/// The story of these files.
pub fn told(files: &[Recording]) -> Story {
    rows::story(&merged(files), &Wanted::default())
}

/// A login whose line comes in two reads, and three lines that come in one.
pub fn login() -> [Recording; 2] {
    let server = r#"
1.2 "ev":"accept","c":3,"from":"127.0.0.1:50","at":"127.0.0.1:44"
1.3 "ev":"write","c":3,"off":0,"len":11,"bytes":"OK,Welcome\n"
2.1 "ev":"read","c":3,"off":0,"len":10,"bytes":"LOGIN,alic"
2.3 "ev":"read","c":3,"off":10,"len":10,"bytes":"e,***\n"
2.4 "ev":"line","c":3,"line":"LOGIN,alice,***","took":[4,5]
90 "ev":"decide","c":3,"verb":"LOGIN","says":"OK","why":"alice's session begins"
91 "ev":"write","c":3,"off":11,"len":31,"bytes":"udp_***\nip_127.0.0.2\nOK,Login\n"
95 "ev":"read","c":3,"off":20,"len":16,"bytes":"help\nlist\nquit\n"
95.1 "ev":"line","c":3,"line":"help","took":[9]
95.2 "ev":"line","c":3,"line":"list","took":[9]
95.3 "ev":"line","c":3,"line":"quit","took":[9]
95.4 "ev":"close","c":3,"how":"fin"
"#;
    let alice = r#"
1 "ev":"connect","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
1.4 "ev":"read","c":1,"off":0,"len":11,"bytes":"OK,Welcome\n"
2 "ev":"write","c":1,"off":0,"len":20,"bytes":"LOGIN,alice,***\n"
91.5 "ev":"read","c":1,"off":11,"len":31,"bytes":"udp_***\nip_127.0.0.2\nOK,Login\n"
91.6 "ev":"name","name":"alice"
94.1 "ev":"write","c":1,"off":20,"len":5,"bytes":"help\n"
94.2 "ev":"write","c":1,"off":25,"len":5,"bytes":"list\n"
94.3 "ev":"write","c":1,"off":30,"len":6,"bytes":"quit\n"
"#;
    [file("server", "server", server), file("alice", "client", alice)]
}

/// A broadcast to three, of whom one has no file: one datagram is dropped on purpose, one lost, and both come again.
pub fn loss() -> [Recording; 3] {
    let server = r#"
1 "ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
2 "ev":"name","c":1,"name":"alice"
3 "ev":"accept","c":2,"from":"127.0.0.1:51","at":"127.0.0.1:44"
4 "ev":"name","c":2,"name":"bob"
5 "ev":"accept","c":3,"from":"127.0.0.1:52","at":"127.0.0.1:44"
6 "ev":"name","c":3,"name":"eve"
10 "ev":"read","c":3,"off":0,"len":10,"bytes":"bcast_<hi>\n"
11 "ev":"decide","c":3,"verb":"bcast","says":"OK","why":"number 5, to 3 clients"
12 "ev":"dropped","d":16,"to":"alice","port":60,"seq":[5,5],"len":74,"why":"--udp-loss"
12.1 "ev":"datagram","d":17,"to":"bob","port":61,"seq":[5,5],"len":74
12.2 "ev":"datagram","d":18,"to":"eve","port":62,"seq":[5,5],"len":74
2199.5 "ev":"acked","to":"alice","port":60,"acked":4,"top":5,"missing":[[5,5]],"bytes":"hello_9f3c..._4_5_5-5"
2200 "ev":"again","d":19,"of":16,"to":"alice","seq":[5,5],"why":"hello_4"
2201 "ev":"again","d":20,"of":17,"to":"bob","seq":[5,5],"why":"hello_4"
"#;
    let client = |name: &str, port: u16, came: f64| {
        let connect = format!("0.9 \"ev\":\"connect\",\"c\":1,\"from\":\"127.0.0.1:{port}\",\"at\":\"127.0.0.1:44\"");
        let named = format!("0.9 \"ev\":\"name\",\"name\":\"{name}\"");
        let datagram = format!("{came} \"ev\":\"datagram\",\"port\":44,\"seq\":[5,5],\"shown\":[5,5]");
        let stop = "2300 \"ev\":\"stop\"";
        file(name, "client", &format!("{connect}\n{named}\n{datagram}\n{stop}\n"))
    };
    [file("server", "server", server), client("alice", 50, 2200.2), client("bob", 51, 2201.2)]
}

/// An introduction, and a chat that goes on past the server.
pub fn chat() -> [Recording; 3] {
    let server = r#"
1 "ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
2 "ev":"accept","c":2,"from":"127.0.0.1:51","at":"127.0.0.1:44"
10.1 "ev":"read","c":1,"off":0,"len":12,"bytes":"connect_bob\n"
10.2 "ev":"line","c":1,"line":"connect_bob","took":[4]
10.3 "ev":"ticket","for":"alice","to":"bob","ticket":"9f3c..."
10.4 "ev":"write","c":2,"off":0,"len":13,"bytes":"ticket_alice_9f3c...\n"
10.4 "ev":"notice","c":2,"line":"ticket_alice_9f3c..."
10.5 "ev":"decide","c":1,"verb":"connect","says":"OK","why":"bob is at 127.0.0.3:4401"
10.6 "ev":"write","c":1,"off":0,"len":11,"bytes":"ticket_bob_9f3c...\n"
50 "ev":"close","c":1,"how":"shut"
51 "ev":"stop"
"#;
    let alice = r#"
0.5 "ev":"connect","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
0.6 "ev":"name","name":"alice"
10 "ev":"write","c":1,"off":0,"len":12,"bytes":"connect_bob\n"
10.8 "ev":"read","c":1,"off":0,"len":11,"bytes":"ticket_bob_9f3c...\n"
11 "ev":"connect","c":2,"from":"127.0.0.1:70","at":"127.0.0.3:4401"
11.7 "ev":"peer","c":2,"verb":"CHAT","with":"bob","at":"127.0.0.3:4401"
11.2 "ev":"write","c":2,"off":0,"len":20,"bytes":"CHAT,alice,9f3c...\n"
60 "ev":"write","c":2,"off":20,"len":12,"bytes":"still there\n"
"#;
    let bob = r#"
0.7 "ev":"connect","c":1,"from":"127.0.0.1:51","at":"127.0.0.1:44"
0.8 "ev":"name","name":"bob"
10.7 "ev":"read","c":1,"off":0,"len":13,"bytes":"ticket_alice_9f3c...\n"
11.3 "ev":"accept","c":2,"from":"127.0.0.1:70","at":"127.0.0.3:4401"
11.4 "ev":"read","c":2,"off":0,"len":20,"bytes":"CHAT,alice,9f3c...\n"
11.5 "ev":"redeem","c":2,"with":"alice","ticket":"9f3c..."
11.6 "ev":"peer","c":2,"verb":"CHAT","with":"alice","at":"127.0.0.1:70"
60.1 "ev":"read","c":2,"off":20,"len":12,"bytes":"still there\n"
"#;
    [file("server", "server", server), file("alice", "client", alice), file("bob", "client", bob)]
}

/// A client whose server is not there, does not answer, and is full, until it has a place; and a peer that has gone.
pub fn not_made() -> [Recording; 2] {
    let server = r#"
900.5 "ev":"refused","from":"127.0.0.1:53","why":"all places are taken"
910.5 "ev":"accept","c":1,"from":"127.0.0.1:54","at":"127.0.0.1:44"
"#;
    let alice = r#"
0.1 "ev":"name","name":"alice"
1 "ev":"connect","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
1.1 "ev":"close","c":1,"how":"refused"
2 "ev":"connect","c":2,"at":"127.0.0.1:44"
802 "ev":"close","c":2,"how":"timeout"
900 "ev":"connect","c":3,"from":"127.0.0.1:53","at":"127.0.0.1:44"
901 "ev":"close","c":3,"how":"fin"
910 "ev":"connect","c":4,"from":"127.0.0.1:54","at":"127.0.0.1:44"
915 "ev":"connect","c":5,"from":"127.0.0.1:55","at":"127.0.0.3:4401"
916 "ev":"close","c":5,"how":"refused"
"#;
    [file("server", "server", server), file("alice", "client", alice)]
}

/// Fails where a text is no well-formed XML, as far as a picture uses it.
pub fn assert_well_formed(text: &str) {
    let mut open = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, behind) = part.split_once('>').expect("a tag ends");
        assert!(!behind.contains('>'), "{part}");
        let is_entity = |rest: &str| ["amp;", "lt;", "gt;", "quot;"].iter().any(|name| rest.starts_with(name));
        assert!(part.split('&').skip(1).all(is_entity), "{part}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{part}");
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap_or_default());
        }
    }
    assert_eq!(open, [""; 0]);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "a control character");
}
