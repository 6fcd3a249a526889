"""A daemon of one's own: for tests, notebooks and programs that bring their store along.

>>> with start_store("16MiB") as path:
...     import dolium
...     client = dolium.Client(path)
...     client.get(client.put("salve"))
'salve'
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from typing import Any, Iterator, List, Optional, Tuple, Union

from .text import parse_size

#: How long a daemon may take to serve, and to end when it is asked to.
START_SECONDS = 30
STOP_SECONDS = 10

_SERVES = b"serving\n"  # Starter::kServes of the daemon


def program(name: str) -> str:
    """The path of `doliumd` or `dolium`: $DOLIUM_BIN's, the package's own, or the one on $PATH."""
    folders = [os.environ.get("DOLIUM_BIN", ""), str(pathlib.Path(__file__).parent / "bin")]
    found = shutil.which(name, path=os.pathsep.join(filter(None, folders))) or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"there is no {name} in this package nor on $PATH")
    return found


def above_streams(number: int) -> int:
    """A descriptor above the standard streams: where one of those is closed, a new one would get its number, and what is
    printed."""
    if number > 2:
        return number
    try:
        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(number)


def pair_above_streams() -> Tuple[socket.socket, socket.socket]:
    ends = socket.socketpair()
    return socket.socket(fileno=above_streams(ends[0].detach())), socket.socket(fileno=above_streams(ends[1].detach()))


class _Daemon(subprocess.Popen):
    """doliumd, with the end of a socket that it lives as long as, and the file that it logs to.

    It runs in a session of its own: Ctrl-C in a terminal, or a notebook's interrupt, is not for it.
    """

    def __init__(self, command: List[str], **options: Any) -> None:
        with tempfile.TemporaryFile(prefix="dolium-log-") as file:
            self._log = open(above_streams(os.dup(file.fileno())), "r+b", buffering=0)
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)  # it writes through the same file description
        self._lifeline, theirs = pair_above_streams()
        _daemons.add(self)
        with theirs:
            number = theirs.fileno()
            super().__init__([*command, "--starter-fd", str(number)], stdin=subprocess.DEVNULL, stderr=self._log,
                             pass_fds=[number], start_new_session=True, **options)

    def wait_until_it_serves(self) -> None:
        """It says so itself, over a socket that no other daemon has: none that happens to serve there is taken for it."""
        self._lifeline.settimeout(START_SECONDS)
        try:
            said = self._lifeline.recv(len(_SERVES), socket.MSG_WAITALL)
        except socket.timeout:
            raise RuntimeError(f"doliumd did not serve within {START_SECONDS} s{self._what_it_said()}") from None
        if said != _SERVES:  # it let go of its end: it has ended, or is about to
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(STOP_SECONDS)
            raise RuntimeError(f"doliumd ended with status {self.returncode}{self._what_it_said()}")

    def _what_it_said(self) -> str:
        text = self._take_log()
        return f": {text}" if text else ""

    def _take_log(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), size, 0).decode(errors="backslashreplace").strip()
        self._log.truncate(0)
        return text

    def stop(self) -> None:
        """Asks it to end, and makes sure. What it has logged goes to standard error."""
        self.terminate()
        try:
            self.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
        self._lifeline.close()
        if not self._log.closed:
            text = self._take_log()
            self._log.close()
            if text and sys.stderr is not None:
                print(text, file=sys.stderr)

    def let_go(self) -> None:
        """In a forked child: the daemon is the parent's, and ends with that."""
        self._lifeline.close()


_daemons: weakref.WeakSet = weakref.WeakSet()


def _let_go_in_child() -> None:
    for daemon in list(_daemons):
        daemon.let_go()


os.register_at_fork(after_in_child=_let_go_in_child)


def launch(capacity: Union[int, str], path: Union[str, os.PathLike], *arguments: str) -> subprocess.Popen:
    """Starts doliumd and waits until it serves: its Popen. RuntimeError, with what it said, if it does not.

    The daemon ends with this process, however that ends. It is not ended by Ctrl-C in a terminal.
    """
    daemon = _Daemon([program("doliumd"), "--capacity", str(parse_size(capacity)), "--socket", os.fspath(path),
                      "--log-level", "warning", *arguments])
    try:
        daemon.wait_until_it_serves()
    except BaseException:
        stop(daemon)
        raise
    return daemon


def stop(daemon: subprocess.Popen) -> None:
    """Asks a daemon that launch() started to end, and makes sure. What it has logged goes to standard error."""
    assert isinstance(daemon, _Daemon)
    daemon.stop()


@contextlib.contextmanager
def start_store(capacity: Union[int, str] = "1GiB", *arguments: str,
                path: Optional[Union[str, os.PathLike]] = None) -> Iterator[str]:
    """A daemon for the length of a `with` block, which is given its socket's path. Arguments go to doliumd.

    The daemon is this process's own. RuntimeError, with what it said, when it cannot start: another daemon on `path`,
    say, is left alone. It ends with the block, or with this process, however that ends; Ctrl-C in a terminal, or a
    notebook's interrupt, does not end it.
    """
    with tempfile.TemporaryDirectory(prefix="dolium-") as folder:
        where = os.fsdecode(path) if path is not None else os.path.join(folder, "dolium.sock")
        daemon = launch(capacity, where, *arguments)
        try:
            yield where
        finally:
            stop(daemon)
