//! A disk of some mebibytes under the data folder of a home, for tests of what happens when it is full.
//!
//! It is a file system in a file, which takes the right to mount. Where that is missing the test is skipped, and says so.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::Home;

/// A mounted disk. Declare it after the home and before the daemon, so that it goes away between them.
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// A disk of so many mebibytes under the home's data folder, or none where this machine does not let us.
    pub fn mount(home: &Home, mebibytes: u64) -> Option<Self> {
        let (folder, image) = (home.data(), home.path().join("disk.img"));
        std::fs::create_dir_all(&folder).unwrap();
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        let made = run("mkfs.ext4", &["-q", "-F", "-m", "0", &text(&image)])
            && run("mount", &["-o", "loop", &text(&image), &text(&folder)]);
        if made {
            return Some(Self { folder });
        }
        eprintln!("skipped: no disk can be mounted here (it takes root, mkfs.ext4 and a loop device)");
        None
    }

    /// Bytes that are free.
    pub fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.folder).unwrap();
        found.f_bavail * found.f_frsize
    }

    /// Somebody else takes all but so many bytes of it.
    pub fn fill_but(&self, bytes: u64) {
        let mut file = File::options().create(true).append(true).open(self.folder.join("filler")).unwrap();
        for piece in [1 << 20, 64 << 10, 4 << 10] {
            let zeros = vec![0; piece];
            // The last pieces may be taken by the daemon meanwhile.
            while self.free() >= bytes + piece as u64 && file.write_all(&zeros).is_ok() {}
        }
    }

    /// Somebody else takes all of it.
    pub fn fill(&self) {
        self.fill_but(0);
    }

    /// What somebody else took is free again.
    pub fn clear(&self) {
        std::fs::remove_file(self.folder.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what still has a file open there must not keep the folder from being removed.
        run("umount", &["-l", &text(&self.folder)]);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
