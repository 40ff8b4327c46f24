"""Where the time goes: one load on packy, looked at with py-spy or perf."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import BenchError
from bench.sample import conversation, recorded_stream, small_request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.context import Bench

__all__ = ["LOADS", "PROFILERS", "profile", "tally"]

LOADS = ("paced", "burst", "first-token")
PROFILERS = ("py-spy", "perf")
_SECONDS = 8
_STREAMS = 200
_TOP = 35
_PERF_HZ = 997
_SPY_HZ = 400


def profile(bench: Bench, load: str, profiler: str | None) -> str:
    """Put a load on packy and give the functions that its worker spends its CPU time in.

    Args:
        bench: the run.
        load: one of `LOADS`.
        profiler: one of `PROFILERS`; None for the first that is installed. py-spy tells Python functions, perf those
            of the interpreter, of gevent and of the kernel.

    Raises:
        BenchError: none is installed, or it may not look into other processes.
    """
    program = _find(profiler)
    with ExitStack() as stack:
        if load == "burst":
            upstream = stack.enter_context(bench.nginx(None, recorded_stream(2000)[0]))
            packy = stack.enter_context(bench.gateway(upstream.port))
            client = stack.enter_context(bench.client("closed", packy.port, small_request("bench"), 4))
            client.tell("go 100000")
        else:
            tool, port = bench.upstream()
            stack.enter_context(tool)
            packy = stack.enter_context(bench.gateway(port))
            if load == "paced":
                stack.enter_context(bench.hold(tool, packy.port, small_request("bench:50:1000000"), _STREAMS))
            else:
                body = conversation(70_000, "bench:50:5")
                stack.enter_context(bench.client("rate", packy.port, body, 50, 50 * (_SECONDS + 20)))
        bench.say(f"{Path(program).name}: {_SECONDS} s of {load}")
        worker = packy.workers[0]
        return _spy(bench, program, worker) if program.endswith("py-spy") else _perf(bench, program, worker)


def _find(wanted: str | None) -> str:
    beside = str(Path(sys.executable).parent)
    for name in [wanted] if wanted else PROFILERS:
        if program := shutil.which(name) or shutil.which(name, path=beside):
            return program
    raise BenchError("no profiler is installed: .venv/bin/pip install py-spy, or apt install linux-perf")


def _spy(bench: Bench, program: str, pid: int) -> str:
    stacks = bench.path("stacks.txt")
    options = ["--format", "raw", "--rate", str(_SPY_HZ), "--duration", str(_SECONDS), "--output", str(stacks)]
    _run([program, "record", "--pid", str(pid), "--nonblocking", *options])
    own, whole = tally(stacks.read_text().splitlines())
    samples = sum(own.values()) or 1
    lines = ["  self   total  function"]
    lines += [f"{own[f] / samples:6.1%}  {whole[f] / samples:6.1%}  {f}" for f, _ in own.most_common(_TOP)]
    return "\n".join(lines)


def tally(stacks: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Count samples by function.

    Args:
        stacks: lines of `outermost;…;innermost COUNT`, as py-spy and Brendan Gregg's tools write them; a frame is
            `function (file:line)`, and its line does not tell functions apart.

    Returns:
        Samples in the function itself, and in it or in what it calls.
    """
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        functions = [_function(frame) for frame in frames.split(";")]
        own[functions[-1]] += int(count)
        for function in set(functions):
            whole[function] += int(count)
    return own, whole


def _function(frame: str) -> str:
    name, _, place = frame.partition(" (")
    path = Path(place.rstrip(")").rpartition(":")[0] or place.rstrip(")"))
    return f"{name} ({'/'.join(path.parts[-2:])})" if place else name


def _perf(bench: Bench, program: str, pid: int) -> str:
    data = str(bench.path("perf.data"))
    _run([program, "record", "-F", str(_PERF_HZ), "-o", data, "-p", str(pid), "--", "sleep", str(_SECONDS)])
    report = _run([program, "report", "-i", data, "--stdio", "--sort", "symbol,dso", "--percent-limit", "0.4"])
    # Columns behind these two are empty.
    rows = [line.split("  -")[0].split() for line in report.splitlines() if line.strip() and not line.startswith("#")]
    return "\n".join(f"{row[0]:>7}  {' '.join(row[1:])}" for row in rows[:_TOP])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS * 8, check=False)  # noqa: S603 - a profiler
    except subprocess.TimeoutExpired:
        raise BenchError(f"{Path(command[0]).name} did not end in time") from None
    if done.returncode:
        raise BenchError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
