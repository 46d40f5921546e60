//! What a full disk says.

use std::io;

/// Whether a disk said by this error that it has no room: for anybody, for this user, or for this file.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
