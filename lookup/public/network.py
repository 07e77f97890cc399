"""The network an address belongs to: what fair use counts by, besides the candidate number."""

import socket

NETWORK_BYTES = 7
IPV4, IPV6 = b"\x04", b"\x06"
NOWHERE = bytes(NETWORK_BYTES)
"""Whoever asks from no address that can be read: they share one network."""
_MAPPED = bytes(10) + b"\xff\xff"


def network_of(address: str) -> bytes:
    """The network of an address as text: 7 bytes, a family (4, 6, or 0 for none) and the first
    24 bits of an IPv4 address or the first 48 of an IPv6 one, filled up with zeros.

    An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address. Whoever rents a
    line gets 2**64 IPv6 addresses or more, so a single one says nothing.
    """
    try:
        if ":" not in address:
            return IPV4 + socket.inet_pton(socket.AF_INET, address)[:3] + bytes(3)
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):
        return NOWHERE
    if packed.startswith(_MAPPED):
        return IPV4 + packed[12:15] + bytes(3)
    return IPV6 + packed[:6]
