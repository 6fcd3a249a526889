"""Arrays in place: `client.view(id, dtype)` and `Object.view(dtype)` to read, `client.create_array()` to write."""

from __future__ import annotations

from typing import Any

from . import _dolium, codecs
from ._dolium import ObjectBuilder, ObjectId
from .errors import TypeMismatch


def view(self, dtype):
    """The elements as a numpy array: read-only, in place; the array holds the object. Of a PrivateCopy: writable.

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

    wanted = np.dtype(dtype)
    if wanted.hasobject or wanted.itemsize == 0:
        raise TypeError(f"elements of {wanted} cannot be viewed in place")
    stored = _stored(self, np)
    if stored is not None and stored.dtype == wanted:
        return stored
    if self.type_tag != 0 and wanted != np.uint8:
        holds = codecs.describe(self) if stored is None else f"elements of {stored.dtype}"
        raise TypeMismatch(f"object {self.id} holds {holds}, not {'' if stored is None else 'of '}{wanted}")
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

    __slots__ = ("array", "_builder")

    def __init__(self, builder: ObjectBuilder, shape: Any, dtype: Any) -> None:
        import numpy as np

        self._builder = builder
        memory: Any = builder
        #: The numpy array to write into. Do not write to it after the seal.
        self.array: Any = np.frombuffer(memory, dtype).reshape(shape) if builder.size else np.empty(shape, dtype)

    @property
    def id(self) -> ObjectId:
        return self._builder.id

    def seal(self) -> ObjectId:
        """Makes the object immutable and visible. Returns its id."""
        return self._builder.seal()

    def abort(self) -> None:
        """Discards the object."""
        self._builder.abort()

    def __enter__(self) -> ArrayBuilder:
        self._builder.__enter__()
        return self

    def __exit__(self, type: Any, value: Any, traceback: Any) -> bool:
        return self._builder.__exit__(type, value, traceback)

    def __repr__(self):
        return f"<dolium.ArrayBuilder {self.array.dtype} {self.array.shape}, {self._builder.state}>"


def create_array(store, id, shape, dtype, **options):
    import numpy as np

    from . import _numpy

    model = np.empty(0, dtype)
    sizes = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(map(int, shape))
    tag, name, metadata = _numpy.form_of(model.dtype, sizes, False)
    if metadata is None:
        raise TypeError(f"elements of {model.dtype} can only be pickled, not written in place")
    if any(size < 0 for size in sizes):
        raise ValueError(f"an array cannot have the shape {sizes}")
    size = model.dtype.itemsize
    for each in sizes:
        size *= each
    builder = store.create(id, size, metadata=metadata, type_tag=tag, type_name=name, **options)
    return ArrayBuilder(builder, sizes, model.dtype)
