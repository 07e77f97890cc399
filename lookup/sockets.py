"""A listening socket, and why there is none, in one sentence."""

import errno
import socket

from lookup.errors import UsageError

BACKLOG = 4096
SENTENCES = {
    errno.EADDRINUSE: "Port {port} is in use: stop what uses it or choose another with --port.",
    errno.EACCES: "Port {port} may not be used by this user: choose one above 1023 with --port.",
    errno.EADDRNOTAVAIL: "{host} is not an address of this machine: choose another with --host.",
}


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
