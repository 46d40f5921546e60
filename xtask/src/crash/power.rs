//! What a machine needs so that the power of a disk can be cut on it, and getting it.

use std::path::Path;
use std::process::Command;

/// Programs, and the Debian packages that they come with.
const PROGRAMS: [(&str, &str); 5] = [
    ("mkfs.xfs", "xfsprogs"),
    ("mkfs.ext4", "e2fsprogs"),
    ("losetup", "mount"),
    ("mount", "mount"),
    ("unshare", "util-linux"),
];

/// Sees to it that all is there; says what is missing if not.
///
/// # Errors
/// What is missing, and how it is got.
pub fn prepare() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("needs root".to_owned());
    }
    if !Path::new("/dev/loop-control").exists() {
        return Err("needs loop devices".to_owned());
    }
    let missing = || PROGRAMS.into_iter().filter(|(program, _)| !is_there(program));
    let mut packages: Vec<&str> = missing().map(|(_, package)| package).collect();
    packages.dedup();
    if !packages.is_empty() {
        // Whether it worked is seen by what is there then.
        let _ = Command::new("apt-get").args(["install", "--yes", "--quiet"]).args(&packages).output();
    }
    match missing().next() {
        Some((program, package)) => Err(format!("{program} is missing: apt-get install {package}")),
        None => mounts(),
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where programs for root are, when the path of whoever calls leaves them out.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(program).exists())
}

/// Whether this process may mount anything at all: root in a container often may not.
fn mounts() -> Result<(), String> {
    let tried = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    match tried {
        Ok(ended) if ended.status.success() => Ok(()),
        Ok(ended) => Err(format!("may not mount: {}", String::from_utf8_lossy(&ended.stderr).trim())),
        Err(error) => Err(format!("may not mount: {error}")),
    }
}
