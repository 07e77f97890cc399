"""Memo files beside a .dbf: .dbt of dBase III and IV, .fpt of FoxPro."""

from typing import BinaryIO

_HEADER_BYTES = 512
_LONGEST_BYTES = 1 << 20
_DBASE4_BLOCK = b"\xff\xff\x08\x00"
_END = b"\x1a"


class MemoFile:
    """The texts of a memo file by block number."""

    def __init__(self, file: BinaryIO, *, foxpro: bool) -> None:
        file.seek(0)
        self._content = file.read()
        self._foxpro = foxpro
        size = (
            int.from_bytes(self._content[6:8], "big")
            if foxpro
            else int.from_bytes(self._content[20:22], "little")
        )
        self._block = size or _HEADER_BYTES

    def text(self, block: int) -> bytes | None:
        """The text that begins at `block`; None where the file does not hold it."""
        start = block * self._block
        head = self._content[start : start + 8]
        if block <= 0 or len(head) < len(_DBASE4_BLOCK):
            return None
        if self._foxpro:
            return self._cut(start + 8, int.from_bytes(head[4:8], "big"))
        if head.startswith(_DBASE4_BLOCK):
            return self._cut(start + 8, int.from_bytes(head[4:8], "little") - 8)
        end = self._content.find(_END, start, start + _LONGEST_BYTES)
        return None if end < 0 else self._content[start:end]

    def _cut(self, start: int, length: int) -> bytes | None:
        if not 0 <= length <= min(_LONGEST_BYTES, len(self._content) - start):
            return None
        return self._content[start : start + length]
