"""The examples run, and what they claim of themselves holds: each asserts it."""

import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example(path):
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_all_four_are_there():
    assert {path.stem for path in EXAMPLES.glob("*.py")} >= {"block_cache", "dataloader", "parallel_map", "service"}
