"""Release keys until they open: one file a release, 0600, in a folder only admins read."""

import os
from pathlib import Path

from lookup.admin.database import FOLDER_MODE
from lookup.durable import make_folder, storage, sync_folder, write
from lookup.errors import RefusedError
from lookup.sealing import KEY_BYTES

KEY_MODE = 0o600


class Keys:
    """The folder of release keys below the data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "admin" / "keys"

    def keep(self, release: str, key: bytes) -> None:
        """Make a key durable before anything is sealed with it. Raises StorageError."""
        make_folder(self._folder, FOLDER_MODE)
        write(self._path(release), key.hex().encode() + b"\n", KEY_MODE)

    def get(self, release: str) -> bytes:
        """A release's key. Raises RefusedError where it is gone or not a key."""
        try:
            key = bytes.fromhex(self._path(release).read_text("ascii"))
        except (OSError, ValueError) as error:
            raise RefusedError(
                f"The key of {release} cannot be read: restore it, or build the batch again."
            ) from error
        if len(key) != KEY_BYTES:
            raise RefusedError(f"The key of {release} is cut off: build the batch again.")
        return key

    def destroy(self, release: str) -> None:
        """Overwrite a key and remove it, durably; nothing where it is gone already.

        Raises StorageError. Copies in backups are for whoever keeps the backups to destroy.
        """
        path = self._path(release)
        with storage(path):
            if not path.exists():
                return
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_folder(self._folder)

    def _path(self, release: str) -> Path:
        return self._folder / f"{release}.key"
