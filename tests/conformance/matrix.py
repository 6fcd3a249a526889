#!/usr/bin/env python3
"""Puts objects in each language, and reads them in each other one: README.md has the objects.

matrix.py DOLIUMD LANGUAGE=PROGRAM...    a PROGRAM that is not there is skipped, and named
matrix.py --figures DOLIUMD LANGUAGE=PROGRAM...
    instead prints what a get with its release costs in each language, and its ratio to the first one's. They run in
    alternation, in short rounds; the figures are medians, and the lowest
"""

import contextlib
import os
import shlex
import statistics
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


@contextlib.contextmanager
def serving(doliumd):
    """The environment of programs that use a daemon."""
    with tempfile.TemporaryDirectory(prefix="dolium-matrix-") as folder:
        daemon, socket = start(doliumd, folder)
        try:
            yield {**os.environ, "DOLIUM_SOCKET": socket}
        finally:
            daemon.terminate()
            daemon.wait(60)


def run(doliumd, programs):
    """`programs`: {language: command line}. Returns the failures, as texts."""
    failures = []
    with serving(doliumd) as environment:
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
    return failures


def figures(doliumd, programs, rounds=401):
    """Prints a line for each language."""
    times = {language: [] for language in programs}
    with serving(doliumd) as environment, contextlib.ExitStack() as running:
        started = {language: running.enter_context(
            subprocess.Popen([*command, "time", language], env=environment, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)) for language, command in programs.items()}
        for number in range(rounds + 100):  # the first ones warm up
            for language, process in started.items():
                gets = 50 if language == "java-data" else 2000
                process.stdin.write(f"{gets}\n")
                process.stdin.flush()
                took = int(process.stdout.readline()) / gets
                if number >= 100:
                    times[language].append(took)
        for process in started.values():
            process.stdin.close()
    first = times[next(iter(times))]
    for language, own in times.items():
        ratio = statistics.median(a / b for a, b in zip(own, first))
        print(f"{language:<10} {statistics.median(own):9.1f} ns {min(own):9.1f} ns  {ratio:8.2f}")


def programs_of(named):
    """Those that are there, by language; the names of the others."""
    programs, skipped = {}, []
    for each in named:
        language, _, command = each.partition("=")
        words = shlex.split(command)
        if words and os.path.exists(words[0]):
            programs[language] = words
        else:
            skipped.append(language)
    return programs, skipped


def main(*arguments):
    timed = arguments[0] == "--figures"
    doliumd, *named = arguments[1:] if timed else arguments
    programs, skipped = programs_of(named)
    if timed:
        figures(doliumd, programs)
        return 0
    failures = run(doliumd, programs)
    print("\n".join(failures), end="\n" if failures else "")
    print(f"matrix: {', '.join(programs)}: {len(programs) ** 2} pairs, {len(failures)} failures"
          + (f"; skipped, not there: {', '.join(skipped)}" if skipped else ""))
    return 1 if failures or len(programs) < 2 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
