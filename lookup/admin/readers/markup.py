"""XML as a workbook holds it, parsed as a stream; entities and external parts are refused."""

import re
from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat

from lookup.admin.readers.archive import damage
from lookup.admin.readers.trouble import Unreadable

CHUNK_BYTES = 1 << 18
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
Start = Callable[[dict[str, str]], None]
End = Callable[[str], None]


class Handlers:
    """What to do at an element's start, and at its end with the text gathered since `take`.

    Names are without their prefix; elements nobody asks for cost next to nothing.
    """

    def __init__(self) -> None:
        self.starts: dict[str, Start] = {}
        self.ends: dict[str, End] = {}
        self._local: dict[str, str] = {}
        self._text: list[str] | None = None

    def take(self, attributes: dict[str, str] | None = None) -> None:
        """Gather text from here on."""
        self._text = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        local = self._local.get(name)
        if local is None:
            local = self._local[name] = name.rpartition(":")[2]
        handler = self.starts.get(local)
        if handler is not None:
            handler(attributes)

    def end(self, name: str) -> None:
        """An element ends."""
        handler = self.ends.get(self._local[name])
        if handler is not None:
            text = "".join(self._text) if self._text is not None else ""
            self._text = None
            handler(text)

    def characters(self, data: str) -> None:
        """Text between them."""
        if self._text is not None:
            self._text.append(data)


def _refuse(*_: object) -> None:
    raise Unreadable(0, "entities")


def parse(file: BinaryIO, handlers: Handlers) -> None:
    """Parse one part of a workbook. Raises Unreadable `damaged`, `entities`."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = handlers.start
    parser.EndElementHandler = handlers.end
    parser.CharacterDataHandler = handlers.characters
    try:
        with damage():
            while chunk := file.read(CHUNK_BYTES):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Unreadable(0, "damaged") from error


def unescape(text: str) -> str:
    """A text with its `_x000D_` turned back into the characters XML cannot hold."""
    if "_x" not in text:
        return text
    found = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    # Half of a pair of surrogates is no text: what cannot be sent stays as it was written.
    return text if any("\ud800" <= character <= "\udfff" for character in found) else found
