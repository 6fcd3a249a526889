"""put and get of one store, in one process: run by `peers`, in the environment of the peer that it names."""

import statistics
import sys
import time

import numpy as np

SIZES = {"1 KiB": 1 << 10, "1 MiB": 1 << 20, "64 MiB": 64 << 20}


def measure(name, put, get, remove):
    for text, size in SIZES.items():
        array = np.random.default_rng(0).random(size // 8)
        puts, gets = [], []
        for _ in range(15 if size > 1 << 20 else 300):
            begin = time.perf_counter_ns()
            ref = put(array)
            middle = time.perf_counter_ns()
            got = get(ref)
            gets.append(time.perf_counter_ns() - middle)
            puts.append(middle - begin)
            assert got[-1] == array[-1]
            del got
            remove(ref)
            del ref
        print(f"{name:<8} {text:>7}  put {statistics.median(puts[2:]) / 1e3:10.1f} us  "
              f"get {statistics.median(gets[2:]) / 1e3:8.1f} us", flush=True)


def with_dolium():
    import dolium

    with dolium.start_store("1GiB") as path, dolium.Client(path) as client:
        measure("dolium", client.put, client.get, client.remove)


def with_plasma():
    import warnings

    warnings.simplefilter("ignore")
    import pyarrow.plasma as plasma

    with plasma.start_plasma_store(1 << 30) as (name, _):
        client = plasma.connect(name)
        measure("plasma", client.put, client.get, lambda ref: client.delete([ref]))


def with_ray():
    import ray

    ray.init(object_store_memory=1 << 30, include_dashboard=False, logging_level="error")
    measure("ray", ray.put, ray.get, lambda ref: None)
    ray.shutdown()


if __name__ == "__main__":
    {"dolium": with_dolium, "plasma": with_plasma, "ray": with_ray}[sys.argv[1]]()
