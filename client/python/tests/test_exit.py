"""The end of the interpreter while threads are inside the store: the program's own exit status, and no noise."""

import subprocess
import sys

import pytest

DAEMON_THREAD = "threading.Thread(target=lambda: {}, daemon=True).start()"
INSIDE = {
    "get": DAEMON_THREAD.format("store.get(missing, None)"),
    "get with a deadline": DAEMON_THREAD.format("store.get(missing, 300)"),
    "get_many": DAEMON_THREAD.format("store.get_many([missing, there], None)"),
    "create": DAEMON_THREAD.format("store.create(None, store.stats().capacity, timeout=None)"),
    "events": DAEMON_THREAD.format("[None for _ in events]"),
    "quick calls": "\n".join([DAEMON_THREAD.format("[store.stats() for _ in iter(int, 1)]"),
                              DAEMON_THREAD.format("[store.put(bytes(100_000), pinned=False) for _ in iter(int, 1)]"),
                              DAEMON_THREAD.format("[store.get_raw(there).tobytes() for _ in iter(int, 1)]"),
                              DAEMON_THREAD.format("[store.exists(missing) for _ in iter(int, 1)]")]),
    "a ThreadPool": "pool = multiprocessing.pool.ThreadPool(3); pool.map_async(lambda _: store.get(missing, None), range(3))",
    "an event loop": DAEMON_THREAD.format("asyncio.run(store.get_async(missing))"),
    "a copy": DAEMON_THREAD.format("[big.tobytes() for _ in iter(int, 1)]"),
}
PROGRAM = """if True:
    import asyncio, multiprocessing.pool, sys, threading, time, dolium
    store = dolium.Client(sys.argv[1]) if sys.argv[2] == "client" else dolium.InProcessStore("64MiB")
    missing, there = dolium.ObjectId.random(), store.put(bytes(10_000))
    held, events = store.create(None, 100), store.subscribe()
    big = store.get_raw(store.put(bytes(8 << 20)))
    sys.setswitchinterval(1e-5)
"""


@pytest.mark.parametrize("kind", ["client", "in_process"])
@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("end, status", [("", 0), ("sys.exit(3)", 3)])
def test_the_interpreter_ends_while_threads_are_inside(daemon, inside, kind, end, status):
    wait = "while store.stats().waiting_gets + store.stats().waiting_creates == 0: time.sleep(0.001)\n" \
        if "get" in inside or inside in ("create", "a ThreadPool") else ""
    code = PROGRAM + "".join(f"    {line}\n" for line in (INSIDE[inside] + "\n" + wait + end).splitlines())
    done = subprocess.run([sys.executable, "-c", code, daemon, kind], capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (status, b"")


def test_the_interpreter_ends_while_plasma_s_notifications_are_read(daemon):
    code = """if True:
        import sys, dolium.plasma as plasma
        client = plasma.connect(sys.argv[1])
        client.subscribe()
        client.get_notification_socket()
        sys.exit(3)
    """
    done = subprocess.run([sys.executable, "-c", code, daemon], capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (3, b"")


def test_a_sub_interpreter_is_refused_in_words():
    code = """if True:
        import sys
        try:
            import _interpreters as interpreters
            made = interpreters.create("legacy")
        except ImportError:
            import _xxsubinterpreters as interpreters
            made = interpreters.create(isolated=False)
        report = interpreters.run_string(made, f'''if True:
            import sys
            sys.path[:] = {sys.path!r}
            try:
                import dolium
            except ImportError as error:
                print(error, flush=True)
        ''')
        assert report is None, report
        import dolium
        store = dolium.InProcessStore("1MiB")
        assert store.get(store.put(1)) == 1
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "main interpreter only" in done.stdout and "WSGIApplicationGroup %{GLOBAL}" in done.stdout
