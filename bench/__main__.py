"""`./run bench`: measure packy, with nginx in the same run as the yardstick."""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bench.context import Bench
from bench.machine import busy_elsewhere, facts
from bench.plot import plot
from bench.processes import BenchError, Cores
from bench.profiling import LOADS, PROFILERS, profile
from bench.report import as_json, table
from bench.scenarios import SCENARIOS
from packy import __version__
from packy.tables import terminal_width

if TYPE_CHECKING:
    from types import FrameType

    from bench.figures import Measured

__all__ = ["main"]

_DESCRIPTORS = 16_384
_BUSY = 0.1


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--quick", is_flag=True, help="One short round of everything, under a minute: figures are rough.")
@click.option("--only", multiple=True, type=click.Choice(list(SCENARIOS)), help="Measure this only; may be repeated.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write bench.json and bench.svg here.",
)
@click.option("--profile", "load", type=click.Choice(LOADS), help="Show where the CPU time of this load goes, instead.")
@click.option("--profiler", type=click.Choice(PROFILERS), help="For --profile.  [default: the first installed]")
def main(*, quick: bool, only: tuple[str, ...], out: Path | None, load: str | None, profiler: str | None) -> None:
    """Measure packy: CPU per event, added delays, memory, start-up; nginx in the same run is the yardstick.

    Takes some minutes; the machine should have nothing else to do. docs/performance.md explains the figures.
    """
    if sys.platform != "linux":
        raise click.ClickException("the measurements need Linux: they read CPU times from /proc.")
    signal.signal(signal.SIGTERM, _interrupt)
    _raise_descriptors()
    began = time.monotonic()

    def say(text: str) -> None:
        at = f"{time.monotonic() - began:4.0f} s  {text}"
        click.echo(f"\r\033[K{at}" if sys.stderr.isatty() else at, err=True, nl=not sys.stderr.isatty())

    with tempfile.TemporaryDirectory(prefix="packy-bench-") as folder:
        bench = Bench(Path(folder), Cores(), quick, say)
        try:
            if load:
                click.echo(profile(bench, load, profiler))
            else:
                _measure(bench, only or tuple(SCENARIOS), out)
        except BenchError as error:
            raise click.ClickException(str(error)) from None
        except KeyboardInterrupt:
            raise click.Abort from None


def _measure(bench: Bench, names: tuple[str, ...], out: Path | None) -> None:
    if out:
        out.mkdir(parents=True, exist_ok=True)
    busy = busy_elsewhere(1.0)
    if busy > _BUSY:
        click.echo(f"Others use {busy:.0%} of this machine: figures will be worse than they are, and noisy.", err=True)
    began = time.monotonic()
    measured: list[Measured] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            measured += SCENARIOS[name](bench)
        except (BenchError, ValueError) as error:
            missing[name] = str(error)
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)
    click.echo(table(measured, terminal_width()))
    for name, why in missing.items():
        click.echo(f"{name}: not measured: {why}", err=True)
    about: dict[str, Any] = {
        "packy": __version__,
        "machine": facts(),
        "quick": bench.quick,
        "busy_before": busy,
        "seconds": time.monotonic() - began,
    }
    if out:
        (out / "bench.json").write_bytes(as_json(measured, about, missing))
        (out / "bench.svg").write_text(plot(measured))
        click.echo(f"Raw results and a picture: {out / 'bench.json'}, {out / 'bench.svg'}")
    if missing:
        sys.exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _raise_descriptors() -> None:
    """Allow as many open sockets as the machine does: thousands of streams take two each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    main(prog_name="./run bench")
