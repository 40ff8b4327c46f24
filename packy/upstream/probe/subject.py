"""Who is probed, in the words in which a repair is told."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from packy.config import Secret
from packy.upstream.probe.result import ProbeResult

if TYPE_CHECKING:
    from packy.config import Provider
    from packy.upstream.probe.exchange import Answer, Patience
    from packy.upstream.probe.result import ProbeCode

__all__ = ["Subject", "milliseconds"]

_LONGEST_QUOTE: Final = 300
_KEY_LIKE: Final = re.compile(r"\b(sk|pk|key)-[A-Za-z0-9_*-]{6,}")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who was asked, and where its settings are repaired.

    Attributes:
        provider: who.
        model: the model asked for.
        key_place: where its key stands, as in `the environment variable PACKYCODE_API_KEY`.
        patience: how long the probe waited.
    """

    provider: Provider
    model: str
    key_place: str
    patience: Patience

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def url(self) -> str:
        """Its base URL."""
        return self.provider.base_url

    @property
    def url_place(self) -> str:
        """Where its base URL stands."""
        own = self.provider.kind == "packycode"
        return "packycode.base-url" if own else f"base-url of codex-api-key {self.name}"

    @property
    def model_place(self) -> str:
        """Where the model stands."""
        return f"models of codex-api-key {self.name}" if self.provider.models else "packycode.defaults.model"

    @property
    def host(self) -> str:
        """The host alone."""
        return urlsplit(self.url).hostname or self.url

    @property
    def address(self) -> str:
        """Host and port."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def proxy(self) -> tuple[str, str] | None:
        """The variable that names the proxy on the way, and the proxy's host and port; None where there is none."""
        proxy = select_proxy(self.url, get_environ_proxies(self.url))
        if not proxy:
            return None
        scheme = urlsplit(self.url).scheme
        names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
        variable = next((name for name in names if os.environ.get(name)), "HTTPS_PROXY")
        # Its user name and password stay behind.
        return variable, urlsplit(proxy if "://" in proxy else f"http://{proxy}").netloc.rpartition("@")[2]

    def failed(self, code: ProbeCode, message: str, fix: str, answer: Answer | None = None) -> ProbeResult:
        """Give a result that is not ok."""
        status, latency = (answer.status, milliseconds(answer.latency)) if answer else (None, None)
        return ProbeResult(ok=False, code=code, status=status, message=message, fix=fix, latency_ms=latency)

    def quote(self, text: str) -> str:
        """Give a provider's words on one line, shortened, without anything that is, or looks like, a key."""
        if self.provider.api_key is not None:
            text = self.provider.api_key.hide_in(text)
        text = " ".join(_KEY_LIKE.sub(Secret.MASK, text).split())
        text = "".join(character for character in text if character.isprintable())
        return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def milliseconds(seconds: float) -> float:
    """Convert a duration, to a tenth."""
    return round(seconds * 1000, 1)
