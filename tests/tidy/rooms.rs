//! The module tree of the source, in reading order, and who uses whom in it. It knows no rule.

use super::tokens::{self, Path, Source};
use std::fs;
use std::path::Path as FilePath;

/// A module: a file.
pub struct Module {
    /// The names from the root to it; none for `lib.rs`.
    pub path: Path,
    /// Its place in the reading order: the number of the `mod` line in each door from the root to it.
    pub place: Vec<usize>,
    /// What it holds.
    pub source: Source,
}

/// Every module of the source, each door before what is inside.
pub struct Rooms(Vec<Module>);

/// Where a path leads.
#[derive(Debug, PartialEq)]
pub enum Target {
    /// To this module of ours, by its number, or something in it.
    Inside(usize),
    /// To a crate, `std` among them, or to a name that the file has from elsewhere.
    Outside,
}

impl Rooms {
    /// Reads all that `src/lib.rs` leads to.
    pub fn read() -> Rooms {
        let mut rooms = Rooms(Vec::new());
        let source = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src");
        rooms.add(Vec::new(), Vec::new(), &source.join("lib.rs"), &source);
        rooms
    }

    fn add(&mut self, path: Path, place: Vec<usize>, file: &FilePath, folder: &FilePath) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let source = tokens::read(&text);
        let inside = source.modules.clone();
        self.0.push(Module { path: path.clone(), place: place.clone(), source });
        for (number, name) in inside.iter().enumerate() {
            let path = [path.as_slice(), std::slice::from_ref(name)].concat();
            let place = [place.as_slice(), &[number]].concat();
            self.add(path, place, &folder.join(format!("{name}.rs")), &folder.join(name));
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Module] {
        &self.0
    }

    /// Where a path in a module leads. A name that a door hands on leads to where it comes from.
    pub fn resolve(&self, from: &Module, path: &[String]) -> Target {
        let mut base = from.path.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => (base, rest) = (Vec::new(), &path[1..]),
            Some("self" | "super") => {}
            Some(name) if from.source.modules.iter().any(|inside| inside == name) => {}
            _ => return Target::Outside,
        }
        while let Some(step @ ("self" | "super")) = rest.first().map(String::as_str) {
            if step == "super" {
                base.pop();
            }
            rest = &rest[1..];
        }
        let mut at = self.number(&base).expect("a module has a parent");
        for (depth, name) in rest.iter().enumerate() {
            if self.0[at].source.modules.contains(name) {
                base.push(name.clone());
                at = self.number(&base).expect("declared modules are read");
            } else if let Some((_, origin)) = self.0[at].source.handed_on.iter().find(|(handed, _)| handed == name) {
                let origin = [origin, &rest[depth + 1..]].concat();
                return match self.resolve(&self.0[at], &origin) {
                    Target::Outside => Target::Inside(at),
                    inside => inside,
                };
            } else {
                break;
            }
        }
        Target::Inside(at)
    }

    fn number(&self, path: &[String]) -> Option<usize> {
        self.0.iter().position(|module| module.path == path)
    }

    /// The other modules that one uses, with the path by which it names each. What a door hands on it does not use.
    pub fn uses<'a>(&'a self, module: &'a Module) -> impl Iterator<Item = (&'a Module, String)> {
        let handed_on = |path: &Path| module.source.handed_on.iter().any(|(_, origin)| origin == path);
        let paths = module.source.paths.iter().filter(move |path| !handed_on(path));
        paths.filter_map(|path| match self.resolve(module, path) {
            Target::Inside(at) => Some((&self.0[at], path.join("::"))),
            Target::Outside => None,
        })
    }
}

impl Module {
    /// Its path as people write it.
    pub fn name(&self) -> String {
        if self.path.is_empty() { "lib".to_owned() } else { self.path.join("/") }
    }

    /// Whether it is this room, or in it.
    pub fn is_in(&self, room: &str) -> bool {
        let room: Vec<&str> = room.split('/').collect();
        self.path.len() >= room.len() && self.path.iter().zip(&room).all(|(own, name)| own == name)
    }

    /// Whether this module is another's door, or the door of its door.
    pub fn holds(&self, other: &Module) -> bool {
        other.place.len() > self.place.len() && other.place.starts_with(&self.place)
    }
}
