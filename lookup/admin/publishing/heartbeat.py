"""The publisher's sign of life, `admin/publisher.json`: whoever looks can tell it is running."""

import contextlib
import os
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from lookup.durable import PARTIAL

FRESH = timedelta(seconds=5)
MODE = 0o600


def _path(data_dir: Path) -> Path:
    return data_dir / "admin" / "publisher.json"


def beat(data_dir: Path, now: datetime) -> None:
    """Say that the publisher runs. Not durable: it is worthless some seconds later."""
    final = _path(data_dir)
    partial = final.with_name(f"{final.name}.{os.getpid()}{PARTIAL}")
    # A disk that refuses this refuses more: the acts themselves will say so.
    with contextlib.suppress(OSError):
        partial.write_bytes(orjson.dumps({"at": now, "pid": os.getpid()}))
        partial.chmod(MODE)
        partial.replace(final)


def last_beat(data_dir: Path) -> datetime | None:
    """When the publisher last said so; None where it never did."""
    try:
        return datetime.fromisoformat(orjson.loads(_path(data_dir).read_bytes())["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def alive(data_dir: Path, now: datetime) -> bool:
    """Whether it said so just now."""
    last = last_beat(data_dir)
    return last is not None and abs(now - last) <= FRESH
