//! The accounts of the house: one row a name, as in `users.csv`. There is one of each, so a change compares the row that it
//! is of with the one that is there.

use super::link::{Link, NotDone};
use super::script::{Deadline, Member, Script};
use crate::protocol::Notice;
use crate::server::store::{Account, MAX_ACCOUNTS, parse_account_row};
use crate::value::{Username, comma};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The most rows of one call.
const PIECE: usize = 500;
/// How often a change is tried again because the row has changed between the look and the change.
const TRIES: usize = 10;

/// A script that may take a guest out.
macro_rules! evicting {
    ($name:literal) => {
        concat!(include_str!("scripts/news.lua"), include_str!("scripts/evict.lua"), include_str!($name))
    };
}

static SIGN_UP: LazyLock<Script> = LazyLock::new(|| Script::settling(evicting!("scripts/sign_up.lua")));
static ACCOUNT: LazyLock<Script> = LazyLock::new(|| Script::guarded(include_str!("scripts/account.lua")));
static COUNT: LazyLock<Script> = LazyLock::new(|| Script::guarded(include_str!("scripts/count.lua")));
static REPLACE: LazyLock<Script> =
    LazyLock::new(|| Script::settling(concat!(include_str!("scripts/post.lua"), include_str!("scripts/replace.lua"))));
static IMPORT: LazyLock<Script> = LazyLock::new(|| Script::unguarded(evicting!("scripts/import.lua")));

/// What became of a sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedUp {
    /// The account is there, and no guest has its name any more.
    Ok,
    /// Somebody has an account of that name.
    Taken,
    /// There are 100,000 accounts.
    Full,
}

/// What became of a change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is as it was to be.
    Ok,
    /// Nobody has the name, or not with the password any more that was checked.
    Unknown,
}

/// Makes an account. A guest of that name is taken out of the house, and told `notice`.
///
/// # Errors
/// [`NotDone`].
pub fn sign_up(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    account: &Account,
    notice: &str,
) -> Result<SignedUp, NotDone> {
    sign_up_below(link, who, deadline, account, notice, MAX_ACCOUNTS)
}

fn sign_up_below(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    account: &Account,
    notice: &str,
    most: usize,
) -> Result<SignedUp, NotDone> {
    let arguments = [&field(&account.name), &account.to_string(), &most.to_string(), notice];
    let answer = SIGN_UP.call(link, who, deadline, &arguments)?;
    match answer.word.as_str() {
        "OK" => Ok(SignedUp::Ok),
        "TAKEN" => Ok(SignedUp::Taken),
        "FULL" => Ok(SignedUp::Full),
        _ => Err(answer.not_understood()),
    }
}

/// The account of a name.
///
/// # Errors
/// [`NotDone`]; [`NotDone::Cannot`] for a row that is none.
pub fn account(link: &mut Link, who: &Member, name: &Username) -> Result<Option<Account>, NotDone> {
    let row: Option<String> = ACCOUNT.call(link, who, 0, &[field(name)])?.part(0)?;
    row.map(|row| parse(&row)).transpose()
}

/// How many accounts there are.
///
/// # Errors
/// [`NotDone`].
pub fn count(link: &mut Link, who: &Member) -> Result<usize, NotDone> {
    COUNT.call(link, who, 0, &[""; 0])?.part(0)
}

/// Gives an account another password. With `instead_of`, the hash that was checked, only if it is still that: of two changes
/// at the same moment the second one is of a password that is none any more. The session of that name is told `ends`, if
/// there is such a sentence, and ended by its server.
///
/// # Errors
/// [`NotDone`].
pub fn set_password(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    name: &Username,
    instead_of: Option<&str>,
    new_hash: &str,
    ends: Option<&Notice>,
) -> Result<Changed, NotDone> {
    for _ in 0..TRIES {
        let Some(before) = account(link, who, name)? else { return Ok(Changed::Unknown) };
        // No two passwords have one hash, so an earlier call with the same was carried out.
        if before.password_hash == new_hash {
            return Ok(Changed::Ok);
        }
        if instead_of.is_some_and(|checked| before.password_hash != checked) {
            return Ok(Changed::Unknown);
        }
        let new = Account { password_hash: new_hash.to_owned(), ..before.clone() };
        if let Some(changed) = replace(link, who, deadline, &before, &new.to_string(), ends)? {
            return Ok(changed);
        }
    }
    Err(NotDone::Cannot(format!("the account of {name} changes all the time")))
}

/// Ends this very account, as [`account`] has found it; one that is not there any more is ended. [`Changed::Unknown`]: its
/// password was changed meanwhile, or it is another one by now. Its session is told why, and ended by its server.
///
/// # Errors
/// [`NotDone`].
pub fn end_account(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    account: &Account,
    why: &Notice,
) -> Result<Changed, NotDone> {
    Ok(replace(link, who, deadline, account, "", Some(why))?.unwrap_or(Changed::Unknown))
}

/// Nothing where the row was another one.
fn replace(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    before: &Account,
    new: &str,
    ends: Option<&Notice>,
) -> Result<Option<Changed>, NotDone> {
    let ends = ends.map(Notice::to_string).unwrap_or_default();
    let arguments = [&field(&before.name), &before.to_string(), new, &ends];
    let answer = REPLACE.call(link, who, deadline, &arguments)?;
    match answer.word.as_str() {
        "OK" => Ok(Some(Changed::Ok)),
        "UNKNOWN" => Ok(Some(Changed::Unknown)),
        "OTHER" => Ok(None),
        _ => Err(answer.not_understood()),
    }
}

/// All accounts, in the order of their names. It takes many calls, so one that changes meanwhile is there as it was or as
/// it is. The caller need not be in the house.
///
/// # Errors
/// [`NotDone`]; [`NotDone::Cannot`] names a row that is none.
pub fn export(link: &mut Link) -> Result<Vec<Account>, NotDone> {
    let (mut found, mut cursor) = (BTreeMap::new(), 0_u64);
    loop {
        let mut scan = redis::cmd("HSCAN");
        scan.arg("{peerline}:accounts").arg(cursor).arg("COUNT").arg(PIECE);
        let (next, rows): (u64, Vec<(String, String)>) = scan.query(link)?;
        // The same one may come twice.
        for (name, row) in rows {
            found.insert(name, parse(&row)?);
        }
        if next == 0 {
            return Ok(found.into_values().collect());
        }
        cursor = next;
    }
}

/// What became of accounts that were brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Those whose name had another account, which stays.
    pub taken: Vec<Username>,
    /// Those for which there was no room.
    pub full: Vec<Username>,
}

/// Brings accounts into a house that is open; those that are there already, whole, count as brought. A guest of such a name
/// is taken out, and told `notice`. The caller need not be in the house.
///
/// # Errors
/// [`NotDone`]: some may have been brought. Bringing all of them again does no harm.
pub fn import(link: &mut Link, who: &Member, accounts: &[Account], notice: &str) -> Result<Imported, NotDone> {
    import_below(link, who, accounts, notice, MAX_ACCOUNTS)
}

fn import_below(
    link: &mut Link,
    who: &Member,
    accounts: &[Account],
    notice: &str,
    most: usize,
) -> Result<Imported, NotDone> {
    let mut imported = Imported::default();
    for piece in accounts.chunks(PIECE) {
        let mut arguments = vec![most.to_string(), notice.to_owned()];
        arguments.extend(piece.iter().flat_map(|account| [field(&account.name), account.to_string()]));
        let answer = IMPORT.call(link, who, 0, &arguments)?;
        for (place, account) in piece.iter().enumerate() {
            match answer.part::<String>(place)?.as_str() {
                "OK" => {}
                "TAKEN" => imported.taken.push(account.name.clone()),
                "FULL" => imported.full.push(account.name.clone()),
                _ => return Err(answer.not_understood()),
            }
        }
    }
    Ok(imported)
}

/// One spelling for all of a name.
fn field(name: &Username) -> String {
    name.as_str().to_ascii_lowercase()
}

fn parse(row: &str) -> Result<Account, NotDone> {
    parse_account_row(&comma::split(row).into()).map_err(|why| NotDone::Cannot(format!("a row of its accounts: {why}")))
}

#[cfg(test)]
mod tests {
    use super::super::house::tests::open_house;
    use super::super::inbox::Post;
    use super::super::own_redis::OwnRedis;
    use super::super::own_servers;
    use super::*;
    use std::thread;

    fn name(text: &str) -> Username {
        text.parse().expect("a name")
    }

    /// A row as a password of that salt makes it: with commas.
    fn made(text: &str, salt: &str) -> Account {
        let password_hash = hash(salt);
        Account { name: name(text), password_hash, created_at: 1_700_000_000 }
    }

    fn hash(salt: &str) -> String {
        format!("$pbkdf2-sha256$i=1000,l=32${salt}$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g")
    }

    const SALT: &str = "c2FsdHNhbHRzYWx0MTIzNA";
    const OTHER: &str = "c2FsdHNhbHRzYWx0NTY3OA";

    #[test]
    fn a_name_is_given_once_and_the_same_row_again_is_the_same_account() {
        let redis = OwnRedis::start();
        let (who, mut link) = (open_house(&redis), redis.link());
        let alice = made("Alice", SALT);
        assert_eq!(account(&mut link, &who, &name("alice")), Ok(None));
        for _ in 0..2 {
            assert_eq!(sign_up_below(&mut link, &who, 0, &alice, "", 1), Ok(SignedUp::Ok));
        }
        assert_eq!(sign_up(&mut link, &who, 0, &made("ALICE", OTHER), ""), Ok(SignedUp::Taken));
        assert_eq!(sign_up_below(&mut link, &who, 0, &made("bob", SALT), "", 1), Ok(SignedUp::Full));
        assert_eq!(sign_up(&mut link, &who, 0, &made("bob", SALT), ""), Ok(SignedUp::Ok));
        assert_eq!(account(&mut link, &who, &name("aLICE")), Ok(Some(alice)));
        assert_eq!(count(&mut link, &who), Ok(2));
        assert_eq!(sign_up(&mut link, &who, 1, &made("carol", SALT), ""), Err(NotDone::Late));
        let buried = Member { generation: who.generation + 1, ..who };
        assert_eq!(sign_up(&mut link, &buried, 0, &made("carol", SALT), ""), Err(NotDone::Buried));
        assert_eq!(count(&mut link, &buried), Err(NotDone::Buried));
    }

    #[test]
    fn of_two_who_want_one_name_one_gets_it() {
        let redis = OwnRedis::start();
        let who = open_house(&redis);
        let sign_all_up = |salt: &'static str| {
            let (who, mut link) = (who.clone(), redis.link());
            move || {
                let names = (0..200).map(|number| made(&format!("n{number}"), salt));
                names.map(|account| sign_up(&mut link, &who, 0, &account, "").expect("an answer")).collect::<Vec<_>>()
            }
        };
        let (one, other) = (thread::spawn(sign_all_up(SALT)), thread::spawn(sign_all_up(OTHER)));
        let (one, other) = (one.join().expect("no panic"), other.join().expect("no panic"));
        for pair in one.into_iter().zip(other) {
            assert!(matches!(pair, (SignedUp::Ok, SignedUp::Taken) | (SignedUp::Taken, SignedUp::Ok)), "{pair:?}");
        }
    }

    #[test]
    fn a_guest_of_a_name_that_signs_up_is_taken_out_and_told() {
        let redis = OwnRedis::start();
        let (who, mut link) = (open_house(&redis), redis.link());
        for guest in ["bob", "carol", "dave"] {
            let record = format!("{guest},s1,{},41,10.0.0.2", who.generation);
            redis.tell(&["HSET", "{peerline}:who", guest, &record]);
        }
        assert_eq!(sign_up(&mut link, &who, 0, &made("Bob", SALT), "The name is taken"), Ok(SignedUp::Ok));
        assert_eq!(import(&mut link, &who, &[made("Carol", SALT)], "The name is taken"), Ok(Imported::default()));
        assert_eq!(redis.ask::<Vec<String>>(&["HKEYS", "{peerline}:who"]), ["dave"]);
        let inbox: Vec<(String, Vec<String>)> =
            redis.ask(&["XRANGE", &format!("{{peerline}}:in:s1:{}", who.generation), "-", "+"]);
        assert_eq!(inbox.len(), 2);
        assert!(inbox.iter().all(|(_, fields)| fields.last().is_some_and(|last| last == "The name is taken")));
        let news: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", "{peerline}:news", "-", "+"]);
        assert_eq!(news.iter().filter(|(_, fields)| fields[1] == "out").count(), 2);
    }

    #[test]
    fn a_password_is_changed_only_if_it_is_still_the_one_that_was_checked() {
        let redis = OwnRedis::start();
        let (who, mut link) = (open_house(&redis), redis.link());
        let mut change = |instead_of: Option<&str>, new: &str| {
            set_password(&mut link, &who, 0, &name("alice"), instead_of, new, None).expect("an answer")
        };
        let (first, second, third) = (hash(SALT), hash(OTHER), hash("c2FsdHNhbHRzYWx0OTAxMg"));
        assert_eq!(change(None, &second), Changed::Unknown);
        assert_eq!(sign_up(&mut redis.link(), &who, 0, &made("Alice", SALT), ""), Ok(SignedUp::Ok));
        // Once more, as its answer may have been lost.
        for _ in 0..2 {
            assert_eq!(change(Some(&first), &second), Changed::Ok);
        }
        assert_eq!(change(Some(&first), &third), Changed::Unknown);
        assert_eq!(change(None, &third), Changed::Ok);
        let account = account(&mut redis.link(), &who, &name("alice")).expect("an answer").expect("there");
        assert_eq!(account, Account { password_hash: third, ..made("Alice", SALT) });
        assert_eq!(account.name.as_str(), "Alice");
    }

    #[test]
    fn only_the_account_that_is_meant_ends() {
        let redis = OwnRedis::start();
        let (who, mut link) = (open_house(&redis), redis.link());
        let (alice, other) = (made("alice", SALT), made("alice", OTHER));
        assert_eq!(sign_up(&mut link, &who, 0, &alice, ""), Ok(SignedUp::Ok));
        assert_eq!(end_account(&mut link, &who, 0, &other, &Notice::Inactive), Ok(Changed::Unknown));
        assert_eq!(end_account(&mut link, &who, 1, &alice, &Notice::Inactive), Err(NotDone::Late));
        for _ in 0..2 {
            assert_eq!(end_account(&mut link, &who, 0, &alice, &Notice::Inactive), Ok(Changed::Ok));
            assert_eq!(account(&mut link, &who, &alice.name), Ok(None));
        }
        assert_eq!(sign_up(&mut link, &who, 0, &other, ""), Ok(SignedUp::Ok));
        assert_eq!(end_account(&mut link, &who, 0, &alice, &Notice::Inactive), Ok(Changed::Unknown));
    }

    #[test]
    fn with_a_password_of_whoever_runs_the_house_or_the_account_the_session_ends_once() {
        let redis = OwnRedis::start();
        let ((s1, s2), mut link) = (own_servers::open(&redis), redis.link());
        let why = |why: &str| Notice::Removed(why.to_owned());
        for name in ["alice", "bob"] {
            assert_eq!(sign_up(&mut link, &s1, 0, &made(name, SALT), ""), Ok(SignedUp::Ok));
            redis.tell(&["HSET", "{peerline}:who", name, &format!("{name},s2,1,7,")]);
        }
        for _ in 0..2 {
            let new = hash(OTHER);
            let changed = set_password(&mut link, &s1, 0, &name("Alice"), None, &new, Some(&why("another password")));
            assert_eq!(changed, Ok(Changed::Ok));
            assert_eq!(end_account(&mut link, &s1, 0, &made("bob", SALT), &why("no account")), Ok(Changed::Ok));
        }
        let end = |of: &str, notice| Post::End { name: name(of), session: 7, notice };
        let ends = [end("alice", why("another password")), end("bob", why("no account"))];
        assert_eq!(own_servers::inbox(&redis, s2.server.as_str()), ends);
        // Who changes the own password stays, and nobody reads what is for a server that is gone.
        assert_eq!(set_password(&mut link, &s1, 0, &name("alice"), None, &hash(SALT), None), Ok(Changed::Ok));
        redis.tell(&["HDEL", "{peerline}:head", "g:s2"]);
        let changed = set_password(&mut link, &s1, 0, &name("alice"), None, &hash(OTHER), Some(&why("once more")));
        assert_eq!(changed, Ok(Changed::Ok));
        assert_eq!(own_servers::inbox(&redis, s2.server.as_str()).len(), 2);
    }

    #[test]
    fn what_is_brought_can_be_taken_out_again_and_nothing_is_overwritten() {
        let redis = OwnRedis::start();
        let (who, mut link) = (open_house(&redis), redis.link());
        let mut accounts: Vec<Account> = (0..1100).map(|number| made(&format!("N{number:04}"), SALT)).collect();
        accounts.reverse();
        assert_eq!(sign_up(&mut link, &who, 0, &made("n0007", OTHER), ""), Ok(SignedUp::Ok));
        let outside = Member { generation: 0, ..who.clone() };
        for _ in 0..2 {
            let imported = import(&mut link, &outside, &accounts, "").expect("an answer");
            assert_eq!(imported, Imported { taken: vec![name("n0007")], full: Vec::new() });
        }
        let exported = export(&mut link).expect("an answer");
        assert_eq!(exported.len(), 1100);
        assert!(
            exported.windows(2).all(|pair| pair[0].name.as_str().to_lowercase() < pair[1].name.as_str().to_lowercase())
        );
        assert_eq!((&exported[7].password_hash, exported[8].name.as_str()), (&hash(OTHER), "N0008"));
        let more = [made("o1", SALT), made("n0001", SALT), made("o2", SALT)];
        let imported = import_below(&mut link, &outside, &more, "", 1101).expect("an answer");
        assert_eq!(imported, Imported { taken: vec![name("n0001")], full: vec![name("o2")] });
        redis.tell(&["HSET", "{peerline}:accounts", "eve", "eve,secret,1"]);
        let refused = export(&mut link).expect_err("no row");
        assert!(
            matches!(&refused, NotDone::Cannot(why) if why.contains("eve") && !why.contains("secret")),
            "{refused:?}"
        );
        redis.tell(&["HSET", "{peerline}:head", "run", "another"]);
        assert_eq!(import(&mut link, &outside, &more, ""), Err(NotDone::Loss));
    }
}
