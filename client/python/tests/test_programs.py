"""What the package puts beside the interpreter."""

import os
import pathlib
import subprocess
import sysconfig

import dolium
import pytest

SCRIPTS = pathlib.Path(sysconfig.get_path("scripts"))


@pytest.mark.parametrize("name", ["dolium", "doliumd"])
def test_the_programs_are_where_python_is(name):
    # Wherever it is called from, and whatever else is on the PATH.
    version = subprocess.run([SCRIPTS / name, "--version"], cwd="/", env={"PATH": os.defpath}, capture_output=True,
                             text=True, check=True)
    assert version.stdout == f"{name} {dolium.__version__}\n"


def test_the_command_speaks_to_the_store(client):
    id = client.put(b"salve")
    got = subprocess.run([SCRIPTS / "dolium", "--socket", client.path, "get", id.hex()], capture_output=True, check=True)
    assert got.stdout == bytes(client.get_raw(id))
