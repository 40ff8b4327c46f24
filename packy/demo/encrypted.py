"""Encrypted reasoning: opaque to clients, and verifiable by every demo upstream of the same account.

A token looks as the real ones do (a Fernet: version 0x80, time, nonce, payload, HMAC; base64url, so that it starts with
`gAAAA`), but its payload is only random padding. The HMAC's key is fixed, so a conversation goes on across processes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import time
from typing import Final, Literal

from packy.demo.errors import ApiError

__all__ = ["issue", "verify"]

Stage = Literal["added", "done", "completed"]

_SECRET: Final = b"packy demo upstream: encrypted reasoning, no secret at all"
_HEAD: Final = 1 + 8 + 16  # version, time, nonce
_DIGEST: Final = hashlib.sha256().digest_size
# The last octet of the nonce tells where in the stream a token was shown: see `verify`.
_STAGES: Final[dict[str, int]] = {"added": 1, "done": 2, "completed": 3}


def issue(account: str, stage: Stage, size: int) -> str:
    """Make a token.

    Args:
        account: who may send it back; another account's upstream refuses it.
        stage: the event that will carry it; no two tokens are alike, as with the real API.
        size: length wanted, in characters; short ones become the least possible.

    Returns:
        The token, base64url with padding.
    """
    payload = os.urandom(max(16, size * 3 // 4 - _HEAD - _DIGEST))
    nonce = os.urandom(15) + bytes([_STAGES[stage]])
    body = b"\x80" + int(time.time()).to_bytes(8, "big") + nonce + payload
    return base64.urlsafe_b64encode(body + _sign(account, body)).decode()


def verify(account: str, token: str) -> None:
    """Check a token that a client sent back.

    The one that `output_item.added` carried is refused: reasoning has only begun there, and a client that keeps it
    loses the rest.

    Raises:
        ApiError: 400 `invalid_encrypted_content`, unless this account issued it with a finished reasoning item.
    """
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    body, signature = raw[:-_DIGEST], raw[-_DIGEST:]
    genuine = len(body) > _HEAD and hmac.compare_digest(signature, _sign(account, body))
    if not genuine or body[_HEAD - 1] == _STAGES["added"]:
        shown = token if len(token) <= 8 else f"{token[:4]}...{token[-4:]}"  # noqa: PLR2004 - four at either end
        raise ApiError(
            f"The encrypted content {shown} could not be verified. "
            "Reason: Encrypted content could not be decrypted or parsed.",
            code="invalid_encrypted_content",
        )


def _sign(account: str, body: bytes) -> bytes:
    return hmac.digest(_SECRET + account.encode(), body, "sha256")
