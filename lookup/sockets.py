"""A listening socket, and why there is none, in one sentence."""

import contextlib
import errno
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

from lookup.errors import UsageError

BACKLOG = 16_384
"""Connections the kernel keeps until a worker takes them: all of a release minute's first second.
One beyond it is dropped, and tries again a whole second later."""
KERNEL_BACKLOG = Path("/proc/sys/net/core/somaxconn")
SOCKET_MODE = 0o660
"""For the service's own user and group, which the web server in front is a member of."""
MAX_PATH_BYTES = 107
SENTENCES = {
    errno.EADDRINUSE: "Port {port} is in use: stop what uses it or choose another with --port.",
    errno.EACCES: "Port {port} may not be used by this user: choose one above 1023 with --port.",
    errno.EADDRNOTAVAIL: "{host} is not an address of this machine: choose another with --host.",
}

log = logging.getLogger("lookup.public")


def check_backlog(limit: Path = KERNEL_BACKLOG) -> None:
    """Log one line where the kernel keeps fewer connections than we ask for."""
    with contextlib.suppress(OSError, ValueError):
        if (kept := int(limit.read_text())) < BACKLOG:
            log.warning(
                "the kernel keeps %d waiting connections, not %d: set net.core.somaxconn",
                kept,
                BACKLOG,
            )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError of one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise UsageError(f"{host} port {port} is not an address: check --host, --port.") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Listening is what tells two services apart that both may bind.
        bound.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        number = error.errno if isinstance(error, OSError) else None
        sentence = SENTENCES.get(number or 0, "{host} port {port} cannot be used: choose another.")
        raise UsageError(sentence.format(host=host, port=port)) from error
    return bound


@contextlib.contextmanager
def bind_files(folder: Path, count: int) -> Iterator[list[socket.socket]]:
    """Listening unix sockets `folder/worker-0.sock` and so on, removed when the block ends.

    What a killed service left is replaced. Raises UsageError of one sentence.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: choose another with --sockets.")
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_file(folder / f"worker-{n}.sock")) for n in range(count)]


@contextlib.contextmanager
def _file(path: Path) -> Iterator[socket.socket]:
    if len(bytes(path)) > MAX_PATH_BYTES:
        raise UsageError(f"{path} is too long for a socket: choose another with --sockets.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        try:
            path.parent.mkdir(mode=0o755, exist_ok=True)
            _replace(path)
            bound.bind(str(path))
            # Nobody can connect before it listens, so nobody comes in by a wider mode.
            path.chmod(SOCKET_MODE)
            bound.listen(BACKLOG)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be listened on ({error.strerror}): choose another with --sockets."
            ) from error
        try:
            yield bound
        finally:
            path.unlink(missing_ok=True)


def _replace(path: Path) -> None:
    """Remove a socket that nobody listens on any more."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise UsageError(f"{path} is in use: stop the service that uses it first.")
