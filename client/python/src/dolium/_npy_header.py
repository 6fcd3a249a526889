"""The header of an array, as in numpy's .npy files: `{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}`."""

import ast

from .errors import TypeMismatch

_CACHE_LIMIT = 1024
_DIMENSIONS = 64  # numpy's limit
_LONGEST = (1 << 63) - 1  # the limit of numpy and DLPack
_parsed: dict = {}


def parse(header):
    """Returns (descr, fortran_order, shape). Caches the result, because similar objects have equal headers."""
    known = _parsed.get(header)
    if known is None:
        try:
            fields = ast.literal_eval(header.decode())
            known = fields["descr"], bool(fields["fortran_order"]), tuple(fields["shape"])
            if len(known[2]) > _DIMENSIONS or not all(type(each) is int and 0 <= each <= _LONGEST for each in known[2]):
                raise ValueError("an array cannot have this shape")
        except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
            raise TypeMismatch(f"not the header of an array: {header[:80]!r}") from error
        if len(_parsed) >= _CACHE_LIMIT:
            _parsed.clear()
        _parsed[header] = known
    return known


def write(descr, fortran_order, shape):
    return repr({"descr": descr, "fortran_order": fortran_order, "shape": tuple(shape)}).encode()
