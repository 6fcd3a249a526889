"""dolium.plasma, by what pyarrow's own tests of plasma expected."""

import pickle
import struct
import warnings

import dolium
import dolium.plasma as plasma
import numpy as np
import pyarrow as pa
import pytest


@pytest.fixture(scope="module")
def server():
    with plasma.start_plasma_store(64 << 20) as (name, process):
        assert process.poll() is None
        yield name


@pytest.fixture
def client(server):
    client = plasma.connect(server)
    yield client
    client.disconnect()
    with dolium.Client(server) as store:
        store.clear()


@pytest.fixture
def other(server):
    client = plasma.connect(server)
    yield client
    client.disconnect()


def create(client, size=100, metadata=b"", seal=True):
    id = plasma.ObjectID.from_random()
    buffer = client.create(id, size, metadata)
    np.frombuffer(buffer, np.uint8)[:] = np.arange(size) % 251
    if seal:
        client.seal(id)
    return id


def test_object_ids():
    id = plasma.ObjectID(b"x" * 20)
    assert id.binary() == b"x" * 20 and repr(id) == "ObjectID(" + (b"x" * 20).hex() + ")"
    assert pickle.loads(pickle.dumps(id)) == id and hash(id) == hash(plasma.ObjectID(b"x" * 20))
    assert type(pickle.loads(pickle.dumps(id))) is plasma.ObjectID
    assert plasma.ObjectID.from_random() != plasma.ObjectID.from_random()
    assert id != "x" and id in {id}
    for wrong in (b"short", "x" * 20, 1):
        with pytest.raises(ValueError):
            plasma.ObjectID(wrong)


def test_create_write_seal_get(client, other):
    id = plasma.ObjectID.from_random()
    buffer = client.create(id, 1000, metadata=b"about")
    assert isinstance(buffer, plasma.PlasmaBuffer) and buffer.size == 1000 and buffer.is_mutable
    assert not isinstance(b"", plasma.PlasmaBuffer)
    view = memoryview(buffer).cast("B")
    view[:] = bytes(i % 7 for i in range(1000))
    assert not client.contains(id)
    client.seal(id)
    assert client.contains(id) and other.contains(id)
    del view, buffer
    (buffer,) = other.get_buffers([id])
    assert not buffer.is_mutable and buffer.to_pybytes() == bytes(i % 7 for i in range(1000))
    assert other.get_metadata([id])[0].to_pybytes() == b"about"
    ((metadata, data),) = other.get_buffers([id], with_meta=True)
    assert metadata == b"about" and data.equals(buffer)


def test_create_twice_and_seal_unknown(client, other):
    id = create(client)
    for each in (client, other):
        with pytest.raises(plasma.PlasmaObjectExists):
            each.create(id, 10)
        with pytest.raises(pa.ArrowException):
            each.create_and_seal(id, b"")
    with pytest.raises(plasma.PlasmaObjectNotFound):
        client.seal(plasma.ObjectID.from_random())
    with pytest.raises(dolium.ObjectExists):
        client.put(1, id)


def test_store_full(client):
    with pytest.raises(plasma.PlasmaStoreFull):
        client.create(plasma.ObjectID.from_random(), client.store_capacity() + 1)
    held = client.create(plasma.ObjectID.from_random(), client.store_capacity())
    with pytest.raises(plasma.PlasmaStoreFull):
        client.create(plasma.ObjectID.from_random(), 4096)
    assert held.size == client.store_capacity() == 64 << 20


def test_get_that_does_not_find(client):
    ids = [plasma.ObjectID.from_random(), client.put("salve")]
    assert client.get_buffers(ids[:1], timeout_ms=0) == [None]
    assert client.get_buffers(ids[:1], timeout_ms=1, with_meta=True) == [(None, None)]
    assert client.get_metadata(ids[:1], 0) == [None]
    assert client.get(ids, timeout_ms=10) == [plasma.ObjectNotAvailable, "salve"]
    assert client.get(ids[0], timeout_ms=0) is plasma.ObjectNotAvailable


def test_put_and_get(client):
    for value in ["string", 1, 1.5, (1, [2, {"k": b"v"}]), None, {1, 2}, np.arange(5), pa.table({"a": [1, 2]})]:
        got = client.get(client.put(value))
        assert np.array_equal(got, value) if isinstance(value, np.ndarray) else got == value
    id = plasma.ObjectID.from_random()
    assert client.put([1], id) == id and client.get([id, id]) == [[1], [1]]
    with pytest.warns(FutureWarning):
        client.get(id, serialization_context=object())
    with pytest.warns(FutureWarning):
        client.put(1, serialization_context=object())


def test_pickles_can_be_forbidden(server, client):
    careful = plasma.connect(server, allow_pickle=False)
    id = client.put({"a": 1})
    with pytest.raises(dolium.PickleNotAllowed):
        careful.get(id)
    careful.disconnect()


def test_put_raw_buffer_and_tensors(client):
    id = client.put_raw_buffer(b"salve", metadata=b"m")
    assert client.get_buffers([id])[0].to_pybytes() == b"salve" and client.get_metadata([id])[0].to_pybytes() == b"m"
    tensor = pa.Tensor.from_numpy(np.arange(12.0).reshape(3, 4))
    id = plasma.ObjectID.from_random()
    buffer = client.create(id, pa.ipc.get_tensor_size(tensor))
    pa.ipc.write_tensor(tensor, pa.FixedSizeBufferWriter(buffer))
    client.seal(id)
    (buffer,) = client.get_buffers([id])
    assert pa.ipc.read_tensor(pa.BufferReader(buffer)).equals(tensor)


def test_abort(client):
    id = plasma.ObjectID.from_random()
    buffer = client.create(id, 100)
    client.abort(id)
    del buffer
    assert not client.contains(id)
    with pytest.raises(plasma.PlasmaObjectNotFound):
        client.seal(id)
    client.create(id, 100)
    client.seal(id)


def test_hash(client):
    with pytest.raises(plasma.PlasmaObjectNotFound):
        client.hash(plasma.ObjectID.from_random())
    ids = [create(client, 100, b"m"), create(client, 100, b"m"), create(client, 100, b"n"), create(client, 99, b"m")]
    hashes = [client.hash(id) for id in ids]
    assert hashes[0] == hashes[1] and len(set(hashes)) == 3 and {len(each) for each in hashes} == {8}


def test_delete_evict_release(client):
    ids = [create(client) for _ in range(3)]
    held = client.get_buffers(ids[:1])
    unsealed = create(client, seal=False)
    client.delete([ids[0], ids[1], unsealed, plasma.ObjectID.from_random()])
    assert [client.contains(id) for id in ids] == [False, False, True]
    assert held[0].to_pybytes()[:3] == b"\0\1\2"
    client.release(ids[0])
    assert client.evict(1) == 100 and not client.contains(ids[2])


def test_evict_counts_in_bytes_of_objects(client):
    """Data and metadata, and not what the memory was cut to; an object of no bytes counts as none."""
    assert client.evict(1) == 0 == client.evict(0)
    create(client, 1000)
    assert client.evict(1) == 1000
    ids = [create(client, size, b"abc") for size in (999, 998, 997)]
    assert client.evict(1000) == 1002 and not client.contains(ids[0]) and client.contains(ids[1])
    assert client.evict(1002) == 1001 + 1000
    empty = [create(client, 0) for _ in range(9)]
    last = create(client, 7)
    assert client.evict(1) == 7
    assert not any(client.contains(id) for id in [*empty, last])


def test_the_capacity_is_what_was_asked_for():
    for capacity in (10_000, 10**7 + 1):
        with plasma.start_plasma_store(capacity) as (name, _):
            client = plasma.connect(name)
            assert client.store_capacity() == capacity
            client.disconnect()


def test_a_capacity_above_this_machine_s_memory_is_lowered():
    with pytest.warns(RuntimeWarning, match="this machine has"):
        with plasma.start_plasma_store(1 << 40) as (name, _):
            client = plasma.connect(name)
            assert 0 < client.store_capacity() < 1 << 40
            client.disconnect()


@pytest.mark.parametrize("size", [65_536, 65_537, 10_000_000])
def test_metadata_of_any_size(client, other, size):
    metadata = (np.arange(size) % 253).astype(np.uint8).tobytes()
    other.subscribe()
    ids = [create(client, 100, metadata), create(client, 0, metadata)]
    ids.append(plasma.ObjectID.from_random())
    client.create_and_seal(ids[2], b"vale", metadata)
    ids.append(client.put_raw_buffer(b"salve", metadata=metadata))
    unsealed = create(client, 5, metadata, seal=False)
    contents = [(np.arange(100) % 251).astype(np.uint8).tobytes(), b"", b"vale", b"salve"]
    assert [buffer.to_pybytes() for buffer in other.get_buffers(ids)] == contents
    assert other.get_buffers(ids, with_meta=True)[2][0] == metadata
    assert all(buffer.to_pybytes() == metadata for buffer in other.get_metadata(ids))
    assert [other.get_next_notification() for _ in ids] == [(id, len(data), size) for id, data in zip(ids, contents)]
    listed = client.list()
    assert all((listed[id]["data_size"], listed[id]["metadata_size"]) == (len(data), size) for id, data in zip(ids, contents))
    assert listed[unsealed]["data_size"] == 5
    assert len({client.hash(id) for id in ids}) == 4
    assert client.get(ids[2]) == b"vale"
    with dolium.Client(client.store_socket_name) as store:
        forged = store.put_raw(b"123", metadata=b"x" * 8, type_tag=plasma._LONG_TAG)
    with pytest.raises(dolium.TypeMismatch):
        client.get_buffers([forged])


def test_metadata_that_do_not_fit_say_so(client):
    with pytest.raises(plasma.PlasmaStoreFull, match="capacity|bytes"):
        client.create(plasma.ObjectID.from_random(), 1, bytes(65 << 20))


def test_delete_before_seal_and_of_nothing(client):
    client.delete([None])
    client.delete([])
    id = plasma.ObjectID.from_random()
    buffer = client.create(id, 10)
    client.delete([id, None])
    client.seal(id)
    del buffer
    assert not client.contains(id)
    client.create(id, 10)
    client.delete([id])
    client.abort(id)
    client.create(id, 10)
    client.seal(id)
    assert client.contains(id)


def test_the_arguments_of_connect(server):
    with pytest.raises(TypeError, match="positional"):
        plasma.connect(server, "", 0)
    plasma.connect(server, 3).disconnect()
    plasma.connect(server, num_retries=3).disconnect()


def test_a_socket_s_path_may_be_an_empty_file(tmp_path):
    path = tmp_path / "plasma.sock"
    path.touch()
    with dolium.start_store("16MiB", path=path):
        plasma.connect(str(path)).disconnect()


def test_list(client):
    sealed, unsealed = create(client, 11, b"abc"), create(client, 12, seal=False)
    held = client.get_buffers([sealed])
    listed = client.list()
    assert set(listed) == {sealed, unsealed} and all(type(id) is plasma.ObjectID for id in listed)
    assert listed[sealed]["data_size"] == 11 and listed[sealed]["metadata_size"] == 3
    assert listed[sealed]["state"] == "sealed" and listed[sealed]["ref_count"] == 1
    assert listed[unsealed]["state"] == "created" and listed[unsealed]["construct_duration"] == -1
    assert listed[sealed]["create_time"] > 1e9 and listed[sealed]["construct_duration"] >= 0
    del held
    assert client.list()[sealed]["ref_count"] == 0


def test_notifications(client, other):
    first = create(client, 5, b"ab")
    other.subscribe()
    other.subscribe()
    assert other.get_next_notification() == (first, 5, 2)
    ids = [create(client, size) for size in range(1, 100)]
    for size, id in enumerate(ids, start=1):
        assert other.get_next_notification() == (id, size, 0)
    client.delete(ids[:1])
    assert other.get_next_notification() == (ids[0], -1, -1)


def test_notifications_wait_for_their_reader(client, other):
    other.subscribe()
    ids = [create(client, 1) for _ in range(3000)]  # more than a socket takes
    client.evict(64 << 20)
    for id in ids:
        assert other.get_next_notification() == (id, 1, 0)
    assert {other.get_next_notification() for _ in ids} == {(id, -1, -1) for id in ids}


def test_notification_socket(client, other):
    other.subscribe()
    with other.get_notification_socket() as socket:
        socket.settimeout(60)
        ids = [create(client, 7, b"m") for _ in range(10)]
        for id in ids:
            (length,) = struct.unpack("L", socket.recv(8))
            assert other.decode_notifications(socket.recv(length)) == [[id], [7], [1]]
    with pytest.raises(dolium.InvalidArgument):
        client.get_notification_socket()


def test_buffers_outlive_the_client(server):
    client = plasma.connect(server)
    id = client.put_raw_buffer(b"salve")
    (buffer,) = client.get_buffers([id])
    client.disconnect()
    client.disconnect()
    assert buffer.to_pybytes() == b"salve"
    for call in (lambda: client.get(id), lambda: client.contains(id), lambda: client.put(1), client.list):
        with pytest.raises(OSError):
            call()


def test_the_rest(client, server):
    assert client.store_socket_name == server
    assert "objects" in client.debug_string()
    with pytest.raises(NotImplementedError):
        client.to_capsule()
    with pytest.warns(RuntimeWarning):
        client.set_client_options("me", 1000)
    with pytest.raises(TypeError):
        plasma.PlasmaBuffer()
    with pytest.raises(ValueError):
        with plasma.start_plasma_store(1 << 20, use_valgrind=True):
            pass
    with pytest.raises(OSError):
        plasma.connect(server + ".missing", num_retries=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plasma.connect(server).disconnect()
