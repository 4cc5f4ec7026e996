//! Files that a configuration is made of, read whole. What is read may be a secret: no copy of it stays behind.

use keywheel_core::secret::Secret;
use std::fs::{File, OpenOptions, metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest file: a million keys fit.
const LONGEST: usize = 256 * 1024 * 1024;
/// How often a pipe is asked that gives nothing, and how long after each time: 10 s in all.
const ASKED: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(target_os = "linux")]
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
/// Of the BSDs, macOS among them.
#[cfg(not(target_os = "linux"))]
const NONBLOCK: i32 = 4;

/// What the file holds.
///
/// # Errors
/// It cannot be read, or is too long. A pipe has to give something in time, or nobody would learn what a start waits for.
pub(super) fn read(path: &str) -> io::Result<Secret> {
    if metadata(path)?.file_type().is_fifo() {
        let pipe = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
        return read_all(Pipe { pipe, begun: false });
    }
    read_all(File::open(path)?)
}

/// All of it. By pieces, as a `Vec` that grows would leave copies behind.
///
/// # Errors
/// Those of reading; it is too long.
pub(super) fn read_all(mut from: impl Read) -> io::Result<Secret> {
    let (mut content, mut piece) = (Secret::default(), Zeroizing::new([0; 8192]));
    loop {
        match from.read(&mut piece[..]) {
            Ok(0) => return Ok(content),
            Ok(n) if content.len() + n > LONGEST => return Err(io::Error::other("it is longer than 256 MiB")),
            Ok(n) => content.append(&piece[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is wrong, for the operator.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "not found".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether every user of the machine may read this file.
pub(super) fn is_open(path: &str) -> bool {
    const OTHERS_READ: u32 = 0o004;
    metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & OTHERS_READ != 0)
}

/// A named pipe. Opened so that it does not block, it is at its end also while nobody has begun to write (fifo(7)).
struct Pipe {
    pipe: File,
    /// Somebody has.
    begun: bool,
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        for _ in 0..ASKED {
            match self.pipe.read(buf) {
                Ok(0) if !self.begun => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.begun = true,
                done => {
                    self.begun = true;
                    return done;
                }
            }
            thread::sleep(PAUSE);
        }
        Err(io::Error::new(ErrorKind::TimedOut, "it is a pipe, and for 10 s nothing came out of it"))
    }
}
