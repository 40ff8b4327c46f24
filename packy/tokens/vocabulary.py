"""The o200k_base vocabulary, shipped with packy and never downloaded.

`o200k_base.tiktoken.gz` is the file that tiktoken's own source names, byte for byte, compressed with
`gzip.compress(data, 9, mtime=0)`. tiktoken can fetch it by itself, but a gateway that needs a third party's storage to
count tokens does not start behind a firewall; so the three constants of the encoding stand here, and a test compares
them with the installed tiktoken.
"""

from __future__ import annotations

import zlib
from binascii import a2b_base64
from hashlib import sha256
from pathlib import Path
from threading import Lock

import tiktoken

from packy.errors import PackyError

__all__ = ["PATTERN", "SHA256", "SPECIAL_TOKENS", "VOCABULARY", "VocabularyError", "load", "read_vocabulary"]

VOCABULARY = Path(__file__).with_name("o200k_base.tiktoken.gz")
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
SPECIAL_TOKENS = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERN = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _CONTRACTION,
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _CONTRACTION,
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)

_GZIP = 31  # zlib's window bits for a gzip header and trailer


class VocabularyError(PackyError):
    """The shipped vocabulary is missing or damaged."""


_lock = Lock()
_encoding: tiktoken.Encoding | None = None


def load() -> tiktoken.Encoding:
    """Give the encoding; the first call builds it (0.3 s, 50 MB), every later one returns the same object.

    Called once before the workers are forked, they all share its pages. Safe to call from several threads and
    greenlets at once. Opens no connection.

    Returns:
        tiktoken's Encoding for o200k_base, the encoding of gpt-4o and every model since (tiktoken's `model.py`).

    Raises:
        VocabularyError: the file in the package is missing or is not the published one.
    """
    global _encoding  # noqa: PLW0603 - one vocabulary per process, built on first use: that is the module's purpose
    if _encoding is None:
        with _lock:
            if _encoding is None:
                _encoding = _build(read_vocabulary())
    return _encoding


def read_vocabulary(path: Path = VOCABULARY) -> bytes:
    """Decompress the vocabulary and make sure that it is the published one.

    Args:
        path: the gzip file.

    Returns:
        The published file: lines of `base64(token) rank`.

    Raises:
        VocabularyError: the file is missing, damaged, or another one; the text says how to restore it.
    """
    try:
        data = zlib.decompress(path.read_bytes(), _GZIP)
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from error
    except zlib.error as error:
        raise _unusable(path, "is damaged (not a whole gzip file)") from error
    digest = sha256(data).hexdigest()
    if digest != SHA256:
        raise _unusable(path, f"is damaged (its content has SHA-256 {digest}, not {SHA256})")
    return data


def _unusable(path: Path, problem: str) -> VocabularyError:
    return VocabularyError(
        f"{path}: the tokenizer's vocabulary {problem}. Restore it: in a checkout with "
        f"`git checkout -- packy/tokens/{path.name}`, otherwise by reinstalling packy."
    )


def _build(data: bytes) -> tiktoken.Encoding:
    """Make the encoding from lines of `base64(token) rank`, which the published file holds in rank order from 0."""
    tokens = data.split()[::2]
    ranks = dict(zip(map(a2b_base64, tokens), range(len(tokens)), strict=True))
    encoding = tiktoken.Encoding("o200k_base", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=SPECIAL_TOKENS)
    # The encoder has its own copy; tiktoken keeps ours for pickling only, and 34 MB for that is too much.
    ranks.clear()
    return encoding
