"""numpy dtypes as literals, for the headers of arrays, and back.

    '<f8'                                  a dtype of numpy itself
    'ml_dtypes.bfloat16'                   a dtype of the package ml_dtypes
    ('<f8', (2, 3))                        a subarray
    [('a', '<i4'), ('b', '<f8', (2,))]     consecutive fields, as numpy writes them into .npy files
    {'names': [...], 'formats': [...], 'offsets': [...], 'itemsize': 24, 'aligned': True}     any other fields

A dtype without such a literal (metadata, titles, np.record, dtypes of other packages) can only be pickled.
"""

import importlib

import numpy as np

_LAST_OF_NUMPY = 23  # NPY_HALF, the highest number of numpy's own types. Types of other packages begin at 256
_OWN_TYPES = frozenset(np.sctypeDict.values())
_PACKAGE = "ml_dtypes"


def describe(dtype):
    """Returns the literal, or None if the dtype has no literal."""
    literal = _literal(dtype)
    if literal is None:
        return None
    again = restore(literal)
    return literal if again == dtype and again.isalignedstruct == dtype.isalignedstruct else None


def restore(literal):
    """Returns the dtype. Raises numpy's own exceptions for an invalid literal."""
    if isinstance(literal, str):
        package, dot, name = literal.partition(".")
        return _of_package(name) if dot and package == _PACKAGE else np.dtype(literal)
    if isinstance(literal, tuple):
        base, shape = literal
        return np.dtype((restore(base), shape))
    if isinstance(literal, dict):
        formats = [restore(each) for each in literal["formats"]]
        return np.dtype({**{key: literal[key] for key in ("names", "offsets", "itemsize")}, "formats": formats},
                        align=bool(literal["aligned"]))
    return _of_list(literal)


def _literal(dtype):
    if dtype.metadata is not None or dtype.hasobject:
        return None
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        base = _literal(base)
        return None if base is None else (base, shape)
    if dtype.type.__module__ == _PACKAGE:
        return f"{_PACKAGE}.{dtype.name}" if _of_package(dtype.name) == dtype else None
    if not 0 <= dtype.num <= _LAST_OF_NUMPY or dtype.type not in _OWN_TYPES:
        return None
    return dtype.str if dtype.names is None else _literal_of_fields(dtype)


def _literal_of_fields(dtype):
    fields = [dtype.fields[name] for name in dtype.names]
    formats = [_literal(field[0]) for field in fields]
    if None in formats or any(len(field) > 2 for field in fields):  # a third item is a title
        return None
    end, packed = 0, not dtype.isalignedstruct
    for inner, offset, *_ in fields:
        packed, end = packed and offset == end, end + inner.itemsize
    if packed and end == dtype.itemsize and "" not in dtype.names:
        return [(name, *format) if isinstance(format, tuple) else (name, format)
                for name, format in zip(dtype.names, formats)]
    return {"names": list(dtype.names), "formats": formats, "offsets": [field[1] for field in fields],
            "itemsize": dtype.itemsize, "aligned": dtype.isalignedstruct}


def _of_list(literal):
    names, formats, offsets, end = [], [], [], 0
    for name, *format in literal:
        inner = restore(format[0] if len(format) == 1 else tuple(format))
        if name:  # an entry without a name is a gap in numpy's own headers
            names.append(name)
            formats.append(inner)
            offsets.append(end)
        end += inner.itemsize
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": end})


def _of_package(name):
    kind = getattr(importlib.import_module(_PACKAGE), name, None)
    if not (isinstance(kind, type) and issubclass(kind, np.generic)):
        raise TypeError(f"{_PACKAGE} has no dtype {name!r}: install a newer version")
    return np.dtype(kind)
