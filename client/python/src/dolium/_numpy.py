"""numpy arrays: the data are the elements, from the extent's 64-byte aligned start, in C or Fortran order.

Reading copies nothing: the array is a read-only view, and its base chain holds the Object. Writing copies once, strided arrays
too. A one-dimensional array of a C++ type is stored exactly like a std::vector of it. An array is pickled if
no header can describe its dtype (see _dtypes.py).
"""

import numpy as np

from . import _dtypes, _npy_header, _types, codecs
from ._pickle import encode_pickle
from .codecs import Payload
from .errors import TypeMismatch

# For x86-64, which is little-endian. The store runs on no other machine.
_VECTORS = {np.dtype(text): (codecs.vector_tag(name, np.dtype(text).itemsize), f"{name}[]")
            for name, (_, text) in _types.NUMBERS.items() if text is not None}

_headers: dict = {}  # {(dtype, fortran_order, shape): header}, for dtypes that equality fully describes


def _header(dtype, fortran, shape):
    """An array's header. None if only a pickle keeps the dtype, or if the header is too large for metadata."""
    if dtype.kind == "V" or dtype.metadata is not None:
        return _make_header(dtype, fortran, shape)
    key = dtype, fortran, shape
    found = _headers.get(key)
    if found is None:
        found = _make_header(dtype, fortran, shape)
        if len(_headers) >= 1024:
            _headers.clear()
        _headers[key] = found
    return found


def _make_header(dtype, fortran, shape):
    descr = _dtypes.describe(dtype)
    if descr is None:
        return None
    header = _npy_header.write(descr, fortran, shape)
    return header if len(header) <= codecs.METADATA_LIMIT else None


def form_of(dtype, shape, fortran):
    """(type tag, type name, metadata) of an array; no metadata (None) if it can only be pickled."""
    vector = _VECTORS.get(dtype) if len(shape) == 1 and dtype.metadata is None else None
    if vector is not None:
        return (*vector, b"")
    return codecs.NDARRAY, "numpy.ndarray", _header(dtype, fortran, shape)


def _encode(array):
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    tag, name, metadata = form_of(array.dtype, array.shape, fortran)
    if metadata is None:
        return encode_pickle(array)
    if array.flags.c_contiguous or fortran:
        return Payload(tag, name, _bytes_of(array), metadata=metadata)

    def fill(builder):
        np.copyto(np.frombuffer(builder.data, array.dtype).reshape(array.shape), array)

    if array.nbytes == 0:
        return Payload(tag, name, b"", metadata=metadata)
    return Payload(tag, name, metadata=metadata, size=array.nbytes, fill=fill)


def _bytes_of(array):
    """The memory of a contiguous array of any dtype: datetimes and records have no buffer format of their own."""
    if array.nbytes == 0:
        return b""
    return array.reshape(-1, order="A").view(np.uint8)


def _encode_scalar(value):
    array = np.asarray(value)
    header = _header(array.dtype, False, array.shape) if array.dtype.type is type(value) else None
    if header is None:
        return encode_pickle(value)
    return Payload(codecs.NUMPY_SCALAR, "numpy.scalar", array.tobytes(), metadata=header)


_restored: dict = {}  # {descr, if it is text: dtype}


def _dtype_of(descr, obj):
    """Raises TypeMismatch for a forged header, whichever exception numpy raises. Names a missing package."""
    dtype = _restored.get(descr) if isinstance(descr, str) else None
    if dtype is None:
        try:
            dtype = _dtypes.restore(descr)
        except ImportError as error:
            raise ImportError(f"object {obj.id} holds elements of {descr}: reading it takes {error.name}") from error
        except Exception as error:
            raise TypeMismatch(f"object {obj.id} is stored as elements of {str(descr)[:80]}, which is not a dtype "
                               f"({error}): get_raw() returns its bytes") from error
        if isinstance(descr, str) and len(_restored) < 1024:
            _restored[descr] = dtype
    if dtype.hasobject:
        raise TypeMismatch(f"object {obj.id} is stored as an array of Python objects, which cannot be read from bytes")
    return dtype


def _decode(obj, _store=None):
    descr, fortran, shape = _npy_header.parse(obj._metadata_bytes)
    dtype = _dtype_of(descr, obj)
    try:
        return np.ndarray(shape, dtype, obj, 0, None, "F" if fortran else "C")
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise TypeMismatch(f"object {obj.id} has {obj.size} bytes, too few for {dtype} {shape}") from error


def _decode_scalar(obj, _store):
    array = _decode(obj)
    if array.shape:
        raise TypeMismatch(f"object {obj.id} is stored as a numpy scalar, but has the shape {array.shape}")
    return array.copy()[()]


def _vector_decoder(dtype, name):
    def decode_vector(obj, _store):
        size = obj.size
        if size % dtype.itemsize:
            raise TypeMismatch(f"object {obj.id} is stored as {name}, but has {size} bytes")
        return np.ndarray(size // dtype.itemsize, dtype, obj)

    return decode_vector


codecs.add_encoder(np.ndarray, _encode)
codecs._families.append((lambda kind: issubclass(kind, np.generic), _encode_scalar))
codecs.add_decoder(codecs.NDARRAY, "numpy.ndarray", _decode)
codecs.add_decoder(codecs.NUMPY_SCALAR, "numpy.scalar", _decode_scalar)
for _dtype, (_tag, _name) in _VECTORS.items():
    codecs.add_decoder(_tag, _name, _vector_decoder(_dtype, _name))
