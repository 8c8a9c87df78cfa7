"""One-time codes as authenticator apps show them: TOTP, RFC 6238, six digits, a new one every 30 s."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime

import pyotp

DIGITS = 6
STEP_SECONDS = 30
SKEW = 1
"""How many steps a clock may be off, each way."""
FAR = 20
"""How many steps a code is looked for beyond that, only to say how far a clock is off."""
SECRET_BYTES = 16
"""Shortest secret that RFC 4226 allows."""
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


def uri(secret: str, name: str) -> str:
    """Return the otpauth URI that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def step(now: datetime) -> int:
    """Return the number of the time step that ``now`` lies in."""
    return int(now.timestamp()) // STEP_SECONDS


def code(secret: str, step: int) -> str:
    """Return the code of a time step."""
    return pyotp.TOTP(secret).generate_otp(step)


def digits(typed: str) -> str | None:
    """Return the six digits of a code as it was typed, or None when it has another shape."""
    found = "".join(typed.split())
    return found if len(found) == DIGITS and found.isascii() and found.isdigit() else None


def matches(secret: str, digits: str, steps: Iterable[int]) -> list[int]:
    """Return those of ``steps`` in which the secret gives this code."""
    return [step for step in steps if hmac.compare_digest(code(secret, step), digits)]


def near(now: datetime) -> range:
    """Return the steps whose codes are good at ``now``."""
    return range(step(now) - SKEW, step(now) + SKEW + 1)


def around(now: datetime) -> range:
    """Return the steps in which a code is looked for to say how far a clock is off."""
    return range(step(now) - FAR, step(now) + FAR + 1)
