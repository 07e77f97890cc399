"""The clock everything is handed; tests hand in another."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)
