//! The same loads in Erlang, where it is on the machine: the module is written to a folder of its own, compiled and run there.

use std::path::Path;
use std::process::Command;

use super::Figures;

/// Prints `release TEXT` and `figure NAME VALUE`, with the names of this benchmark's own figures.
const LOADS: &str = include_str!("loads.erl");

pub struct Peer {
    pub release: String,
    pub figures: Figures,
}

/// # Errors
/// Why there are no figures.
pub fn measure() -> Result<Peer, String> {
    let folder = std::env::temp_dir().join(format!("ghostlight-supervision-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("no folder for it: {error}"))?;
    let measured = run(&folder);
    // What is left there does no harm.
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn run(folder: &Path) -> Result<Peer, String> {
    std::fs::write(folder.join("loads.erl"), LOADS)
        .map_err(|error| format!("its module was not written: {error}"))?;
    let compiled = Command::new("erlc").arg("loads.erl").current_dir(folder).output();
    let compiled = compiled.map_err(|_| "erl is not on this machine".to_owned())?;
    if !compiled.status.success() {
        return Err(format!("its module does not compile: {}", String::from_utf8_lossy(&compiled.stdout)));
    }
    let ran = Command::new("erl")
        .args(["-noshell", "+P", "1000000", "-s", "loads", "main"])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("it did not start: {error}"))?;
    let text = String::from_utf8_lossy(&ran.stdout);
    if !ran.status.success() {
        return Err(format!("it failed: {text}{}", String::from_utf8_lossy(&ran.stderr)));
    }
    let mut peer = Peer { release: "Erlang/OTP".to_owned(), figures: Figures::new() };
    for line in text.lines() {
        match *line.split_whitespace().collect::<Vec<_>>() {
            ["release", release] => peer.release = format!("Erlang/OTP {release}"),
            ["figure", name, value] => {
                let value = value.parse().map_err(|_| format!("it says something else: {line}"))?;
                peer.figures.insert(name.to_owned(), value);
            }
            _ => {}
        }
    }
    Ok(peer)
}
