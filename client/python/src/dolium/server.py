"""A daemon for this process only: for tests, notebooks and programs that bring their own store.

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

#: Maximum time for a daemon to start serving, and to end after a stop signal.
START_SECONDS = 30
STOP_SECONDS = 10

_SERVES = b"serving\n"  # Starter::kServes of the daemon


def program(name: str) -> str:
    """Returns the path of `doliumd` or `dolium`: in $DOLIUM_BIN, in the package, or on $PATH."""
    folders = [os.environ.get("DOLIUM_BIN", ""), str(pathlib.Path(__file__).parent / "bin")]
    found = shutil.which(name, path=os.pathsep.join(filter(None, folders))) or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is neither in this package nor on $PATH")
    return found


def above_streams(number: int) -> int:
    """Returns a descriptor above the standard streams. If a standard stream is closed, a new descriptor would get its
    number, and the text that is printed."""
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
    """doliumd, with its log file and a socket. doliumd ends when this end of the socket is closed.

    It runs in a session of its own, so that Ctrl-C in a terminal, or a notebook's interrupt, does not reach it.
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
        """Waits until the daemon reports, over a private socket, that it serves. No other daemon can do that."""
        self._lifeline.settimeout(START_SECONDS)
        try:
            said = self._lifeline.recv(len(_SERVES), socket.MSG_WAITALL)
        except socket.timeout:
            raise RuntimeError(f"doliumd did not serve within {START_SECONDS} s{self._what_it_said()}") from None
        if said != _SERVES:  # it closed its end: it has ended, or is about to
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
        """Stops the daemon, if need be with SIGKILL. Prints its log to standard error."""
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
        """In a forked child: leaves the daemon to the parent, and it ends with the parent."""
        self._lifeline.close()


_daemons: weakref.WeakSet = weakref.WeakSet()


def _let_go_in_child() -> None:
    for daemon in list(_daemons):
        daemon.let_go()


os.register_at_fork(after_in_child=_let_go_in_child)


def launch(capacity: Union[int, str], path: Union[str, os.PathLike], *arguments: str) -> subprocess.Popen:
    """Starts doliumd, waits until it serves, and returns its Popen. RuntimeError, with its log, if it does not serve.

    The daemon ends with this process, for any reason. Ctrl-C in a terminal does not end it.
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
    """Stops a daemon that launch() started, if need be with SIGKILL. Prints its log to standard error."""
    assert isinstance(daemon, _Daemon)
    daemon.stop()


@contextlib.contextmanager
def start_store(capacity: Union[int, str] = "1GiB", *arguments: str,
                path: Optional[Union[str, os.PathLike]] = None) -> Iterator[str]:
    """Runs a daemon during a `with` block, which receives the path of its socket. Arguments go to doliumd.

    The daemon belongs to this process. Raises RuntimeError, with the daemon's log, if it cannot start, for example
    because another daemon uses `path`. It ends with the block, or with this process, for any reason. Ctrl-C in a terminal, or a
    notebook's interrupt, does not end it.
    """
    with tempfile.TemporaryDirectory(prefix="dolium-") as folder:
        where = os.fsdecode(path) if path is not None else os.path.join(folder, "dolium.sock")
        daemon = launch(capacity, where, *arguments)
        try:
            yield where
        finally:
            stop(daemon)
