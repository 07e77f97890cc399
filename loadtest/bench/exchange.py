"""A request with the answer it must get, both as bytes and made beforehand."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from loadtest.bench.town import KIND, Person, Town, spread

END = b"\r\n\r\n"
OK = b"HTTP/1.1 200"
REFUSALS = (b"HTTP/1.1 503", b"HTTP/1.1 429")
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"
HOST = b"Host: lookup.test\r\n"
JSON = b"Content-Type: application/json\r\n"
BROWSER = HOST + (
    b"User-Agent: Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/126.0.0.0 Mobile Safari/537.36\r\n"
    b"Accept: application/json\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\nOrigin: https://lookup.test\r\n"
    b"Referer: https://lookup.test/scores\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\n"
    b"Sec-Fetch-Site: same-origin\r\nConnection: keep-alive\r\n"
)
"""The headers of a script in a phone's browser; `HOST` alone is what a program sends."""


class Verdict(IntEnum):
    """What some bytes are as an answer."""

    PART = 0
    RIGHT = 1
    REFUSED = 2
    WRONG = 3


@dataclass(frozen=True, slots=True)
class Exchange:
    """`request` is to be answered with 200 and `body`: the whole body, byte for byte, or a part
    of it where the answer carries something that changes (`whole` is false)."""

    request: bytes
    body: bytes
    whole: bool = True

    def judge(self, answer: bytes) -> Verdict:
        """What the bytes received so far are."""
        head = answer.find(END) + len(END)
        whole = head + len(self.body) == len(answer) and answer.endswith(self.body)
        return Verdict.RIGHT if whole and answer.startswith(OK) else self._slowly(answer, head)

    def _slowly(self, answer: bytes, head: int) -> Verdict:
        if head < len(END) or not _is_whole(answer, head):
            return Verdict.PART
        if answer.startswith(REFUSALS):
            return Verdict.REFUSED
        found = self.body == answer[head:] if self.whole else self.body in answer
        return Verdict.RIGHT if found and answer.startswith(OK) else Verdict.WRONG


def _is_whole(answer: bytes, head: int) -> bool:
    length = _LENGTH.search(answer, 0, head)
    if length is not None:
        return len(answer) >= head + int(length[1])
    return _CHUNKED.search(answer, 0, head) is None or answer.endswith(LAST_CHUNK)


def post(fields: Mapping[str, str], headers: bytes = HOST, kind: str = KIND) -> bytes:
    """`POST /api/v1/KIND` as bytes."""
    body = json.dumps(fields).encode()
    line = b"POST /api/v1/%b HTTP/1.1\r\n" % kind.encode()
    return line + headers + JSON + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def get(path: str, headers: bytes = HOST) -> bytes:
    """`GET path` as bytes."""
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), headers)


def people(town: Town, count: int) -> Iterator[Person]:
    """`count` different candidates of a town."""
    return map(town.person, spread(town.size, count))


def lookups(town: Town, count: int, headers: bytes = HOST) -> list[Exchange]:
    """`count` candidates asking for their own record."""
    return [Exchange(post(each.typed, headers), each.body) for each in people(town, count)]
