"""References that travel as tickets, and arrays in place: views and create_array()."""

import copy
import gc
import multiprocessing
import pickle

import dolium
import numpy as np
import pytest
from conftest import eventually
from dolium import Typed, codecs


# ---- tickets ----


def test_a_reference_travels_as_a_ticket(store):
    id = store.put(np.arange(3.0))
    ticket = store.ref(id).ticket()
    assert ticket.startswith(f"dolium:1:{id.hex()}:") and ticket.endswith(":f64[]") and len(ticket) < 80
    ref = store.ref(ticket, "f64[]")
    assert ref.id == id and ref.type_name == "f64[]" and ref.ticket() == ticket
    assert ref.get().tolist() == [0, 1, 2] and ref.view("f8").sum() == 3
    assert store.ref(id).get_raw().size == 24


def test_a_reference_holds_its_object_from_the_first_get_on(store):
    ref = store.ref(store.put("salve"))
    ref.ticket()
    assert store.metadata(ref.id).ref_count == 0
    assert ref.get() == "salve" and store.metadata(ref.id).ref_count == 1
    store.remove(ref.id)
    assert ref.get() == "salve" and ref.get_raw().size == 5
    del ref
    gc.collect()
    assert store.stats().retired_count == 0


def test_another_type_is_refused_in_words(store):
    id = store.put("salve")
    ticket = store.ref(id).ticket()
    with pytest.raises(dolium.TypeMismatch, match=f"the ticket of object {id} is for type utf8, not f64"):
        store.ref(ticket, "f64")
    store.remove(id)
    store.put(2.5, id)
    with pytest.raises(dolium.TypeMismatch, match="holds another type than this reference: f64, not utf8"):
        store.ref(ticket).get()
    store.remove(id)
    # C++ reads an array of one dimension as a vector, and names it so in its tickets.
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"
    store.put_raw(bytes(16), id, metadata=header, type_tag=codecs.NDARRAY, type_name="numpy.ndarray")
    assert store.ref(ticket.replace("utf8", "f64[]")).get().tolist() == [0, 0]
    for name in ("f32[]", "f64"):
        with pytest.raises(dolium.TypeMismatch):
            store.ref(ticket.replace("utf8", name)).get()
    store.remove(id)
    store.put(np.float64(1.5), id)
    assert store.ref(ticket.replace("utf8", "f64")).get() == 1.5
    with pytest.raises(dolium.TypeMismatch):
        store.ref(ticket.replace("utf8", "f64[]")).get()
    store.remove(id)
    store.put_raw(b"x", id, type_tag=99, type_name="demo::Point")  # a struct of C++: only its name is known
    assert bytes(store.ref(store.ref(id).ticket()).get_raw()) == b"x"
    raw = store.ref(store.put(b"raw")).ticket()
    assert raw.endswith(":bytes") and store.ref(raw).get() == b"raw"


def test_another_type_is_refused_also_where_its_name_is_unknown_here(store):
    id = store.put_raw(b"123", type_tag=4711, type_name="acme.Graph")
    ticket = store.ref(id).ticket()
    assert bytes(store.ref(ticket).get_raw()) == b"123"
    store.remove(id)
    store.put(5, id)
    for ref in (store.ref(ticket), store.ref(id, "acme.Graph")):
        with pytest.raises(dolium.TypeMismatch, match="i64, not acme.Graph"):
            ref.get()


def test_what_is_no_ticket_is_refused_in_words(store):
    ticket = store.ref(store.put(1.5)).ticket()
    for text in ("", "dolium", ticket[:40], ticket[:-3], ticket + " ", "x" + ticket, ticket + "%", ticket.upper()):
        with pytest.raises(dolium.InvalidArgument, match="is no ticket"):
            store.ref(text)
    with pytest.raises(TypeError, match="ObjectId or a ticket"):
        store.ref(b"bytes")


def test_a_missing_object_of_another_store_is_said(store):
    other = dolium.InProcessStore("1MiB")
    id = other.put(1.5)
    foreign = store.ref(other.ref(id).ticket())
    for timeout in (0, 0.01):
        with pytest.raises((dolium.ObjectNotFound, dolium.StoreTimeout), match=f"{id}.*made in another store"):
            foreign.get(timeout)
    own = store.ref(store.ref(store.put(2.5)).ticket())
    store.remove(own.id)
    with pytest.raises(dolium.ObjectNotFound) as error:
        own.get()
    assert "another store" not in str(error.value)
    with pytest.raises(dolium.ObjectNotFound):
        store.ref(own.id).ticket()  # its type is not known


def test_references_are_not_pickled(store):
    ref = store.ref(store.put(1.5))
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="ticket"):
            attempt(ref)
    assert "ObjectRef" in repr(ref)


def _receive(path, ticket, answer):
    with dolium.Client(path) as client:
        answer.send(float(client.ref(ticket, "f64[]").get(10).sum()))


def test_a_ticket_is_sent_to_another_process(client):
    held = client.get_raw(client.put(np.arange(4.0)))
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_receive,
                                                           args=(client.path, client.ref(held.id).ticket(), there))
    process.start()
    assert here.poll(60) and here.recv() == 6.0
    process.join()
    assert eventually(lambda: client.metadata(held.id).ref_count == 1)


def test_references_with_asyncio(client):
    import asyncio

    async def run():
        ref = client.ref(client.ref(client.put("salve")).ticket())
        assert await ref.get_async(5) == "salve" and await ref.get_async() == "salve"
        client.remove(ref.id)
        with pytest.raises(dolium.StoreTimeout):
            await client.ref(ref.ticket()).get_async(0.01)

    asyncio.run(run())


# ---- views ----


def test_views_are_arrays_in_place_of_the_stored_type(store):
    for value, dtype, shape in ((np.arange(6.0).reshape(2, 3), "f8", (2, 3)), (np.arange(3, dtype="i2"), "i2", (3,)),
                                (np.asfortranarray(np.ones((2, 3), ">i4")), ">i4", (2, 3)), (2.5, "f8", (1,)), (True, "?", (1,)),
                                (np.float32(1.5), "f4", (1,)), (1j, "c16", (1,)), (Typed([1, 2], "u8[]"), "u1", (2,)),
                                (b"12345678", "u4", (2,)), ("salve", "u1", (5,)), (np.zeros(0), "f8", (0,)),
                                (np.ones(2, [("a", "i4"), ("b", "f8")]), [("a", "i4"), ("b", "f8")], (2,))):
        id = store.put(value)
        array = store.view(id, dtype)
        assert array.dtype == np.dtype(dtype) and array.shape == shape and not array.flags.writeable
        assert store.metadata(id).ref_count == 1
        assert array.size == 0 or array.ctypes.data == np.frombuffer(store.get_raw(id), "u1").ctypes.data
    del array
    gc.collect()
    assert store.metadata(id).ref_count == 0


def test_views_of_another_type_are_refused(store):
    for value, dtype in ((np.ones(3), "f4"), (np.ones(3), "i8"), (np.ones((2, 2)), "i8"), (2.5, "i8"), ("eight by", "u8"),
                         (np.ones(2, [("a", "i4")]), [("b", "i4")]), (None, "f8"), (Typed(["a"], "utf8[]"), "f8"),
                         (Typed(2**100, "u128"), "u8")):
        obj = store.get_raw(store.put(value))
        with pytest.raises(dolium.TypeMismatch, match=f"object {obj.id} holds .*, not "):
            obj.view(dtype)
    with pytest.raises(dolium.TypeMismatch, match="no multiple"):
        store.view(store.put(b"123"), "i2")
    with pytest.raises(dolium.TypeMismatch, match="has 7 bytes"):
        store.view(store.put_raw(bytes(7), type_tag=codecs.vector_tag("f64", 8)), "f8")
    for dtype in ("O", "V0", "S0"):
        with pytest.raises(TypeError):
            store.view(store.put(b"12345678"), dtype)
    with pytest.raises(dolium.ObjectNotFound):
        store.view(dolium.ObjectId.random(), "f8")
    with pytest.raises(dolium.StoreTimeout):
        store.view(dolium.ObjectId.random(), "f8", timeout=0.01)


def test_views_take_the_names_of_the_shared_types_too(store):
    for value, name in ((np.arange(3.0), "f64"), (np.arange(3.0), "f64[]"), (np.ones((2, 3), "f4"), "f32"), (True, "bool"),
                        (np.ones(3, "u2"), "u16"), (np.ones(3, "u1"), "u8[]"), (np.ones(3, "i1"), "i8[]"),
                        (np.ones(3, "i8"), "i8"), (np.ones(3, "u8"), "u64"), (np.ones(3, "f2"), "f16[]"), (1j, "c128"),
                        (np.ones(3, "c8"), "c64")):
        assert (store.view(store.put(value), name) == value).all()
        with store.create_array(None, 2, name) as builder:
            assert builder.array.dtype == np.asarray(value).dtype
    with pytest.raises(dolium.TypeMismatch, match=r"holds elements of uint16, not of uint64 \(numpy's \"u8\"; the type u8 "
                                                  r"of all languages is written \"u8\[\]\"\)"):
        store.view(store.put(np.ones(3, "u2")), "u8")
    with pytest.raises(TypeError, match="numpy has no dtype for elements of u128"):
        store.view(store.put(b""), "u128[]")
    with pytest.raises(TypeError, match="a dtype is missing"):
        store.view(store.put(b"12345678"), None)


def test_types_that_only_other_programs_know_are_named(store):
    id = store.put_raw(bytes(8), type_tag=4711, type_name="acme.Graph")
    obj = store.take_raw(id)  # nothing but the object itself tells its type
    assert obj.type_name == obj.private_copy().type_name == "acme.Graph"
    assert store.get_raw(store.put(b"raw")).type_name == "" and store.get_raw(store.put(2.5)).type_name == "f64"
    with pytest.raises(dolium.TypeMismatch, match=f"object {id} holds acme.Graph, not float64"):
        obj.view("f8")
    with pytest.raises(dolium.TypeMismatch, match=f"object {id} holds acme.Graph, which this process cannot read"):
        codecs.decode(obj, store)
    store.put_raw(bytes(8), id, type_tag=4711)
    with pytest.raises(dolium.TypeMismatch, match=r"holds a type without a name \(tag 0000000000001267\), not float64"):
        store.view(id, "f8")
    with pytest.raises(dolium.TypeMismatch, match="which this process cannot read"):
        store.get(id)
    # A type of the shared table whose tag this process has not met: its name is enough, also after the removal.
    assert store.take(store.put(Typed([(1, "x")], "tuple<i16,utf8>[]"))) == [(1, "x")]


def test_private_arrays_by_every_way(store):
    import asyncio

    def changed(array):
        array += 1
        return array.tolist()

    id = store.put(np.zeros(2))
    assert changed(store.view(id, "f8", private=True)) == [1, 1]
    assert changed(store.ref(id).get(private=True)) == changed(store.ref(id).view("f8", private=True)) == [1, 1]
    assert changed(asyncio.run(store.ref(id).get_async(private=True))) == [1, 1]
    assert changed(asyncio.run(store.get_many_async([id], private=True))[0]) == [1, 1]
    assert store.get(id).tolist() == [0, 0]
    assert changed(store.take(id, private=True)) == [1, 1]
    assert changed(asyncio.run(store.take_async(store.put(np.zeros(2)), private=True))) == [1, 1]


# ---- create_array ----


@pytest.mark.parametrize("shape, dtype, name", [(3, "f8", "f64[]"), ((4,), "c8", "c64[]"), ((2, 3), "f4", "numpy.ndarray"),
                                                ((), "i4", "numpy.ndarray"), ((0, 3), "f8", "numpy.ndarray"),
                                                ((2,), [("a", "i4"), ("b", "f8")], "numpy.ndarray"), ((2,), "M8[s]", "numpy.ndarray")])
def test_arrays_are_written_in_place(store, shape, dtype, name):
    with store.create_array(None, shape, dtype) as builder:
        builder.array[...] = np.ones((), dtype)
        assert not store.exists(builder.id)
    got = store.get(builder.id)
    assert got.dtype == np.dtype(dtype) and got.shape == builder.array.shape and (got == np.ones((), dtype)).all()
    assert store.metadata(builder.id).type_name == name
    put = store.get_raw(store.put(np.ones(shape, dtype)))
    assert put.type_tag == store.get_raw(builder.id).type_tag and bytes(put.metadata) == bytes(store.get_raw(builder.id).metadata)


def test_the_seal_makes_the_array_read_only(store):
    with store.create_array(None, 3, "f8") as builder:
        array = builder.array
        with pytest.raises(AttributeError):
            builder.array = np.ones(3)  # would write nothing into the store
        array[:] = 1
    other = store.create_array(None, 0, "f8")
    other.seal()
    for sealed in (array, builder.array, other.array):
        assert not sealed.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2
    assert store.get(builder.id).tolist() == [1, 1, 1]


@pytest.mark.parametrize("shape, error, says", [
    ("23", TypeError, "a shape is an int or a tuple of ints, not '23'"), (2.5, TypeError, "not 2.5"),
    ((2, 2.5), TypeError, "a tuple of ints"), (None, TypeError, "not None"), (-1, ValueError, "a size is negative"),
    ((2, -3), ValueError, "a size is negative"), ((1 << 40, 1 << 40), dolium.TooLarge, "no store is that large"),
    ((1,) * 100, ValueError, "dimension")])
def test_shapes_that_cannot_be(store, shape, error, says):
    with pytest.raises(error, match=says):
        store.create_array(None, shape, "f8")
    assert store.list() == []


def test_an_array_that_fails_leaves_nothing(store):
    with pytest.raises(RuntimeError, match="mine"):
        with store.create_array(None, 3, "f8", pinned=True) as builder:
            raise RuntimeError("mine")
    builder = store.create_array(None, 3, "f8")
    builder.array[:] = 1
    assert "float64 (3,)" in repr(builder)
    builder.abort()
    with pytest.raises(dolium.AlreadySealed):
        builder.seal()
    assert store.list() == []
    for shape, dtype, error in ((3, "O", TypeError), ((-1,), "f8", ValueError), (1 << 62, "f8", (dolium.TooLarge, ValueError, OverflowError))):
        with pytest.raises(error):
            store.create_array(None, shape, dtype)
