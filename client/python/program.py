#!python
"""Executes the program of the same name, dolium or doliumd, from the package. So both are on the environment's PATH.
The package is located without an import, which would take longer than most commands."""

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
