//! A block device whose power can be cut: what a program had written and not synced is gone then, as far as the kernel had not
//! handed it on by itself.
//!
//! `device` is a loop device with ext4 on it, where the daemon writes. It is a file on XFS, so that a copy of it is made at
//! once (`cp --reflink`), of exactly what had reached the device. To cut the power is to make that copy while the daemon stands
//! still, to kill it, and to go on from the copy as in another boot of the machine. What it models is a device that keeps
//! its order and has no cache of its own; the simulated disk does the rest.
//!
//! Needs root, loop devices, and the programs of XFS and ext4. Whoever runs in a mount namespace of its own (`unshare --mount`)
//! leaves nothing mounted behind, however it ends.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// How large the device is, and what it lies on. Both files are sparse.
const DEVICE_BYTES: &str = "2G";
const GROUND_BYTES: &str = "6G";

/// A device that the daemon writes to.
pub struct Device {
    folder: PathBuf,
    /// How often its power was cut: each time the machine boots anew.
    boots: u32,
}

impl Device {
    /// Makes one in an empty folder.
    ///
    /// # Errors
    /// Something that it needs is not there; the message says what.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        let device = Self { folder: folder.to_owned(), boots: 0 };
        std::fs::create_dir_all(device.ground())?;
        std::fs::create_dir_all(device.mounted())?;
        let file = folder.join("ground.img");
        does("truncate", [Path::new("-s"), Path::new(GROUND_BYTES), &file])?;
        does("mkfs.xfs", [Path::new("-q"), Path::new("-m"), Path::new("reflink=1"), &file])?;
        mount(&file, &device.ground())?;
        does("truncate", [Path::new("-s"), Path::new(DEVICE_BYTES), &device.file()])?;
        does("mkfs.ext4", [Path::new("-q"), &device.file()])?;
        device.plug_in()?;
        Ok(device)
    }

    /// Where a program finds its files.
    pub fn mounted(&self) -> PathBuf {
        self.folder.join("device")
    }

    /// A file that says in which boot of the machine it is.
    pub fn boot(&self) -> anyhow::Result<PathBuf> {
        let path = self.folder.join("boot_id");
        std::fs::write(&path, format!("00000000-0000-4000-8000-{:012}\n", self.boots))?;
        Ok(path)
    }

    /// Keeps what has reached the device by now. Whoever writes to it stands still meanwhile.
    pub fn keep(&self) -> anyhow::Result<()> {
        does("cp", [Path::new("--reflink=always"), &self.file(), &self.kept()])
    }

    /// Goes on from what was kept: all else is as if it had never been written.
    pub fn cut(&mut self) -> anyhow::Result<()> {
        self.unplug()?;
        std::fs::rename(self.kept(), self.file())?;
        self.boots += 1;
        self.plug_in()
    }

    fn plug_in(&self) -> anyhow::Result<()> {
        mount(&self.file(), &self.mounted())
    }

    fn unplug(&self) -> anyhow::Result<()> {
        does("umount", [self.mounted()])
    }

    fn ground(&self) -> PathBuf {
        self.folder.join("ground")
    }

    fn file(&self) -> PathBuf {
        self.ground().join("device.img")
    }

    fn kept(&self) -> PathBuf {
        self.ground().join("kept.img")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // As far as it was made; what is left behind otherwise is said by whoever removes the folder.
        let _ = self.unplug();
        let _ = does("umount", [self.ground()]);
        let _ = std::fs::remove_file(self.folder.join("ground.img"));
    }
}

/// Mounts a file. Its loop device goes with the mount.
fn mount(file: &Path, at: &Path) -> anyhow::Result<()> {
    does("mount", [Path::new("-o"), Path::new("loop"), file, at])
}

fn does<I: AsRef<Path>>(program: &str, arguments: impl IntoIterator<Item = I>) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    for argument in arguments {
        command.arg(argument.as_ref());
    }
    let ended = command.output().with_context(|| format!("start {program}"))?;
    ensure!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr).trim());
    Ok(())
}
