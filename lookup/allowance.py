"""How many wrong tries fair use lets through: the public wing grants them, a load's risk counts
with them."""

from lookup.settings import Settings

NUMBER_LEAK_S = 360
"""One failure at a number is forgotten in this time, ten an hour. A family that mistyped is free
again within minutes; a number somebody burned is free again an hour and a half after he stops.
Next to what waiting lets through (120 tries an hour for each network) these ten are little."""
NETWORK_LEAK_S = 3600
"""In this time all of a network's `network_failures` are forgotten."""
DAY_S = 24 * 3600


def most_tries(settings: Settings, networks: int, seconds: int) -> int:
    """The most wrong tries at one number that so many networks get in so many seconds.

    It counts proofs of work as nothing: whoever reckons on a graphics card solves thousands of
    them a second. Where several workers of a machine are asked in the same few microseconds,
    each may let one through for the one that is left; each further machine, and each further
    kind with the same numbers and second factors, counts for itself.
    """
    leaked = settings.failure_budget + seconds // NUMBER_LEAK_S
    return leaked + networks * (1 + seconds // settings.wait_s)
