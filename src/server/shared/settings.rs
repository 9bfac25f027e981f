//! What a Redis must be set to, or the house would lose what it has confirmed.

use super::link::Link;
use log::warn;
use redis::RedisResult;
use std::collections::HashMap;
use std::time::Duration;

/// The oldest version that has all commands, as its first two numbers.
const VERSION: (u32, u32) = (7, 0);
/// What `appendfsync everysec` may lose: while a sync is running Redis puts off even the writing, for up to this time.
const EVERYSEC: Duration = Duration::from_secs(2);
/// The seconds that a replica may be behind.
const MAX_LAG: u32 = 10;

/// Checks them. `loss` is how much of what was confirmed may be lost, if that is accepted.
///
/// # Errors
/// One sentence that names the setting, what it is, and how that is asked.
pub fn check(link: &mut Link, loss: Option<Duration>) -> Result<(), String> {
    let settings =
        |error: redis::RedisError| format!("The directory does not tell its settings (CONFIG GET, INFO): {error}");
    let config = Config::ask(link).map_err(settings)?;
    let server: String = redis::cmd("INFO").arg("server").query(link).map_err(settings)?;
    let replication: String = redis::cmd("INFO").arg("replication").query(link).map_err(settings)?;
    check_version(line(&server, "redis_version"))?;
    let role = line(&replication, "role");
    if role != "master" {
        return Err(format!("The directory is no master but a {role} (INFO replication): name the master"));
    }
    config.must_be("cluster-enabled", "no", "a Redis Cluster does not run scripts over all keys")?;
    config.must_be("appendonly", "yes", "else it forgets everything at its end")?;
    check_sync(&config, loss)?;
    config.must_be("no-appendfsync-on-rewrite", "no", "else nothing is synced while its file is written anew")?;
    config.must_be("maxmemory-policy", "noeviction", "else it forgets accounts when its memory is full")?;
    if line(&replication, "connected_slaves") != "0" {
        check_replicas(&config)?;
    }
    Ok(())
}

/// Settings by their names.
struct Config(HashMap<String, String>);

impl Config {
    fn ask(link: &mut Link) -> RedisResult<Config> {
        let names = [
            "cluster-enabled",
            "appendonly",
            "appendfsync",
            "no-appendfsync-on-rewrite",
            "maxmemory-policy",
            "min-replicas-to-write",
            "min-replicas-max-lag",
        ];
        redis::cmd("CONFIG").arg("GET").arg(&names).query(link).map(Config)
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn must_be(&self, name: &str, value: &str, why: &str) -> Result<(), String> {
        if self.get(name) == value { Ok(()) } else { Err(self.wrong(name, value, why)) }
    }

    fn wrong(&self, name: &str, value: &str, why: &str) -> String {
        let present = self.get(name);
        format!("The directory has {name} {present:?} (CONFIG GET {name}) and needs {value:?}: {why}")
    }
}

fn check_sync(config: &Config, loss: Option<Duration>) -> Result<(), String> {
    let accepts = loss.is_some_and(|loss| loss >= EVERYSEC);
    if accepts && config.get("appendfsync") == "everysec" {
        warn!(
            "A crash of the directory may take the accounts, passwords and bans that it has confirmed in its last 2 s"
        );
        return Ok(());
    }
    config.must_be(
        "appendfsync",
        "always",
        "else its end may lose what was confirmed; --directory-loss 2s accepts everysec",
    )
}

/// A master that is cut off from its replicas goes on otherwise, and all that it says yes to is lost when one takes over.
fn check_replicas(config: &Config) -> Result<(), String> {
    let number = |name| config.get(name).parse().unwrap_or(0_u32);
    let why = "it has a replica, and cut off from it it would say yes to what is lost";
    if number("min-replicas-to-write") == 0 {
        return Err(config.wrong("min-replicas-to-write", "1", why));
    }
    // 0 would be never.
    if !(1..=MAX_LAG).contains(&number("min-replicas-max-lag")) {
        return Err(config.wrong("min-replicas-max-lag", &MAX_LAG.to_string(), why));
    }
    Ok(())
}

fn check_version(version: &str) -> Result<(), String> {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found >= VERSION {
        return Ok(());
    }
    Err(format!("The directory is Redis {version} (INFO server) and must be {}.{} or later", VERSION.0, VERSION.1))
}

/// The value of a line of `INFO`.
fn line<'a>(about: &'a str, name: &str) -> &'a str {
    let mut values = about.lines().filter_map(|line| line.split_once(':'));
    values.find(|(found, _)| *found == name).map_or("", |(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::super::own_redis::OwnRedis;
    use super::*;
    use std::time::Instant;

    #[test]
    fn each_setting_by_which_something_is_lost_is_named_with_its_value_and_its_command() {
        assert_eq!(check(&mut OwnRedis::start().link(), None), Ok(()));
        for (name, value, needs) in [
            ("appendonly", "no", "yes"),
            ("appendfsync", "everysec", "always"),
            ("appendfsync", "no", "always"),
            ("no-appendfsync-on-rewrite", "yes", "no"),
            ("maxmemory-policy", "allkeys-lru", "noeviction"),
            ("cluster-enabled", "yes", "no"),
        ] {
            let redis = OwnRedis::start_with(&[&format!("--{name}"), value]);
            let wrong = check(&mut redis.link(), None).expect_err(name);
            let begins = format!("The directory has {name} \"{value}\" (CONFIG GET {name}) and needs \"{needs}\": ");
            assert!(wrong.starts_with(&begins), "{wrong}");
        }
    }

    #[test]
    fn two_seconds_of_loss_accept_everysec_and_nothing_else() {
        let everysec = OwnRedis::start_with(&["--appendfsync", "everysec"]);
        assert_eq!(check(&mut everysec.link(), Some(EVERYSEC)), Ok(()));
        assert!(check(&mut everysec.link(), Some(EVERYSEC / 2)).is_err());
        let never = OwnRedis::start_with(&["--appendfsync", "no"]);
        assert!(check(&mut never.link(), Some(EVERYSEC)).is_err());
    }

    #[test]
    fn a_replica_is_no_directory_and_a_master_that_has_one_is_to_need_it() {
        let master = OwnRedis::start();
        let (ip, port) = (master.address().ip().to_string(), master.address().port().to_string());
        let replica = OwnRedis::start_with(&["--replicaof", &ip, &port]);
        let wrong = check(&mut replica.link(), None).expect_err("a replica");
        assert!(wrong.contains("no master but a slave (INFO replication)"), "{wrong}");
        let end = Instant::now() + Duration::from_secs(20);
        while !master.ask::<String>(&["INFO", "replication"]).contains("connected_slaves:1") {
            assert!(Instant::now() < end, "the replica does not come");
            std::thread::park_timeout(Duration::from_millis(50));
        }
        for (name, value) in [("min-replicas-to-write", "1"), ("min-replicas-max-lag", "10")] {
            master.tell(&[
                "CONFIG",
                "SET",
                "min-replicas-max-lag",
                if name == "min-replicas-max-lag" { "60" } else { "10" },
            ]);
            let wrong = check(&mut master.link(), None).expect_err(name);
            assert!(wrong.contains(&format!("(CONFIG GET {name}) and needs \"{value}\": ")), "{wrong}");
            master.tell(&["CONFIG", "SET", name, value]);
        }
        assert_eq!(check(&mut master.link(), None), Ok(()));
    }

    #[test]
    fn an_old_redis_is_named() {
        for (version, fits) in [("7.0.15", true), ("7.0", true), ("10.1.2", true), ("6.2.14", false), ("", false)] {
            assert_eq!(check_version(version).is_ok(), fits, "{version}");
        }
        let wrong = check_version("6.2.14").expect_err("old");
        assert_eq!(wrong, "The directory is Redis 6.2.14 (INFO server) and must be 7.0 or later");
    }

    #[test]
    fn a_redis_that_does_not_tell_its_settings_is_refused() {
        let redis = OwnRedis::start_with(&["--rename-command", "CONFIG", ""]);
        let wrong = check(&mut redis.link(), None).expect_err("it cannot be known");
        assert!(wrong.starts_with("The directory does not tell its settings (CONFIG GET, INFO): "), "{wrong}");
    }
}
