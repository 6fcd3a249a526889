"""The types that all languages share: client/codecs.json, as the C++ tests read it, too."""

import json
import pathlib
import random

import dolium
import numpy as np
import pytest
from dolium import Typed, _types, codecs

TABLE = json.loads(pathlib.Path(__file__, "../../../codecs.json").resolve().read_text())
EXAMPLES = TABLE["examples"]


def ids(rows):
    return [f"{number} {row['name']}" for number, row in enumerate(rows)]


def from_json(name, value):
    """The Python value that a value of the table stands for."""
    if name.endswith("[]"):
        items = [from_json(name[:-2], each) for each in value]
        dtype = _types.NUMBERS.get(name[:-2], (None, None))[1]
        return items if dtype is None else np.array(items, dtype)
    kind, parts = _types._split(name)
    if kind == "optional":
        return None if value is None else from_json(parts[0], value)
    if kind == "tuple":
        return tuple(map(from_json, parts, value))
    if kind == "map":
        return {from_json(parts[0], key): from_json(parts[1], each) for key, each in value}
    if name in ("c64", "c128"):
        return complex(*value)
    if name == "bytes":
        return bytes.fromhex(value)
    return int(value) if name in ("i128", "u128") else value


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.tolist() == b.tolist()
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b and type(a) in (type(b), int)  # JSON writes 1.0 as 1


def test_scalars_are_those_of_the_table():
    assert len(TABLE["scalars"]) == len(_types.NUMBERS) == 16
    for row in TABLE["scalars"]:
        kind = _types.named(row["name"])
        assert (kind.size, kind.alignment) == (row["size"], row["alignment"])
        assert f"{_types.tag_of(kind.name):016x}" == row["tag"]
        assert f"{_types.tag_of(kind.name + '[]'):016x}" == row["array_tag"]
        assert codecs._names[int(row["tag"], 16)] == row["name"]
        assert codecs._names[int(row["array_tag"], 16)] == row["name"] + "[]"


@pytest.mark.parametrize("row", EXAMPLES, ids=ids(EXAMPLES))
def test_examples_are_encoded_into_their_bytes_and_decoded(store, row):
    kind, value, data = _types.named(row["name"]), from_json(row["name"], row["value"]), bytes.fromhex(row["bytes"])
    assert (kind.size, kind.alignment) == (row["fixed_size"], row["alignment"])
    assert f"{_types.tag_of(kind.name):016x}" == row["tag"]
    assert kind.encode(value) == data
    id = store.put(Typed(value, kind.name))
    obj = store.get_raw(id)
    assert bytes(obj) == data and obj.type_tag == int(row["tag"], 16)
    assert store.metadata(id).type_name == ("" if kind.name == "bytes" else kind.name)
    assert same(value, store.get(id))
    # What another language put.
    name = store.metadata(id).type_name
    assert same(value, store.get(store.put_raw(data, type_tag=int(row["tag"], 16), type_name=name)))


@pytest.mark.parametrize("row", TABLE["malformed"], ids=ids(TABLE["malformed"]))
def test_malformed_bytes_are_refused(store, row):
    id = store.put_raw(bytes.fromhex(row["bytes"]), type_tag=_types.tag_of(row["name"]), type_name=row["name"])
    if row["name"] == "bool[]":
        store.get(id)  # numpy reads any byte that is not 0 as True
    else:
        with pytest.raises(dolium.TypeMismatch, match=f"{id}"):
            store.get(id)
    with pytest.raises(dolium.TypeMismatch, match="stored"):
        _types.named(row["name"]).decode(memoryview(bytes.fromhex(row["bytes"])))


def test_bytes_that_are_cut_or_changed_are_refused_or_another_value():
    chance, refused = random.Random(1), 0
    for row in EXAMPLES:
        kind, data = _types.named(row["name"]), bytes.fromhex(row["bytes"])
        broken = [data[:size] for size in range(len(data))]
        for _ in range(100 if data else 0):
            changed = bytearray(data)
            for _ in range(chance.randint(1, 3)):
                changed[chance.randrange(len(data))] = chance.randrange(256)
            broken.append(bytes(changed[:chance.choice([len(data), chance.randrange(len(data) + 1)])]))
        for each in broken:
            try:
                kind.decode(memoryview(each))
            except dolium.TypeMismatch:
                refused += 1
    assert refused > 500


def test_values_that_do_not_fit_their_type_are_refused():
    store = dolium.InProcessStore("1MiB")
    for value, name in ((300, "u8"), (-1, "u64"), ("x", "f64"), (1.5, "i32"), (2**127, "i128"), (None, "utf8"), (b"x", "utf8"),
                        ("x", "bytes"), ([1, "x"], "utf8[]"), ((1,), "tuple<u8,u8>"), ({1: 2}, "map<utf8,u8>"), (["x"], "f64[]"),
                        (np.ones(3), "f32[]"), (np.ones((2, 2)), "f64[]")):
        with pytest.raises((TypeError, ValueError)):
            store.put(Typed(value, name))
    assert store.list() == []
    for name in ("", "f65", "[]", "tuple<>", "tuple<f64", "map<f64>", "optional<f64,f64>", "acme.Graph[]", "map<f64,f64>>", "utf8 []"):
        with pytest.raises(ValueError, match="help"):
            Typed(1, name)


def test_names_of_other_codecs_have_plain_tags():
    for name in ("acme.Graph@2", "f65", "tuple<>", "tuple<f64", "numpy.ndarray"):
        assert _types.tag_of(name) == codecs.type_hash(name) and _types.named(name) is None


def test_arrays_inside_are_views_of_the_object(store):
    id = store.put(Typed({"a": np.arange(3.0), "b": np.arange(1000.0)}, "map<utf8,f64[]>"))
    got = store.get(id)["b"]
    assert not got.flags.writeable and got.ctypes.data % 8 == 0
    assert store.metadata(id).ref_count == 1
    store.remove(id)
    assert (got == np.arange(1000.0)).all()


def test_a_type_that_was_never_met_is_known_by_its_name(store):
    name = "tuple<u16,optional<map<utf8,i16>>>"
    data = _types.named(name).encode((1, {"x": 2}))
    assert store.get(store.put_raw(data, type_tag=_types.tag_of(name), type_name=name)) == (1, {"x": 2})
    # A name is only for people: without the tag that belongs to it, it is not believed.
    with pytest.raises(dolium.TypeMismatch, match="cannot read"):
        store.get(store.put_raw(data, type_tag=12345, type_name=name))
    gone = "tuple<u16,optional<map<utf8,i32>>>"
    obj = store.get_raw(store.put_raw(b"", type_tag=_types.tag_of(gone), type_name=gone))
    store.remove(obj.id)
    with pytest.raises(dolium.TypeMismatch):
        codecs.decode(obj, store)


def test_numbers_of_all_sizes_are_vectors_of_cpp(store):
    for dtype, name in (("f2", "f16[]"), ("c8", "c64[]"), ("c16", "c128[]"), ("?", "bool[]"), ("u8", "u64[]")):
        id = store.put(np.ones(3, dtype))
        assert store.metadata(id).type_name == name and store.get_raw(id).type_tag == _types.tag_of(name)
    assert store.metadata(store.put(1j)).type_name == "c128"
