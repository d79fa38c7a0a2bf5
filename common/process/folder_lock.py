"""One run in a folder at a time: a lock on the folder itself, which ends with the process."""

import contextlib
import errno
import fcntl
import os
from typing import Iterator

from common.errors import FolderInUse
from common.log import log

_UNSUPPORTED = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Holds the lock of a folder, which is made if it is not there.

    A new folder that is empty at the end is removed. Some network file systems have no such locks:
    there it only logs that nothing notices a second run.

    Raises:
      FolderInUse: another process holds it.
    """
    is_new = not os.path.isdir(folder)
    os.makedirs(folder, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)
        if is_new:
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # unless something was written


def _lock(descriptor: int, folder: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FolderInUse(
            "{}: another run writes there{}. Wait for its end, or give another folder to "
            "--checkpoint.".format(folder, _holder(descriptor)))
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        log("{} has no locks ({}), so a second run there is not noticed".format(
            folder, error.strerror))


def _holder(descriptor: int) -> str:
    """Which process of this machine holds the lock, as far as the kernel tells."""
    inode = ":{} ".format(os.fstat(descriptor).st_ino)
    with contextlib.suppress(OSError), open("/proc/locks") as file:
        for line in file:
            words = line.split()
            if inode in line and "FLOCK" in words and "->" not in words:
                return ", process {} of this machine".format(words[4])
    return ""
