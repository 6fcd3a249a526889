"""ObjectId: a value."""

import copy
import pickle

import pytest
from dolium import ObjectId

HEX = "3c0bfa3de86c7d3a9b1fb1ba7b0f5ae2bd3ab1f2"


def test_the_ways_to_make_one():
    id = ObjectId(HEX)
    assert id == ObjectId(bytes.fromhex(HEX)) == ObjectId.from_hex(HEX.upper()) == ObjectId.from_binary(id.binary())
    assert id.hex() == str(id) == HEX and bytes(id) == id.binary() == bytes.fromhex(HEX)
    assert eval(repr(id)) == id
    assert ObjectId.random() != ObjectId.random()
    assert ObjectId.from_name("squares") == ObjectId.from_name(b"squares")


def test_names_are_those_of_cpp_and_of_every_release():
    assert ObjectId.from_name("").hex() == ObjectId.from_name(b"").hex()
    assert len({ObjectId.from_name(str(i)) for i in range(1000)}) == 1000


@pytest.mark.parametrize("wrong", [b"x" * 19, b"x" * 21, "zz" * 20, "ab"])
def test_what_is_none(wrong):
    with pytest.raises(ValueError):
        ObjectId(wrong)


def test_wrong_types():
    for call in (lambda: ObjectId(1), lambda: ObjectId.from_name(1), lambda: ObjectId.from_hex(b""),
                 lambda: ObjectId.from_binary(""), lambda: ObjectId(), lambda: ObjectId("", "")):
        with pytest.raises(TypeError):
            call()


def test_a_key_an_order_a_pickle():
    ids = [ObjectId.random() for _ in range(100)]
    assert len(set(ids)) == 100 and {id: 1 for id in ids}[ObjectId(ids[3].binary())] == 1
    assert sorted(ids) == sorted(ids, key=ObjectId.binary)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(ids[0], protocol)) == ids[0]
    assert copy.deepcopy(ids[0]) == ids[0]
    assert ids[0] != ids[0].binary() and not ids[0] == None  # noqa: E711
    with pytest.raises(TypeError):
        ids[0] < 1  # noqa: B015


def test_subclasses_are_ids_too():
    class Named(ObjectId):
        pass

    assert Named(HEX) == ObjectId(HEX) and hash(Named(HEX)) == hash(ObjectId(HEX))
    assert type(Named.random()) is Named
