"""Fuzz guided by coverage: `python -m tests.security.fuzz.atheris_run FOLDER -runs=N` (libFuzzer's own options)."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped] # it has no types

with atheris.instrument_imports(include=["packy"]):
    from tests.security.fuzz.targets import TARGETS, fuzz_one, seeds


def main() -> None:
    """Write the corpus of all targets into the folder, each file behind its target's byte, and fuzz."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, target in enumerate(TARGETS):
        for index, seed in enumerate(seeds(target)):
            (folder / f"{target}-{index}").write_bytes(bytes([number]) + seed)
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
