"""The matrix in Python: README.md has the objects.

matrix_python.py put LANGUAGE | get LANGUAGE | time LANGUAGE
"""

import sys
import time

import dolium
import numpy

NUMBERS = numpy.array([1.5, -2, 0.25])
TEXT = "grüße, 世界"
RAW = {"raw": (bytes(range(256)), b""), "metadata": (b"salve", b"about it"), "empty": (b"", b"")}


def time_gets(client, id_of):
    ids = [id_of(number) for number in range(1000)]
    for id in ids:
        client.put_raw(bytes(1024), id)
    for line in sys.stdin:
        gets = int(line)
        begin = time.perf_counter_ns()
        for number in range(gets):
            assert client.get_raw(ids[number % 1000]).size == 1024
        print(time.perf_counter_ns() - begin, flush=True)


def main(verb, language):
    def id_of(name):
        return dolium.ObjectId.from_name(f"{language}/{name}")

    with dolium.Client() as client:
        if verb == "time":
            time_gets(client, id_of)
            return
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
