"""What a single value must be. A rule takes a value of the right type and returns a finding, or None if all is well."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from packy.config.problems import Finding
from packy.config.secret import Secret

__all__ = [
    "EFFORTS",
    "PUBLIC_BASE_URL",
    "REQUEST_EFFORTS",
    "address",
    "base_url",
    "host",
    "key",
    "label",
    "long_key",
    "model",
    "provider",
    "shown_url",
]

PUBLIC_BASE_URL: Final = "https://codex-api.packycode.com/v1"
EFFORTS: Final = ("low", "medium", "high")
REQUEST_EFFORTS: Final = ("minimal", *EFFORTS, "xhigh")

_SHORTEST_KEY: Final = 8
_URL_FIX: Final = f"write an absolute URL, such as {PUBLIC_BASE_URL}"
_PLACEHOLDER: Final = re.compile(r"(or-)?put-[a-z-]+-here|THE-KEY|A-LONG-RANDOM-KEY")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


def key(value: str) -> Finding | None:
    """An API key: it travels in a header, so it is printable ASCII without spaces or line breaks."""
    if any(character.isspace() for character in value):
        return Finding("has a space or a line break in it", "paste the key again, in one piece on one line")
    if not (value.isascii() and value.isprintable()):
        return Finding("has characters that a key cannot have", "paste the key again; it is plain ASCII")
    if not value.strip("*") or value.startswith(Secret.MASK):
        return Finding("is a mask, not a key", "put the key itself here, not what packy shows in its place")
    if _PLACEHOLDER.fullmatch(value):
        return Finding("is the placeholder of an example, which everybody knows", "put the key itself here")
    return None


def long_key(value: str) -> Finding | None:
    """A key that packy itself checks: as above, and hard to guess."""
    if len(value) < _SHORTEST_KEY:
        fix = "take a longer one: python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"
        return Finding(f"is shorter than {_SHORTEST_KEY} characters", fix)
    return key(value)


def label(value: str) -> Finding | None:
    """A name for logs and metrics."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", value):
        return None
    return Finding("must be 1 to 40 letters, digits, `_`, `.` or `-`", "use only those, as in `laptop-2`")


def provider(value: str) -> Finding | None:
    """The name of a provider beside the packycode block."""
    if value == "packycode":
        return Finding("is the name of the packycode block's own provider", "choose another name")
    return label(value)


def model(value: str) -> Finding | None:
    """A model name, or a pattern for one."""
    if re.fullmatch(r"[!-~]{1,200}", value):
        return None
    return Finding("must be a name without spaces, of at most 200 ASCII characters", "write a name such as gpt-5")


def base_url(value: str) -> Finding | None:
    """An absolute http(s) URL that ends where `/responses` is appended."""
    if not (value.isascii() and value.isprintable()) or re.search(r'[\s\\<>"`{}|^]', value):
        return Finding("has characters that a URL cannot have", _URL_FIX)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return Finding("is not a URL", _URL_FIX)
    problem, fix = "", _URL_FIX
    if parts.scheme not in {"http", "https"}:
        problem, fix = "must begin with http:// or https://", f"put https:// in front, as in {PUBLIC_BASE_URL}"
    elif "@" in parts.netloc:
        problem, fix = "must not hold credentials", "remove everything up to the `@`; the key has its own field"
    elif "?" in value or "#" in value:
        problem, fix = "must not have a query or fragment", "remove `?` or `#` and what follows it"
    elif not parts.hostname or port == 0 or host(parts.hostname):
        problem = "has no valid host"
    elif parts.path.rstrip("/").endswith("/responses"):
        problem, fix = "must not end in /responses, which packy appends", "remove /responses at the end"
    return Finding(problem, fix) if problem else None


def shown_url(value: object) -> str:
    """Return a URL if it cannot hold a secret: no credentials, query or fragment; else nothing."""
    if isinstance(value, str) and re.fullmatch(r"https?://[^@?#\s]{1,100}", value) and value.isprintable():
        return f'"{value}"'
    return ""


def database(value: str) -> Finding | None:
    """The URL of a database that the ledger can use."""
    if value.startswith(("postgresql+psycopg://", "sqlite:///")) and value.isprintable():
        file = value.removeprefix("sqlite:///").partition("?")[0]
        # SQLite takes these for a database in memory, and for a URI of its own; as SQLAlchemy takes the URL apart.
        if file and not file.startswith((":", "file:")):
            return None
        return Finding(
            "must name a file that all workers can open, not a database in memory",
            "write a path behind sqlite:///, as in sqlite:////var/lib/packy/ledger.sqlite3, or remove `url`",
        )
    return Finding(
        "must begin with postgresql+psycopg:// or sqlite:///",
        "write it as in postgresql+psycopg://packy:PASSWORD@HOST/packy",
    )


def host(value: str) -> Finding | None:
    """An IP address or a host name."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if _HOST.fullmatch(value) and not re.fullmatch(r"[0-9.]+", value):
            return None
    else:
        return None
    return Finding("must be an IP address or a host name", "write 127.0.0.1, 0.0.0.0, ::1, localhost, or a name")


def address(value: str) -> Finding | None:
    """An IP address, or a network in CIDR notation."""
    try:
        ipaddress.ip_network(value)
    except ValueError:
        pass
    else:
        return None
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return Finding("must be an IP address or a network", "write it as in 10.0.0.7 or 10.0.0.0/8")
    return Finding("has bits set right of its mask", f"write {network}")
