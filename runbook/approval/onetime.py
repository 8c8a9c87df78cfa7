"""One-time codes as authenticator apps show them: TOTP, RFC 6238, six digits, a new one every 30 s."""

import base64
import binascii
import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

import pyotp

DIGITS = 6
STEP_SECONDS = 30
SKEW = 1
"""How many steps a clock may be off, each way."""
FAR = 20
"""How many steps a code is looked for beyond that: to say how far a clock is off, and to use it up."""
SECRET_BYTES = 16
"""Shortest secret that RFC 4226 allows."""
BETWEEN = ("Pd", "Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Mc", "Me")
"""Unicode's categories of what may stand between the digits of a code. A minus sign is none of them."""
ISSUER = "DigitalTwin rollback"


def make_secret() -> str:
    """Return a new random secret in base 32 (160 bits)."""
    return pyotp.random_base32()


def check_secret(secret: str) -> None:
    """Raise ValueError unless this is base 32 for at least 128 bits."""
    try:
        size = len(base64.b32decode(secret + "=" * (-len(secret) % 8)))
    except binascii.Error:
        raise ValueError("is not base 32") from None
    if size < SECRET_BYTES:
        raise ValueError(f"holds {size * 8} bits; 128 are needed")


def uri(secret: str, label: str) -> str:
    """Return the otpauth URI that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER)


def fingerprint(secret: str) -> str:
    """Return what names a secret and does not tell it: 64 hexadecimal digits."""
    return hashlib.sha256(base64.b32decode(secret + "=" * (-len(secret) % 8))).hexdigest()


def step(now: datetime) -> int:
    """Return the number of the time step that ``now`` lies in."""
    return int(now.timestamp()) // STEP_SECONDS


def code(secret: str, step: int) -> str:
    """Return the code of a time step."""
    return pyotp.TOTP(secret).generate_otp(step)


def digits(typed: str) -> str | None:
    """Return the digits of a code as it was typed, in ASCII; None when anything else stands there.

    Digits of any script count, and spaces, dashes and marks between them do not: a phone's keyboard must not lock an
    approver out.
    """
    found = "".join(one for one in unicodedata.normalize("NFKC", typed) if not between(one))
    return "".join(str(unicodedata.decimal(one)) for one in found) if found and found.isdecimal() else None


def between(character: str) -> bool:
    """Return whether a character may stand between the digits of a code: white space, a dash, a mark, or nothing."""
    return character.isspace() or unicodedata.category(character) in BETWEEN


def matches(secret: str, digits: str, steps: Iterable[int]) -> list[int]:
    """Return those of ``steps`` in which the secret gives this code."""
    return [step for step in steps if hmac.compare_digest(code(secret, step), digits)]


def near(now: datetime) -> range:
    """Return the steps whose codes are good at ``now``."""
    return range(step(now) - SKEW, step(now) + SKEW + 1)


def around(now: datetime) -> range:
    """Return the steps in which a code is looked for to say how far a clock is off."""
    return range(step(now) - FAR, step(now) + FAR + 1)


def pairs(secret: str, digits: str, steps: Iterable[int]) -> list[tuple[int, int]]:
    """Return pairs of steps in a row in which the secret gives these twelve digits; the later is one of ``steps``."""
    first, second = digits[:DIGITS], digits[DIGITS:]
    return [(step - 1, step) for step in matches(secret, second, steps) if matches(secret, first, [step - 1])]


def pair(secret: str, now: datetime) -> str:
    """Return the two newest codes in a row, as twelve digits."""
    return code(secret, step(now) - 1) + code(secret, step(now))


def near_codes(secrets: Sequence[str], now: datetime) -> dict[str, list[tuple[int, int]]]:
    """Return the codes of around ``now``, each with whose it is (index of the secret) and of which step."""
    found: dict[str, list[tuple[int, int]]] = {}
    for index, secret in enumerate(secrets):
        for one in around(now):
            found.setdefault(code(secret, one), []).append((index, one))
    return found
