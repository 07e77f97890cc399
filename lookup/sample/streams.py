"""Streams of random numbers, one a topic."""

import random


def stream(seed: int, topic: str) -> random.Random:
    """A generator that depends only on `seed` and `topic`.

    Each topic has its own stream, so drawing more numbers for one of them leaves
    the others as they were. Seeding with text goes through SHA-512 and not through
    `hash`, so the numbers are the same in every process.
    """
    return random.Random(f"{seed}:{topic}")  # noqa: S311 - made-up data, nothing to guess
