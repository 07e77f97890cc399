"""Uploads: files streamed to disk as they arrive; a cut-off upload leaves nothing behind."""

import asyncio
import contextlib
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lookup.admin.database import FILE_MODE, FOLDER_MODE
from lookup.admin.jobs import arriving_lock
from lookup.admin.locks import together
from lookup.admin.refusals import misused, refused
from lookup.durable import PARTIAL, make_folder, storage
from lookup.errors import StorageError

MAX_BYTES = 512 << 20
MAX_FILES = 50
MAX_FIELDS = 40
MAX_FIELD_BYTES = 4096
MAX_NAME_BYTES = 120
NAMELESS = "upload"
REDUNDANT = frozenset('/\\:*?"<>|')


def safe_name(sent: str) -> str:
    """A file's name as it may lie on this disk: no folders, nothing invisible, its ending kept."""
    name = unicodedata.normalize("NFC", sent).replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in name if c.isprintable() and c not in REDUNDANT).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if not dot:
        stem, ending = kept, ""
    ending = dot + ending.encode()[:12].decode(errors="ignore")
    room = MAX_NAME_BYTES - len(ending.encode())
    return (stem.encode()[:room].decode(errors="ignore") or NAMELESS) + ending


@dataclass(slots=True)
class Upload:
    """What has arrived: plain fields, and files in the order they were sent."""

    folder: Path
    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def get(self, name: str) -> str:
        """A field's last text, '' where it was not sent."""
        return self.fields.get(name, [""])[-1]

    def move(self, folder: Path) -> None:
        """Give the upload's folder its lasting name."""
        with storage(folder):
            self.folder.rename(folder)
        self.files = [folder / path.relative_to(self.folder) for path in self.files]
        self.folder = folder

    def drop(self) -> None:
        """Remove everything that arrived."""
        shutil.rmtree(self.folder, ignore_errors=True)


class _Form:
    """The parser's callbacks: fields are kept, files go to the disk part by part."""

    def __init__(self, upload: Upload, before_files: Callable[[Upload], None]) -> None:
        self.upload = upload
        self._before_files = before_files
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._name = ""
        self._text = bytearray()
        self._file: BinaryIO | None = None
        self._fields = 0
        self.ended = False

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """What `MultipartParser` calls."""
        names = (
            "part_begin part_data part_end header_field header_value header_end"
            " headers_finished end"
        )
        return {f"on_{name}": getattr(self, name) for name in names.split()}

    def part_begin(self) -> None:
        self._disposition, self._text, self._file = b"", bytearray(), None

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        sent = options.get(b"filename")
        if sent:
            self._open(sent.decode(errors="replace"))
            return
        # A file nobody chose is counted too: thousands of them would fill the memory.
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise misused("broken_upload")

    def _open(self, sent: str) -> None:
        files = self.upload.files
        if not files:
            self._before_files(self.upload)
        if len(files) == MAX_FILES:
            raise refused("too_many")
        # Each in a folder of its own: two files may have one name.
        path = self.upload.folder / str(len(files) + 1) / safe_name(sent)
        make_folder(path.parent, FOLDER_MODE)
        with storage(path):
            self._file = path.open("xb")
            path.chmod(FILE_MODE)
        files.append(path)

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            with storage(self.upload.files[-1]):
                self._file.write(memoryview(data)[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            raise misused("broken_upload")

    def part_end(self) -> None:
        if self._file is None:
            text = bytes(self._text).decode(errors="replace")
            self.upload.fields.setdefault(self._name, []).append(text)
        self.close()

    def end(self) -> None:
        self.ended = True

    def close(self) -> None:
        if self._file is not None:
            with storage(self.upload.files[-1]):
                self._file.close()
        self._file = None


async def receive(
    folder: Path,
    content_type: str,
    stream: AsyncIterator[bytes],
    before_files: Callable[[Upload], None],
) -> Upload:
    """A whole form of `multipart/form-data`, its files below a new folder in `folder`.

    `before_files` sees the fields before the first file is opened, and may raise. Raises
    UsageError, RefusedError, StorageError, whatever the stream raises; then nothing is left.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not content_type.startswith("multipart/form-data") or not boundary:
        raise misused("broken_upload")
    make_folder(folder, FOLDER_MODE)
    upload = Upload(folder / f"{secrets.token_hex(8)}{PARTIAL}")
    make_folder(upload.folder, FOLDER_MODE)
    form = _Form(upload, before_files)
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]  # by name
        received = 0
        async for chunk in stream:
            received += len(chunk)
            if received > MAX_BYTES:
                raise refused("too_large")
            # A disk that stalls must not stall the console.
            await asyncio.to_thread(parser.write, chunk)
        if not form.ended:
            raise misused("broken_upload")
    except BaseException as error:
        # What could not be flushed to a full disk goes anyway.
        with contextlib.suppress(StorageError):
            form.close()
        upload.drop()
        if isinstance(error, FormParserError):
            raise misused("broken_upload") from error
        raise
    return upload


@contextlib.contextmanager
def arriving(folder: Path) -> Iterator[None]:
    """Inside the block no console takes what arrives for what a kill left. Raises StorageError."""
    make_folder(folder, FOLDER_MODE)
    with together(arriving_lock(folder), lambda: _sweep(folder)):
        yield


def sweep(folder: Path) -> None:
    """Remove what uploads left that a kill cut off; nothing while one arrives at any console."""
    with arriving(folder):
        pass


def _sweep(folder: Path) -> None:
    for leftover in folder.glob(f"*{PARTIAL}"):
        shutil.rmtree(leftover, ignore_errors=True)
