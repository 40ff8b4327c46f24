import subprocess
import sys

PROGRAM = """
from gevent import monkey

monkey.patch_all()

import time

import gevent

from packy.tokens import count_request, load

load()
code = "def handler(request): return request.body[:1024]  # 200 OK\\n" * 100_000
body = {"messages": [{"role": "user", "content": code}]}
gaps = []


def heart():
    before = time.perf_counter()
    while True:
        gevent.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - before)
        before = now


beating = gevent.spawn(heart)
gevent.sleep(0.01)
started = time.perf_counter()
tokens = gevent.get_hub().threadpool.apply(count_request, (body, "gpt-5"))
print(tokens, time.perf_counter() - started, max(gaps))
beating.kill()
"""


def test_the_hub_keeps_running_while_the_thread_pool_counts() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    tokens, seconds, longest_gap = map(float, run.stdout.split())
    assert tokens > 1_000_000
    assert longest_gap < seconds / 2
