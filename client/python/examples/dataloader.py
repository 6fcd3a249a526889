"""Eight DataLoader-style workers over one dataset, without a copy.

The dataset is put into the store once, as shards. A parent opens it and forks the workers, which use the inherited
objects. Each worker reads the whole dataset in its own order, in batches that are views of shared memory. While all
workers hold all shards, the parent adds up the proportional set sizes of all processes (PSS: private memory, plus a
share of shared memory). The sum is little more than one dataset.

    python dataloader.py [--size 1GiB] [--workers 8]
"""

import argparse
import multiprocessing
import os
import random

import dolium
import numpy as np
from dolium.text import parse_size, size_text

SHARD = 16 << 20
FEATURES = 256


class ShardedDataset:
    """Rows of float32 in shards. Each shard is an object. It takes the place of a torch Dataset."""

    def __init__(self, client, ids):
        self.shards = [client.get(id) for id in ids]

    def batches(self, rows, seed):
        """Yields each row once, in batches in random order. A batch is a view."""
        places = [(shard, start) for shard in range(len(self.shards))
                  for start in range(0, len(self.shards[shard]), rows)]
        random.Random(seed).shuffle(places)
        for shard, start in places:
            yield self.shards[shard][start:start + rows]


def write_dataset(client, size):
    rng = np.random.default_rng(0)
    template = rng.random((SHARD // 4 // FEATURES, FEATURES), dtype=np.float32)
    ids, total = [], 0.0
    for number in range(max(1, size // SHARD)):
        template[0, 0] = number
        ids.append(client.put(template, pinned=True))
        total += float(template.sum(dtype=np.float64))
    return ids, total


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def work(dataset, seed, done, measured):
    """Runs in a forked child, with the dataset that its parent opened."""
    done.put(sum(float(batch.sum(dtype=np.float64)) for batch in dataset.batches(256, seed)))
    measured.wait(120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1GiB", type=parse_size)
    parser.add_argument("--workers", default=8, type=int)
    options = parser.parse_args()

    context = multiprocessing.get_context("fork")
    with dolium.start_store(options.size + options.size // 64 + (1 << 20)) as path:
        with dolium.Client(path) as writer:
            ids, expected = write_dataset(writer, options.size)
        client = dolium.Client(path, read_only=True)
        dataset = ShardedDataset(client, ids)
        dataset_bytes = sum(client.metadata(id).data_size for id in ids)
        done, measured = context.Queue(), context.Event()
        workers = [context.Process(target=work, args=(dataset, seed, done, measured))
                   for seed in range(options.workers)]
        for worker in workers:
            worker.start()
        totals = [done.get(timeout=300) for _ in workers]
        each = [pss(worker.pid) for worker in workers] + [pss(os.getpid())]
        measured.set()
        for worker in workers:
            worker.join(60)
        assert all(abs(total - expected) < 1e-6 * expected for total in totals), (totals, expected)
    ratio = sum(each) / dataset_bytes
    print(f"a parent and {options.workers} workers over {size_text(dataset_bytes)}: PSS {size_text(sum(each))}, "
          f"{ratio:.3f} x the dataset (copies would be {options.workers} x)")
    assert ratio <= 1.15, "the workers hold copies"


if __name__ == "__main__":
    main()
