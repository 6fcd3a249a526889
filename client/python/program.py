#!python
"""Becomes the program of its own name, dolium or doliumd, that lies in the package: so both are on the PATH of who has
installed it. The package is found, and not imported, which would take longer than most commands."""

import importlib.util
import os
import sys

name = os.path.basename(sys.argv[0])
package = importlib.util.find_spec("dolium")
folders = package.submodule_search_locations if package else []
for path in (os.path.join(folder, "bin", name) for folder in folders):
    if os.path.exists(path):
        os.execv(path, [path, *sys.argv[1:]])
sys.exit(f"{name}: the package dolium is not installed for {sys.executable}, or lacks its programs: install it again")
