"""A daemon of one's own: for tests, notebooks and programs that bring their store along.

>>> with start_store("16MiB") as path:
...     import dolium
...     client = dolium.Client(path)
...     client.get(client.put("salve"))
'salve'
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
from typing import Iterator, Optional, Union

from .errors import Disconnected
from .text import parse_size

#: How long a daemon may take to listen, and to end when it is asked to.
START_SECONDS = 30
STOP_SECONDS = 10


def program(name: str) -> str:
    """The path of `doliumd` or `dolium`: $DOLIUM_BIN's, the package's own, or the one on $PATH."""
    folders = [os.environ.get("DOLIUM_BIN", ""), str(pathlib.Path(__file__).parent / "bin")]
    found = shutil.which(name, path=os.pathsep.join(filter(None, folders))) or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"there is no {name} in this package nor on $PATH")
    return found


def launch(capacity: Union[int, str], path: Union[str, os.PathLike], *arguments: str) -> subprocess.Popen:
    """Starts doliumd and waits until it answers: its Popen. It says why on standard error if it does not."""
    from .store import Client

    command = [program("doliumd"), "--capacity", str(parse_size(capacity)), "--socket", str(path), "--log-level",
               "warning", *arguments]
    daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _wait_for(daemon, lambda: Client(path, name="start", connect_timeout=0.2).close())
    except BaseException:
        stop(daemon)
        raise
    return daemon


def _wait_for(daemon, connect):
    for _ in range(int(START_SECONDS / 0.2)):
        try:
            return connect()
        except Disconnected:
            if daemon.poll() is not None:
                raise RuntimeError(f"doliumd ended with status {daemon.returncode}") from None
    raise RuntimeError(f"doliumd did not answer within {START_SECONDS} s")


def stop(daemon: subprocess.Popen) -> None:
    """Asks it to end, and makes sure."""
    daemon.terminate()
    try:
        daemon.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


@contextlib.contextmanager
def start_store(capacity: Union[int, str] = "1GiB", *arguments: str,
                path: Optional[Union[str, os.PathLike]] = None) -> Iterator[str]:
    """A daemon for the length of a `with` block, which is given its socket's path. Arguments go to doliumd."""
    with tempfile.TemporaryDirectory(prefix="dolium-") as folder:
        where = str(path) if path is not None else os.path.join(folder, "dolium.sock")
        daemon = launch(capacity, where, *arguments)
        try:
            yield where
        finally:
            stop(daemon)
