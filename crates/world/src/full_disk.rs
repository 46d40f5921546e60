//! What a full disk says.

use std::io;

/// Whether a disk said by this error that it has no room: for anybody, for this user (`EDQUOT`), or for this file (`EFBIG`).
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux numbers them.
    #[test]
    fn whatever_keeps_a_file_from_growing_is_a_full_disk_and_a_device_that_fails_is_none() {
        let (enospc, efbig, edquot, eio) = (28, 27, 122, 5);
        let is_full_at = |number| is_full(&io::Error::from_raw_os_error(number));
        assert_eq!([enospc, efbig, edquot].map(is_full_at), [true; 3]);
        assert!(!is_full_at(eio));
    }
}
