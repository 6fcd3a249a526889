"""Builders: writable memory that is sealed or aborted, once, and never given away under a view."""

import gc
import threading

import dolium
import numpy as np
import pytest
from dolium import ObjectId

ID = ObjectId.from_name("built")


def test_the_block_seals(store):
    with store.create(ID, 8, metadata=b"about") as builder:
        assert len(builder) == builder.size == builder.nbytes == 8 and builder.id == ID
        builder[:4] = b"abcd"
        builder[4] = ord("e")
        memoryview(builder)[5:] = b"fgh"
        assert builder[4] == ord("e") and bytes(builder[:2]) == b"ab"
    assert builder.state == "sealed"
    assert bytes(store.get_raw(ID)) == b"abcdefgh" and bytes(store.get_raw(ID).metadata) == b"about"


def test_an_exception_aborts(store):
    with pytest.raises(RuntimeError, match="mine"):
        with store.create(ID, 8) as builder:
            builder[:] = bytes(8)
            raise RuntimeError("mine")
    assert builder.state == "aborted" and not store.exists(ID)
    store.put("free again", ID)


def test_an_abort_frees_the_id_at_once_while_views_are_alive(store):
    before = store.stats().aborted_count
    try:
        with store.create(ID, 8) as builder:
            view = np.frombuffer(builder, np.uint8)
            view[:] = 1
            raise RuntimeError("mine")
    except RuntimeError as error:
        # The traceback holds this frame, and `view`: the retry finds the id free all the same.
        with store.create(ID, 8) as again:
            again[:] = bytes(range(8))
        assert error.__traceback__ is not None
    view[:] = 2  # harms nobody
    assert bytes(store.get_raw(ID)) == bytes(range(8)) and store.stats().unsealed_count == 1
    assert store.stats().aborted_count == before
    del view, builder, again
    gc.collect()
    assert store.stats().unsealed_count == 0 and store.stats().aborted_count == before + 1


def test_aborted_memory_is_not_given_away_under_a_view(store):
    views = []
    for _ in range(3):
        builder = store.create(ID, 1000)
        views.append(np.frombuffer(builder, np.uint8))
        builder.abort()
    others = [store.put_raw(bytes(1000)) for _ in range(10)]
    for view in views:
        view[:] = 255
    assert all(bytes(store.get_raw(id)) == bytes(1000) for id in others)
    assert store.stats().unsealed_count == 3
    del views[1:], view
    assert store.stats().unsealed_count == 1
    views.clear()
    assert store.stats().unsealed_count == 0


def test_a_dropped_builder_aborts(store):
    store.create(ID, 8)
    gc.collect()
    with pytest.raises(dolium.ObjectNotFound):
        store.metadata(ID)


def test_the_block_may_end_it_itself(store):
    with store.create(ID, 8) as builder:
        assert builder.seal() == ID
    with store.create(None, 8) as builder:
        builder.abort()
    with pytest.raises(dolium.AlreadySealed):
        with builder:
            pass


def test_a_sealed_builder_says_so(store):
    builder = store.create(ID, 8)
    held = builder.seal_and_hold()
    assert held.id == ID and held.size == 8
    for call in (builder.seal, builder.abort, builder.seal_and_hold, lambda: builder.data, lambda: builder[0],
                 lambda: builder.write(b""), lambda: memoryview(builder), lambda: np.frombuffer(builder)):
        with pytest.raises(dolium.AlreadySealed):
            call()
    with pytest.raises(ValueError):
        builder[0] = 1


def test_write_appends_and_places(store):
    with store.create(ID, 8) as builder:
        assert builder.write(b"abc") == 3 and builder.write(np.arange(2, dtype=np.uint8)) == 2
        assert builder.written == 5
        assert builder.write(b"z", 7) == 1 and builder.written == 5
        for wrong in (lambda: builder.write(b"1234"), lambda: builder.write(b"1", 8), lambda: builder.write(b"", 9)):
            with pytest.raises(dolium.TooLarge):
                wrong()
        with pytest.raises(BufferError):
            builder.write(memoryview(b"abcd")[::2])
        with pytest.raises(TypeError):
            builder.write("text")
        builder[5:7] = b"xy"
    assert bytes(store.get_raw(ID)) == b"abc\0\1xyz"


def test_it_is_64_byte_aligned(store):
    for size in (1, 100, 4097):
        with store.create(None, size) as builder:
            assert np.frombuffer(builder, np.uint8).ctypes.data % 64 == 0


def test_its_own_view_is_revoked(store):
    builder = store.create(ID, 8)
    view = builder.data
    view[:] = b"abcdefgh"
    builder.seal()
    with pytest.raises(ValueError):
        view[0] = 1


def test_a_view_that_survives_the_seal_keeps_the_memory(store):
    with store.create(ID, 4096) as builder:
        array = np.frombuffer(builder, np.uint8)
        array[:] = 7
    assert store.metadata(ID).ref_count == 1
    store.remove(ID)
    assert store.stats().retired_count == 1
    assert array.sum() == 7 * 4096
    del array, builder
    assert store.stats().retired_count == 0


def test_an_abort_waits_for_the_last_view(store):
    builder = store.create(ID, 4096)
    array = np.frombuffer(builder.data, np.uint8)
    builder.abort()
    assert builder.state == "aborted" and store.stats().unsealed_count == 1
    array[:] = 1  # still this object's memory, and nobody else's
    del array
    gc.collect()
    assert store.stats().unsealed_count == 0
    store.put(1, ID)


def test_threads_write_side_by_side(store):
    size, parts = 1 << 20, 8
    with store.create(ID, size * parts) as builder:
        threads = [threading.Thread(target=builder.write, args=(bytes([part]) * size, part * size))
                   for part in range(parts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    array = np.frombuffer(store.get_raw(ID), np.uint8).reshape(parts, size)
    assert (array == np.arange(parts)[:, None]).all()


def test_a_builder_outlives_its_client(daemon):
    client = dolium.Client(daemon)
    builder = client.create(ID, 4)
    client.close()
    builder[:] = b"late"
    builder.seal()
    with dolium.Client(daemon) as other:
        assert bytes(other.get_raw(ID)) == b"late"
        other.remove(ID)


def test_a_read_only_client_may_not(daemon, client):
    with dolium.Client(daemon, read_only=True) as reader:
        assert reader.read_only and not client.read_only
        with pytest.raises(PermissionError):
            reader.create(ID, 8)
        with pytest.raises(dolium.PermissionDenied):
            reader.put(1)
        assert reader.get(client.put("salve")) == "salve"
