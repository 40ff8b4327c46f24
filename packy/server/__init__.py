"""gunicorn's worker as packy needs it: it ends without cutting anybody off."""

from packy.server.open_files import raise_open_files
from packy.server.signals import hurry_on_second_sigterm
from packy.server.worker import GatewayWorker

__all__ = ["GatewayWorker", "hurry_on_second_sigterm", "raise_open_files"]
