"""Cooldowns and learned parameters over processes: one probe for all, and no harm done by one that is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from signal import SIGKILL
from typing import Any

PROGRAM = Path(__file__).with_name("forked_workers.py")


def run(what: str) -> Any:
    environ = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])}
    done = subprocess.run(
        [sys.executable, PROGRAM, what], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_of_all_that_claim_a_probe_at_once_exactly_one_gets_it() -> None:
    result = run("claim")
    assert result["probes"] == [1] * 200
    assert set(result["statuses"]) == {0}


def test_workers_killed_at_any_moment_leave_a_state_that_works() -> None:
    result = run("kill")
    assert set(result["statuses"]) == {-SIGKILL}
    assert len(result["statuses"]) == 84
    assert all(0 < seconds <= 3600 for seconds in result["cooling"])
    assert (result["open"], result["active"], result["seen"]) == (True, 0, True)
    assert set(result["learned"]) <= {"include", "service_tier", "temperature", "top_p"}
