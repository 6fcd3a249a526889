"""The conformance suite: tests/conformance/README.md describes the steps."""

import contextlib
import json
import pathlib
import tempfile
import time

import pytest

import dolium
from dolium import _types, server

FILE = pathlib.Path(__file__).parents[3] / "tests" / "conformance" / "conformance.jsonl"
#: What Python's interface does not have.
LACKS = {"put_and_hold", "retain", "typed_take", "put_many_outcomes", "deferred", "async"}


def scenarios():
    """(scenario, its steps with their lines, kind of store) for each kind."""
    found = []
    for number, line in enumerate(FILE.read_text("utf-8").splitlines(), 1):
        row = json.loads(line)
        if "scenario" in row:
            found.append((row, []))
        else:
            found[-1][1].append((number, row))
    for head, steps in found:
        for kind in head.get("stores", ["process", "daemon"]):
            yield pytest.param(head, steps, kind, id=f"{head['scenario']} ({kind})")


def id_of(name):
    return dolium.ObjectId.from_name(name)


def seconds(milliseconds):
    return None if milliseconds < 0 else milliseconds / 1000


def bytes_of(step):
    """None if the step has no bytes."""
    if "data" in step:
        return step["data"].encode()
    if "hex" in step:
        return bytes.fromhex(step["hex"])
    return bytes(step["zeros"]) if "zeros" in step else None


def options_of(step):
    given = step.get("options", {})
    out = {name: given[name] for name in ("label", "pinned", "grace_readers", "retention") if name in given}
    if "type" in given:
        out.update(type_name=given["type"], type_tag=_types.tag_of(given["type"]))
    if "metadata" in given:
        out["metadata"] = given["metadata"].encode()
    if "metadata_zeros" in given:
        out["metadata"] = bytes(given["metadata_zeros"])
    for name in ("time_to_live", "time_to_idle", "grace", "timeout"):
        if name + "_ms" in given:
            out[name] = seconds(given[name + "_ms"])
    return out


def tier_name(stats):
    return stats.tier.state if stats.tier else "none"


class Runner:
    """One scenario with one store. Each method op_NAME is a step; `named` has what steps have named with "as"."""

    def __init__(self, store, path):
        self.store, self.path = store, path
        self.named = {}

    def run(self, step):
        try:
            getattr(self, "op_" + step["op"])(step)
            outcome = "ok"
        except dolium.DoliumError as error:
            outcome = error.code
        assert outcome == step.get("is", "ok")

    def client(self, step):
        return self.named[step["client"]] if "client" in step else self.store

    def keep(self, step, value):
        if "as" in step:
            self.named[step["as"]] = value

    def check(self, step, found):
        expected = bytes_of(step)
        if expected is not None:
            assert found.tobytes() == expected
        if "size" in step:
            assert found.size == step["size"]
        if "metadata" in step:
            assert bytes(found.metadata) == step["metadata"].encode()
        if "type" in step:
            assert found.type_tag == _types.tag_of(step["type"])
        self.keep(step, found)

    # ---- writing, keeping, letting go ----

    def op_connect(self, step):
        self.named[step["client"]] = dolium.Client(self.path, read_only=step.get("read_only", False))

    def op_close(self, step):
        self.named.pop(step["client"]).close()

    def op_create(self, step):
        self.keep(step, self.client(step).create(id_of(step["id"]), step["size"], **options_of(step)))

    def op_write(self, step):
        self.named[step["builder"]].write(bytes_of(step))

    def op_seal(self, step):
        builder = self.named.pop(step["builder"])
        if "as" in step:
            self.named[step["as"]] = builder.seal_and_hold()
        else:
            builder.seal()

    def op_abort(self, step):
        self.named.pop(step["builder"]).abort()

    def op_put(self, step):
        self.client(step).put_raw(bytes_of(step), id_of(step["id"]), **options_of(step))

    def op_put_many(self, step):
        self.client(step).put_many({id_of(each["id"]): bytes_of(each) for each in step["items"]})

    def op_pin(self, step):
        self.client(step).pin(id_of(step["id"]))

    def op_unpin(self, step):
        self.client(step).unpin(id_of(step["id"]))

    def op_extend_grace(self, step):
        self.client(step).extend_grace(id_of(step["id"]), step["ms"] / 1000, step.get("readers", 1))

    def op_remove(self, step):
        assert self.client(step).remove(id_of(step["id"])) == step.get("removed", False)

    def op_evict(self, step):
        assert self.client(step)._evict_and_count(step["bytes"])[1] == step.get("object_bytes", 0)

    def op_trim(self, step):
        self.client(step).trim()

    def op_clear(self, step):
        self.client(step).clear()

    # ---- reading ----

    def op_get(self, step):
        self.check(step, self.client(step).get_raw(id_of(step["id"]), seconds(step.get("timeout_ms", 0))))

    def op_try_get(self, step):
        try:
            found = self.client(step).get_raw(id_of(step["id"]))
        except dolium.ObjectNotFound:
            assert not step["found"]
        else:
            assert step["found"]
            self.check(step, found)

    def op_get_many(self, step):
        ids = [id_of(name) for name in step["ids"]]
        found = self.client(step).get_many_raw(ids, seconds(step.get("timeout_ms", 0)), count=step.get("enough"))
        assert [each is not None for each in found] == step["found"]

    def op_wait(self, step):
        ids = [id_of(name) for name in step["ids"]]
        assert self.client(step).wait(ids, step.get("enough"), seconds(step.get("timeout_ms", 0))) == step["there"]

    def op_take(self, step):
        self.check(step, self.client(step).take_raw(id_of(step["id"]), seconds(step.get("timeout_ms", 0))))

    def op_check(self, step):
        self.check(step, self.named[step["object"]])

    def op_release(self, step):
        del self.named[step["object"]]

    def op_exists(self, step):
        assert self.client(step).exists(id_of(step["id"])) == step["value"]

    def op_exists_many(self, step):
        assert self.client(step).exists_many([id_of(name) for name in step["ids"]]) == step["values"]

    def op_until_gone(self, step):
        deadline = time.monotonic() + 60
        while self.client(step).exists(id_of(step["id"])):
            assert time.monotonic() < deadline, "it is still there"
            time.sleep(0.001)

    # ---- looking ----

    def op_metadata(self, step):
        found = self.client(step).metadata(id_of(step["id"]))
        for name, expected in step["has"].items():
            if name.endswith("_ms"):
                life = getattr(found, name[: -len("_ms")])
                assert (life.total_seconds() * 1000 if life else 0) == expected
            else:
                assert getattr(found, {"pinned": "is_pinned", "place": "where"}.get(name, name)) == expected
        self.keep(step, found)

    def op_remove_described(self, step):
        assert self.client(step).remove(self.named[step["object"]]) == step.get("removed", False)

    def op_stats(self, step):
        found = self.client(step).stats()
        figures = {name: getattr(found, name) for name in step["has"]}
        if "tier" in figures:
            figures["tier"] = tier_name(found)
        assert figures == step["has"]

    def op_until_tier(self, step):
        deadline = time.monotonic() + 60
        while True:
            stats = self.client(step).stats()
            state, records = tier_name(stats), stats.tier.records if stats.tier else 0
            if (state, records) == (step["state"], step.get("records", records)):
                return
            assert time.monotonic() < deadline, f"the tier is {state}, with {records} records"
            time.sleep(0.001)

    def op_list(self, step):
        found = self.client(step).list(**step.get("filter", {}))
        assert {each.id for each in found} == {id_of(name) for name in step["ids"]}

    def op_clients(self, step):
        while (count := len(self.client(step).clients())) != step["count"]:
            assert count > step["count"]

    def op_ping(self, step):
        self.client(step).ping()

    def op_id(self, step):
        assert id_of(step["name"]).hex() == step["hex"]

    def op_id_from_hex(self, step):
        assert dolium.ObjectId.from_hex(step["hex"]).hex() == step.get("to", step["hex"])

    def op_tag(self, step):
        assert f"{_types.tag_of(step['type']):016x}" == step["tag"]

    def op_ticket(self, step):
        self.keep(step, self.client(step).ref(id_of(step["id"]), step["type"]).ticket())

    def op_ticket_get(self, step):
        ref = self.client(step).ref(self.named[step["ticket"]], step.get("type"))
        self.check(step, ref.get_raw(seconds(step.get("timeout_ms", 0))))

    def op_ticket_text(self, step):
        assert self.client(step).ref(step["text"]).id.hex() == step["hex"]

    # ---- events ----

    def op_subscribe(self, step):
        self.keep(step, self.client(step).subscribe())

    def op_next(self, step):
        event = self.named[step["subscription"]].next(seconds(step.get("timeout_ms", 60000)))
        expected = step["event"]
        assert (event.kind, event.id, event.cause or None) == (
            expected["kind"], id_of(expected["id"]), expected.get("cause"))
        assert event.data_size == expected.get("size", event.data_size)
        assert event.label == expected.get("label", event.label)


@contextlib.contextmanager
def opened(head, kind):
    """The scenario's store, and the daemon's socket."""
    capacity = head.get("capacity", 16 << 20)
    policy = head.get("eviction_policy", "lru")
    if kind == "process":
        yield dolium.InProcessStore(capacity, max_objects=head.get("max_objects", 0), eviction_policy=policy), None
        return
    flags = [f"--{name.replace('_', '-')}={head[name]}" for name in ("max_objects", "max_pinned_bytes_per_user")
             if name in head]
    with tempfile.TemporaryDirectory(prefix="dolium-conformance-") as folder:
        path = pathlib.Path(folder, "dolium.sock")
        if head.get("spill"):
            disk = pathlib.Path(folder, "spill")
            disk.mkdir(mode=0o700)
            flags.append(f"--spill-directory={disk}")
        daemon = server.launch(capacity, path, f"--eviction-policy={policy}", "--prefault=false", *flags)
        try:
            with dolium.Client(path) as client:
                yield client, path
        finally:
            server.stop(daemon)


@pytest.mark.parametrize("head, steps, kind", list(scenarios()))
def test_scenario(head, steps, kind):
    lacking = LACKS.intersection(head.get("needs", []))
    if lacking:
        pytest.skip(f"Python has no {', '.join(sorted(lacking))}")
    with opened(head, kind) as (store, path):
        runner = Runner(store, path)
        for number, step in steps:
            try:
                runner.run(step)
            except (AssertionError, dolium.DoliumError, ValueError, KeyError) as error:
                raise AssertionError(f"conformance.jsonl, line {number}: {step}") from error
        runner.named.clear()
