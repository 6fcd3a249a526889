"""pyarrow tables, record batches and tensors, in Arrow's own IPC format, read in place.

pyarrow aligns the buffers of an IPC message to 8 bytes, and has no option for more. The format itself allows any
alignment: a message's metadata gives the offset of each buffer in its body. So pyarrow writes to a sink that keeps the
buffers instead of their bytes. The offsets are moved to multiples of 64. Then each buffer is copied once, to its final
place.
"""

import struct

import pyarrow as pa

from . import codecs
from .codecs import Payload, align
from .errors import TypeMismatch

_PREFIX = struct.Struct("<Ii")  # the continuation mark, and the size of the metadata behind it
_CONTINUATION = 0xFFFFFFFF
_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2  # MessageHeader, in Arrow's Message.fbs


class _Sink:
    """A file that keeps the chunks written to it: bytes, or pyarrow's buffers without a copy."""

    closed = False

    def __init__(self):
        self.chunks = []

    def write(self, data):
        self.chunks.append(data)
        return len(data)

    def writable(self):
        return True

    def readable(self):
        return False

    def seekable(self):
        return False

    def flush(self):
        pass

    def close(self):
        pass


def _written(value, schema):
    sink = _Sink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        writer.write(value)
    return [memoryview(chunk).cast("B") for chunk in sink.chunks if len(chunk)]


# ---- The parts of FlatBuffers that are needed to find the buffers' offsets in a message ----


def _field(data, table, number):
    """The offset of a table's field; 0 if the field is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    slot = 4 + 2 * number
    offset = struct.unpack_from("<H", data, vtable + slot)[0] if slot < size else 0
    return table + offset if offset else 0


def _follow(data, at):
    return at + struct.unpack_from("<I", data, at)[0]


def _places(metadata):
    """In a message's metadata: (offset of the body's length, offset of the first buffer's place, number of buffers)."""
    message = _follow(metadata, 0)
    kind_at, header_at, length_at = (_field(metadata, message, number) for number in (1, 2, 3))
    kind = metadata[kind_at] if kind_at else 0
    if kind not in (_RECORD_BATCH, _DICTIONARY_BATCH) or not length_at:
        return None
    batch = _follow(metadata, header_at)
    if kind == _DICTIONARY_BATCH:
        batch = _follow(metadata, _field(metadata, batch, 1))
    vector_at = _field(metadata, batch, 2)
    if not vector_at:
        return None
    vector = _follow(metadata, vector_at)
    return length_at, vector + 4, struct.unpack_from("<I", metadata, vector)[0]


class _Layout:
    """Pieces of memory, with the offset of each."""

    def __init__(self):
        self.pieces, self.size = [], 0

    def add(self, piece, at=None):
        at = self.size if at is None else at
        self.pieces.append((at, piece))
        self.size = at + len(piece)

    def fill(self, builder):
        for at, piece in self.pieces:
            builder.write(piece, at)


def _add_message(layout, metadata, body):
    """Adds a message. Its body and its buffers begin at multiples of 64. `body` is {offset: chunk}."""
    metadata = bytearray(metadata)
    places = _places(metadata)
    start = align(layout.size + _PREFIX.size + len(metadata))
    layout.add(_PREFIX.pack(_CONTINUATION, start - layout.size - _PREFIX.size))
    patch = len(layout.pieces)
    layout.add(metadata)
    layout.size = start
    if places is None:
        for chunk in body.values():
            layout.add(chunk)
        return
    length_at, first, count = places
    end = 0
    for number in range(count):
        at = first + 16 * number
        offset, size = struct.unpack_from("<qq", metadata, at)
        end = align(end)
        struct.pack_into("<q", metadata, at, end)
        if size:
            layout.add(body[offset][:size], start + end)
        end += size
    end = align(end)
    struct.pack_into("<q", metadata, length_at, end)
    layout.pieces[patch] = (layout.pieces[patch][0], bytes(metadata))
    layout.size = start + end


class _Chunks:
    """The written chunks, as one sequence of bytes."""

    def __init__(self, chunks):
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def take(self, size):
        """The next bytes; copied if they are in several chunks."""
        parts = b""
        while len(parts) < size:
            chunk = self._next()
            wanted = size - len(parts)
            parts += bytes(chunk[:wanted])
            self._rest = chunk[wanted:]
        return parts

    def take_body(self, size):
        """{offset: chunk} of the next `size` bytes."""
        body, at = {}, 0
        while at < size:
            chunk = self._next()
            body[at], self._rest = chunk[:size - at], chunk[size - at:]
            at += len(chunk)
        return body

    def _next(self):
        rest, self._rest = self._rest, memoryview(b"")
        return rest if len(rest) else next(self._chunks)


def _body_size(metadata):
    message = _follow(metadata, 0)
    at = _field(metadata, message, 3)
    return struct.unpack_from("<q", metadata, at)[0] if at else 0


def _aligned_stream(value, schema):
    chunks, layout = _Chunks(_written(value, schema)), _Layout()
    while True:
        mark, size = _PREFIX.unpack(chunks.take(_PREFIX.size))
        assert mark == _CONTINUATION, "pyarrow writes the stream format of Arrow 0.15 and later"
        if size == 0:
            layout.add(_PREFIX.pack(_CONTINUATION, 0))
            return layout
        metadata = chunks.take(size)
        _add_message(layout, metadata, chunks.take_body(_body_size(metadata)))


def _encode_stream(tag, name):
    def encode(value):
        layout = _aligned_stream(value, value.schema)
        return Payload(tag, name, size=layout.size, fill=layout.fill)

    return encode


def _encode_tensor(tensor):
    size = pa.ipc.get_tensor_size(tensor)

    def fill(builder):
        pa.ipc.write_tensor(tensor, pa.FixedSizeBufferWriter(pa.py_buffer(builder.data)))

    return Payload(codecs.ARROW_TENSOR, "arrow.tensor", size=size, fill=fill)


def _decoder(what, read):
    def decode(obj, _store):
        try:
            return read(pa.py_buffer(obj))
        except (pa.ArrowException, OSError, ValueError, StopIteration) as error:
            raise TypeMismatch(f"object {obj.id} is stored as an Arrow {what}, but its bytes are not one: "
                               f"{error or 'it is empty'}") from error

    return decode


_decode_tensor = _decoder("tensor", lambda buffer: pa.ipc.read_tensor(pa.BufferReader(buffer)))
_decode_table = _decoder("table", lambda buffer: pa.ipc.open_stream(buffer).read_all())
_decode_batch = _decoder("record batch", lambda buffer: pa.ipc.open_stream(buffer).read_next_batch())

codecs.add_encoder(pa.Table, _encode_stream(codecs.ARROW_STREAM, "arrow.table"))
codecs.add_encoder(pa.RecordBatch, _encode_stream(codecs.ARROW_BATCH, "arrow.record_batch"))
codecs.add_encoder(pa.Tensor, _encode_tensor)
codecs.add_decoder(codecs.ARROW_STREAM, "arrow.table", _decode_table)
codecs.add_decoder(codecs.ARROW_BATCH, "arrow.record_batch", _decode_batch)
codecs.add_decoder(codecs.ARROW_TENSOR, "arrow.tensor", _decode_tensor)
