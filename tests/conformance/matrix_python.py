"""The matrix in Python: README.md has the objects.

matrix_python.py put LANGUAGE | get LANGUAGE
"""

import sys

import dolium
import numpy

NUMBERS = numpy.array([1.5, -2, 0.25])
TEXT = "grüße, 世界"
RAW = {"raw": (bytes(range(256)), b""), "metadata": (b"salve", b"about it"), "empty": (b"", b"")}


def main(verb, language):
    def id_of(name):
        return dolium.ObjectId.from_name(f"{language}/{name}")

    with dolium.Client() as client:
        if verb == "put":
            for name, (data, metadata) in RAW.items():
                client.put_raw(data, id_of(name), metadata=metadata)
            client.put(NUMBERS, id_of("f64[]"))
            client.put(TEXT, id_of("utf8"))
            return
        for name, (data, metadata) in RAW.items():
            found = client.get_raw(id_of(name))
            assert (found.tobytes(), bytes(found.metadata), found.type_tag) == (data, metadata, 0), name
        numbers = client.get(id_of("f64[]"))
        assert isinstance(numbers, numpy.ndarray) and numbers.dtype == "f8" and (numbers == NUMBERS).all()
        assert client.get(id_of("utf8")) == TEXT


if __name__ == "__main__":
    main(*sys.argv[1:])
