"""DLPack: `torch.from_dlpack(client.get_raw(id))`, `jax.dlpack.from_dlpack(...)`, `numpy.from_dlpack(...)`.

The Object itself exports: as the array that was put, or as bytes if it is no array. Nothing is copied, and the consumer
holds the object. The memory is read-only. DLPack 1.0 can tell a consumer so, older versions cannot. Then a tensor of
torch looks writable, but a write to it is a SIGSEGV, like any write to a sealed object. The memory of a PrivateCopy
(`client.get_raw(id).private_copy()`) can be written.
"""

import math

from . import _dolium, _npy_header, codecs

_CPU = (1, 0)
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
#: Element types in an array's header that DLPack knows. Long double is not an IEEE type.
_ELEMENTS = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
_VECTORS = {codecs.vector_tag(name, size): (kind, size) for name, kind, size in (
    ("bool", "b", 1), ("i8", "i", 1), ("u8", "u", 1), ("i16", "i", 2), ("u16", "u", 2), ("i32", "i", 4),
    ("u32", "u", 4), ("i64", "i", 8), ("u64", "u", 8), ("f16", "f", 2), ("f32", "f", 4), ("f64", "f", 8), ("c64", "c", 8),
    ("c128", "c", 16))}


def _layout(obj):
    """(kind, item size, shape, fortran order) of the array that an object holds."""
    if obj.type_tag == codecs.NDARRAY:
        descr, fortran, shape = _npy_header.parse(obj._metadata_bytes)
        if descr not in _ELEMENTS:
            raise BufferError(f"object {obj.id} holds elements of {str(descr)[:80]}, which DLPack does not support")
        size = int(descr[2:])
        if math.prod(shape) * size > obj.size:
            raise BufferError(f"object {obj.id} has {obj.size} bytes, too few for {descr} {shape}")
        return descr[1], size, shape, fortran
    kind, size = _VECTORS.get(obj.type_tag, ("u", 1))
    return kind, size, (obj.size // size,), False


def _strides(shape, fortran):
    strides, step = [], 1
    for length in shape if fortran else reversed(shape):
        strides.append(step)
        step *= length
    return strides if fortran else strides[::-1]


def _dlpack(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    if stream is not None:
        raise BufferError("CPU memory has no stream")
    if dl_device is not None and tuple(dl_device) != _CPU:
        raise BufferError("a stored object is CPU memory")
    if copy:
        raise BufferError("a stored object is exported in place: copy it after the import")
    kind, size, shape, fortran = _layout(self)
    versioned = max_version is not None and max_version[0] >= 1
    return _dolium.dlpack_capsule(self, _CODES[kind], size * 8, list(shape), _strides(shape, fortran), versioned)


def _dlpack_device(self):
    return _CPU


# The part of both types that is written in Python.
for _type in (_dolium.Object, _dolium.PrivateCopy):
    setattr(_type, "__dlpack__", _dlpack)
    setattr(_type, "__dlpack_device__", _dlpack_device)
