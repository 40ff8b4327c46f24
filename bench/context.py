"""What every measurement needs: where to put files, which cores, how long, how often, whom to tell."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.processes import BenchError, Tool, until
from bench.servers import Gateway, Nginx, Plain, config_for, http_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.processes import Cores

__all__ = ["Bench", "Server"]

Server = Nginx | Gateway | Plain


@dataclass
class Bench:
    """A run.

    Attributes:
        folder: for the files of all processes; gone afterwards.
        cores: for what is measured, and for the load.
        quick: one short round of everything, to see that it works.
        say: shows a line of progress.
    """

    folder: Path
    cores: Cores
    quick: bool
    say: Callable[[str], None]
    _serial: int = 0

    @property
    def rounds(self) -> int:
        """Give how often each pair is measured."""
        return 1 if self.quick else 3

    @property
    def window(self) -> float:
        """Give the seconds of one measurement."""
        return 1.0 if self.quick else 5.0

    def path(self, name: str) -> Path:
        """Give a path in the folder that nobody has used yet."""
        self._serial += 1
        return self.folder / f"{self._serial:03d}-{name}"

    def upstream(self) -> tuple[Tool, int]:
        """Start the paced upstream; give it and its port."""
        tool = Tool(["bench.upstream"], self.path("upstream.log"), self.cores.load)
        try:
            return tool, int(tool.ask()["port"])
        except BaseException:
            tool.stop()
            raise

    def nginx(self, upstream: int | None, recorded: bytes = b"") -> Nginx:
        """Start nginx: in front of an upstream on the measured core, or as the upstream of bursts."""
        cores = self.cores.load if upstream is None else self.cores.measured
        server = Nginx(self.path("nginx"), cores, upstream, recorded)
        try:
            return server.ready()
        except BaseException:
            server.stop()
            raise

    def gateway(self, upstream: int, *, workers: int = 1, settings: Path | None = None) -> Gateway:
        """Start packy in front of an upstream; give it once it serves. One worker is on the measured core."""
        cores = self.cores.measured if workers == 1 else self.cores.measured | self.cores.load
        server = Gateway(self.path("packy"), cores, config_for(upstream), workers=workers, settings=settings)
        try:
            return server.ready()
        except BaseException:
            server.stop()
            raise

    def plain(self, view: str, upstream: int) -> Plain:
        """Start a view of `bench.plain_proxy` in front of an upstream, on the measured core."""
        server = Plain(self.path("plain"), self.cores.measured, view, upstream)
        try:
            return server.ready()
        except BaseException:
            server.stop()
            raise

    def client(self, mode: str, port: int, body: bytes, *numbers: float) -> Tool:
        """Start the load client.

        Args:
            mode: `hold`, `rate` or `closed`.
            port: of the server.
            body: of its requests.
            numbers: the mode's own.
        """
        request = self.path("request")
        request.write_bytes(http_request(body))
        arguments = ["bench.client", mode, str(port), str(request), *map(str, numbers)]
        return Tool(arguments, self.path("client.log"), self.cores.load)

    def hold(self, upstream: Tool, port: int, body: bytes, streams: int, ramp: float = 300.0) -> Tool:
        """Open streams, `ramp` of them a second, and wait until all of them have content.

        Raises:
            BenchError: they do not all get that far.
        """
        client = self.client("hold", port, body, streams, ramp)
        try:
            patience = streams / ramp * 2 + 60
            until(lambda: upstream.ask("count")["active"] >= streams, f"{streams} streams open", patience, 0.1)
            until(lambda: _settled(client, streams), f"{streams} streams have content", 30, 0.2)
        except BaseException:
            client.stop()
            raise
        return client

    def drained(self, upstream: Tool) -> None:
        """Wait until the streams of a client that has gone are over upstream too, so that rounds do not overlap."""
        until(lambda: upstream.ask("count")["active"] == 0, "streams end with their client", 30, 0.05)
        time.sleep(0.2)


def _settled(client: Tool, streams: int) -> bool:
    report = client.ask("report")
    if report["failed"]:
        raise BenchError(f"{report['failed']} of {streams} streams failed")
    return bool(report["with_content"] >= streams)
