"""Everything else: pickle protocol 5, with the large buffers (arrays, pandas blocks, Arrow buffers) out of band.

    head    magic, how long the stream is, how many buffers there are
    table   offset and size of each buffer
    stream  the pickle
    buffers each at a multiple of 64 bytes

so that what comes back has its arrays in shared memory, read-only, and nothing but the stream was copied.
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
            f"object {obj.id} is a pickle, and reading one runs whatever code its writer chose: open the store with "
            "allow_pickle=True if you trust all who write to it, or take its bytes with get_raw()"
        )
    view = memoryview(obj)
    try:
        magic, stream_size, count = _HEAD.unpack_from(view)
        if magic != _MAGIC:
            raise TypeMismatch(f"object {obj.id} says it is a pickle, and does not begin as one")
        stream_at = _HEAD.size + _PLACE.size * count
        places = list(_PLACE.iter_unpack(view[_HEAD.size:stream_at]))
    except struct.error as error:
        raise TypeMismatch(f"object {obj.id} says it is a pickle, and is cut short") from error
    if any(offset + size > obj.size for offset, size in places) or stream_at + stream_size > obj.size:
        raise TypeMismatch(f"object {obj.id} says it is a pickle, and is cut short")
    buffers = [view[offset:offset + size] for offset, size in places]
    return pickle.loads(view[stream_at:stream_at + stream_size], buffers=buffers)


codecs.add_decoder(codecs.PICKLE, "python.pickle5", _decode)
