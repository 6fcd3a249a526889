"""Arrays in place: `client.view(id, dtype)` and `Object.view(dtype)` to read, `client.create_array()` to write."""

from __future__ import annotations

import math
import operator
from typing import Any

from . import _dolium, codecs
from ._dolium import ObjectBuilder, ObjectId
from .errors import TooLarge, TypeMismatch

#: Bytes of the largest array that any store could have: kMaxArrayBytes of the C++ library.
_LARGEST = 1 << 62
#: Names that numpy and the table of all languages have for different types: numpy counts bytes, the table bits.
_NUMPYS_OWN = ("i8", "u8", "f16")


def _dtype_of(dtype, np):
    """numpy's dtype of what numpy accepts, and of the names of the types that all languages share."""
    from ._types import NUMBERS

    if dtype is None:
        raise TypeError("a dtype is missing: give one such as \"f8\", or a type's name such as \"f64\"")
    if isinstance(dtype, str):
        name = dtype[:-2] if dtype.endswith("[]") else dtype
        if name in NUMBERS and (name != dtype or name not in _NUMPYS_OWN):
            known = NUMBERS[name][1]
            if known is None:
                raise TypeError(f"numpy has no dtype for elements of {name}: get() returns them as a list")
            return np.dtype(known)
    return np.dtype(dtype)


def _also_means(dtype):
    """What an element type's name means in the other of the two conventions."""
    if dtype not in _NUMPYS_OWN:
        return ""
    return f" (numpy's \"{dtype}\"; the type {dtype} of all languages is written \"{dtype}[]\")"


def view(self, dtype):
    """The elements as a numpy array: read-only, in place; the array holds the object. Of a PrivateCopy: writable.

    `dtype` is numpy's, or the name of a type that all languages share: "f64", "u16", "c128", "f64[]". The names "i8",
    "u8" and "f16" mean what they mean to numpy, which counts bytes; "i8[]", "u8[]" and "f16[]" are always the shared
    types.

    The shape is that of the array that was put; one dimension for a C++ vector, span or array, for one number, and for
    raw bytes. TypeMismatch if the object was stored as elements of another type than `dtype`. Raw bytes can be viewed
    as any dtype, and every object as uint8.

    >>> import dolium, numpy
    >>> store = dolium.InProcessStore("16MiB")
    >>> obj = store.get_raw(store.put(numpy.arange(6.0).reshape(2, 3)))
    >>> obj.view("f8").shape
    (2, 3)
    >>> obj.view("f4")
    Traceback (most recent call last):
        ...
    dolium.errors.TypeMismatch: object ... holds elements of float64, not of float32
    """
    import numpy as np

    wanted = _dtype_of(dtype, np)
    if wanted.hasobject or wanted.itemsize == 0:
        raise TypeError(f"elements of {wanted} cannot be viewed in place")
    stored = _stored(self, np)
    if stored is not None and stored.dtype == wanted:
        return stored
    if self.type_tag != 0 and wanted != np.uint8:
        holds = codecs.describe(self) if stored is None else f"elements of {stored.dtype}"
        raise TypeMismatch(f"object {self.id} holds {holds}, not {'' if stored is None else 'of '}{wanted}"
                           f"{_also_means(dtype)}")
    if self.size % wanted.itemsize:
        raise TypeMismatch(f"object {self.id} has {self.size} bytes, which is no multiple of the {wanted.itemsize} of "
                           f"{wanted}")
    return np.ndarray(self.size // wanted.itemsize, wanted, self)


def _stored(obj, np):
    """The array that the object holds; None if it holds none."""
    from . import _numpy, _types

    tag = obj.type_tag
    if tag == codecs.NDARRAY:
        return _numpy._decode(obj)
    if tag == codecs.NUMPY_SCALAR:
        return _numpy._decode(obj).reshape(-1)
    name = codecs._names.get(tag, "")
    dtype = _types.NUMBERS.get(name[:-2] if name.endswith("[]") else name, (None, None))[1]
    if tag == 0 or dtype is None:
        return None
    return _numpy._vector_decoder(np.dtype(dtype), name)(obj, None)


for _type in (_dolium.Object, _dolium.PrivateCopy):  # this part of both types is written in Python
    setattr(_type, "view", view)


class ArrayBuilder:
    """An array that is being written in place. Made by `ObjectStore.create_array()`.

    As a context manager, it seals at the end of the block, and aborts if the block raises.
    """

    __slots__ = ("_array", "_builder")

    def __init__(self, builder: ObjectBuilder, shape: Any, dtype: Any) -> None:
        import numpy as np

        self._builder = builder
        memory: Any = builder
        self._array: Any = np.frombuffer(memory, dtype).reshape(shape) if builder.size else np.empty(shape, dtype)

    @property
    def array(self) -> Any:
        """The numpy array to write into: `builder.array[...] = values`. The seal makes it read-only, but not views that
        were made of it before, such as slices: do not write to those after the seal."""
        return self._array

    @property
    def id(self) -> ObjectId:
        return self._builder.id

    def seal(self) -> ObjectId:
        """Makes the object immutable and visible. Returns its id."""
        id = self._builder.seal()
        self._array.flags.writeable = False
        return id

    def abort(self) -> None:
        """Discards the object."""
        self._builder.abort()

    def __enter__(self) -> ArrayBuilder:
        self._builder.__enter__()
        return self

    def __exit__(self, type: Any, value: Any, traceback: Any) -> bool:
        suppresses = self._builder.__exit__(type, value, traceback)
        self._array.flags.writeable = False
        return suppresses

    def __repr__(self):
        return f"<dolium.ArrayBuilder {self._array.dtype} {self._array.shape}, {self._builder.state}>"


def _sizes_of(shape):
    """A tuple of ints, none of them negative. Refuses what int() would cut or take apart: 2.5, "23"."""
    try:
        sizes = (operator.index(shape),)
    except TypeError:
        try:
            sizes = tuple(map(operator.index, shape))
        except TypeError:
            raise TypeError(f"a shape is an int or a tuple of ints, not {shape!r}") from None
    if any(size < 0 for size in sizes):
        raise ValueError(f"an array cannot have the shape {sizes}: a size is negative")
    return sizes


def create_array(store, id, shape, dtype, **options):
    import numpy as np

    from . import _numpy

    sizes = _sizes_of(shape)
    model = np.empty((0,) * len(sizes), _dtype_of(dtype, np))  # raises numpy's error for too many dimensions
    tag, name, metadata = _numpy.form_of(model.dtype, sizes, False)
    if metadata is None:
        raise TypeError(f"elements of {model.dtype} can only be pickled, not written in place")
    size = math.prod(sizes, start=model.dtype.itemsize)
    if size > _LARGEST:
        raise TooLarge(f"an array of {model.dtype} with the shape {sizes} has {size} bytes: no store is that large")
    builder = store.create(id, size, metadata=metadata, type_tag=tag, type_name=name, **options)
    return ArrayBuilder(builder, sizes, model.dtype)
