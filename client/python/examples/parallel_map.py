"""A parallel map over a pandas DataFrame: the frame is put once, and each worker reads its rows in place.

    python parallel_map.py [--rows 1000000] [--workers 4]
"""

import argparse
import multiprocessing

import dolium
import numpy as np
import pandas as pd


def parallel_map(client, frame, function, workers):
    """Calls function(rows) for row ranges of the frame, in worker processes. Returns the results as one frame."""
    frame_id = client.put(frame)
    bounds = np.linspace(0, len(frame), 4 * workers + 1).astype(int)
    # "spawn": a pickled client contains its path, and connects again in the worker.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        tasks = [(client, frame_id, function, start, stop) for start, stop in zip(bounds, bounds[1:])]
        result_ids = pool.starmap_async(_map_rows, tasks).get(300)
    try:
        return pd.concat(client.get_many(result_ids))
    finally:
        for id in [frame_id, *result_ids]:
            client.remove(id)


def _map_rows(client, frame_id, function, start, stop):
    return client.put(function(client.get(frame_id).iloc[start:stop]))


def distance(rows):
    return pd.DataFrame({"r": np.hypot(rows["x"], rows["y"])}, index=rows.index)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=1_000_000, type=int)
    parser.add_argument("--workers", default=4, type=int)
    options = parser.parse_args()
    frame = pd.DataFrame(np.random.default_rng(0).random((options.rows, 2)), columns=["x", "y"])
    with dolium.start_store("512MiB") as path, dolium.Client(path, allow_pickle=True) as client:
        result = parallel_map(client, frame, distance, options.workers)
        pd.testing.assert_frame_equal(result, distance(frame))
        assert client.stats().total_objects == 0
    print(f"{len(result)} rows, mean distance {result['r'].mean():.4f}")


if __name__ == "__main__":
    main()
