"""Fixtures: a daemon for the whole run, a client of it with an empty store, and both kinds of store for what they share."""

import gc

import pytest

import dolium

CAPACITY = "256MiB"


@pytest.fixture(scope="session")
def daemon():
    # Some tests fill the whole store behind others whose writers end without an abort: nothing rests.
    with dolium.start_store(CAPACITY, "--quarantine-seconds=0") as path:
        yield path


@pytest.fixture
def client(daemon):
    with dolium.Client(daemon, allow_pickle=True) as client:
        yield client
        gc.collect()  # a caught exception may hold what its frames held
        for each in client.list(state="sealed"):
            client.unpin(each.id)
        client.clear()


@pytest.fixture(params=["client", "in_process"])
def store(request):
    if request.param == "client":
        return request.getfixturevalue("client")
    return dolium.InProcessStore("64MiB", allow_pickle=True)


@pytest.fixture
def own_daemon():
    """A daemon that the test may kill."""
    import pathlib
    import tempfile

    from dolium import server

    with tempfile.TemporaryDirectory(prefix="dolium-test-") as folder:
        path = pathlib.Path(folder, "dolium.sock")
        process = server.launch("64MiB", path)
        process.path = str(path)
        yield process
        server.stop(process)


def eventually(condition, timeout=20):
    """Polls what no event tells of; the time is a bound, not a measure."""
    import time

    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)
    return True
