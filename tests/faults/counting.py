"""A gateway whose worker can be asked how many greenlets are alive in it."""

from __future__ import annotations

import os
from signal import SIGUSR2
from typing import TYPE_CHECKING

from tests.support.gateway import ROOT, Gateway

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = """
import gc, signal
from pathlib import Path
from greenlet import greenlet

exec(compile(Path({conf!r}).read_text(), {conf!r}, "exec"))
_begin = post_worker_init

def post_worker_init(worker):
    def count(*_):
        gc.collect()
        alive = sum(isinstance(each, greenlet) and not each.dead for each in gc.get_objects())
        Path({beside!r}).write_text(str(alive))
        Path({beside!r}).rename({counted!r})

    _begin(worker)
    signal.signal(signal.SIGUSR2, count)
"""


def counting_gateway(folder: Path, settings: Path, config: str) -> Gateway:
    """Make a gateway with one worker; its settings, packy's own and the counting, go into an empty folder."""
    places = {"conf": ROOT / "gunicorn.conf.py", "beside": settings / "count", "counted": settings / "counted"}
    text = _SETTINGS.format(**{name: str(path) for name, path in places.items()})
    (settings / "gunicorn.conf.py").write_text(text)
    return Gateway(folder, config, settings=settings)


def greenlets(gateway: Gateway, settings: Path) -> int:
    """Count those of its worker."""
    counted = settings / "counted"
    counted.unlink(missing_ok=True)
    os.kill(gateway.worker_pids()[0], SIGUSR2)
    gateway.until(lambda _: counted.exists())
    return int(counted.read_text())
