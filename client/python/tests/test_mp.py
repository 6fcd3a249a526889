"""multiprocessing by reference: what travels as a ticket, for each start method and kind of channel."""

import concurrent.futures
import multiprocessing
import os
import pickle
import signal
from multiprocessing.reduction import ForkingPickler

import dolium
import dolium.mp
import numpy as np
import pyarrow as pa
import pytest
from conftest import eventually

MIB = 1 << 20
METHODS = ["fork", "forkserver", "spawn"]


@pytest.fixture
def shared(client):
    dolium.mp.enable(client, "64KiB")
    yield client
    dolium.mp.disable()


def through(value):
    return ForkingPickler.loads(ForkingPickler.dumps(value))


def lies_in_the_store(array):
    return dolium.mp._object_below(array) is not None


# ---- what runs in the other processes ----


def examine(value):
    """(sum, whether the memory is the store's, whether it can be written to)."""
    return float(value.sum()), lies_in_the_store(value), value.flags.writeable


def examine_and_double(value):
    return examine(value), value * 2


def load_and_sum(message):
    return int(ForkingPickler.loads(message).sum())


def echo(connection):
    while True:
        value = connection.recv()
        if value is None:
            return
        connection.send(value)


def work(jobs, results):
    while True:
        value = jobs.get()
        if value is None:
            return
        results.put(examine(value))


def enabled_worker(path):
    dolium.mp.enable(dolium.Client(path), "64KiB")


# ---- channels ----


@pytest.mark.parametrize("method", METHODS)
def test_arguments_of_a_process_and_queues(shared, method):
    context = multiprocessing.get_context(method)
    jobs, results = context.Queue(), context.Queue()
    process = context.Process(target=work, args=(jobs, results))
    process.start()
    stored = shared.get(shared.put(np.arange(20000.0)))
    for value in (stored, stored[100:], np.ones(20000), np.ones(10)):
        jobs.put(value)
    jobs.put(None)
    answers = [results.get(timeout=60) for _ in range(4)]
    process.join(60)
    assert process.exitcode == 0
    assert answers == [(stored.sum(), True, False), (stored[100:].sum(), True, False), (20000.0, True, False),
                       (10.0, False, True)]
    jobs.close()  # the feeder thread of the queue counts, too
    assert dolium.mp.counts()[:3] == (2, 1, 0)


@pytest.mark.parametrize("method", METHODS)
def test_a_pipe_there_and_back(shared, method):
    context = multiprocessing.get_context(method)
    here, there = context.Pipe()
    process = context.Process(target=echo, args=(there,))
    process.start()
    table = pa.table({"a": np.arange(100000), "b": np.arange(100000.0)})
    for value in (np.arange(100000).reshape(100, 1000), table, table.to_batches()[0], {"x": [np.ones(50000), 1, "two"]}):
        here.send(value)
        back = here.recv()
        if isinstance(value, dict):
            assert np.array_equal(back["x"][0], value["x"][0]) and back["x"][1:] == [1, "two"]
        elif isinstance(value, np.ndarray):
            assert np.array_equal(back, value)
        else:
            assert back.equals(value) and type(back) is type(value)
    here.send(None)
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_and_an_executor(shared, method):
    context = multiprocessing.get_context(method)
    values = [np.full(50000, n, np.float64) for n in range(8)]
    expected = [((value.sum(), True, False), value * 2) for value in values]

    def check(results):
        for (told, doubled), (expected_told, expected_doubled) in zip(results, expected):
            assert told == expected_told and np.array_equal(doubled, expected_doubled) and lies_in_the_store(doubled)

    with context.Pool(2, initializer=enabled_worker, initargs=(shared.path,)) as pool:
        check(pool.map(examine_and_double, values))
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context, initializer=enabled_worker,
                                                initargs=(shared.path,)) as executor:
        check(executor.map(examine_and_double, values))


# ---- what travels how ----


def test_views_of_stored_arrays_arrive_as_the_same_views(shared):
    stored = shared.get(shared.put(np.arange(24, dtype=np.int32).reshape(4, 6)))
    for view in (stored, stored.T, stored[1:3, ::2], stored[::-1], stored[2], stored.reshape(-1)[5:6],
                 stored.view(np.uint8)):
        back = through(view)
        assert np.array_equal(back, view) and back.dtype == view.dtype and back.strides == view.strides
        assert lies_in_the_store(back) and not back.flags.writeable
    assert dolium.mp.counts().by_ticket == 7


@pytest.mark.parametrize("value", [
    np.array(["2026-01-01"] * 20000, "M8[s]"), np.zeros(20000, [("x", "f4"), ("y", "i8")]), np.array(["é"] * 50000),
    np.asfortranarray(np.arange(60000.0).reshape(200, 300)), np.arange(200000.0)[::3], np.ones((0, 5)), np.float32(2.5),
], ids=["dates", "records", "text", "fortran", "strided", "empty", "scalar"])
def test_arrays_of_any_dtype_and_order(shared, value):
    back = through(value)
    assert np.array_equal(back, value) and back.dtype == value.dtype


def test_an_object_arrives_as_an_object(shared):
    obj = shared.get_raw(shared.put_raw(b"salve" * 20000))
    back = through(obj)
    assert isinstance(back, dolium.Object) and back.id == obj.id and bytes(back) == bytes(obj)


def test_arrays_of_python_objects_and_subclasses_travel_by_value(shared):
    objects = np.array([{"a": 1}] * 20000)
    assert through(objects)[7] == {"a": 1}
    assert type(through(np.ones((200, 200)).view(np.matrix))) is np.matrix
    assert dolium.mp.counts() == (0, 0, 0, "")


def test_plain_pickles_never_hold_tickets(shared):
    stored = shared.get(shared.put(np.arange(50000.0)))
    pickled = pickle.dumps(stored)
    assert len(pickled) > stored.nbytes and dolium.mp.counts() == (0, 0, 0, "")
    with pytest.raises(TypeError):
        pickle.dumps(shared.get_raw(shared.put_raw(b"salve")))


def test_after_disable_everything_travels_by_value(shared):
    stored = shared.get(shared.put(np.arange(50000.0)))
    message = ForkingPickler.dumps(stored)
    dolium.mp.disable()
    assert not lies_in_the_store(through(stored))
    assert lies_in_the_store(ForkingPickler.loads(message))  # it was under way


def test_enable_says_what_it_cannot_use(daemon):
    with pytest.raises(TypeError, match="InProcessStore"):
        dolium.mp.enable(dolium.InProcessStore("1MiB"))
    with dolium.Client(daemon, read_only=True) as reader, pytest.raises(dolium.InvalidArgument, match="write access"):
        dolium.mp.enable(reader)


def test_an_object_of_the_same_id_in_another_store_is_not_confused(shared):
    id = dolium.ObjectId.from_name("in two stores")
    shared.put(np.zeros(50000), id)
    with dolium.start_store("64MiB", "--quarantine-seconds=0") as path, dolium.Client(path) as other:
        other.put(np.ones(50000), id)
        assert through(other.get(id)).sum() == 50000.0
        assert dolium.mp.counts()[:3] == (0, 1, 0)


def test_what_was_taken_travels_on(shared):
    once = through(np.arange(50000.0))
    twice = through(once[10:])
    assert np.array_equal(twice, once[10:]) and lies_in_the_store(twice)
    assert dolium.mp.counts()[:3] == (0, 2, 0)


# ---- failures ----


class RemovesAll:
    """Pickled behind other values, it removes the objects of their tickets."""

    def __reduce__(self):
        dolium.mp._state.client.clear()
        return int, ()


def total(value, *_):
    return float(value.sum())


def is_lost(value, *_):
    return repr(value)


def doubled_and_removed(value):
    return value * 2, RemovesAll()


def test_what_was_put_for_a_message_that_cannot_be_pickled_is_removed(shared):
    for again in range(2):
        with pytest.raises(Exception, match="lambda|pickle"):
            ForkingPickler.dumps([np.ones(50000), pa.table({"a": np.ones(50000)}), lambda: 0])
        assert shared.stats().total_objects == 0
    assert through(np.ones(50000)).sum() == 50000
    dolium.mp.disable()
    assert "dump" not in vars(ForkingPickler)


def test_a_receiver_outside_of_pools_is_told_that_the_object_is_gone(shared):
    here, there = multiprocessing.Pipe()
    for make in (lambda: np.ones(50000), lambda: shared.get(shared.put(np.ones(50000))),
                 lambda: shared.get_raw(shared.put_raw(bytes(100000)))):
        here.send((make(), RemovesAll()))
        with pytest.raises(dolium.ObjectNotFound):
            there.recv()


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_goes_on_when_the_object_of_a_task_is_gone(shared, method):
    context = multiprocessing.get_context(method)
    with context.Pool(1, initializer=enabled_worker, initargs=(shared.path,)) as pool:
        pid = pool.apply(os.getpid)
        for make in (lambda: np.ones(50000), lambda: shared.get(shared.put(np.ones(50000)))):
            with pytest.raises(dolium.ObjectNotFound):
                pool.apply_async(total, (make(), RemovesAll())).get(60)
        assert "Lost: " in pool.apply_async(is_lost, (np.ones(50000), RemovesAll())).get(60)
        lost = pool.apply_async(doubled_and_removed, (np.ones(50000),)).get(60)[0]  # on its way back
        assert isinstance(lost, dolium.mp.Lost)
        for use in (lambda: lost.sum(), lambda: np.sum(lost), lambda: lost[0], lambda: lost + 1, lambda: 1 + lost,
                    lambda: list(lost), lambda: bool(lost), lambda: np.ones(3) * lost):
            with pytest.raises(dolium.ObjectNotFound):
                use()
        assert pool.apply(os.getpid) == pid  # the same worker
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context, initializer=enabled_worker,
                                                initargs=(shared.path,)) as executor:
        with pytest.raises(dolium.ObjectNotFound):
            executor.submit(total, np.ones(50000), RemovesAll()).result(60)
        assert executor.submit(abs, -1).result(60) == 1


# ---- life ----


def test_what_was_put_for_a_message_is_gone_after_its_last_use(shared):
    back = through(np.ones(1 * MIB, np.uint8))
    assert shared.stats().total_objects == 0 and back.sum() == MIB
    del back
    assert eventually(lambda: shared.stats().used_bytes == 0)


def test_what_is_under_way_is_not_evicted(shared):
    stored = shared.get(shared.put(np.arange(1 * MIB, dtype=np.uint8)))
    messages = [bytes(ForkingPickler.dumps(stored)), bytes(ForkingPickler.dumps(np.full(MIB, 7, np.uint8)))]
    expected = stored.sum()
    del stored
    for n in range(600):
        shared.put(np.full(MIB, n % 250, np.uint8))
    first, second = (ForkingPickler.loads(message) for message in messages)
    assert first.sum() == expected and second.sum() == 7 * MIB


def test_an_object_that_is_sent_to_several_receivers_waits_for_all(shared):
    id = shared.put(np.arange(MIB, dtype=np.uint8))
    messages = [bytes(ForkingPickler.dumps(shared.get(id))) for _ in range(3)]
    assert shared.metadata(id).grace_readers_left == 3
    with multiprocessing.get_context("fork").Pool(1, initializer=enabled_worker, initargs=(shared.path,)) as pool:
        assert pool.apply(load_and_sum, (messages[0],)) == np.arange(MIB, dtype=np.uint8).sum()
        for n in range(600):
            shared.put(np.full(MIB, n % 250, np.uint8))
        assert pool.apply(load_and_sum, (messages[1],)) == np.arange(MIB, dtype=np.uint8).sum()


def test_the_grace_is_that_of_enable(shared):
    dolium.mp.enable(shared, "64KiB", grace=1000)
    stored = shared.get(shared.put(np.arange(50000.0)))
    ForkingPickler.dumps([stored, np.ones(50000)])
    assert all(900 < each.grace_left.total_seconds() <= 1000 for each in (shared.metadata(row.id) for row in shared.list()))
    for wrong in (0, -1, 3601, float("nan")):
        with pytest.raises(dolium.InvalidArgument, match="one hour"):
            dolium.mp.enable(shared, grace=wrong)


def test_without_room_values_travel_by_value(own_daemon):
    with dolium.Client(own_daemon.path) as client:
        dolium.mp.enable(client)
        try:
            held = [client.get_raw(client.put_raw(bytes(7 * MIB))) for _ in range(8)]
            value = np.ones(16 * MIB, np.uint8)
            assert np.array_equal(through(value), value)
            counts = dolium.mp.counts()
            assert (counts.put, counts.by_value) == (0, 1) and "16" in counts.last_refusal
            del held
        finally:
            dolium.mp.disable()


def test_over_the_quota_of_graces_values_travel_by_value():
    with dolium.start_store("64MiB", "--max-pinned-bytes-per-user=1MiB") as path, dolium.Client(path) as client:
        dolium.mp.enable(client)
        try:
            stored = client.get(client.put(np.full(2 * MIB, 3, np.uint8)))
            for value in (np.ones(2 * MIB, np.uint8), stored):
                assert np.array_equal(through(value), value)
            counts = dolium.mp.counts()
            assert counts[:3] == (0, 0, 2) and "max_pinned_bytes_per_user" in counts.last_refusal
            assert through(np.ones(MIB // 2, np.uint8)).sum() == MIB // 2  # there is quota for this one
            assert dolium.mp.counts()[:3] == (0, 1, 2)
            assert client.stats().graced_count == 0
        finally:
            dolium.mp.disable()


def test_with_the_daemon_gone_held_arrays_travel_by_value(own_daemon):
    client = dolium.Client(own_daemon.path)
    stored = client.get(client.put(np.arange(50000.0)))
    dolium.mp.enable(client)
    try:
        own_daemon.send_signal(signal.SIGKILL)
        own_daemon.wait()
        assert np.array_equal(through(stored), stored) and np.array_equal(through(np.ones(50000)), np.ones(50000))
        assert dolium.mp.counts().by_value == 2
    finally:
        dolium.mp.disable()


def test_a_receiver_that_dies_leaves_nothing_behind(shared):
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    def receive_and_die():
        there.recv()
        os.kill(os.getpid(), signal.SIGKILL)

    process = context.Process(target=receive_and_die)
    process.start()
    here.send(np.ones(MIB, np.uint8))
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert eventually(lambda: shared.stats().used_bytes == 0)
