"""start_store: a daemon of this process's own, which serves no other's store and ends with its starter."""

import os
import signal
import subprocess
import sys
import threading

import dolium
import pytest
from conftest import eventually
from dolium import server


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_start_store_leaves_another_daemon_on_its_path_alone(own_daemon):
    with dolium.Client(own_daemon.path) as client:
        id = client.put("another's")
        with pytest.raises(RuntimeError, match="another doliumd|already|listens|runs"):
            with dolium.start_store("16MiB", path=own_daemon.path) as path:
                dolium.Client(path).clear()
        assert client.get(id) == "another's" and own_daemon.poll() is None


def test_start_store_says_in_its_exception_why_the_daemon_did_not_start(capfd):
    for arguments, reason in ((["--no-such-flag"], "unknown option --no-such-flag"),
                              (["--readers=no-such-user"], "no user \"no-such-user\""),
                              (["--config=/no/such/file"], "/no/such/file")):
        with pytest.raises(RuntimeError, match=reason):
            with dolium.start_store("16MiB", *arguments):
                pass
    assert capfd.readouterr().err == ""


def test_start_store_shows_what_the_daemon_logged(capfd):
    with dolium.start_store("16MiB", "--readers=*"):
        pass
    assert "socket mode 0600" in capfd.readouterr().err


def test_start_store_has_a_session_of_its_own():
    with dolium.start_store("16MiB") as path, dolium.Client(path) as client:
        pid = client.stats().server_pid
        assert os.getsid(pid) != os.getsid(0) and os.getpgid(pid) != os.getpgid(0)


STARTER = """if True:
    import os, signal, sys, threading, dolium
    context = dolium.start_store("16MiB")
    path = []
    thread = threading.Thread(target=lambda: path.append(context.__enter__()))
    thread.start()  # PR_SET_PDEATHSIG would take the end of this thread for the end
    thread.join()
    with dolium.Client(path[0]) as client:
        client.put(1)
        print(client.stats().server_pid, flush=True)
    sys.stdin.readline()
    """


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(1)", "os.abort()", "sys.exit(0)",
                                 "os.execv('/bin/true', ['true'])"])
def test_start_store_s_daemon_ends_with_the_process_that_started_it(end):
    starter = subprocess.Popen([sys.executable, "-c", STARTER + end], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    with starter:
        pid = int(starter.stdout.readline())
        assert not is_gone(pid)
        starter.communicate("end\n", timeout=60)
        eventually(lambda: is_gone(pid))


def test_start_store_s_daemon_does_not_wait_for_its_starter_s_children():
    code = STARTER + """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(receive, 1)
        os._exit(0)
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    starter = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with starter:
        pid = int(starter.stdout.readline())
        starter.stdin.write("end\n")
        starter.stdin.flush()
        child = int(starter.stdout.readline())
        starter.wait(60)
        try:
            eventually(lambda: is_gone(pid))
            assert not is_gone(child)
        finally:
            os.kill(child, signal.SIGKILL)


def test_start_store_survives_ctrl_c_in_its_starter():
    code = """if True:
        import dolium, os, signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with dolium.start_store("16MiB") as path:
            client = dolium.Client(path)
            server = client.stats().server_pid
            try:
                os.killpg(0, signal.SIGINT)  # what a terminal does
                while True:
                    signal.pause()
            except KeyboardInterrupt:
                client.put(1)
                assert client.stats().server_pid == server
                print("goes on")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, start_new_session=True)
    assert (done.stdout, done.returncode) == ("goes on\n", 0), done.stderr


def test_nothing_of_a_daemon_is_left():
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    def start():
        with dolium.start_store("16MiB"):
            pass
        with pytest.raises(RuntimeError):
            with dolium.start_store("16MiB", "--no-such-flag"):
                pass

    start()
    before, threads = descriptors(), threading.active_count()
    start()
    assert descriptors() == before and threading.active_count() == threads
    with pytest.raises(FileNotFoundError):
        server.program("no-such-program")


def test_start_store_in_a_program_without_standard_streams():
    code = """if True:
        import os, dolium
        for number in range(3):
            os.close(number)
        with dolium.start_store("16MiB") as path, dolium.Client(path) as client:
            works = client.get(client.put(b"kept")) == b"kept"
            for number in range(3):
                try:
                    os.fstat(number)
                    works = False
                except OSError:
                    pass
        os._exit(0 if works else 1)
    """
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_kept_objects_go_to_disk_and_come_back():
    import tempfile

    with tempfile.TemporaryDirectory(prefix="dolium-test-", dir="/var/tmp") as disk:
        with dolium.start_store("16MiB", f"--spill-directory={disk}", "--spill-capacity=1GiB") as path:
            with dolium.Client(path, retention="keep") as client:
                ids = [client.put_raw(bytes([i]) * (2 << 20), timeout=30) for i in range(20)]
                rows = [client.metadata(id) for id in ids]
                assert {row.retention for row in rows} == {"keep"}
                assert "disk" in {row.where for row in rows}
                tier = client.stats().tier
                assert (tier.state, tier.directory) == ("ready", disk) and tier.pid > 0
                for i, id in enumerate(ids):
                    assert bytes(client.get_raw(id)[:3]) == bytes([i]) * 3
                cached = client.put(1, retention="cache")
                assert client.metadata(cached).retention == "cache"
                import pickle

                with pickle.loads(pickle.dumps(client)) as other:
                    assert other.metadata(other.put(2, timeout=30)).retention == "keep"


# Each process has two clients. One gets with a blocking call, the other with asyncio; both get nearly half of the memory.
_CROWD = """
import asyncio, random, sys, threading, dolium

def check(ids, found, outcomes):
    right = all(bytes(each[:3]) == bytes([each[0]]) * 3 and len(each) == 200_000 for each in found)
    outcomes.append("ok" if right and len(found) == len(ids) else "wrong bytes")

def read(path, seed, get, outcomes):
    pick = random.Random(seed)
    with dolium.Client(path) as client:
        for _ in range(2):
            ids = pick.sample([dolium.ObjectId.from_name(f"crowd {i}") for i in range(400)], 38)
            try:
                check(ids, get(client, ids), outcomes)
            except dolium.DoliumError as error:
                outcomes.append(f"{type(error).__name__}: {error}")

ways = [lambda client, ids: client.get_many(ids, 100),
        lambda client, ids: asyncio.run(client.get_many_async(ids, 100)),
        lambda client, ids: client.get_many(ids, 100, count=len(ids))]
outcomes = []
threads = [threading.Thread(target=read, args=(sys.argv[1], int(sys.argv[2]) * 3 + way, ways[way], outcomes))
           for way in range(3)]
for each in threads: each.start()
for each in threads: each.join()
print("; ".join(sorted(set(outcomes))), len(outcomes))
"""


def test_many_clients_that_get_half_of_the_memory_each_from_disk_all_end():
    import tempfile

    with tempfile.TemporaryDirectory(prefix="dolium-test-", dir="/var/tmp") as disk:
        with dolium.start_store("16MiB", f"--spill-directory={disk}", "--spill-capacity=1GiB") as path:
            with dolium.Client(path, retention="keep") as client:
                for i in range(400):
                    client.put(bytes([i % 256]) * 200_000, dolium.ObjectId.from_name(f"crowd {i}"), timeout=30)
            crowd = [subprocess.Popen([sys.executable, "-c", _CROWD, path, str(n)], stdout=subprocess.PIPE, text=True)
                     for n in range(4)]
            assert [each.communicate(timeout=240)[0].strip() for each in crowd] == ["ok 6"] * 4
