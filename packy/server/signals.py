"""What gunicorn's main process makes of signals."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from gunicorn.arbiter import Arbiter

__all__ = ["hurry_on_second_sigterm"]


def hurry_on_second_sigterm(server: Arbiter) -> None:
    """Take a second SIGTERM for SIGQUIT; gunicorn 27 would ignore it, and wait for the graceful timeout.

    Args:
        server: gunicorn's main process, which handles signals by now.
    """
    asked = False

    def terminate(_number: int, frame: FrameType | None) -> None:
        nonlocal asked
        server.signal(signal.SIGQUIT if asked else signal.SIGTERM, frame)
        asked = True

    signal.signal(signal.SIGTERM, terminate)
