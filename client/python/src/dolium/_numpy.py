"""numpy arrays: the elements alone are the data, at the extent's 64-byte aligned start, in C or Fortran order.

Reading copies nothing: the array is a read-only view whose base chain holds the Object. Writing copies once, strided
arrays too. One-dimensional arrays of the types that C++ has too are stored exactly as a std::vector of them.
"""

import numpy as np

from . import _npy_header, codecs
from ._pickle import encode_pickle
from .codecs import Payload
from .errors import TypeMismatch

# On x86-64, which is little-endian and the only machine the store runs on.
_PLAIN = {"bool": "?", "i8": "i1", "u8": "u1", "i16": "i2", "u16": "u2", "i32": "i4", "u32": "u4", "i64": "i8",
          "u64": "u8", "f32": "f4", "f64": "f8"}
_VECTORS = {np.dtype(text): (codecs.vector_tag(name, np.dtype(text).itemsize), name) for name, text in _PLAIN.items()}

_headers: dict = {}  # {(dtype, fortran_order, shape): header}, of dtypes that are hashable by their meaning


def _header(array, fortran):
    key = array.dtype, fortran, array.shape
    found = _headers.get(key)
    if found is None:
        descr = np.lib.format.dtype_to_descr(array.dtype)
        found = _npy_header.write(descr, fortran, array.shape)
        if len(_headers) >= 1024:
            _headers.clear()
        _headers[key] = found
    return found


def _encode(array):
    if array.dtype.hasobject or array.dtype.kind not in "?biufcmMSUV":
        return encode_pickle(array)
    vector = _VECTORS.get(array.dtype) if array.ndim == 1 else None
    if vector is not None:
        (tag, name), metadata, fortran = vector, b"", False
    else:
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        tag, name, metadata = codecs.NDARRAY, "numpy.ndarray", _header(array, fortran)
    if array.flags.c_contiguous or fortran:
        return Payload(tag, name, _bytes_of(array), metadata=metadata)

    def fill(builder):
        np.copyto(np.frombuffer(builder.data, array.dtype).reshape(array.shape), array)

    if array.nbytes == 0:
        return Payload(tag, name, b"", metadata=metadata)
    return Payload(tag, name, metadata=metadata, size=array.nbytes, fill=fill)


def _bytes_of(array):
    """A contiguous array's memory, whatever its dtype: datetimes and records have no buffer format of their own."""
    if array.nbytes == 0:
        return b""
    return array.reshape(-1, order="A").view(np.uint8)


def _encode_scalar(value):
    array = np.asarray(value)
    if array.dtype.hasobject:
        return encode_pickle(value)
    return Payload(codecs.NUMPY_SCALAR, "numpy.scalar", array.tobytes(), metadata=_header(array, False))


def _dtype_of(descr):
    return np.lib.format.descr_to_dtype(descr)


_dtypes: dict = {}  # {descr that is text: dtype}


def _decode(obj, _store=None):
    descr, fortran, shape = _npy_header.parse(obj._metadata_bytes)
    dtype = _dtypes.get(descr) if isinstance(descr, str) else None
    if dtype is None:
        dtype = _dtype_of(descr)
        if isinstance(descr, str) and len(_dtypes) < 1024:
            _dtypes[descr] = dtype
    if dtype.hasobject:
        raise TypeMismatch(f"object {obj.id} says it is an array of Python objects, which are never stored as bytes")
    try:
        return np.ndarray(shape, dtype, obj, 0, None, "F" if fortran else "C")
    except (TypeError, ValueError) as error:
        raise TypeMismatch(f"object {obj.id} has {obj.size} bytes, too few for {dtype} {shape}") from error


def _vector_decoder(dtype, name):
    def decode_vector(obj, _store):
        size = obj.size
        if size % dtype.itemsize:
            raise TypeMismatch(f"object {obj.id} says it holds {name}, and has {size} bytes")
        return np.ndarray(size // dtype.itemsize, dtype, obj)

    return decode_vector


codecs.add_encoder(np.ndarray, _encode)
codecs._families.append((lambda kind: issubclass(kind, np.generic), _encode_scalar))
codecs.add_decoder(codecs.NDARRAY, "numpy.ndarray", _decode)
codecs.add_decoder(codecs.NUMPY_SCALAR, "numpy.scalar", lambda obj, store: _decode(obj).copy()[()])
for _dtype, (_tag, _name) in _VECTORS.items():
    codecs.add_decoder(_tag, f"{_name}[]", _vector_decoder(_dtype, f"{_name}[]"))
