"""What a process uses while others have the turn is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.harness.resting import Rest, used_s

WORK_S = 0.05
WORKER = f"""
import sys, time
for line in sys.stdin:
    if line == "work\\n":
        began = time.process_time()
        while time.process_time() < began + {WORK_S}: pass
    print("done", flush=True)
"""


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


def tell(process: subprocess.Popen[str], what: str) -> None:
    process.stdin.write(f"{what}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_what_is_used_at_rest_is_told_and_what_is_used_between_two_rests_is_not(
    worker: subprocess.Popen[str],
) -> None:
    tell(worker, "begin")
    rest = Rest(worker.pid)
    with rest:
        tell(worker, "work")
    with rest:
        tell(worker, "work")
    tell(worker, "work")
    used, length = rest.figures()["rest_cpu_s"], rest.figures()["rest_s"]
    assert 2 * WORK_S <= used < 3 * WORK_S
    assert length >= used * 0.9


def test_who_is_gone_is_left_to_whoever_asks_it_next(worker: subprocess.Popen[str]) -> None:
    rest = Rest(worker.pid)
    with rest:
        worker.kill()
        worker.wait()
    assert rest.figures() == {"rest_s": 0.0, "rest_cpu_s": 0.0}
    assert used_s(worker.pid) is None
