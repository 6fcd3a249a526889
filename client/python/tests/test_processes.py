"""Other processes, threads that must not be held up, and signals."""

import concurrent.futures
import gc
import multiprocessing
import os
import pickle
import select
import signal
import subprocess
import sys
import threading

import dolium
import numpy as np
import pytest
from conftest import eventually
from dolium import ObjectId

ID = ObjectId.from_name("processes")


def total(client, id):
    return int(client.get(id, 30).sum())


def total_of_inherited(id):
    return total(inherited, id)


def connect_and_total(path, id, answers):
    with dolium.Client(path) as client:
        answers.put(total(client, id))


def test_a_client_is_pickled_as_its_address(client):
    copy = pickle.loads(pickle.dumps(client))
    assert copy.path == client.path and copy.allow_pickle and copy.session_id != client.session_id
    assert copy.get(client.put("salve")) == "salve"
    with pytest.raises(TypeError):
        pickle.dumps(dolium.InProcessStore("1MiB"))


class Named(dolium.Client):
    """What an application may make of a client."""

    def __init__(self, path, label):
        super().__init__(path, name="named", allow_pickle=True)
        self.label = label


def test_a_pickled_client_keeps_its_subclass(client):
    copy = pickle.loads(pickle.dumps(Named(client.path, "mine")))
    assert type(copy) is Named and copy.label == "mine" and copy.allow_pickle and copy.path == client.path
    assert "named" in [each.name for each in client.clients()]


def test_a_pickled_client_finds_its_socket_from_another_directory(client, tmp_path, monkeypatch):
    folder, name = os.path.split(client.path)
    monkeypatch.chdir(folder)
    with dolium.Client(name) as relative, dolium.Client(os.fsencode(name)) as of_bytes:
        assert relative.path == of_bytes.path == client.path
        pickled = pickle.dumps(relative)
    monkeypatch.chdir(tmp_path)
    with pickle.loads(pickled) as copy:
        assert copy.path == client.path and copy.get(client.put("salve")) == "salve"


def test_a_socket_s_path_need_not_be_utf_8(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.sock")
    with dolium.start_store("16MiB", path=path), dolium.Client(path) as client:
        copy = pickle.loads(pickle.dumps(client))
        assert copy.get(client.put(1)) == 1 and copy.path == path
    for wrong in (path + ".missing", "/no/such/\udcff"):
        with pytest.raises(dolium.Disconnected):
            dolium.Client(wrong, connect_timeout=0)
    with pytest.raises(dolium.InvalidArgument):
        dolium.Client("a\0b", connect_timeout=0)


def test_ctrl_c_ends_the_wait_for_a_daemon(tmp_path):
    code = """if True:
        import dolium, os, signal, sys, threading
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            dolium.Client(sys.argv[1], connect_timeout=None if sys.argv[2] == "None" else 300)
        except KeyboardInterrupt:
            print("interrupted")
    """
    for timeout in ("None", "300"):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "missing.sock"), timeout], capture_output=True,
                              text=True, timeout=60)
        assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr


def test_a_client_waits_for_a_daemon_that_starts_later(tmp_path):
    path = tmp_path / "late.sock"
    with concurrent.futures.ThreadPoolExecutor() as threads:
        later = threads.submit(lambda: dolium.Client(path, connect_timeout=60))
        with dolium.start_store("16MiB", path=path):
            with later.result(), dolium.Client(path, connect_timeout=60) as client:
                client.ping()
    with pytest.raises(dolium.Disconnected, match="late.sock"):
        dolium.Client(path, connect_timeout=0.6)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_are_spawned_are_given_the_client(client, method):
    id = client.put(np.arange(1000))
    with multiprocessing.get_context(method).Pool(2) as pool:
        results = [pool.apply_async(total, (client, id)) for _ in range(4)]
        assert [result.get(60) for result in results] == [499500] * 4


def test_workers_that_are_forked_connect(client):
    id = client.put(np.arange(1000))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    workers = [context.Process(target=connect_and_total, args=(client.path, id, answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert [answers.get(timeout=60) for _ in workers] == [499500] * 4
    for worker in workers:
        worker.join(30)


inherited = None


def in_child(work):
    """What a forked child returned."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(False)

    child = context.Process(target=lambda: send.send(work()))
    child.start()
    assert receive.poll(60), "the child did not answer"
    answer = receive.recv()
    child.join(30)
    assert child.exitcode == 0
    return answer


def test_a_forked_child_uses_the_inherited_client(client):
    global inherited
    inherited = client
    id = client.put(np.arange(1000))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert [each.get(60) for each in [pool.apply_async(total_of_inherited, (id,)) for _ in range(8)]] == [499500] * 8


def test_a_forked_child_s_inherited_objects_are_its_own(client):
    array = client.get(client.put(np.arange(1000), ID))
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(False)
    go_receive, go_send = context.Pipe(False)

    def run():
        send.send("forked")
        assert go_receive.poll(60)
        client.evict("256MiB")
        send.send(int(array.sum()))

    child = context.Process(target=run)
    child.start()
    assert receive.recv() == "forked"
    eventually(lambda: client.metadata(ID).ref_count == 2)
    del array
    client.evict("256MiB")
    assert client.exists(ID)
    go_send.send("go")
    assert receive.poll(60) and receive.recv() == 499500
    child.join(30)
    eventually(lambda: client.metadata(ID).ref_count == 0)


def test_an_inherited_builder_does_nothing(client):
    builder = client.create(ID, 8)

    def work():
        try:
            builder.seal()
        except dolium.DoliumError:
            return "inert"

    assert in_child(work) == "inert"
    builder[:] = b"abcdefgh"
    builder.seal()
    assert client.get_raw(ID)[:] == b"abcdefgh"


def test_a_killed_process_leaves_nothing(client):
    code = """if True:
        import sys, dolium
        client = dolium.Client(sys.argv[1])
        held = client.get_raw(dolium.ObjectId(sys.argv[2]))
        builder = client.create(None, 1000)
        print("ready", flush=True)
        client.get_raw(dolium.ObjectId.random(), None)
    """
    id = client.put(1)
    process = subprocess.Popen([sys.executable, "-c", code, client.path, id.hex()], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    eventually(lambda: client.stats().waiting_gets == 1)
    assert client.metadata(id).ref_count == 1 and client.stats().unsealed_count == 1
    process.kill()
    process.wait(30)
    eventually(lambda: client.metadata(id).ref_count == 0 and client.stats().unsealed_count == 0)
    process.stdout.close()


@pytest.mark.parametrize("wait", [
    "store.get(dolium.ObjectId.random(), None)", "store.get(dolium.ObjectId.random(), 300)",
    "store.get_many([dolium.ObjectId.random()], None)", "store.create(None, 1 << 19, timeout=None)",
    "store.put(bytes(1 << 19), timeout=300)", "next(store.subscribe())"])
@pytest.mark.parametrize("kind", ["client", "in_process"])
def test_ctrl_c_ends_a_wait(daemon, client, kind, wait):
    code = f"""if True:
        import dolium, signal, sys, threading
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell has it ignored
        store = dolium.Client(sys.argv[1]) if {kind == "client"} else dolium.InProcessStore("1MiB")
        held = store.create(None, store.stats().capacity) if "1 <<" in {wait!r} else None
        def ready():
            if "next" not in {wait!r}:
                while store.stats().waiting_gets + store.stats().waiting_creates == 0:
                    pass
            print("ready", flush=True)
        try:
            threading.Thread(target=ready).start()  # in here: of a subscriber nobody can tell whether it waits already
            {wait}
        except KeyboardInterrupt:
            assert store.stats().waiting_creates == 0
            print("interrupted")
    """
    process = subprocess.Popen([sys.executable, "-c", code, daemon], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "interrupted\n" and process.returncode == 0
    finally:
        process.kill()


def test_a_get_s_deadline_holds_while_the_server_stands_still(own_daemon):
    with dolium.Client(own_daemon.path) as client:
        client.put("there", ID)
        missing = dolium.ObjectId.random()
        server = client.stats().server_pid
        os.kill(server, signal.SIGSTOP)
        try:
            with pytest.raises(dolium.StoreTimeout):
                client.get(missing, 0.01)
            with concurrent.futures.ThreadPoolExecutor() as threads:
                with pytest.raises(dolium.StoreTimeout):
                    threads.submit(client.get, missing, 0.01).result()
            assert client.get_many([ID, missing], 0.01) == ["there", None]
        finally:
            os.kill(server, signal.SIGCONT)
        assert client.stats().waiting_gets == 0
        client.put("late", missing)
        assert client.get(missing, 60) == "late"


def test_a_signal_handler_that_returns_does_not_end_a_wait(store):
    fired = []
    before = signal.signal(signal.SIGUSR1, lambda *_: fired.append(1))
    try:
        def other():
            eventually(lambda: store.stats().waiting_gets == 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            eventually(lambda: fired)
            store.put("salve", ID)

        thread = threading.Thread(target=other)
        thread.start()
        assert store.get(ID, None) == "salve" and fired == [1]
        thread.join(20)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_wait_holds_up_no_other_thread(store):
    """Each of these waits until this thread, which needs the GIL, has done something."""
    waits = [lambda: store.get(ID, None), lambda: store.get_many([ID], None)]
    threads = [threading.Thread(target=wait) for wait in waits]
    for thread in threads:
        thread.start()
    eventually(lambda: store.stats().waiting_gets == 2)
    store.put(1, ID)
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_nothing_leaks(client):
    """Descriptors, mappings, objects' references."""
    def count():
        return len(os.listdir("/proc/self/fd")), sum(b"memfd" in line for line in open("/proc/self/maps", "rb"))

    def round_trip():
        with dolium.Client(client.path) as other:
            id = other.put(np.arange(100))
            array = other.get(id)
            with pytest.raises(dolium.ObjectNotFound):
                other.get(ObjectId.random())
            with pytest.raises(dolium.StoreTimeout):
                other.get(ObjectId.random(), 0.001)
            with other.subscribe() as events:
                events.next()
            other.remove(id)
            return array.sum()

    round_trip()
    before = count()
    for _ in range(20):
        round_trip()
    assert count() == before
    assert client.stats().in_use_count == 0 and client.stats().retired_count == 0


def own_memory():
    """Memory of this process, without the store's pages, in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))


def test_a_hundred_thousand_gets_leave_nothing(store):
    gets, missing = 100_000, ObjectId.random()
    values = {ObjectId.from_name(f"leak {number}"): np.arange(100) + number for number in range(10)}
    store.put_many(values)
    ids = list(values)

    def work(count):
        for number in range(count):
            id = ids[number % 10]
            assert store.get(id)[0] == number % 10
            assert len(store.get_raw(id)) >= 800
            if number % 10 == 0:
                with pytest.raises(dolium.ObjectNotFound):
                    store.get(missing)

    work(1000)
    gc.collect()
    before, memory = len(os.listdir("/proc/self/fd")), own_memory()
    work(gets)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
    assert own_memory() - memory < 1024  # a byte a get would be 100 KiB, an error's text 1 MiB
    assert all(store.metadata(id).ref_count == 0 for id in ids)
    assert store.stats().in_use_count == 0


def test_the_end_of_the_interpreter_is_quiet(daemon):
    code = """if True:
        import asyncio, sys, dolium
        client = dolium.Client(sys.argv[1])
        kept = client.get_raw(client.put("x")); builder = client.create(None, 10); events = client.subscribe()
        async def main():
            asyncio.ensure_future(client.get_async(dolium.ObjectId.random()))
            await asyncio.sleep(0)
        asyncio.run(main())
        import dolium._dolium as d
        handle = d.get_async(client, dolium.ObjectId.random(), None, print)
    """
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code, daemon], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


WITHOUT_STREAMS = """
import os
import sys

import dolium
from dolium import plasma


def are_closed():
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            continue
        return False
    return True


for number in range(3):
    os.close(number)
with dolium.Client(sys.argv[1]) as client:
    id = client.put(b"kept")
    works = client.get(id, 1) == b"kept" and are_closed()
notified = plasma.connect(sys.argv[1])
notified.subscribe()
works = works and are_closed()
os._exit(0 if works else 1)
"""


def test_standard_streams_a_program_without_them_has_no_descriptor_in_their_place(client):
    assert subprocess.run([sys.executable, "-c", WITHOUT_STREAMS, client.path]).returncode == 0


def test_a_store_that_is_gone_is_gone(own_daemon):
    client = dolium.Client(own_daemon.path)
    id = client.put("salve")
    held = client.get_raw(id)
    own_daemon.kill()
    own_daemon.wait()
    for look in (client.get, client.get_raw, client.exists, client.metadata, lambda id: client.get_many([id])):
        with pytest.raises(dolium.Disconnected):
            look(id)
    assert not client.connected
    assert bytes(held) == b"salve"


def test_a_client_that_reconnects_goes_on_with_the_next_store(own_daemon):
    from dolium import server

    with dolium.Client(own_daemon.path, reconnect=True) as client:
        id = client.put("old")
        held = client.get_raw(id)
        server_process = os.pidfd_open(client.stats().server_pid)
        own_daemon.kill()
        own_daemon.wait()
        assert not client.connected
        select.select([server_process], [], [])  # which the kernel kills after its keeper, and which has the lock
        os.close(server_process)
        following = server.launch("64MiB", own_daemon.path)
        try:
            assert not client.exists(id)
            client.put("new", id)
            assert client.get(id, timeout=5) == "new"
            assert client.connected and not client.read_only and client.session_id > 0
            client.ping()
            assert bytes(held) == b"old"
        finally:
            server.stop(following)
