#!/usr/bin/env python3
"""Puts objects in each language, and reads them in each other one: README.md has the objects.

matrix.py DOLIUMD LANGUAGE=PROGRAM...    a PROGRAM that is not there is skipped, and named
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time


def start(doliumd, folder):
    """A daemon, as soon as it serves; its socket."""
    socket = os.path.join(folder, "dolium.sock")
    daemon = subprocess.Popen([doliumd, "--socket", socket, "--capacity=64MiB", "--prefault=false"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not os.path.exists(socket):
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"matrix: {doliumd} does not start: status {daemon.poll()}")
        time.sleep(0.01)
    return daemon, socket


def run(doliumd, programs):
    """`programs`: {language: command line}. Returns the failures, as texts."""
    failures = []
    with tempfile.TemporaryDirectory(prefix="dolium-matrix-") as folder:
        daemon, socket = start(doliumd, folder)
        try:
            environment = {**os.environ, "DOLIUM_SOCKET": socket}

            def call(language, *arguments):
                done = subprocess.run([*programs[language], *arguments], env=environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
                if done.returncode != 0:
                    failures.append(f"{language} {' '.join(arguments)}: status {done.returncode}: {done.stdout.strip()}")

            for writer in programs:
                call(writer, "put", writer)
            for reader in programs:
                for writer in programs:
                    call(reader, "get", writer)
        finally:
            daemon.terminate()
            daemon.wait(60)
    return failures


def main(doliumd, *named):
    programs, skipped = {}, []
    for each in named:
        language, _, command = each.partition("=")
        words = shlex.split(command)
        if words and os.path.exists(words[0]):
            programs[language] = words
        else:
            skipped.append(language)
    failures = run(doliumd, programs)
    print("\n".join(failures), end="\n" if failures else "")
    print(f"matrix: {', '.join(programs)}: {len(programs) ** 2} pairs, {len(failures)} failures"
          + (f"; skipped, not there: {', '.join(skipped)}" if skipped else ""))
    return 1 if failures or len(programs) < 2 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
