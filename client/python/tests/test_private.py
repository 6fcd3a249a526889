"""Private copies: arrays that may be written, in one process alone."""

import gc
import os
import pickle
import re
import subprocess
import sys
import weakref

import dolium
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

PAGE = 4096


def own_bytes(array):
    """How many bytes of the mapping that the array lies in are this process's own: copied when they were written."""
    address, inside = array.__array_interface__["data"][0], False
    for line in open("/proc/self/smaps"):
        place = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if place:
            inside = int(place[1], 16) <= address < int(place[2], 16)
        elif inside and line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("not mapped")


@pytest.mark.parametrize("value", [np.arange(10.0), np.arange(100_000.0), np.ones((300, 70), "f4"),
                                   np.asfortranarray(np.ones((300, 70))), np.zeros(0), np.zeros((3, 0)),
                                   np.array(["a", "bc"]), np.zeros(5000, "M8[s]")])
def test_a_private_array_is_writable_and_no_other_get_sees_the_writes(store, value):
    id = store.put(value)
    mine, other = store.get(id, private=True), store.get(id, private=True)
    assert mine.flags.writeable and mine.flags.aligned
    assert mine.flags.f_contiguous == value.flags.f_contiguous
    np.testing.assert_array_equal(mine, value)
    mine[...] = np.full(1, 7, "i4").astype(value.dtype)[0]
    np.testing.assert_array_equal(other, value)
    np.testing.assert_array_equal(store.get(id), value)
    assert not store.get(id).flags.writeable


def test_a_second_client_does_not_see_the_writes(daemon, client):
    id = client.put(np.arange(100_000))
    client.get(id, private=True)[:] = -1
    with dolium.Client(daemon, read_only=True) as other:
        np.testing.assert_array_equal(other.get(id), np.arange(100_000))
        mine = other.get(id, private=True)  # of a client that may only read
        mine += 1
        np.testing.assert_array_equal(other.get(id), np.arange(100_000))


def test_a_private_array_costs_the_pages_that_are_written(store):
    mine = store.get(store.put(np.zeros(64 * PAGE, "u1")), private=True)
    assert own_bytes(mine) == 0
    assert int(mine.sum()) == 0
    assert own_bytes(mine) == 0
    mine[5 * PAGE] = mine[5 * PAGE + 1] = 1
    assert own_bytes(mine) == PAGE
    mine[9 * PAGE:11 * PAGE] = 1
    assert own_bytes(mine) in (3 * PAGE, 4 * PAGE)  # the array need not begin with a page


def test_a_private_array_outlives_its_object_and_its_client(daemon):
    client = dolium.Client(daemon)
    id = client.put(np.arange(50_000))
    mine = client.get(id, private=True)
    assert client.metadata(id).ref_count > 0
    assert client.remove(id)
    client.close()
    gc.collect()
    mine[0] = 5
    np.testing.assert_array_equal(mine[1:], np.arange(1, 50_000))
    with dolium.Client(daemon) as other:
        assert other.stats().retired_count == 1
        del mine
        assert other.stats().retired_count == 0


def test_a_forked_child_has_a_copy_of_its_own(store):
    id = store.put(np.arange(50_000))
    mine = store.get(id, private=True)
    mine[0] = 7
    child = os.fork()
    if child == 0:
        fine = mine[0] == 7 and bool((mine[1:] == np.arange(1, 50_000)).all())
        mine[:] = 0
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert mine[0] == 7 and mine[49_999] == 49_999


def test_frames_and_other_pickles_are_writable(store):
    frame = pd.DataFrame({"a": np.arange(5000.0), "b": np.arange(5000.0)})
    id = store.put(frame)
    mine = store.get(id, private=True)
    mine.loc[0, "a"] = 9.0
    mine["b"] *= 2
    inside = store.get(store.put({"weights": np.ones(5000), "step": 1}), private=True)
    inside["weights"] += 1
    pd.testing.assert_frame_equal(store.get(id), frame)


def test_bytes_come_as_a_writable_view_and_values_as_ever(store):
    for size in (0, 5, 20_000):
        id = store.put(b"x" * size)
        mine = store.get(id, private=True)
        assert isinstance(mine, memoryview) and not mine.readonly and mine.nbytes == size
        mine[:] = b"y" * size
        assert bytes(mine) == b"y" * size and store.get(id) == b"x" * size
    assert store.get(store.put("text"), private=True) == "text"
    assert store.get(store.put(2.5), private=True) == 2.5
    assert store.get(store.put(np.float32(2.5)), private=True) == np.float32(2.5)


@pytest.mark.parametrize("value", [pa.table({"a": [1, 2]}), pa.record_batch({"a": [1, 2]}),
                                   pa.Tensor.from_numpy(np.ones((2, 2)))])
def test_arrow_is_refused_in_words(store, value):
    id = store.put(value)
    with pytest.raises(dolium.InvalidArgument, match="never lets a program write"):
        store.get(id, private=True)
    assert store.metadata(id).ref_count == 0


def test_many_and_asyncio(client):
    import asyncio

    ids = client.put_many([np.zeros(3), np.zeros(5000)])
    for each in client.get_many(ids + [dolium.ObjectId.from_name("nobody")], private=True)[:2]:
        each += 1
    asyncio.run(client.get_async(ids[0], private=True))[:] = 4
    assert all(float(each.sum()) == 0 for each in client.get_many(ids))


def test_a_private_copy_is_a_buffer_like_an_object(store):
    obj = store.get_raw(store.put_raw(b"0123456789" * 2000, metadata=b"about", type_tag=9))
    copy = obj.private_copy()
    assert isinstance(copy, dolium.PrivateCopy)
    assert (copy.id, copy.size, copy.nbytes, len(copy), copy.type_tag) == (obj.id, 20_000, 20_000, 20_000, 9)
    assert bytes(copy.metadata) == b"about" and copy.metadata.readonly
    copy[0] = 65
    copy[1:4] = b"BCD"
    assert copy[0] == 65 and bytes(copy[:5]) == b"ABCD4" and copy.tobytes()[:5] == b"ABCD4" == bytes(copy)[:5]
    assert bytes(obj[:5]) == b"01234" and list(copy)[:2] == [65, 66]
    assert "dolium.PrivateCopy" in repr(copy)
    with pytest.raises(TypeError, match="cannot be deleted"):
        del copy[0]
    with pytest.raises(TypeError, match="dolium.PrivateCopy .* cannot be pickled"):
        pickle.dumps(copy)
    with pytest.raises(TypeError, match="made by a store"):
        dolium.PrivateCopy()
    gone = weakref.ref(copy)
    del copy
    assert gone() is None
    assert store.metadata(obj.id).ref_count == 1


def test_dlpack_and_view_of_a_private_copy_are_writable(store):
    obj = store.get_raw(store.put(np.arange(5000.0)))
    obj.private_copy().view("f8")[:] = 2
    if tuple(map(int, np.__version__.split(".")[:2])) >= (2, 1):  # before, numpy's own from_dlpack() was read-only
        np.from_dlpack(obj.private_copy())[:] = 1
    np.testing.assert_array_equal(store.get(obj.id), np.arange(5000.0))


def test_a_limit_that_refuses_a_private_copy_is_named():
    program = """
import dolium, resource
store = dolium.InProcessStore("64MiB")
obj = store.get_raw(store.put_raw(bytes(8 << 20)))
used = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (used + (2 << 20), resource.RLIM_INFINITY))
try:
    obj.private_copy()
except dolium.StoreFull as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "and its limit RLIMIT_DATA is" in ran.stdout, ran.stderr


def test_what_cannot_be_read_is_not_held(store):
    id = store.put_raw(b"x" * 10_000, type_tag=12345)
    with pytest.raises(dolium.TypeMismatch) as caught:
        store.get(id, private=True)
    assert store.metadata(id).ref_count == 0
    del caught
