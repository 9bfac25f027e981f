//! How the allocator of the C library is set, so that the system has the memory back that an attack took.
//!
//! glibc's gives each thread a store of freed pieces, and has an arena for every few threads. An arena shrinks from its
//! end only: what lives on there, or lies in the store of a thread that lives on, keeps all that was freed below it. With
//! a thread for each client that was several MiB after some attacks, and 1 KiB of each client. So the threads have no
//! stores, the arenas are as many as cores, and what is large is mapped on its own. These settings are read at the start
//! of a program and from its environment alone, so the server starts once more, as the same process, with them there.

use std::env;
use std::ffi::OsStr;
use std::num::NonZero;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;

/// From so many bytes on a piece of memory is mapped on its own, and unmapped when it is freed. It is glibc's own
/// figure, which without this setting rises to that of the largest piece that was freed, up to 32 MiB (mallopt(3),
/// M_MMAP_THRESHOLD).
pub const MAPPED: usize = 128 * 1024;
/// So many bytes may be free at the end of an arena before they are given back: glibc's own figure, which would rise too.
const FREE_AT_END: usize = 128 * 1024;

/// Where glibc looks for settings: pairs of a name and a value, of which the last one holds.
const SETTINGS: &str = "GLIBC_TUNABLES";
/// Says that this is the second start: the settings alone do not, as they do not get through to a program with
/// capabilities of its own. Who sets it does without them.
const IS_SET: &str = "PEERLINE_ALLOCATOR_IS_SET";

/// Sees to it that the allocator is set: starts the program once more if need be. It is called before there is anything
/// that must not be lost. Where that cannot be done, the server does without.
pub fn set() {
    // Other libraries have other allocators. Without the path there is no /proc, or the program was replaced just now.
    let (true, None, Ok(program)) = (cfg!(target_env = "gnu"), env::var_os(IS_SET), env::current_exe()) else { return };
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    if !is_named(&program, &name) {
        return;
    }
    let settings = settings(thread::available_parallelism().map_or(1, NonZero::get), env::var(SETTINGS).ok());
    // It comes back only with an error.
    let _ = Command::new(program).arg0(name).args(arguments).env(SETTINGS, settings).env(IS_SET, "1").exec();
}

/// Whether the program that runs is the one that was called by this name. Another one is the loader of the C library, who
/// has taken its own arguments away; and behind a link of another name the process would lose that name.
fn is_named(program: &Path, name: &OsStr) -> bool {
    program.file_name() == Path::new(name).file_name()
}

/// The settings for so many cores. Those that somebody has `given` come behind, as they know better.
fn settings(cores: usize, given: Option<String>) -> String {
    let own = [("tcache_count", 0), ("arena_max", cores), ("mmap_threshold", MAPPED), ("trim_threshold", FREE_AT_END)];
    let own = own.into_iter().map(|(name, value)| format!("glibc.malloc.{name}={value}"));
    own.chain(given.filter(|given| !given.is_empty())).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_program_that_was_called_is_started_again() {
        let is_named = |program: &str, name: &str| is_named(Path::new(program), OsStr::new(name));
        assert!(is_named("/usr/bin/server", "server") && is_named("/home/a/server", "../a/server"));
        assert!(!is_named("/lib64/ld-linux-x86-64.so.2", "/usr/bin/server"));
        assert!(!is_named("/usr/bin/server", "odd") && !is_named("/usr/bin/server", ""));
    }

    #[test]
    fn who_has_set_the_allocator_knows_better() {
        let own = "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=8:glibc.malloc.mmap_threshold=131072:\
            glibc.malloc.trim_threshold=131072";
        assert_eq!(settings(8, None), own);
        assert_eq!(settings(8, Some(String::new())), own);
        let given = "glibc.malloc.arena_max=1";
        assert_eq!(settings(8, Some(given.to_owned())), format!("{own}:{given}"));
    }
}
