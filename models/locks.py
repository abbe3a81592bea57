"""Locks of the system on files: dropped by it when their holder ends, however it ends."""

import errno
import fcntl
from typing import IO

BUSY = (errno.EAGAIN, errno.EACCES)  # what a system says of a lock that another process has


def lock(file: IO) -> bool:
    """Take the lock on an open file; False if another process has it.

    Some file systems have no locks (ENOSYS, ENOLCK, EOPNOTSUPP). That is no reason to stop: it is
    said, once a file, and we go on as if we had it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in BUSY:
            return False
        print(f"{file.name}: no locks here ({error.strerror}); going on without", flush=True)
    return True
