"""Formats: how a Python value becomes an object, and back.

The value's type chooses the format, which is recorded with the object. The type tag decides how get() reads it. The
type name ("f64", "f64[]", "utf8") is for people (`dolium list`). Other information for reading is in the metadata, or at the
beginning of the data.

| value | format; C++ type that can read it |
|---|---|
| bytes, bytearray, memoryview | raw bytes, tag 0; comes back as bytes |
| str | UTF-8, `std::string` |
| bool, int (64 bit), float, complex | `bool`, `std::int64_t`, `double`, `std::complex<double>` |
| numpy array, one-dimensional, of a plain dtype | the elements, `std::vector<T>` |
| any other numpy array or scalar, also of ml_dtypes (bfloat16, ...) | the elements; a header as in .npy files |
| pyarrow Table, RecordBatch | an Arrow IPC stream whose buffers are 64-byte aligned |
| pyarrow Tensor | an Arrow IPC tensor |
| Typed(value, "utf8[]"), Typed(value, "map<utf8,f64>"), ... | the type of that name in all languages: see Typed |
| all other values (pandas, dict, ...) | pickle protocol 5, with large buffers out of band at 64-byte alignment |

`register()` adds formats of your own. Only a store that was opened with allow_pickle=True reads pickles.
"""

import importlib
import struct
import traceback
import weakref

from .errors import InvalidArgument, TypeMismatch

_MASK = (1 << 64) - 1
ALIGNMENT = 64
#: Maximum size of an object's metadata in bytes: kMaxMetadata of the C++ library.
METADATA_LIMIT = 64 * 1024

#: {type of a value: encoder}. encoder(value) -> Payload.
_encoders: dict = {}
#: The same, as a cache for types without a format of their own. Does not keep classes alive.
_found: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
#: {type tag: decoder}. decoder(object, store) -> value.
_decoders: dict = {}
#: Names of tags, for people.
_names = {0: "bytes"}
#: Modules that register formats when the first of their values, or of their tags, is used.
_value_modules = {"numpy": "_numpy", "pyarrow": "_arrow"}
_tag_modules: dict = {}


class Payload:
    """An encoded value: `data` contains it, or else `fill(builder)` writes `size` bytes in place."""

    __slots__ = ("type_tag", "type_name", "data", "metadata", "size", "fill")

    def __init__(self, type_tag, type_name, data=None, *, metadata=b"", size=0, fill=None):
        self.type_tag, self.type_name = type_tag, type_name
        self.data, self.metadata, self.size, self.fill = data, metadata, size, fill


def type_hash(name, salt=0):
    """The C++ library's hash of a type's name: FNV-1a, 64 bits, never 0.

    >>> hex(type_hash("utf8"))
    '0x844cf3e406933252'
    """
    value = 0xCBF29CE484222325 ^ salt
    for byte in name if isinstance(name, bytes) else name.encode():
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value or 1


def scalar_tag(name, size):
    """The tag of C++'s Codec for a trivially copyable type."""
    return type_hash(name, size)


def vector_tag(name, size):
    """The tag of C++'s Codec for a contiguous range of such a type."""
    return type_hash("[]", type_hash(name, size))


def align(offset, alignment=ALIGNMENT):
    return -(-offset // alignment) * alignment


def register(kind, name, encode, decode):
    """Adds a format of your own to all stores of this process.

    `encode(value)` returns a bytes-like object. `decode(obj)` receives the `Object`, and may keep views of its memory.
    The tag is the hash of the name, as for a C++ `Codec` with that type_name. The name of a codec with a version is
    "example.Graph@2".

    >>> import dolium, fractions
    >>> dolium.register(fractions.Fraction, "example.Fraction", lambda f: str(f).encode(),
    ...                 lambda obj: fractions.Fraction(bytes(obj).decode()))
    >>> store = dolium.InProcessStore("1MiB")
    >>> store.get(store.put(fractions.Fraction(1, 3)))
    Fraction(1, 3)
    """
    tag = type_hash(name)
    add_encoder(kind, lambda value: Payload(tag, name, encode(value)))
    add_decoder(tag, name, lambda obj, store: decode(obj))


def add_encoder(kind, encoder):
    _encoders[kind] = encoder


def add_decoder(tag, name, decoder):
    if _names.get(tag, name) != name:
        raise ValueError(f"the formats {name!r} and {_names[tag]!r} have the same tag: rename one")
    _decoders[tag], _names[tag] = decoder, name


def add_module_tag(tag, name, module):
    """Registers a tag whose decoder is in `module`, which is imported when the first such object is read."""
    _names[tag], _tag_modules[tag] = name, module


def encode(value):
    kind = type(value)
    encoder = _encoders.get(kind) or _found.get(kind) or _find_encoder(kind)
    return encoder(value)


def _find_encoder(kind):
    """For a new type: the formats of its package, or pickle.

    Several threads may run this at once. Each imports first, which waits until the import is complete, and then looks.
    """
    for base in kind.__mro__:
        module = _value_modules.get(str(base.__module__).partition(".")[0])
        if module is not None:
            importlib.import_module(f".{module}", __package__)
    encoder = _encoders.get(kind)
    if encoder is not None:
        return encoder
    for test, found in _families:
        if test(kind):
            encoder = found
            break
    else:
        from ._pickle import encode_pickle as encoder
    _found[kind] = encoder
    return encoder


#: (test of a type, encoder), for formats of families of types that cannot be listed.
_families: list = []


def decode(obj, store):
    try:
        decoder = _decoders.get(obj.type_tag) or _find_decoder(obj)
        return decoder(obj, store)
    except BaseException as error:
        _let_go_of_frames(error)
        raise
    finally:
        del obj  # a traceback refers to this frame: an exception that is kept must not keep the object


def decode_private(obj, store):
    """decode() of a private copy of the object: arrays are writable. Raw bytes come as a writable memoryview."""
    try:
        if obj.type_tag in _NEVER_WRITABLE:
            raise InvalidArgument(
                f"object {obj.id} is stored as {_names[obj.type_tag]}, and pyarrow never lets a program write to its data: "
                "get it without private=True, and convert it, for example with to_pandas(), which copies")
        copy = obj.private_copy()
        return memoryview(copy) if obj.type_tag == 0 else decode(copy, store)
    finally:
        del obj  # as with decode()
        copy = None


def decoder(private):
    """The function that reads an object: decode(), or decode_private()."""
    return decode_private if private else decode


def decode_all(objects, store, default=None, private=False):
    """Returns the values of the objects, with `default` for None. Empties the list."""
    values, decode_one = [], decoder(private)
    objects.reverse()
    try:
        while objects:
            obj = objects.pop()
            values.append(default if obj is None else decode_one(obj, store))
    except BaseException:
        values.clear()  # as with decode(): they are views of objects
        objects.clear()
        raise
    finally:
        obj = None
    return values


def _let_go_of_frames(error):
    """Clears the local variables in the traceback of an exception, and in those of its causes that were raised in it.
    An exception that was being handled when decode() was called is left alone."""
    behind, frames = error.__traceback__.tb_next, set()
    for _ in range(100):  # causes may form a circle
        if behind is None:
            break
        frames.update(frame for frame, _ in traceback.walk_tb(behind))
        traceback.clear_frames(behind)
        error = error.__cause__ or error.__context__
        behind = error.__traceback__ if error is not None else None
        if behind is not None and behind.tb_frame not in frames:  # not caught in there
            break


def _find_decoder(obj):
    tag = obj.type_tag
    module = _tag_modules.get(tag)
    if module is not None:
        try:
            importlib.import_module(f".{module}", __package__)
        except ImportError as error:
            raise ImportError(f"object {obj.id} is a {_names[tag]}: reading it takes {error.name}") from error
        return _decoders[tag]
    decoder = _find_decoder_by_name(obj)
    if decoder is not None:
        return decoder
    raise TypeMismatch(
        f"object {obj.id} holds {describe(obj)}, which this process cannot read: get_raw() returns its bytes, "
        "dolium.register() adds a format"
    )


def _find_decoder_by_name(obj):
    """For a type of the shared table whose tag is met for the first time."""
    name = obj.type_name
    kind = _types.named(name)
    if kind is None or _types.tag_of(name) != obj.type_tag:
        return None
    decoder = _types.decoder_of(kind)
    if len(_names) < 4096:
        add_decoder(obj.type_tag, name, decoder)
    return decoder


def describe(obj):
    """Describes the contents of an object, for people. An unknown type as C++'s type_in_words() does."""
    name = _names.get(obj.type_tag) or obj.type_name or f"a type without a name (tag {obj.type_tag:016x})"
    if name == "numpy.ndarray":
        from ._npy_header import parse

        try:
            descr, _, shape = parse(obj._metadata_bytes)
        except TypeMismatch:
            return f"{name} whose header cannot be read"
        return f"{name} {descr} {shape}"
    return name


# ---- Formats that need only Python ----


def _raw(value):
    return Payload(0, "", value)


def _memoryview(value):
    return Payload(0, "", value if value.c_contiguous else value.tobytes())


_STRING = type_hash("utf8")
_NONE = type_hash("python.none")
_C128 = scalar_tag("c128", 16)
_SCALARS = {"bool": "?", "i8": "b", "u8": "B", "i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q",
            "f32": "f", "f64": "d"}


def _string(value):
    return Payload(_STRING, "utf8", value.encode("utf-8", "surrogatepass"))


def _decode_string(obj, _store):
    try:
        return obj.tobytes().decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise TypeMismatch(f"object {obj.id} is stored as a string, but is not UTF-8: {error}") from error


def _scalar_encoder(name):
    pack = struct.Struct(_SCALARS[name])
    tag = scalar_tag(name, pack.size)
    return lambda value: Payload(tag, name, pack.pack(value))


_i64 = _scalar_encoder("i64")


def _int(value):
    if -(1 << 63) <= value < 1 << 63:
        return _i64(value)
    from ._pickle import encode_pickle

    return encode_pickle(value)


def _scalar_decoder(name):
    unpack = struct.Struct(_SCALARS[name])

    def decode_scalar(obj, _store):
        if obj.size != unpack.size:
            raise TypeMismatch(f"object {obj.id} is stored as {name}, but has {obj.size} bytes")
        if name == "bool" and obj[0] > 1:
            raise TypeMismatch(f"object {obj.id} is stored as a bool, but is neither 0 nor 1")
        return unpack.unpack(obj)[0]

    return decode_scalar


add_encoder(bytes, _raw)
add_encoder(bytearray, _raw)
add_encoder(memoryview, _memoryview)
add_encoder(str, _string)
add_encoder(bool, _scalar_encoder("bool"))
add_encoder(int, _int)
add_encoder(float, _scalar_encoder("f64"))
add_encoder(complex, lambda value: Payload(_C128, "c128", struct.pack("<2d", value.real, value.imag)))
add_encoder(type(None), lambda value: Payload(_NONE, "python.none", b""))
add_decoder(0, "bytes", lambda obj, store: obj.tobytes())
add_decoder(_STRING, "utf8", _decode_string)
add_decoder(_NONE, "python.none", lambda obj, store: None)
for _name, _format in _SCALARS.items():
    _size = struct.calcsize(_format)
    add_decoder(scalar_tag(_name, _size), _name, _scalar_decoder(_name))
    add_module_tag(vector_tag(_name, _size), f"{_name}[]", "_numpy")
for _name, _size in (("f16", 2), ("c64", 8), ("c128", 16)):
    add_module_tag(vector_tag(_name, _size), f"{_name}[]", "_numpy")

NDARRAY, NUMPY_SCALAR = type_hash("numpy.ndarray"), type_hash("numpy.scalar")
ARROW_STREAM, ARROW_BATCH = type_hash("arrow.table"), type_hash("arrow.record_batch")
ARROW_TENSOR = type_hash("arrow.tensor")
_NEVER_WRITABLE = (ARROW_STREAM, ARROW_BATCH, ARROW_TENSOR)
PICKLE = type_hash("python.pickle5")
add_module_tag(NDARRAY, "numpy.ndarray", "_numpy")
add_module_tag(NUMPY_SCALAR, "numpy.scalar", "_numpy")
add_module_tag(ARROW_STREAM, "arrow.table", "_arrow")
add_module_tag(ARROW_BATCH, "arrow.record_batch", "_arrow")
add_module_tag(ARROW_TENSOR, "arrow.tensor", "_arrow")
add_module_tag(PICKLE, "python.pickle5", "_pickle")

from . import _types  # at the end: it uses this module
from ._types import Typed

add_encoder(_types.Typed, _types.encode_typed)
for _name in ("f16", "c64", "c128", "i128", "u128", "i128[]", "u128[]", "utf8[]", "bytes[]"):
    add_decoder(_types.tag_of(_name), _name, _types.decoder_of(_types.named(_name)))
