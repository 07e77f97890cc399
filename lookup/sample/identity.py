"""What a person is looked up by: the end of the identity number, and a query code."""

import random
from datetime import date, timedelta

CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, which are misread on paper."""

CODE_LENGTH = 8

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def check_character(first17: str) -> str:
    """The eighteenth character of an identity number, by GB 11643-1999 (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _CHECKS[total % 11]


def id_tail(rng: random.Random, *, region: str, first_day: date, girl: bool) -> str:
    """The last six characters of a made-up identity number: day, sequence, check.

    `region` is the six-digit code of the place of birth; the birthday falls within
    the year from `first_day`, which is one school year. The sequence is even for a
    girl and odd for a boy, as in real numbers.
    """
    last_day = first_day.replace(year=first_day.year + 1)
    birthday = first_day + timedelta(days=rng.randrange((last_day - first_day).days))
    sequence = rng.randrange(1, 500) * 2 - (0 if girl else 1)
    first17 = f"{region}{birthday:%Y%m%d}{sequence:03d}"
    return first17[-5:] + check_character(first17)


def query_code(rng: random.Random) -> str:
    """Eight characters of `CODE_ALPHABET`, 40 random bits; not checked to be unique."""
    return "".join(rng.choices(CODE_ALPHABET, k=CODE_LENGTH))
