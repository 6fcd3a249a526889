"""The header of an array: numpy's own of .npy files, as text, `{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}`."""

import ast

from .errors import TypeMismatch

_CACHE_LIMIT = 1024
_parsed: dict = {}


def parse(header):
    """(descr, fortran_order, shape). Remembers: objects of one kind have the same few headers."""
    known = _parsed.get(header)
    if known is None:
        try:
            fields = ast.literal_eval(header.decode())
            known = fields["descr"], bool(fields["fortran_order"]), tuple(fields["shape"])
            if not all(type(length) is int and length >= 0 for length in known[2]):
                raise ValueError("lengths are not negative")
        except (ValueError, SyntaxError, KeyError, TypeError) as error:
            raise TypeMismatch(f"not the header of an array: {header[:80]!r}") from error
        if len(_parsed) >= _CACHE_LIMIT:
            _parsed.clear()
        _parsed[header] = known
    return known


def write(descr, fortran_order, shape):
    return repr({"descr": descr, "fortran_order": fortran_order, "shape": tuple(shape)}).encode()
