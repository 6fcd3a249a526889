"""The types that all languages share, by their names: "f64", "utf8[]", "map<utf8,f64[]>". See client/CODECS.md.

`named(name)` returns the type, which encodes values into bytes and decodes any bytes, or raises TypeMismatch. Arrays of
numbers that are decoded are numpy arrays: read-only views of the given memory. All other values are copies.
"""

import struct

from . import codecs
from .codecs import align
from .errors import TypeMismatch

_ENTRY = 8  # bytes of an entry of a table
_ADVICE = "it was damaged, or put by a program that means something else by that name"
#: {name: (format of struct, name of numpy's dtype)}; numpy has no integers of 128 bits.
NUMBERS = {"bool": ("<?", "?"), "i8": ("<b", "i1"), "u8": ("<B", "u1"), "i16": ("<h", "i2"), "u16": ("<H", "u2"),
           "i32": ("<i", "i4"), "u32": ("<I", "u4"), "i64": ("<q", "i8"), "u64": ("<Q", "u8"), "i128": ("<16s", None),
           "u128": ("<16s", None), "f16": ("<e", "f2"), "f32": ("<f", "f4"), "f64": ("<d", "f8"), "c64": ("<2f", "c8"),
           "c128": ("<2d", "c16")}


def tag_of(name):
    """The tag that objects of this type have. Any name but those of the table is that of a program's own codec.

    >>> hex(tag_of("f64[]")), hex(tag_of("acme.Graph@2"))
    ('0x72dc8cb7982e6c2e', '0x6fb5b7606c9b84f3')
    """
    return 0 if name == "bytes" else _part_tag(name)


def _part_tag(name):
    if name.endswith("[]"):
        return codecs.type_hash("[]", _part_tag(name[:-2]))
    if name in NUMBERS:
        return codecs.scalar_tag(name, struct.calcsize(NUMBERS[name][0]))
    kind, parts = _split(name)
    if kind is None:
        return codecs.type_hash(name)
    salt = 0
    for part in parts:
        salt = codecs.type_hash(_part_tag(part).to_bytes(8, "little"), salt)
    return codecs.type_hash(kind, salt)


def _split(name):
    """("map", ["utf8", "f64"]) of "map<utf8,f64>"; (None, []) of a name without parts."""
    kind, bracket, rest = name.partition("<")
    if not bracket or not rest.endswith(">") or kind not in ("tuple", "optional", "map") or rest == ">":
        return None, []
    parts, depth, begin = [], 0, 0
    for at, letter in enumerate(rest[:-1]):
        depth += (letter == "<") - (letter == ">" and depth > 0)
        if letter == "," and depth == 0:
            parts.append(rest[begin:at])
            begin = at + 1
    return kind, parts + [rest[begin:-1]]


class Type:
    """`size` is 0 if each value has its own. `encode(value)` returns bytes. `decode(view)` reads a memoryview of bytes."""

    size, alignment = 0, 1

    def __init__(self, name):
        self.name = name

    def malformed(self, why):
        return TypeMismatch(f"a stored {self.name} cannot be decoded: {why}; {_ADVICE}")

    def check_size(self, view, size):
        if view.nbytes != size:
            raise self.malformed(f"it has {view.nbytes} bytes where {size} were expected")


class _Number(Type):
    def __init__(self, name):
        super().__init__(name)
        self._struct = struct.Struct(NUMBERS[name][0])
        self.size = self._struct.size
        self.alignment = self.size // 2 if name in ("c64", "c128") else self.size

    def encode(self, value):
        try:
            if self.name in ("i128", "u128"):
                return int(value).to_bytes(16, "little", signed=self.name == "i128")
            if self.name in ("c64", "c128"):
                return self._struct.pack(complex(value).real, complex(value).imag)
            return self._struct.pack(value)
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{value!r} is no {self.name}: {error}") from error

    def decode(self, view):
        self.check_size(view, self.size)
        if self.name in ("i128", "u128"):
            return int.from_bytes(view, "little", signed=self.name == "i128")
        if self.name == "bool" and view[0] > 1:
            raise self.malformed("a bool in it is neither 0 nor 1")
        read = self._struct.unpack(view)
        return complex(*read) if len(read) == 2 else read[0]


class _Text(Type):
    def encode(self, value):
        if not isinstance(value, str):
            raise TypeError(f"a utf8 is a str, not {type(value).__name__}")
        return value.encode("utf-8", "surrogatepass")

    def decode(self, view):
        try:
            return bytes(view).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise self.malformed(f"it is not UTF-8 ({error})") from error


class _Bytes(Type):
    def encode(self, value):
        return bytes(memoryview(value))

    def decode(self, view):
        return bytes(view)


class _Table(Type):
    """A type whose items stand behind a table with the end of each."""

    def _write(self, items, counted):
        """`items`: (bytes, alignment) of each."""
        out = bytearray(_ENTRY * (len(items) + counted))
        if counted:
            out[:_ENTRY] = len(items).to_bytes(_ENTRY, "little")
        for number, (data, alignment) in enumerate(items, counted):
            out += bytes(align(len(out), alignment) - len(out))
            out += data
            out[_ENTRY * number:_ENTRY * (number + 1)] = len(out).to_bytes(_ENTRY, "little")
        return bytes(out)

    def _read(self, view, alignments, table_at=0):
        """The bytes of each item."""
        end = table_at + _ENTRY * len(alignments)
        if view.nbytes < end:
            raise self.malformed(f"its {view.nbytes} bytes end within the table of its {len(alignments)} items")
        for number, alignment in enumerate(alignments, 1):
            at = table_at + _ENTRY * (number - 1)
            begin, end = align(end, alignment), int.from_bytes(view[at:at + _ENTRY], "little")
            if not begin <= end <= view.nbytes or (number == len(alignments) and end != view.nbytes):
                raise self.malformed(f"item {number} of {len(alignments)} ends at byte {end} of {view.nbytes}")
            yield view[begin:end]

    def _part(self, number, part, view):
        try:
            return part.decode(view)
        except TypeMismatch as error:
            raise TypeMismatch(f"part {number} of a {self.name}: {error}") from error


class _Array(_Table):
    def __init__(self, name, item):
        super().__init__(name)
        self.item = item
        self.alignment = item.alignment if item.size else max(_ENTRY, item.alignment)
        self._dtype = NUMBERS.get(item.name, (None, None))[1]

    def encode(self, values):
        dtype = getattr(values, "dtype", None)
        if self._dtype is not None and dtype is not None and values.ndim == 1:
            if dtype.str.lstrip("<|=") != self._dtype.replace("?", "b1"):
                raise TypeError(f"an array of {dtype} is no {self.name}: convert it first")
            return values.tobytes()
        if self.item.size:
            return b"".join(map(self.item.encode, values))
        return self._write([(self.item.encode(value), self.item.alignment) for value in values], 1)

    def decode(self, view):
        if self.item.size:
            size = self.item.size
            if view.nbytes % size:
                raise self.malformed(f"its {view.nbytes} bytes are no multiple of {size}")
            if self._dtype is not None:
                return self._decode_numbers(view)
            return [self._part(at // size + 1, self.item, view[at:at + size]) for at in range(0, view.nbytes, size)]
        count = int.from_bytes(view[:_ENTRY], "little")
        if view.nbytes < _ENTRY or view.nbytes // _ENTRY - 1 < count or (count == 0 and view.nbytes != _ENTRY):
            raise self.malformed(f"its {view.nbytes} bytes are not those of {count} items")
        parts = self._read(view, [self.item.alignment] * count, _ENTRY)
        return [self._part(number, self.item, part) for number, part in enumerate(parts, 1)]

    def _decode_numbers(self, view):
        try:
            import numpy
        except ImportError as error:
            raise ImportError(f"reading a {self.name} takes numpy") from error
        array = numpy.frombuffer(view, self._dtype) if view.nbytes else numpy.empty(0, self._dtype)
        array.flags.writeable = False
        if self.item.name == "bool" and (array.view("u1") > 1).any():
            raise self.malformed("a bool in it is neither 0 nor 1")
        return array


class _Optional(_Table):
    def __init__(self, name, item):
        super().__init__(name)
        self.item, self.alignment = item, item.alignment
        self.size = align(item.alignment + item.size, item.alignment) if item.size else 0

    def encode(self, value):
        if value is None:
            return bytes(self.size or 1)
        data = b"\1".ljust(self.alignment, b"\0") + self.item.encode(value)
        return data.ljust(self.size, b"\0")

    def decode(self, view):
        if view.nbytes == 0 or view[0] > 1:
            raise self.malformed("its first byte is neither 0 nor 1")
        if self.size or not view[0]:
            self.check_size(view, self.size or 1)
        elif view.nbytes < self.alignment:
            raise self.malformed(f"it has {view.nbytes} bytes")
        if not view[0]:
            return None
        end = self.alignment + self.item.size if self.item.size else view.nbytes
        return self._part(1, self.item, view[self.alignment:end])


class _Tuple(_Table):
    def __init__(self, name, parts):
        super().__init__(name)
        self.parts = parts
        self.alignment = max(part.alignment for part in parts)
        self._places = []
        if all(part.size for part in parts):
            end = 0
            for part in parts:
                self._places.append(align(end, part.alignment))
                end = self._places[-1] + part.size
            self.size = align(end, self.alignment)
        else:
            self.alignment = max(_ENTRY, self.alignment)

    def encode(self, values):
        values = tuple(values)
        if len(values) != len(self.parts):
            raise ValueError(f"a {self.name} has {len(self.parts)} parts, not {len(values)}")
        pairs = list(zip(self.parts, values))
        if not self.size:
            return self._write([(part.encode(value), part.alignment) for part, value in pairs], 0)
        out = bytearray(self.size)
        for at, (part, value) in zip(self._places, pairs):
            out[at:at + part.size] = part.encode(value)
        return bytes(out)

    def decode(self, view):
        if self.size:
            self.check_size(view, self.size)
            views = (view[at:at + part.size] for at, part in zip(self._places, self.parts))
        else:
            views = self._read(view, [part.alignment for part in self.parts])
        return tuple(self._part(number, part, each) for number, (part, each) in enumerate(zip(self.parts, views), 1))


class _Map(_Tuple):
    """The array of the keys, then that of the values."""

    def __init__(self, name, key, value):
        super().__init__(name, [_Array(f"{key.name}[]", key), _Array(f"{value.name}[]", value)])

    def encode(self, mapping):
        return super().encode((list(mapping.keys()), list(mapping.values())))

    def decode(self, view):
        keys, values = super().decode(view)
        if len(keys) != len(values):
            raise self.malformed("it has not as many values as keys")
        keys, values = (each.tolist() if hasattr(each, "tolist") else each for each in (keys, values))
        try:
            mapping = dict(zip(keys, values))
        except TypeError as error:
            raise self.malformed(f"its keys cannot be keys of a dict ({error})") from error
        if len(mapping) != len(keys):
            raise self.malformed("a key occurs twice")
        return mapping


_known: dict = {}  # {name: Type or None}


def named(name):
    """The Type of this name; None if the name, or a part of it, is not of the table."""
    kind = _known.get(name, False)
    if kind is False:
        if len(_known) >= 1024:
            _known.clear()
        kind = _known[name] = _make(name)
    return kind


def _make(name):
    if name in NUMBERS:
        return _Number(name)
    if name in ("utf8", "bytes"):
        return _Text(name) if name == "utf8" else _Bytes(name)
    if name.endswith("[]"):
        item = named(name[:-2])
        return None if item is None else _Array(name, item)
    kind, names = _split(name)
    parts = [named(each) for each in names]
    if kind is None or None in parts or len(parts) != {"optional": 1, "map": 2}.get(kind, len(parts)):
        return None
    if kind == "tuple":
        return _Tuple(name, parts)
    return _Optional(name, parts[0]) if kind == "optional" else _Map(name, *parts)


class Typed:
    """A value with the name of its type: `put(Typed(["a", "b"], "utf8[]"))` stores what C++ reads as a
    std::vector<std::string>, and every language by the same name. get() returns the value without the Typed.

    The names: "bool", "i8" to "i128", "u8" to "u128", "f16", "f32", "f64", "c64", "c128", "utf8" (str), "bytes"; and of
    any of them "T[]" (list, or numpy array), "optional<T>" (None or a value), "tuple<T,U,...>", "map<K,V>" (dict).

    >>> import dolium
    >>> store = dolium.InProcessStore("16MiB")
    >>> store.get(store.put(dolium.Typed({"a": (1, None), "b": (2, "x")}, "map<utf8,tuple<i32,optional<utf8>>>")))
    {'a': (1, None), 'b': (2, 'x')}
    """

    __slots__ = ("value", "type_name")

    def __init__(self, value, type_name):
        if named(type_name) is None:
            raise ValueError(f"{type_name!r} is the name of no type that all languages share: see help(dolium.Typed)")
        self.value, self.type_name = value, type_name

    def __repr__(self):
        return f"Typed({self.value!r}, {self.type_name!r})"


def encode_typed(typed):
    name = "" if typed.type_name == "bytes" else typed.type_name
    return codecs.Payload(tag_of(typed.type_name), name, named(typed.type_name).encode(typed.value))


def decoder_of(kind):
    def decode(obj, _store):
        try:
            return kind.decode(memoryview(obj))
        except TypeMismatch as error:
            raise TypeMismatch(f"object {obj.id}: {error}") from error

    return decode
