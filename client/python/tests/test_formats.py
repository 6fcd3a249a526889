"""What goes in comes out: in place where it can, never as something else, and never unpickled unasked."""

import datetime
import gc
import math
import pickle
import subprocess
import sys

import dolium
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dolium import codecs


def back(store, value):
    return store.get(store.put(value))


def address_in(obj, array):
    begin = np.frombuffer(obj, np.uint8).ctypes.data
    return begin <= array.__array_interface__["data"][0] <= begin + obj.size


# ---- plain values ----


@pytest.mark.parametrize("value", [
    b"", b"bytes", "", "text \u00e4\U0001f600", "\ud800", True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, 10**40, 0.0,
    1.5, math.inf, None, (1, "a"), {"k": [1, 2]}, datetime.date(2024, 2, 29), 1j,
])
def test_plain_values(store, value):
    got = back(store, value)
    assert got == value and type(got) is type(value)


def test_buffers_come_back_as_bytes(store):
    for value in (bytearray(b"abc"), memoryview(b"abc"), memoryview(b"aXbXc")[::2]):
        assert back(store, value) == b"abc"
    assert math.isnan(back(store, math.nan))


def test_subclasses_are_not_taken_for_their_base(store):
    class Text(str):
        pass

    import enum

    global Colour, Text_
    Colour = enum.IntEnum("Colour", "red green")
    Colour.__module__ = __name__
    assert back(store, Colour.red) is Colour.red


def test_the_formats_are_those_of_cpp(store):
    # Taken from the C++ library: Codec<std::string>, <double>, <std::vector<double>>, <std::vector<std::int32_t>>.
    tags = {codecs.type_hash("utf8"): "salve", codecs.scalar_tag("f64", 8): 1.5,
            codecs.vector_tag("f64", 8): np.ones(3), codecs.vector_tag("i32", 4): np.ones(3, "i4")}
    for tag, value in tags.items():
        assert store.get_raw(store.put(value)).type_tag == tag
    assert store.get(store.put_raw(b"\xff\xff", type_tag=codecs.scalar_tag("i16", 2))) == -1


def test_types_names_are_those_of_cpp(store):
    names = {"utf8": "salve", "f64": 1.5, "i64": 1, "bool": True, "f64[]": np.ones(3), "i32[]": np.ones(3, "i4"),
             "bool[]": np.ones(3, "?"), "numpy.ndarray": np.ones((2, 2))}
    for name, value in names.items():
        assert store.metadata(store.put(value)).type_name == name


def test_an_unknown_type_is_no_other(store):
    id = store.put_raw(b"1234", type_tag=12345, type_name="acme.Graph")
    with pytest.raises(TypeError, match="get_raw"):
        store.get(id)
    for name, size in (("f64", 8), ("i32", 4)):
        with pytest.raises(dolium.TypeMismatch):
            store.get(store.put_raw(b"123", type_tag=codecs.scalar_tag(name, size)))
        with pytest.raises(dolium.TypeMismatch):
            store.get(store.put_raw(b"123", type_tag=codecs.vector_tag(name, size)))


# ---- numpy ----

DTYPES = ["?", "i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", ">i4", ">f8", "S5", "U3", "M8[ns]",
          "m8[D]", "V7", [("a", "i4"), ("b", "f8", (2,))], [("x", [("y", "<u2")]), ("t", "M8[s]")], "g"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 0, 2), (3, 4), (2, 3, 4)], ids=str)
def test_arrays_of_any_dtype_and_shape(store, dtype, shape):
    count = math.prod(shape)
    array = np.frombuffer(np.random.default_rng(1).bytes(np.dtype(dtype).itemsize * count), np.uint8)
    array = array.view(dtype).reshape(shape) if count else np.zeros(shape, dtype)
    if np.dtype(dtype).kind in "?U":
        array = np.ones(shape, dtype)
    id = store.put(array)
    got, obj = store.get(id), store.get_raw(id)
    assert got.dtype == array.dtype and got.shape == array.shape and type(got) is np.ndarray
    assert got.tobytes() == array.tobytes()
    assert not got.flags.writeable and not got.flags.owndata
    if count:
        assert address_in(obj, got) and got.ctypes.data % 64 == 0


def test_strided_arrays(store):
    whole = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    for array in (whole[::2, 1:, ::-1], whole.T, whole[:, 2], whole[0, :, 3], np.broadcast_to(np.arange(3), (4, 3)),
                  whole.transpose(1, 0, 2), np.asfortranarray(whole), whole[:, :0], np.arange(10)[::-3],
                  np.arange(20).astype(">i4")[::2], np.zeros(6, "M8[s]")[::2]):
        got = back(store, array)
        assert (got == array).all() and got.shape == array.shape and got.dtype == array.dtype
        assert got.flags.c_contiguous or got.flags.f_contiguous
    assert back(store, np.asfortranarray(whole)).flags.f_contiguous


def test_the_array_holds_the_object(store):
    id = store.put(np.arange(1000))
    part = store.get(id)[10:20]
    gc.collect()
    assert store.metadata(id).ref_count == 1
    assert store.remove(id)
    store.put(np.zeros(1000, int))
    assert (part == np.arange(10, 20)).all()
    del part
    assert store.stats().retired_count == 0


def test_a_view_is_no_way_to_write(store):
    obj = store.get_raw(store.put(np.arange(10)))
    assert memoryview(obj).readonly
    with pytest.raises(ValueError):
        store.get(obj.id)[0] = 1
    with pytest.raises(ValueError):
        store.get(obj.id).flags.writeable = True
    with pytest.raises(TypeError):
        obj[0] = 1
    assert obj[0] == 0 and obj[8:9].readonly


def test_numpy_scalars(store):
    for value in (np.float32(1.5), np.int64(-3), np.datetime64("2024-02-29"), np.bool_(True), np.str_("abc")):
        got = back(store, value)
        assert got == value and type(got) is type(value)


def test_arrays_that_are_more_than_elements_are_pickled(store):
    for array in (np.array([{"a": 1}, None], object), np.ma.masked_array([1, 2], [True, False]),
                  np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])):
        got = back(store, array)
        assert type(got) is type(array) and repr(got) == repr(array)


def test_headers_that_lie(store):
    tag = codecs.NDARRAY
    lies = [b"", b"{}", b"[", b"__import__('os')", b"\xff\xfe", b"(" * 60_000, b"-" * 60_000 + b"1", b"[" * 99 + b"]" * 99,
            b"{'descr': '<f8', 'fortran_order': False}"]
    for shape in ("(100,)", "(-1,)", "(1.5,)", "5", "None", f"({2**62}, 4)", f"({2**63},)", f"({2**80}, 0)", "(1,) * 9",
                  str((1,) * 100), "('a',)", "(True,)"):
        lies.append(b"{'descr': '<f8', 'fortran_order': False, 'shape': " + shape.encode() + b"}")
    for descr in ("'|O'", "'O'", "''", "'<f3'", "'<x9'", "'S99999999999'", "'M8[9y'", "1", "None", "()", "('<f8',)",
                  f"('<f8', ({2**40},))", "('<f8', (2, -1))", "[1]", "[()]", "[('a',)]", "[('a', 'O')]", "[('a', '<i4'), ('a', '<i4')]",
                  "[(1, '<i4')]", "[('a', '<i4', 2, 3)]", "{}", "{'names': ['a'], 'formats': ['<i4']}",
                  "{'names': ['a'], 'formats': ['<i4'], 'offsets': [100], 'itemsize': 4, 'aligned': False}",
                  "{'names': ['a'], 'formats': ['<i4'], 'offsets': [-4], 'itemsize': 4, 'aligned': False}",
                  "{'names': ['a', 'b'], 'formats': ['<i4'], 'offsets': [0], 'itemsize': 4, 'aligned': False}",
                  "{'names': ['a'], 'formats': ['O'], 'offsets': [0], 'itemsize': 8, 'aligned': False}",
                  "{'names': ['a'], 'formats': ['<f8'], 'offsets': [1], 'itemsize': 9, 'aligned': True}"):
        lies.append(b"{'descr': " + descr.encode() + b", 'fortran_order': False, 'shape': (1,)}")
    for header in lies:
        id = store.put_raw(bytes(16), metadata=header, type_tag=tag)
        with pytest.raises(dolium.TypeMismatch):
            store.get(id)
        with pytest.raises((dolium.TypeMismatch, BufferError)):
            store.get_raw(id).__dlpack__()
        assert "numpy.ndarray" in repr(store.get_raw(id))
        store.remove(id)
    with pytest.raises(dolium.TypeMismatch, match="scalar"):
        store.get(store.put_raw(bytes(16), metadata=_header("'<f8'", (2,)), type_tag=codecs.NUMPY_SCALAR))


def test_forged_headers_of_the_other_formats(store):
    for tag in (codecs.ARROW_STREAM, codecs.ARROW_BATCH, codecs.ARROW_TENSOR, codecs.type_hash("utf8"),
                codecs.scalar_tag("f64", 8), codecs.vector_tag("f64", 8), codecs.PICKLE):
        for data in (b"\xff" * 7, b"\xff" * 100, b"DLPK\0\0\0\1" + b"\xff" * 17):
            with pytest.raises(dolium.TypeMismatch):
                store.get(store.put_raw(data, type_tag=tag))
    no_batch = pa.BufferOutputStream()
    pa.ipc.new_stream(no_batch, pa.schema([("a", pa.int8())])).close()
    with pytest.raises(dolium.TypeMismatch):
        store.get(store.put_raw(no_batch.getvalue(), type_tag=codecs.ARROW_BATCH))


def _header(descr, shape):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()


# ---- structured arrays: what numpy can pickle can be put ----

FIELDS = np.dtype([("a", "i4"), ("b", "f8"), ("c", "S3"), ("d", "u1", (2,))])
ALIGNED = np.dtype([("a", "i1"), ("b", "f8"), ("c", "i2")], align=True)
OVERLAPPING = np.dtype({"names": ["whole", "low", "high"], "formats": ["<u4", "<u2", "<u2"], "offsets": [0, 0, 2]})
STRUCTURED = {
    "selected": np.ones(4, FIELDS)[["a", "c"]],
    "reordered": np.ones(4, FIELDS)[["c", "a"]],
    "overlapping": np.ones(4, OVERLAPPING),
    "aligned": np.ones(4, ALIGNED),
    "aligned inside": np.ones(4, [("x", ALIGNED), ("y", "i1")]),
    "selected inside": np.ones(4, [("x", np.ones(1, FIELDS)[["a", "d"]].dtype), ("y", ALIGNED, (2,))]),
    "room behind": np.ones(4, np.dtype({"names": ["a"], "formats": ["i4"], "itemsize": 32})),
    "gaps": np.ones(4, np.dtype({"names": ["a", "b"], "formats": ["i4", "M8[25s]"], "offsets": [3, 24]})),
    "no fields": np.zeros(4, []),
    "thousands of fields": np.ones(2, [(f"field {i}", "f8") for i in range(5000)]),
    "a very long name": np.ones(2, [("n" * 70_000, "f8"), ("m", "i1")]),
    "unaligned": np.ones(4, [("a", "i1"), ("b", "f8")]),
    "titles": np.ones(4, [(("the title", "a"), "i4"), ("b", "f8")]),
    "records": np.ones(4, np.dtype((np.record, FIELDS))),
    "objects inside": np.ones(4, [("a", "i4"), ("o", object)]),
    "metadata": np.ones(4, np.dtype("i4", metadata={"unit": "m"})),
    "metadata inside": np.ones((2, 2), [("a", np.dtype("i4", metadata={"unit": "m"}))]),
    "nothing": np.zeros((3, 2), "V0"),
    "empty text": np.zeros((3, 2), "S0"),
}


def same_dtype(a, b):
    return (a == b and a.isalignedstruct == b.isalignedstruct and a.metadata == b.metadata and a.type is b.type
            and a.itemsize == b.itemsize and a.names == b.names
            and all(same_dtype(a.fields[name][0], b.fields[name][0]) and a.fields[name][1:] == b.fields[name][1:]
                    for name in a.names or ()))


@pytest.mark.parametrize("name", STRUCTURED)
def test_structured_arrays_come_back_as_they_were(store, name):
    whole = STRUCTURED[name]
    for array in (whole, whole[:0], whole[::2], np.repeat(whole.reshape(-1), 4)[:4].reshape(2, 2).T, whole.reshape(-1)[0]):
        array = array if isinstance(array, np.ndarray) else np.asarray(array)
        got = back(store, array)
        assert same_dtype(got.dtype, array.dtype) and got.shape == array.shape
        assert (got == array).all() or array.dtype.itemsize == 0
    for scalar in whole.reshape(-1)[:1]:
        got = back(store, scalar)
        assert type(got) is type(scalar) and (got == scalar or whole.dtype.itemsize == 0)


def test_structured_arrays_are_in_place_without_pickle():
    store = dolium.InProcessStore("1MiB")
    for name in ("selected", "reordered", "overlapping", "aligned", "aligned inside", "selected inside", "gaps", "unaligned"):
        obj = store.get_raw(store.put(STRUCTURED[name]))
        assert address_in(obj, store.get(obj.id)), name


# ---- ml_dtypes ----

SMALL_FLOATS = ["bfloat16", "float8_e5m2", "float8_e4m3fn", "float8_e4m3b11fnuz", "float8_e4m3fnuz", "float8_e5m2fnuz", "int4",
                "uint4", "int2", "float4_e2m1fn", "float8_e8m0fnu"]


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_ml_dtypes_come_back_as_themselves(name):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    if not hasattr(ml_dtypes, name):
        pytest.skip(f"this ml_dtypes has no {name}")
    store = dolium.InProcessStore("1MiB")  # no pickle is read
    whole = np.array([0, 1, 1, 0, 1, 0], getattr(ml_dtypes, name)).reshape(2, 3)
    for array in (whole, whole[0], whole.T, whole[:, ::2], whole[:0], whole.reshape(-1)[::-1]):
        obj = store.get_raw(store.put(array))
        got = store.get(obj.id)
        assert got.dtype == array.dtype and got.shape == array.shape and got.tobytes() == array.tobytes()
        assert array.size == 0 or address_in(obj, got) and not got.flags.writeable
    got = back(store, whole[0, 1])
    assert type(got) is type(whole[0, 1]) and got == whole[0, 1]
    record = np.zeros(3, [("a", "i4"), ("b", whole.dtype)])
    assert back(store, record).dtype == record.dtype
    with pytest.raises(BufferError):
        store.get_raw(store.put(whole)).__dlpack__()


def test_ml_dtypes_missing_or_too_old_is_said(store):
    descr = _header("'ml_dtypes.no_such_type'", (1,))
    with pytest.raises(dolium.TypeMismatch if "ml_dtypes" in sys.modules else (dolium.TypeMismatch, ImportError),
                       match="no_such_type"):
        store.get(store.put_raw(bytes(16), metadata=descr, type_tag=codecs.NDARRAY))
    code = """if True:
        import sys, dolium
        from dolium import codecs
        sys.modules["ml_dtypes"] = None
        store = dolium.InProcessStore("1MiB")
        header = b"{'descr': 'ml_dtypes.bfloat16', 'fortran_order': False, 'shape': (2,)}"
        try:
            store.get(store.put_raw(bytes(4), metadata=header, type_tag=codecs.NDARRAY))
        except ImportError as error:
            assert "reading it takes ml_dtypes" in str(error), error
        else:
            raise SystemExit("elements of a missing package")
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_dtypes_of_other_packages_are_pickled(store):
    class Mine(np.void):
        pass

    global Mine_
    Mine.__module__, Mine.__qualname__ = __name__, "Mine_"
    Mine_ = Mine
    array = np.zeros(3, np.dtype((Mine, 4)))
    got = back(store, array)
    assert got.dtype.type is Mine and got.tobytes() == array.tobytes()
    assert type(back(store, array[0])) is Mine


# ---- the first put of a process ----

@pytest.mark.parametrize("value, tag", [("numpy.arange(6).reshape(2, 3)", "NDARRAY"), ("numpy.float32(1.5)", "NUMPY_SCALAR"),
                                        ("pyarrow.table({'a': [1]})", "ARROW_STREAM")])
def test_the_first_put_from_several_threads_is_no_pickle(value, tag):
    code = f"""if True:
        import sys, threading, numpy, pyarrow, dolium
        from dolium import codecs
        sys.setswitchinterval(1e-6)
        store = dolium.InProcessStore("64MiB")
        value, ids, together = {value}, [], threading.Barrier(8)
        def put():
            together.wait()
            ids.append(store.put(value))
        threads = [threading.Thread(target=put) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids.append(store.put(value))
        assert len(ids) == 9
        sys.exit(sum(store.get_raw(id).type_tag != codecs.{tag} for id in ids))
    """
    assert [subprocess.run([sys.executable, "-c", code], timeout=60).returncode for _ in range(3)] == [0] * 3


def test_classes_that_were_put_are_not_kept_alive(store):
    import types
    import weakref

    def put_one():
        kind = type("Passing", (), {})
        kind.__reduce__ = lambda self: (types.SimpleNamespace, ())
        store.put(kind())
        return weakref.ref(kind)

    known = put_one()
    gc.collect()
    assert known() is None


# ---- pickle ----


def test_pickles_are_not_read_unasked():
    ran = []

    class Bomb:
        def __reduce__(self):
            return ran.append, (1,)

    store = dolium.InProcessStore("1MiB")
    id = store.put(Bomb())
    with pytest.raises(dolium.PickleNotAllowed, match="allow_pickle"):
        store.get(id)
    with pytest.raises(pickle.UnpicklingError):
        store.get_many([id])
    assert ran == []
    assert store.get_raw(id).size > 0


def test_a_dict_of_arrays_stays_in_shared_memory(store):
    value = {"a": np.arange(1000), "b": [np.ones((3, 5)), np.empty(0)], "c": "text"}
    id = store.put(value)
    got, obj = store.get(id), store.get_raw(id)
    assert (got["a"] == value["a"]).all() and (got["b"][0] == 1).all() and got["c"] == "text"
    for array in (got["a"], got["b"][0]):
        assert address_in(obj, array) and array.ctypes.data % 64 == 0 and not array.flags.writeable
    del obj
    del got["b"], array
    gc.collect()
    assert store.metadata(id).ref_count == 1
    del got
    gc.collect()
    assert store.metadata(id).ref_count == 0


def test_a_data_frame_stays_in_shared_memory(store):
    frame = pd.DataFrame({"a": np.arange(1000), "b": np.linspace(0, 1, 1000), "c": ["x", "y"] * 500})
    id = store.put(frame)
    got, obj = store.get(id), store.get_raw(id)
    pd.testing.assert_frame_equal(got, frame)
    assert address_in(obj, got["a"].to_numpy()) and address_in(obj, got["b"].to_numpy())
    pd.testing.assert_series_equal(back(store, frame["b"]), frame["b"])


def test_many_buffers(store):
    value = [np.full(3, i) for i in range(5000)]
    assert all((a == b).all() for a, b in zip(back(store, value), value))


def test_pickles_that_are_cut_short(store):
    whole = bytes(store.get_raw(store.put({"a": np.arange(100)})))
    for data in (b"", whole[:10], b"x" * 100, whole[:30], whole[:-1]):
        with pytest.raises((TypeError, pickle.UnpicklingError, EOFError)):
            store.get(store.put_raw(data, type_tag=codecs.PICKLE))


def test_an_encoding_that_fails_leaves_nothing(store):
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        store.put(lambda: 1)
    assert store.list() == []


# ---- arrow ----


def tables():
    numbers = pa.table({
        "i": np.arange(1001), "f": np.linspace(0, 1, 1001), "s": ["x" * (i % 7) for i in range(1001)],
        "n": [None if i % 3 else i for i in range(1001)], "l": [[1] * (i % 4) for i in range(1001)],
        "d": pa.array(["a", "b", "a"] * 333 + ["c", "c"]).dictionary_encode(), "b": [i % 2 == 0 for i in range(1001)],
        "st": [{"x": i, "y": str(i)} for i in range(1001)]})
    yield numbers
    yield numbers.slice(100, 77)
    yield numbers.slice(0, 0)
    yield pa.table({})
    yield pa.concat_tables([numbers.slice(5, 10), numbers.slice(500, 3)])
    yield numbers.replace_schema_metadata({"who": "me"})
    yield pa.table({"v": pa.array(["a long string that is not inlined " * 3, None, "x"], pa.string_view())})


@pytest.mark.parametrize("number", range(7))
def test_tables(store, number):
    table = list(tables())[number]
    id = store.put(table)
    got, obj = store.get(id), pa.py_buffer(store.get_raw(id))
    got.validate(full=True)
    assert got.equals(table) and got.schema.equals(table.schema, check_metadata=True)
    for column in got.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None and buffer.size:
                    assert obj.address <= buffer.address < obj.address + obj.size
                    assert buffer.address % 64 == 0


def test_record_batches_and_tensors(store):
    batch = pa.RecordBatch.from_pydict({"a": [1, 2, 3], "b": ["x", None, "z"]})
    got = back(store, batch)
    assert isinstance(got, pa.RecordBatch) and got.equals(batch)
    tensor = pa.Tensor.from_numpy(np.arange(12.0).reshape(3, 4))
    id = store.put(tensor)
    got = store.get(id)
    assert got.equals(tensor) and address_in(store.get_raw(id), got.to_numpy())
    assert got.to_numpy().ctypes.data % 64 == 0 and not got.is_mutable
    array = pa.array([1, 2, None])
    assert back(store, array).equals(array)
    assert back(store, pa.schema([("a", pa.int8())])).equals(pa.schema([("a", pa.int8())]))


def test_any_arrow_reader_reads_them(store):
    table = next(tables())
    obj = store.get_raw(store.put(table))
    assert pa.ipc.open_stream(bytes(obj)).read_all().equals(table)


def test_arrow_takes_objects_as_buffers(store):
    id = store.put_raw(b"salve")
    buffer = pa.py_buffer(store.get_raw(id))
    gc.collect()
    assert buffer.to_pybytes() == b"salve" and not buffer.is_mutable
    assert store.metadata(id).ref_count == 1
    del buffer
    assert store.metadata(id).ref_count == 0


# ---- DLPack ----


@pytest.mark.parametrize("array", [
    np.arange(10.0), np.arange(6, dtype="i2").reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.ones((2, 2), bool), np.ones(3, "c8"), np.zeros((0, 3), "f4"), np.array(5, "u4"), np.arange(8, dtype="f2")])
def test_dlpack(store, array):
    id = store.put(array)
    obj = store.get_raw(id)
    assert obj.__dlpack_device__() == (1, 0)
    got = np.from_dlpack(obj)
    assert got.dtype == array.dtype and got.shape == array.shape and (got == array).all()
    assert array.size == 0 or address_in(obj, got)
    del obj
    gc.collect()
    assert store.metadata(id).ref_count == 1
    del got
    assert store.metadata(id).ref_count == 0


def test_dlpack_of_bytes_and_of_what_it_has_not(store):
    assert bytes(np.from_dlpack(store.get_raw(store.put_raw(b"salve")))) == b"salve"
    for array in (np.zeros((2, 2), ">f8"), np.zeros((2, 2), "M8[s]"), np.zeros((1, 2), [("a", "i4")])):
        with pytest.raises(BufferError):
            store.get_raw(store.put(array)).__dlpack__()
    obj = store.get_raw(store.put(np.ones(3)))
    for wrong in ({"stream": 1}, {"dl_device": (2, 0)}, {"copy": True}):
        with pytest.raises(BufferError):
            obj.__dlpack__(**wrong)
    for version in (None, (1, 0)):
        obj.__dlpack__(max_version=version)  # a capsule that nobody takes
    gc.collect()
    assert sys.getrefcount(obj) == 2


def test_torch(store):
    torch = pytest.importorskip("torch")
    array = np.arange(12, dtype="f4").reshape(3, 4)
    assert (torch.from_dlpack(store.get_raw(store.put(array))).numpy() == array).all()


def test_jax(store):
    jax = pytest.importorskip("jax")
    for array in (np.arange(12, dtype="f4").reshape(3, 4), np.asfortranarray(np.ones((2, 3), "f4"))):
        id = store.put(array)
        got = jax.dlpack.from_dlpack(store.get_raw(id))
        assert (np.asarray(got) == array).all() and store.metadata(id).ref_count == 1
        del got
        gc.collect()
        assert store.metadata(id).ref_count == 0


# ---- formats of one's own ----


def test_registered_formats(store):
    class Point:
        def __init__(self, x):
            self.x = x

    dolium.register(Point, "test.Point", lambda point: point.x.to_bytes(4, "little"),
                    lambda obj: Point(int.from_bytes(bytes(obj), "little")))
    id = store.put(Point(7))
    assert store.get(id).x == 7 and store.metadata(id).type_name == "test.Point"


def test_optional_packages_stay_optional():
    code = """if True:
        import sys
        for name in ("numpy", "pandas", "pyarrow", "tqdm"):
            sys.modules[name] = None
        import dolium, dolium.files
        from dolium import codecs
        store = dolium.InProcessStore("1MiB", allow_pickle=True)
        assert store.get(store.put({"a": ["salve", 1]})) == {"a": ["salve", 1]}
        id = store.put_raw(bytes(8), type_tag=codecs.vector_tag("f64", 8))
        try:
            store.get(id)
        except ImportError as error:
            assert "numpy" in str(error), error
        else:
            raise SystemExit("an array without numpy")
        repr(store.get_raw(id)); store._repr_html_()
        assert store.put_files([sys.argv[1]])
    """
    subprocess.run([sys.executable, "-c", code, __file__], check=True, timeout=60)
