"""What Python pays, and what the same work costs elsewhere.

    python bench.py [--quick] [--json]        (scripts/bench calls it so)

Calls: p50 and p99 of single calls, by perf_counter_ns around each (its own cost, about 0.05 us, is in the figures).

Large arrays: 64 MiB put and read, in alternation with the C++ library's own put of the same bytes (put_raw is that call
and nothing else) and with reading what its get gives (get_raw, likewise); the ratio is the median over the rounds.

Handover: a process puts an array, another reads all of it and answers: the time until the answer is there. Dolium,
multiprocessing.shared_memory, a pipe, and Redis where redis-server and redis-py are installed.
"""

import argparse
import contextlib
import json
import multiprocessing
import multiprocessing.shared_memory
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import dolium
import numpy as np

KIB, MIB = 1 << 10, 1 << 20


def now():
    return time.perf_counter_ns()


class Report:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, note=""):
        self.rows.append({"name": name, "value": value, "unit": unit, "note": note})
        print(f"{name:<44} {value:>10.2f} {unit:<5} {note}", file=sys.stderr, flush=True)


# ---- single calls ----


def percentiles(call, argument, count):
    times = []
    for _ in range(count):
        begin = now()
        result = call(argument)
        times.append(now() - begin)
        del result
    times.sort()
    return times[count // 2] / 1e3, times[count * 99 // 100] / 1e3


def single_calls(report, client, count):
    raw, typed = client.put_raw(bytes(KIB)), client.put(bytes(KIB))
    vector, matrix = client.put(np.zeros(128)), client.put(np.zeros((16, 8)))
    for name, call, id, goal in (
        ("get_raw, 1 KiB", client.get_raw, raw, "goal 1.5"), ("get, 1 KiB of bytes", client.get, typed, "goal 3"),
        ("get, 1 KiB, array of one dimension", client.get, vector, "goal 3"),
        ("get, 1 KiB, array of two dimensions", client.get, matrix, "goal 3"), ("exists", client.exists, raw, ""),
    ):
        p50, p99 = percentiles(call, id, count)
        report.add(name, p50, "us", f"p50; p99 {p99:.2f}; {goal}")
    p50, p99 = percentiles(client.put, bytes(KIB), count // 50)
    report.add("put, 1 KiB of bytes", p50, "us", f"p50; p99 {p99:.2f}")


# ---- large arrays ----


def seconds(call):
    begin = now()
    result = call()
    return (now() - begin) / 1e9, result


def large_arrays(report, client, rounds):
    array = np.random.default_rng(0).random(8 * MIB)
    plain = array.reshape(-1).view(np.uint8)
    strided = np.empty((8 * MIB, 2))[:, 0]
    strided[:] = array
    puts, cpp, reads, raw_reads, strides = [], [], [], [], []
    for round_number in range(rounds + 2):
        figures = {}
        order = [("put", lambda: client.put(array)), ("cpp", lambda: client.put_raw(plain))]
        for name, call in order if round_number % 2 else order[::-1]:
            figures[name], id = seconds(call)
            if name == "put":
                client.get(id).sum()  # whoever reads first pays for mapping the pages
                figures["read"], _ = seconds(lambda id=id: client.get(id).sum())
                figures["raw"], _ = seconds(lambda id=id: np.frombuffer(client.get_raw(id)).sum())
            client.remove(id)
        figures["strided"], id = seconds(lambda: client.put(strided))
        client.remove(id)
        if round_number >= 2:  # the first rounds pay for fresh pages
            for name, into in (("put", puts), ("cpp", cpp), ("read", reads), ("raw", raw_reads), ("strided", strides)):
                into.append(figures[name])
    rate = array.nbytes / 1e9
    report.add("put, 64 MiB array", rate / statistics.median(puts), "GB/s",
               f"{statistics.median(c / p for c, p in zip(cpp, puts)):.2f} x the C++ put; goal 0.9")
    report.add("get and sum, 64 MiB array", rate / statistics.median(reads), "GB/s",
               f"{statistics.median(o / r for o, r in zip(raw_reads, reads)):.2f} x the C++ get; goal 0.9")
    report.add("put, 64 MiB strided array", rate / statistics.median(strides), "GB/s", "one copy")


# ---- handover ----


class Dolium:
    name = "dolium"

    def __init__(self, path):
        self.client = dolium.Client(path)

    def send(self, array):
        self.id = self.client.put(array)
        return self.id

    def receive(self, id):
        return self.client.get(id, 10).sum()

    def done(self):
        self.client.remove(self.id)


class SharedMemory:
    name = "multiprocessing.shared_memory"

    def __init__(self, _path):
        pass

    def send(self, array):
        self.block = multiprocessing.shared_memory.SharedMemory(create=True, size=array.nbytes)
        np.ndarray(array.shape, array.dtype, self.block.buf)[:] = array
        return self.block.name, array.shape, array.dtype

    def receive(self, sent):
        name, shape, dtype = sent
        block = multiprocessing.shared_memory.SharedMemory(name)
        try:
            return np.ndarray(shape, dtype, block.buf).sum()
        finally:
            block.close()

    def done(self):
        self.block.close()
        self.block.unlink()


class Pipe:
    """The array itself goes through the pipe that carries the names of the others."""

    name = "pipe"

    def __init__(self, _path):
        pass

    def send(self, array):
        return pickle.dumps(array, 5)

    def receive(self, data):
        return pickle.loads(data).sum()

    def done(self):
        pass


class Redis:
    name = "redis"

    def __init__(self, path):
        import redis

        self.redis = redis.Redis(unix_socket_path=path + ".redis")

    def send(self, array):
        self.redis.set("array", memoryview(array.view(np.uint8)))
        return array.dtype.str

    def receive(self, dtype):
        return np.frombuffer(self.redis.get("array"), dtype).sum()

    def done(self):
        self.redis.delete("array")


def serve(kind, path, pipe):
    receiver = kind(path)
    while (sent := pipe.recv()) is not None:
        pipe.send(receiver.receive(sent))


@contextlib.contextmanager
def redis_server(path):
    command = [shutil.which("redis-server"), "--port", "0", "--unixsocket", path + ".redis", "--save", "", "--loglevel",
               "warning", "--dir", os.path.dirname(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(1000):
            if os.path.exists(path + ".redis"):
                break
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait(10)


def why_no_redis():
    try:
        import redis  # noqa: F401
    except ImportError:
        return "redis-py is not installed"
    return None if shutil.which("redis-server") else "redis-server is not installed"


def handover(report, path, kind, size, rounds):
    array = np.random.default_rng(0).random(size // 8)
    expected = array.sum()
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    worker = context.Process(target=serve, args=(kind, path, theirs), daemon=True)
    worker.start()
    sender, times = kind(path), []
    for _ in range(rounds + 2):
        begin = now()
        mine.send(sender.send(array))
        answer = mine.recv()
        times.append((now() - begin) / 1e3)
        assert answer == expected
        sender.done()
    mine.send(None)
    worker.join(30)
    text = f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"
    report.add(f"handover, {text}, {kind.name}", statistics.median(times[2:]), "us", "p50")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    options = parser.parse_args()
    report, rounds = Report(), 7 if options.quick else 31
    with tempfile.TemporaryDirectory() as folder, dolium.start_store("1GiB", path=folder + "/socket") as path:
        with dolium.Client(path) as client:
            single_calls(report, client, 20_000 if options.quick else 200_000)
            large_arrays(report, client, rounds)
        kinds = [Dolium, SharedMemory, Pipe]
        with contextlib.ExitStack() as servers:
            missing = why_no_redis()
            if missing is None:
                servers.enter_context(redis_server(path))
                kinds.append(Redis)
            else:
                print(f"handover by redis: skipped, {missing}", file=sys.stderr)
            for size in (KIB, MIB, 64 * MIB):
                for kind in kinds:
                    handover(report, path, kind, size, rounds * (10 if size < MIB else 1))
    if options.json:
        print(json.dumps({"python": sys.version.split()[0], "numpy": np.__version__, "figures": report.rows}, indent=1))


if __name__ == "__main__":
    main()
