"""The key of the management API: made into a hash for config.yaml, and checked when somebody presents it.

A hash names its own parameters: `scrypt$16384$8$1$SALT$HASH` (n, r, p; salt and hash in base64), so that they can grow
without making the hashes of today useless.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple

from packy.config import rules
from packy.config.problems import Finding

__all__ = ["hash_key", "is_hash", "stored_key", "verify_key"]

# 16 MiB and about 50 ms a try on a server of today; RFC 7914 says what n, r and p are.
_N: Final = 1 << 14
_R: Final = 8
_P: Final = 1
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
# Bounds on what a stored hash may ask of this process at each try.
_MOST_MEMORY: Final = 1 << 28
_MOST_PASSES: Final = 16
_MARK: Final = "scrypt$"
_FORM: Final = re.compile(r"scrypt\$([0-9]{1,8})\$([0-9]{1,3})\$([0-9]{1,3})\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)")


class _Hash(NamedTuple):
    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes


def hash_key(key: str) -> str:
    """Hash a management key, for `remote-management.secret-key`.

    Takes about 50 ms of processor time and 16 MiB.

    Args:
        key: the key in plain text.

    Returns:
        `scrypt$N$R$P$SALT$HASH`; another one each time, as the salt is random.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(key, _Hash(_N, _R, _P, salt, bytes(_HASH_BYTES)))
    return f"{_MARK}{_N}${_R}${_P}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def verify_key(key: str, stored: str) -> bool:
    """Check a presented key, in a time that tells nothing of where it is wrong.

    Against a hash this takes as long as making one: not for an event loop's own thread.

    Args:
        key: as presented, whatever characters it has.
        stored: `remote-management.secret-key`, a plain key or a hash.

    Returns:
        Whether it is the key. A hash that cannot be read opens to nobody, itself included.
    """
    if not is_hash(stored):
        return hmac.compare_digest(_digest(key), _digest(stored))
    parsed = _parse(stored)
    return parsed is not None and hmac.compare_digest(_scrypt(key, parsed), parsed.digest)


def is_hash(stored: str) -> bool:
    """Tell whether a stored key is meant as a hash."""
    return stored.startswith(_MARK)


def stored_key(value: str) -> Finding | None:
    """Judge `remote-management.secret-key`: a plain key that is hard to guess, or a hash that can be read."""
    if is_hash(value) and _parse(value) is None:
        return Finding("begins like a hash, but is none", "make it anew: packy hash-key; copy the whole line")
    return rules.long_key(value)


def _parse(stored: str) -> _Hash | None:
    found = _FORM.fullmatch(stored)
    if found is None:
        return None
    n, r, p = (int(number) for number in found.groups()[:3])
    try:
        salt, digest = (base64.b64decode(text, validate=True) for text in found.groups()[3:])
    except binascii.Error:
        return None
    power = n > 1 and n & (n - 1) == 0
    bounded = r > 0 and 128 * n * r <= _MOST_MEMORY and 0 < p <= _MOST_PASSES
    whole = len(salt) >= _SALT_BYTES and len(digest) == _HASH_BYTES
    return _Hash(n, r, p, salt, digest) if power and bounded and whole else None


def _scrypt(key: str, parsed: _Hash) -> bytes:
    n, r, p, salt, digest = parsed
    # OpenSSL counts a little more than the 128·n·r bytes of the algorithm itself.
    memory = 128 * r * (n + p + 2) + (1 << 20)
    return hashlib.scrypt(_bytes(key), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=len(digest))


def _digest(key: str) -> bytes:
    """Bring keys to one length, so that comparing them does not tell it."""
    return hashlib.sha256(_bytes(key)).digest()


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")
