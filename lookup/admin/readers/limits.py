"""What a child process takes away from itself before it looks at a stranger's file."""

import contextlib
import ctypes
import resource

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38


def limit(memory_mb: int, seconds: int) -> None:
    """Give up, for good, all but so much memory and processor time.

    No file can be written or opened any more, no socket, no process begun; what is open stays
    open. Raises OSError where a limit is refused.
    """
    with contextlib.suppress(OSError, AttributeError):
        # Not everywhere allowed, and not needed: a process that may open nothing has no network.
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # Users of its own as well, so that not even root could raise its limits again.
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
            libc.unshare(_CLONE_NEWNET)
    memory = memory_mb << 20
    for what, most in (
        (resource.RLIMIT_AS, (memory, memory)),
        # The first is the signal that says why; the second kills for certain.
        (resource.RLIMIT_CPU, (seconds, seconds + 1)),
        (resource.RLIMIT_FSIZE, (0, 0)),
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_NPROC, (0, 0)),
        (resource.RLIMIT_NOFILE, (0, 0)),
    ):
        resource.setrlimit(what, most)
