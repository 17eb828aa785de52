//! A file system mounted through FUSE, to be filled by a driver that nobody here wrote.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::command;

/// An NTFS image as a folder. The driver stays in the foreground, so that everything is in the
/// image once it has ended.
pub struct Mounted {
    folder: PathBuf,
    driver: Child,
}

impl Mounted {
    pub fn new(image: &Path, folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let driver = command("ntfs-3g")
            .args(["-o", "no_detach,compression,streams_interface=windows"])
            .args([image, folder])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("ntfs-3g is needed and tests/run.sh installs it: {error}")
            });
        let mut mounted = Self {
            folder: folder.to_owned(),
            driver,
        };
        let started = Instant::now();
        while !mounted.is_there() {
            if let Some(status) = mounted.driver.try_wait().unwrap() {
                panic!(
                    "ntfs-3g could not mount the image ({status}): these tests need /dev/fuse and \
                     the right to mount with it"
                );
            }
            assert!(started.elapsed() < Duration::from_secs(30), "no mount");
            std::thread::sleep(Duration::from_millis(10));
        }
        mounted
    }

    fn is_there(&self) -> bool {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let folder = self.folder.to_str().unwrap();
        mounts
            .lines()
            .any(|line| line.split(' ').nth(1) == Some(folder))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name.trim_start_matches('/'))
    }

    /// Ends the driver, which writes what it still holds.
    pub fn unmount(mut self) {
        assert!(self.leave(), "the image could not be unmounted");
        assert!(self.driver.wait().unwrap().success());
    }

    fn leave(&self) -> bool {
        // Which of them works depends on who asks.
        ["umount", "fusermount", "fusermount3"]
            .iter()
            .any(|program| {
                let mut command = command(program);
                if *program != "umount" {
                    command.arg("-u");
                }
                let status = command.arg(&self.folder).stderr(Stdio::null()).status();
                status.is_ok_and(|status| status.success())
            })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // After a failed test; else there is nothing left to leave.
        if self.is_there() {
            self.leave();
        }
    }
}
