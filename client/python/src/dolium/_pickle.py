"""All other values: pickle protocol 5, with the large buffers (arrays, pandas blocks, Arrow buffers) out of band.

    head    magic, size of the stream, number of buffers
    table   offset and size of each buffer
    stream  the pickle
    buffers each at a multiple of 64 bytes

The arrays of a value that is read are in shared memory, read-only. Only the stream is copied.
"""

import pickle
import struct

from . import codecs
from .codecs import Payload, align
from .errors import PickleNotAllowed, TypeMismatch

_MAGIC = b"DLPK\0\0\0\1"
_HEAD = struct.Struct("<8sQQ")
_PLACE = struct.Struct("<QQ")


def encode_pickle(value):
    buffers = []
    stream = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    raw = [buffer.raw() for buffer in buffers]
    stream_at = _HEAD.size + _PLACE.size * len(raw)
    places, end = [], stream_at + len(stream)
    for view in raw:
        places.append((align(end), view.nbytes))
        end = align(end) + view.nbytes
    front = _HEAD.pack(_MAGIC, len(stream), len(raw)) + b"".join(_PLACE.pack(*place) for place in places) + stream
    if not raw:
        return Payload(codecs.PICKLE, "python.pickle5", front)

    def fill(builder):
        builder.write(front)
        for (offset, size), view in zip(places, raw):
            if size:
                builder.write(view, offset)

    return Payload(codecs.PICKLE, "python.pickle5", size=end, fill=fill)


def _decode(obj, store):
    if not store.allow_pickle:
        raise PickleNotAllowed(
            f"object {obj.id} is a pickle, and to read it runs code of its writer: open the store with "
            "allow_pickle=True if you trust all its writers, or get the bytes with get_raw()"
        )
    view = memoryview(obj)
    try:
        magic, stream_size, count = _HEAD.unpack_from(view)
        if magic != _MAGIC:
            raise TypeMismatch(f"object {obj.id} is stored as a pickle, but does not begin like one")
        stream_at = _HEAD.size + _PLACE.size * count
        places = list(_PLACE.iter_unpack(view[_HEAD.size:stream_at]))
    except struct.error as error:
        raise TypeMismatch(f"object {obj.id} is stored as a pickle, but is truncated") from error
    if any(offset + size > obj.size for offset, size in places) or stream_at + stream_size > obj.size:
        raise TypeMismatch(f"object {obj.id} is stored as a pickle, but is truncated")
    buffers = [view[offset:offset + size] for offset, size in places]
    return pickle.loads(view[stream_at:stream_at + stream_size], buffers=buffers)


codecs.add_decoder(codecs.PICKLE, "python.pickle5", _decode)
