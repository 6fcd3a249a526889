"""The interface, on both kinds of store."""

import asyncio
import contextlib
import datetime
import gc
import os
import pickle
import socket
import threading

import dolium
import pytest
from conftest import eventually
from dolium import ObjectId, codecs

ID = ObjectId.from_name("test")


def test_what_is_put_can_be_got(store):
    assert bytes(store.get_raw(store.put_raw(b"salve"))) == b"salve"
    assert store.put_raw(b"salve", ID) == ID
    assert store.exists(ID) and ID in store


def test_zero_bytes_are_an_object(store):
    obj = store.get_raw(store.put_raw(b""))
    assert len(obj) == 0 and bytes(obj) == b"" and bytes(memoryview(obj)) == b"" and obj.tobytes() == b""
    assert bytes(obj.metadata) == b""
    with store.create(ID, 0):
        pass
    assert store.get(ID) == b""


def test_metadata_tag_and_name_are_recorded(store):
    store.put_raw(b"data", ID, metadata=b"about", type_tag=7, type_name="seven", pinned=True, time_to_live=100,
                  time_to_idle=datetime.timedelta(hours=1))
    obj = store.get_raw(ID)
    assert (bytes(obj.metadata), obj.type_tag, obj.id, obj.size, obj.nbytes) == (b"about", 7, ID, 4, 4)
    known = store.metadata(ID)
    assert (known.type_name, known.is_pinned, known.state, known.data_size, known.metadata_size) == (
        "seven", True, "sealed", 4, 5)
    assert known.time_to_live == datetime.timedelta(seconds=100)
    assert known.time_to_idle == datetime.timedelta(hours=1)
    assert known.created_at <= known.sealed_at
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(now - known.created_at) < datetime.timedelta(minutes=1)


def test_metadata_alone_keeps_the_object(store):
    view = store.get_raw(store.put_raw(b"data", ID, metadata=b"about")).metadata
    gc.collect()
    assert store.metadata(ID).ref_count == 1
    assert view.readonly and bytes(view) == b"about"
    del view
    assert store.metadata(ID).ref_count == 0


def test_what_is_not_there(store):
    with pytest.raises(dolium.ObjectNotFound) as raised:
        store.get_raw(ID)
    assert ID.hex() in str(raised.value)
    with pytest.raises(KeyError):
        store.get(ID)
    with pytest.raises(dolium.StoreTimeout):
        store.get_raw(ID, 0.01)
    with pytest.raises(TimeoutError):
        store.get(ID, timeout=datetime.timedelta(milliseconds=5))
    with pytest.raises(dolium.ObjectNotFound):
        store.metadata(ID)
    assert not store.exists(ID) and not store.remove(ID)


def test_a_taken_id(store):
    store.put(1, ID)
    with pytest.raises(FileExistsError):
        store.put(2, ID)
    with pytest.raises(dolium.ObjectExists):
        store.create(ID, 10)
    assert store.get(ID) == 1


def test_too_large_and_full(store):
    capacity = store.stats().capacity
    with pytest.raises(dolium.TooLarge):
        store.create(ID, capacity + 1)
    held = store.create(ID, capacity)
    with pytest.raises(MemoryError):
        store.create(None, 4096)
    with pytest.raises(dolium.StoreTimeout):
        store.create(None, 4096, timeout=0.01)
    held.abort()
    store.put(1, ID)


def test_many_at_once(store):
    ids = store.put_many([b"a", "b", 3, None])
    assert store.get_many(ids) == [b"a", "b", 3, None]
    assert store.exists_many([ids[0], ID, ids[0]]) == [True, False, True]
    assert store.get_many([ids[1], ID, ids[1]], 0.01, default=...) == ["b", ..., "b"]
    assert store.get_many_raw([ID]) == [None] and store.get_many([]) == []
    assert store.put_many({ID: "named"}) == [ID] and store.get(ID) == "named"
    with pytest.raises(dolium.ObjectExists):
        store.put_many([("x", 1)][:0] or {ObjectId.from_name("new"): 1, ID: 2})
    assert store.get(ObjectId.from_name("new")) == 1


def test_get_many_with_a_count(store):
    first, second = store.put(1), store.put("b")
    assert store.get_many([first, ID, second], None, count=1) == [1, None, "b"]
    assert store.get_many([first, ID, second], None, count=2, default=...) == [1, ..., "b"]
    assert store.get_many([first, ID], 0.01, count=2) == [1, None]
    assert store.get_many_raw([ID], count=1) == [None]
    results = []
    waiter = threading.Thread(target=lambda: results.append(store.get_many([ID, second, dolium.ObjectId.random()], 60, count=2)))
    waiter.start()
    eventually(lambda: store.stats().waiting_gets == 1)
    store.put("a", ID)
    waiter.join(60)
    assert results == [["a", "b", None]]
    for count in (0, 2):
        with pytest.raises(dolium.InvalidArgument):
            store.get_many([ID], count=count)


def test_take(store):
    id = store.put("salve")
    assert store.take(id) == "salve"
    assert not store.exists(id)
    with pytest.raises(dolium.ObjectNotFound):
        store.take(id)
    with pytest.raises(dolium.StoreTimeout):
        store.take(id, timeout=0.01)
    store.put_raw(b"bytes", id, metadata=b"meta", pinned=True)
    taken = store.take_raw(id)
    assert bytes(taken) == b"bytes" and bytes(taken.metadata) == b"meta"
    assert store.stats().retired_count == 1
    del taken
    eventually(lambda: store.stats().used_bytes == 0)


def test_take_waits_and_one_of_several_gets_it(store):
    results = []

    def take():
        results.append(store.take(ID, 60))

    takers = [threading.Thread(target=take) for _ in range(3)]
    for taker in takers:
        taker.start()
    eventually(lambda: store.stats().waiting_gets == 3)
    for n in range(3):
        store.put(n, ID, timeout=60)
        eventually(lambda: len(results) == n + 1)
    for taker in takers:
        taker.join(60)
    assert sorted(results) == [0, 1, 2]


def test_what_was_taken_and_cannot_be_read_is_in_the_exception(store):
    id = store.put_raw(b"??", type_tag=12345)
    with pytest.raises(dolium.TypeMismatch) as raised:
        store.take(id)
    assert bytes(raised.value.taken) == b"??" and not store.exists(id)


def test_remove_while_held(store):
    obj = store.get_raw(store.put_raw(b"salve", ID))
    assert store.remove(ID) and not store.exists(ID)
    store.put_raw(b"again", ID)
    assert bytes(obj) == b"salve" and bytes(store.get_raw(ID)) == b"again"


def test_pin_evict_clear(store):
    pinned, free = store.put_raw(bytes(1000)), store.put_raw(bytes(1000))
    store.pin(pinned)
    assert store.evict("64MiB") >= 1000
    assert store.exists(pinned) and not store.exists(free)
    store.unpin(pinned)
    store.unpin(pinned)
    assert store.evict(1) >= 1000
    store.pin(store.put(1))
    store.clear()
    assert store.list() == [] and store.stats().total_objects == 0


def test_metadata_tells_who_holds_and_who_waits(store):
    builder = store.create(ID, 100)
    handle = []
    waiter = threading.Thread(target=lambda: handle.append(store.get_raw(ID, 20)))
    waiter.start()
    eventually(lambda: store.metadata(ID).waiters)
    known = store.metadata(ID)
    assert known.state == "unsealed" and known.holders == ()
    assert [(each.pid, each.references) for each in known.waiters] == [(os.getpid(), 0)]
    builder.seal()
    waiter.join()
    held = [handle[0], store.get_raw(ID)]
    known = store.metadata(ID)
    assert known.waiters == () and known.creator_pid == os.getpid() and known.creator_command
    (holder,) = known.holders
    assert holder.pid == os.getpid() and holder.references == len(held) == known.ref_count
    assert holder.session_id in [each.session_id for each in store.clients()]
    assert store.list()[0].holders == ()  # one by one only


def test_stats_tell_of_the_last_refusal():
    store = dolium.InProcessStore("1MiB")
    assert store.stats().last_refusal is None and store.stats().server_pid == 0
    held = store.get_raw(store.put(b"x" * 700_000))
    with pytest.raises(dolium.StoreFull) as refused:
        store.create(ID, 500_000)
    refusal = store.stats().last_refusal
    assert (refusal.id, refusal.size, refusal.code) == (ID, 500_000, "out_of_memory")
    assert refusal.reason in str(refused.value) and refusal.by.pid == os.getpid()
    assert refusal.largest_free_extent <= refusal.free_bytes < 500_000
    assert refusal.cause == "room" and refusal.obstacles.held_bytes + refusal.obstacles.movable_bytes > 0
    assert refusal.obstacles.largest_run < 500_000
    (holder,) = refusal.holders
    assert holder.pid == os.getpid() and holder.bytes_held >= held.nbytes
    assert refusal.ago >= datetime.timedelta(0)


def test_clients_tell_what_they_are_at(client):
    held = client.get_raw(client.put(1))
    builder = client.create(None, 100)
    (mine,) = [each for each in client.clients() if each.references]
    assert not (mine.left or mine.orphaned or mine.quarantined) and mine.unsealed_count == 1
    assert mine.origin == dolium.ClientOrigin(os.getpid(), socket.gethostname(), os.environ.get("POD_NAME", ""))
    assert client.stats().pid_namespace == os.stat("/proc/self/ns/pid").st_ino
    assert mine.longest_held >= datetime.timedelta(0) and mine.oldest_unsealed >= datetime.timedelta(0)
    assert client.stats().server_pid > 0 and client.stats().server_version == dolium.__version__
    builder.abort()
    del held


def test_stats_list_clients(store):
    id = store.put_raw(bytes(1000))
    stats = store.stats()
    assert stats.total_objects == 1 and stats.capacity == stats.used_bytes + stats.free_bytes
    assert [each.id for each in store.list()] == [id]
    obj = store.get_raw(id)
    assert sum(each.references for each in store.clients()) == 1 == store.stats().in_use_count
    assert store.stats().hit_ratio > 0
    del obj
    assert isinstance(stats.uptime, datetime.timedelta)
    with pytest.raises(AttributeError):
        stats.capacity = 1


def test_expiry(store):
    store.put(1, ID, time_to_live=0.001)
    assert eventually(lambda: not store.exists(ID))


def test_arguments_that_make_no_sense(store):
    for wrong in (b"x" * 20, "name", None, 1):
        with pytest.raises(TypeError):
            store.get_raw(wrong)
        with pytest.raises(TypeError):
            store.exists(wrong)
        with pytest.raises(TypeError):
            store.remove(wrong)
    for call in (lambda: store.get_raw(), lambda: store.get_raw(ID, 0, 0), lambda: store.get_raw(ID, id=ID),
                 lambda: store.get_raw(ID, wait=1), lambda: store.get_raw(ID, "soon"), lambda: store.put(ID, "value"),
                 lambda: store.get_many([1]), lambda: store.put_raw("text")):
        with pytest.raises(TypeError):
            call()
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError):
            store.get_raw(ID, wrong)
    with pytest.raises(ValueError):
        store.put(1, time_to_live=0)
    with pytest.raises(dolium.TooLarge):
        store.put_raw(b"", metadata=bytes(70_000))
    with pytest.raises(BufferError):
        store.put_raw(memoryview(bytes(10))[::2])
    assert store.get_raw(id=store.put(1), timeout=1).size == 8


def test_a_waiting_get_is_woken_by_a_seal(store):
    got = []
    thread = threading.Thread(target=lambda: got.append(store.get(ID, None)))
    thread.start()
    eventually(lambda: store.stats().waiting_gets == 1)
    store.put("salve", ID)
    thread.join(20)
    assert got == ["salve"]


def test_a_waiting_get_in_the_main_thread_is_woken_too(store):
    thread = threading.Thread(
        target=lambda: eventually(lambda: store.stats().waiting_gets == 1) and store.put("salve", ID))
    thread.start()
    assert store.get(ID, None) == "salve"
    thread.join(20)
    assert store.stats().miss_count == 0 or store.stats().hit_count >= 1


def test_a_waiting_create_gets_room(store):
    capacity = store.stats().capacity
    first = store.create(None, capacity)
    thread = threading.Thread(
        target=lambda: eventually(lambda: store.stats().waiting_creates == 1) and first.abort())
    thread.start()
    with store.create(ID, 1000, timeout=30) as builder:
        builder[:4] = b"room"
    thread.join(20)
    assert store.get_raw(ID)[:4] == b"room"


def test_threads_share_a_store(store):
    failures = []

    def work(number):
        try:
            for i in range(200):
                id = store.put(f"{number}/{i}")
                assert store.get(id) == f"{number}/{i}"
                assert store.remove(id)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == [] and store.stats().total_objects == 0


def test_closing(store):
    other = dolium.Client(store.path) if isinstance(store, dolium.Client) else dolium.InProcessStore("1MiB")
    obj = other.get_raw(other.put("salve"))
    other.close()
    other.close()
    assert other.closed and "closed" in repr(other)
    assert bytes(obj) == b"salve"
    with pytest.raises(ConnectionError):
        other.get_raw(ID)
    with pytest.raises(dolium.Disconnected):
        other.put(1)


WAITS = {
    "get": lambda other: other.get(ID, None),
    "get with a deadline": lambda other: other.get_raw(ID, 300),
    "get_many": lambda other: other.get_many([ID, ObjectId.from_name("other")], None),
    "wait": lambda other: other.wait([ID], timeout=None),
    "create": lambda other: other.create(ID, other.stats().capacity, timeout=None),
    "put": lambda other: other.put(bytes(other.stats().capacity), ID, timeout=300),
    "events": lambda other: [None for _ in other.subscribe()],
}


@pytest.mark.parametrize("wait", WAITS)
def test_closing_ends_the_waits_of_other_threads(store, wait):
    other = dolium.Client(store.path) if isinstance(store, dolium.Client) else store
    held = other.create(None, other.stats().capacity) if wait in ("create", "put") else None
    ended = []

    def work():
        try:
            WAITS[wait](other)
        except dolium.DoliumError as error:
            ended.append(type(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    if wait != "events":
        eventually(lambda: other.stats().waiting_gets + other.stats().waiting_creates >= 3)
    other.close()
    for thread in threads:
        thread.join(60)
    assert ended == [dolium.Disconnected] * 3
    del held
    if isinstance(store, dolium.Client):
        assert store.stats().waiting_gets + store.stats().waiting_creates == 0


def test_get_many_counts_a_miss_once():
    store = dolium.InProcessStore("1MiB")
    there, missing = store.put(1), [ObjectId.from_name(str(i)) for i in range(3)]
    assert store.get_many([there, *missing], 1.2) == [1, None, None, None]  # more than two slices of a wait
    stats = store.stats()
    assert (stats.hit_count, stats.miss_count) == (1, 3)
    assert store.get_many([there, *missing]) == [1, None, None, None]
    assert (store.stats().hit_count, store.stats().miss_count) == (2, 6)


class Unreadable:
    """Its decoder raises."""


def test_a_kept_exception_does_not_hold_objects(store):
    kept = []
    ids = [store.put_raw(b"123", type_tag=12345), store.put_raw(b"123", type_tag=codecs.scalar_tag("f64", 8)),
           store.put_raw(b"123", type_tag=codecs.NDARRAY), store.put_raw(b"\xff" * 99, type_tag=codecs.ARROW_STREAM),
           store.put_raw(b"\xff" * 99, type_tag=codecs.PICKLE)]
    dolium.register(Unreadable, "test.Raises", lambda value: b"123", raises)
    ids.append(store.put(Unreadable()))
    with contextlib.suppress(ImportError):
        import numpy

        ids.append(store.put({"a": numpy.ones(1000), "b": Unpicklable()}))
    for id in ids:
        for call in (lambda: store.get(id), lambda: store.get_many([store.put(1), id, id]),
                     lambda: asyncio.run(store.get_async(id)), lambda: asyncio.run(store.get_many_async([id, id]))):
            with pytest.raises(Exception) as raised:
                call()
            kept.append(raised.value)
    assert len(kept) == 4 * len(ids) and all(each.__traceback__ is not None for each in kept)
    assert [each.id for each in store.list() if each.ref_count] == []


def test_what_was_being_handled_keeps_its_variables(store):
    def own():
        mine = "kept"
        raise LookupError(mine)

    try:
        own()
    except LookupError as error:
        with pytest.raises(dolium.TypeMismatch):
            store.get(store.put_raw(b"123", type_tag=12345))
        assert error.__traceback__.tb_next.tb_frame.f_locals["mine"] == "kept"


def raises(obj):
    view = memoryview(obj)
    try:
        raise KeyError(view[0])
    except KeyError:
        raise RuntimeError("a decoder's own error")


def fail():
    raise ArithmeticError("while it was unpickled")


class Unpicklable:
    def __reduce__(self):
        return fail, ()


def test_errors_of_arguments_are_ours_and_name_the_argument(store):
    """pybind11's own say only which signatures there are."""
    negative = {"size": lambda: store.create(ID, -1), "type_tag": lambda: store.put_raw(b"", type_tag=-1),
                "size ": lambda: store.evict(-1), "offset": lambda: store.create(None, 10).write(b"", -1),
                "capacity": lambda: dolium.InProcessStore(-1), "max_objects": lambda: dolium.InProcessStore(1 << 20, max_objects=-1)}
    for name, call in negative.items():
        with pytest.raises(dolium.InvalidArgument, match=f"the {name.strip()} is a number from 0 to .*, not -1"):
            call()
    too_much = {"size": lambda: store.create(ID, 1 << 64), "type_tag": lambda: store.put_raw(b"", type_tag=1 << 64),
                "max_objects": lambda: dolium.InProcessStore(1 << 20, max_objects=1 << 32)}
    for name, call in too_much.items():
        with pytest.raises(dolium.InvalidArgument, match=f"the {name} is a number from 0 to"):
            call()
    with pytest.raises(ValueError, match="no eviction policy 'mru': choose one of 'lru', 'lfu', 'fifo', 'adaptive'"):
        dolium.InProcessStore(1 << 20, eviction_policy="mru")
    no_int = {"size": lambda: store.create(ID, 1.5), "type_tag": lambda: store.put_raw(b"", type_tag="x"),
              "offset": lambda: store.create(None, 10).write(b"", "1"), "size ": lambda: store.create(ID, None)}
    for name, call in no_int.items():
        with pytest.raises(TypeError, match=f"the {name.strip()} is an int, not "):
            call()
    no_utf_8 = {"type_name": lambda: store.put_raw(b"", type_name="a\ud800"), "name": lambda: ObjectId.from_name("a\ud800"),
                "id": lambda: ObjectId("\ud800" * 40), "eviction_policy": lambda: dolium.InProcessStore(1 << 20, eviction_policy="\ud800")}
    if isinstance(store, dolium.Client):
        no_utf_8["name "] = lambda: dolium.Client(store.path, name="\ud800")
    for name, call in no_utf_8.items():
        with pytest.raises(dolium.InvalidArgument, match=f"the {name.strip()} .*has a lone surrogate.*: take it out"):
            call()
    with pytest.raises(dolium.InvalidArgument):
        store.put_many([Surrogate()])
    with pytest.raises(TypeError, match="the type_name is a str, not bytes"):
        store.put_raw(b"", type_name=b"bytes")
    with pytest.raises(TypeError, match="the low_water_mark is a number, not str"):
        dolium.InProcessStore(1 << 20, low_water_mark="much")
    for timeout in (1e300, float("inf"), 10**400):
        with contextlib.suppress(TypeError):
            assert store.get(store.put(1), timeout) == 1
    store.put_raw(b"", ID, pinned=1)  # what Python takes for true
    assert store.metadata(ID).is_pinned


class Surrogate:
    pass


codecs.add_encoder(Surrogate, lambda value: codecs.Payload(1, "\ud800", b""))


def test_reprs_tell_size_and_state(store):
    id = store.put_raw(bytes(1536))
    assert "1.5 KiB" in repr(store.get_raw(id)) and id.hex()[:12] in repr(store.get_raw(id))
    builder = store.create(ID, 64 << 20 if isinstance(store, dolium.Client) else 1 << 20)
    assert "MiB" in repr(builder) and "open" in repr(builder)
    builder.abort()
    assert "aborted" in repr(builder)
    assert "objects" in repr(store) and "used" in store._repr_html_()
    assert "Subscription" in repr(store.subscribe())


def test_an_object_is_no_pickle(store):
    obj = store.get_raw(store.put(1))
    with pytest.raises(TypeError):
        pickle.dumps(obj)
    with pytest.raises(TypeError):
        dolium.Object()
    with pytest.raises(TypeError):
        dolium.ObjectBuilder()


def test_events(store):
    with store.subscribe() as events:
        store.put_raw(b"12345", ID, metadata=b"12")
        event = next(events)
        assert event == dolium.Event("sealed", ID, 5, 2, None)
        store.remove(ID)
        assert (events.next(10).kind, ) == ("removed",)
        store.put(1)
        store.evict(1)
        assert events.next().kind == "sealed" and events.next().cause == "evicted"
        with pytest.raises(dolium.StoreTimeout):
            events.next(0)
        with pytest.raises(dolium.StoreTimeout):
            events.next(0.01)
    assert list(events) == []
    with pytest.raises(ValueError):
        events.next()


def test_labels(store):
    import numpy as np

    for label in ("", "epoch-1/loss", "\u00e9" * 127):
        with store.subscribe() as events:
            put, created = store.put(1.5, label=label), dolium.ObjectId.random()
            raw = store.put_raw(b"x", label=label)
            with store.create(created, 3, label=label) as builder:
                assert store.metadata(created).label == label
                builder[:] = b"abc"
            many = store.put_many([1, np.ones((2, 3))[:, ::2], "x"], label=label)
            for id in (put, raw, created, *many):
                assert store.metadata(id).label == label
            assert {events.next(10).label for _ in range(6)} == {label}
            store.remove(put)
            removed = events.next(10)
            assert (removed.kind, removed.label) == ("removed", label)
        assert store.metadata(asyncio.run(store.put_async(1.5, label=label))).label == label
        store.clear()


def test_list_with_a_filter(store):
    store.put(1.5, label="epoch-1/loss")
    store.put(2, label="epoch-2/loss")
    store.put_raw(b"x", type_tag=0xabc)
    with store.create(None, 3, label="epoch-1/draft"):
        labels = lambda **filter: sorted(each.label for each in store.list(**filter))
        assert labels() == ["", "epoch-1/draft", "epoch-1/loss", "epoch-2/loss"]
        assert labels(label_prefix="epoch-1") == ["epoch-1/draft", "epoch-1/loss"]
        assert labels(label_prefix="epoch-1", state="sealed") == ["epoch-1/loss"]
        assert labels(state="unsealed") == ["epoch-1/draft"]
        assert labels(type_name="f64") == ["epoch-1/loss"]
        assert labels(type_name="0000000000000abc") == [""]
        assert len(labels(creator_pid=os.getpid())) == 4
        assert labels(creator_pid=1) == labels(creator_pid=10**15) == []
    with pytest.raises(dolium.InvalidArgument, match="state='open'"):
        store.list(state="open")
    with pytest.raises(dolium.InvalidArgument):
        store.list(creator_pid=-1)


def test_labels_that_cannot_be(store):
    with pytest.raises(dolium.TooLarge, match="a label of 256 bytes; 255 is the limit"):
        store.put(1, label="\u00e9" * 128)
    with pytest.raises(dolium.InvalidArgument):
        store.put(1, label="\ud800")
    with pytest.raises(TypeError, match="the label is a str, not bytes"):
        store.create(None, 1, label=b"bytes")
    assert store.list() == []


def test_closing_a_subscription_ends_a_wait_for_it(store):
    events, heard = store.subscribe(), []
    thread = threading.Thread(target=lambda: heard.append(list(events)))
    thread.start()
    events.close()
    thread.join(20)
    assert heard == [[]]


def test_files(store, tmp_path):
    contents = {tmp_path / name: data for name, data in (("a", b"salve"), ("empty", b""), ("b", bytes(3_000_000)))}
    for path, data in contents.items():
        path.write_bytes(data)
    ids = store.put_files(contents)
    assert {path: store.get(id) for path, id in ids.items()} == contents
    assert dolium.get_file(store, ids[tmp_path / "b"], tmp_path / "copy", progress=False) == 3_000_000
    assert (tmp_path / "copy").read_bytes() == contents[tmp_path / "b"]
    with pytest.raises(FileNotFoundError):
        store.put_files([tmp_path / "missing"])


def test_wait_tells_which_objects_are_there(store):
    ids = [ObjectId.random() for _ in range(4)]
    store.put(1, ids[2])
    assert store.wait(ids, count=1, timeout=None) == [False, False, True, False]
    assert store.wait(iter(ids)) == [False, False, True, False]
    thread = threading.Thread(target=lambda: [store.put(n, ids[n]) for n in (0, 1)])
    thread.start()
    assert store.wait(ids[:3], timeout=None) == [True, True, True]
    thread.join()
    with pytest.raises(dolium.InvalidArgument, match="twice"):
        store.wait([ids[0], ids[0]], 1)
    with pytest.raises(dolium.InvalidArgument):
        store.wait(ids, 5)


def test_an_object_is_removed_as_it_was_listed(store):
    ids = [store.put(n, label="old") for n in range(3)]
    listed = store.list(label_prefix="old")
    assert len({each.seal_stamp for each in listed}) == 3 and all(each.seal_stamp > 0 for each in listed)
    store.remove(ids[0])
    store.put("put anew", ids[0], label="old")
    assert sorted(each.id == ids[0] for each in listed if not store.remove(each)) == [True]
    assert store.get(ids[0]) == "put anew" and store.stats().total_objects == 1
    with store.create(None, 1) as builder:
        with pytest.raises(dolium.NotSealed):
            store.remove(store.metadata(builder.id))


@pytest.mark.parametrize("way", ["put", "put_raw", "create", "put_async", "put_many"])
def test_a_grace_keeps_an_object_until_it_is_got(store, way):
    options = {"grace": datetime.timedelta(minutes=5), "grace_readers": 3}
    if way == "put":
        store.put(1, ID, **options)
    elif way == "put_raw":
        store.put_raw(b"1", ID, **options)
    elif way == "create":
        with store.create(ID, 1, **options):
            pass
    elif way == "put_many":
        store.put_many({ID: 1}, **options)
    else:
        asyncio.run(store.put_async(1, ID, **options))
    known = store.metadata(ID)
    assert datetime.timedelta(minutes=4) < known.grace_left <= datetime.timedelta(minutes=5)
    assert known.grace_readers_left in (1, 3)  # in an InProcessStore, any get ends it
    assert store.evict("1GiB") == 0
    assert (store.stats().graced_count, sum(client.graced_count for client in store.clients())) == (1, 1)


def test_a_grace_can_be_given_later_and_bad_ones_are_refused(store):
    store.put(1, ID)
    store.extend_grace(ID, 60)
    assert store.metadata(ID).grace_left <= datetime.timedelta(seconds=60)
    store.extend_grace(ID, datetime.timedelta(minutes=10), readers=2)
    assert store.metadata(ID).grace_left > datetime.timedelta(minutes=9)
    for wrong, shown in ((3600.5, "3600.5"), (7200, "7200.0"), (datetime.timedelta(days=1), "86400.0"), (float("inf"), "inf")):
        with pytest.raises(dolium.InvalidArgument, match=f"a grace of {shown} s: one hour is the limit"):
            store.extend_grace(ID, wrong)
    with pytest.raises(TypeError, match="a grace is a number of seconds or a timedelta, not NoneType"):
        store.extend_grace(ID, None)
    with pytest.raises(ValueError, match="a grace must be above 0"):
        store.extend_grace(ID, 0)
    for call in (store.extend_grace, lambda id, grace: store.put(2, grace=grace)):
        with pytest.raises(ValueError, match="a grace cannot be negative"):
            call(ID, -1)
        with pytest.raises(ValueError, match="a grace cannot be nan"):
            call(ID, float("nan"))
    with pytest.raises(ValueError, match="a time to live cannot be negative; None means no limit"):
        store.put(2, time_to_live=-1)
    with pytest.raises(TypeError, match="a time to idle is a number of seconds or a timedelta, not str"):
        store.put(2, time_to_idle="1h")
    with pytest.raises(ValueError, match="a timeout cannot be negative; None waits without limit"):
        store.get(ObjectId.from_name("nobody"), -1)
    with pytest.raises(dolium.InvalidArgument, match="0 readers"):
        store.extend_grace(ID, 1, readers=0)
    with pytest.raises(dolium.InvalidArgument, match="but no grace"):
        store.put(2, grace_readers=2)
    with pytest.raises(dolium.ObjectNotFound):
        store.extend_grace(ObjectId.from_name("nobody"), 1)


def test_retention_is_refused_in_words_without_a_disk(store):
    for call in (lambda: store.put(1, retention="keep"), lambda: store.create(None, 10, retention="keep"),
                 lambda: store.put_raw(b"x", retention="keep"), lambda: store.put_many([1, 2], retention="keep"),
                 lambda: store.create_array(None, 3, "f64", retention="keep")):
        with pytest.raises(dolium.InvalidArgument, match="no spill tier"):
            call()
    with pytest.raises(dolium.InvalidArgument, match="retention='forever'"):
        store.put(1, retention="forever")
    id = store.put(1, retention="cache")
    assert (store.metadata(id).retention, store.metadata(id).where) == ("cache", "memory")
    assert store.stats().tier is None


def test_trim_gives_memory_back(store):
    store.trim()
    id = store.put(bytes(8 << 20))
    store.remove(id)
    assert store.trim() >= (8 << 20) - 8192  # parts of pages at both ends may have neighbours
    assert bytes(store.get_raw(store.put_raw(b"x" * (8 << 20)))) == b"x" * (8 << 20)
