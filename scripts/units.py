"""The preset `tidy`: a unity build that is configured and never built. What scripts/tidy and scripts/measure-structure
read: its compile commands, and the sources of each unit."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-tidy"
GENERATED = "protocol/messages_generated.h"
# A source of the tree, included by a unit that CMake has written.
INCLUDED = re.compile(r'^#include "(/.*)"$', re.MULTILINE)


def prepare():
    """Writes the compile commands and the generated header. Ends the program if that fails."""
    for command in (["cmake", "--preset", "tidy"], ["ninja", "-C", str(BUILD), GENERATED]):
        run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode != 0:
            sys.exit(f"{Path(sys.argv[0]).name}: nothing done, because {shlex.join(command)} failed:\n{run.stdout}")


def commands():
    """Returns the entries of the compile commands."""
    return json.loads((BUILD / "compile_commands.json").read_text())


def sources_of(unit):
    """Returns the sources of a unit, which is one source or was written by CMake."""
    if not unit.startswith(f"{BUILD}/"):
        return [unit]
    return INCLUDED.findall(Path(unit).read_text())


def changes():
    """Returns when each file of the tree was last committed, in seconds since 1970. Without a history: nothing."""
    run = subprocess.run(["git", "-c", "core.quotePath=false", "log", "--format=@%ct", "--name-only"], cwd=ROOT,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    times = {}
    when = 0
    for line in run.stdout.splitlines():
        if line.startswith("@"):
            when = int(line[1:])
        elif line:
            times.setdefault(str(ROOT / line), when)
    return times


def latest_first(units):
    """Sorts units: the one with the latest change of a source first. For what may have to end before its work."""
    times = changes()
    return sorted(units, key=lambda unit: (-max((times.get(source, 0) for source in sources_of(unit)), default=0), unit))
