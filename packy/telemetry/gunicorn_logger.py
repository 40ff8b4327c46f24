"""gunicorn's `logger_class`: its messages join packy's log, its access log stays off."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING

from gunicorn.glogging import Logger

from packy.telemetry.hooks import guard_output
from packy.telemetry.logs import configure_logging, is_configured

if TYPE_CHECKING:
    from gunicorn.config import Config

__all__ = ["GunicornLogger"]


class GunicornLogger(Logger):
    """Name it as `logger_class = "packy.telemetry.gunicorn_logger.GunicornLogger"` in gunicorn.conf.py.

    Logs as configure_logging was told, or as JSON at gunicorn's own `loglevel` if nobody called it before. gunicorn's
    settings for log files, formats, syslog and access logs have no effect: all lines go to stderr. Once a worker is
    forked, nothing but log lines reaches its stdout and stderr.
    """

    def setup(self, cfg: Config) -> None:
        """Send gunicorn's loggers to the root logger; called at start and at each reload."""
        self.cfg = cfg
        if not is_configured():
            configure_logging(level=cfg.loglevel)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
            log.setLevel(logging.NOTSET)
        _guard_workers()

    def access(self, *_args: object, **_kwargs: object) -> None:
        """Write nothing: the event `request` says what may be said."""

    @property
    def access_log_enabled(self) -> bool:
        """False: spares gunicorn the work."""
        return False

    def reopen_files(self) -> None:
        """Do nothing: there are no files."""

    def close_on_exec(self) -> None:
        """Do nothing: there are no files."""


@cache
def _guard_workers() -> None:
    os.register_at_fork(after_in_child=guard_output)
