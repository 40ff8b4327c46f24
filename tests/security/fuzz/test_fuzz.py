"""Whatever bytes arrive, no target raises what its room does not document."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.security.fuzz.targets import TARGETS, seeds
from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLES = 500
_PIECES = (
    b"",
    b"\r",
    b"\n",
    b'"',
    b"{",
    b"\xff",
    b"0",
    b" >",
    b" #",
    b"!!set ",
    b"&a ",
    b"*a",
    b"- ",
    b": ",
    b"\\ud83d",
)
_RUNS, _LONG_RUNS = 4_000, 240_000


@st.composite
def near_misses(draw: st.DrawFn, target: str) -> bytes:
    """A seed with a few pieces cut out, doubled or replaced; or just bytes."""
    data = draw(st.sampled_from(seeds(target)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(start + 40, len(data))))
        data = data[:start] + draw(st.sampled_from([data[start:end] * 2, *_PIECES])) + data[end:]
    return data


@pytest.mark.parametrize("target", TARGETS)
def test_each_seed_passes(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
def test_near_misses_pass(target: str) -> None:
    @settings(max_examples=_EXAMPLES)
    @example(b"")
    @given(near_misses(target) | st.binary(max_size=400))
    def run(data: bytes) -> None:
        TARGETS[target](data)

    run()


def fuzz(folder: Path, runs: int, seconds: float) -> None:
    if find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this machine")
    module, corpus = "tests.security.fuzz.atheris_run", str(folder / "corpus")
    options = [
        f"-runs={runs}",
        "-seed=7",
        "-max_len=8192",
        "-timeout=60",
        "-rss_limit_mb=0",
        f"-artifact_prefix={folder}/",
    ]
    command = [sys.executable, "-m", module, corpus, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert int(re.findall(r"Done (\d+) runs", done.stderr)[0]) >= runs


def test_fuzzing_finds_nothing(tmp_path: Path) -> None:
    fuzz(tmp_path, _RUNS, 300)


@pytest.mark.long
def test_fuzzing_for_long_finds_nothing(tmp_path: Path) -> None:
    fuzz(tmp_path, _LONG_RUNS, 3600)
