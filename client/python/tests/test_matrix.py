"""Objects put in each language are read in each other one: tests/conformance/README.md, "The matrix"."""

import importlib.util
import pathlib
import sys

import pytest

from dolium import server

ROOT = pathlib.Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "conformance"
#: The programs of the release build.
BUILT = ROOT / "build" / "tests" / "conformance"


def matrix():
    spec = importlib.util.spec_from_file_location("matrix", FOLDER / "matrix.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_objects_cross_between_languages():
    programs = {"python": [sys.executable, str(FOLDER / "matrix_python.py")]}
    for language in ("c", "cpp"):
        if (BUILT / f"matrix_{language}").exists():
            programs[language] = [str(BUILT / f"matrix_{language}")]
    assert matrix().run(server.program("doliumd"), programs) == []
    if len(programs) < 3:
        pytest.skip(f"only Python with itself: {BUILT} has no programs of the other languages (scripts/test builds them)")
