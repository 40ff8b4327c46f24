"""What one demo upstream serves and takes, whatever it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from packy.demo.catalogue import DEFAULT_MODELS

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The standing behaviour of an upstream, under its script.

    Attributes:
        keys: the bearer keys that are valid; None accepts any that is not empty.
        models: patterns (`*` and `?`) of the models that it serves.
        accept: parameters that it takes although the real API would refuse them: `temperature`, `top_p` and the like,
            or `store`, after which requests need not say `store: false`.
        account: whose encrypted reasoning it reads; another account's is refused.
        rate: events per second; 0 sends them as fast as the client reads.
        chunk: characters per delta; 0 sends each text in one.
    """

    keys: tuple[str, ...] | None = None
    models: tuple[str, ...] = DEFAULT_MODELS
    accept: tuple[str, ...] = ()
    account: str = "demo"
    rate: float = 0.0
    chunk: int = 4

    def __repr__(self) -> str:
        """Show everything but the keys."""
        return f"Settings(models={self.models}, accept={self.accept}, rate={self.rate}, chunk={self.chunk})"
