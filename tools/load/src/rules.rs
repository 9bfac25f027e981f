//! Which rules of a house stand in the way of a class, and what to start the server with so that they do not. Pure.

use peerline::protocol::{Notice, Refusal};
use std::time::Duration;

/// Logins that take longer than this are mostly the hash of a password.
const SLOW_LOGIN: Duration = Duration::from_millis(300);
/// Places that are left to others.
const SPARE: u32 = 20;

/// The options of peerline's own server for a class of so many.
pub fn server_options(clients: u32) -> String {
    let places = clients + SPARE;
    format!("server --max-clients {places} --max-per-ip {places} --signups off --rate off --hash-rounds 1000")
}

/// What a refusal means for a class, behind the server's own words.
pub fn of_refusal(refusal: &Refusal, clients: u32) -> String {
    let rule = match refusal {
        Refusal::ServerFull(places) => format!("the server has {places} places, and the class needs {clients}"),
        Refusal::TooFast(lines) => format!("a client may send {lines} lines a second"),
        Refusal::BusyWithLogins => "the server cannot check passwords as fast as the class logs in".to_owned(),
        Refusal::NameTaken | Refusal::InvalidCredentials | Refusal::TooManyWrongPasswords { .. } => {
            return "the name is another's, or has another password: choose another --prefix".to_owned();
        }
        _ => "a rule of the server stands in the way".to_owned(),
    };
    advice(&rule, clients)
}

/// What a notice means for a class when the server closes the connection behind it.
pub fn of_notice(notice: &Notice, clients: u32) -> Option<String> {
    let rule = match notice {
        Notice::GivesWay => "the server has fewer places than the class needs",
        Notice::NotLoggedIn(_) => "logins take too long",
        _ => return None,
    };
    Some(advice(rule, clients))
}

fn advice(rule: &str, clients: u32) -> String {
    format!("{rule}. For a class, start peerline's server with: {}", server_options(clients))
}

/// What to say of logins of which half take longer than this.
pub fn of_logins(median: Duration) -> Option<String> {
    (median > SLOW_LOGIN).then(|| {
        "Logins are slow, mostly by the hash of each password: --hash-rounds 1000 of peerline's server makes it cheap for \
         new accounts (for a lesson, not for real passwords)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_named_with_the_way_out() {
        for (line, word) in [
            ("Server full (50 clients): try again later", "50 places"),
            ("Too fast: at most 20 lines a second; wait and send it again", "20 lines a second"),
            ("The server is busy with other logins: try again in a minute", "passwords"),
            ("Too many sign-ups from your address, or so", "a rule of the server"),
        ] {
            let advice = of_refusal(&Refusal::parse(line), 1000);
            assert!(advice.contains(word) && advice.contains("--max-clients 1020"), "{line}: {advice}");
        }
        let advice = of_notice(&Notice::GivesWay, 1000).unwrap_or_default();
        assert!(advice.contains("fewer places") && advice.contains("--max-clients 1020"), "{advice}");
        assert_eq!(of_notice(&Notice::ServerStops, 1000), None);
        let advice = of_refusal(&Refusal::parse("Invalid credentials"), 1000);
        assert!(advice.contains("--prefix"), "{advice}");
    }

    #[test]
    fn slow_logins_are_told() {
        assert_eq!(of_logins(Duration::from_millis(5)), None);
        assert!(of_logins(Duration::from_secs(1)).is_some_and(|said| said.contains("--hash-rounds")));
    }
}
