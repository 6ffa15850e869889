"""Queries written to a file and run again from it, with no source."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from athena_connectors.common.cli.main import main
from athena_connectors.common.connector import Connector, Decision, Exactness, Pushdown
from athena_connectors.common.errors import SourceError
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.secrets import Secret, SecretResolver
from athena_connectors.common.testing.engine import Catalog
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.testing.recording import recordings
from athena_connectors.common.testing.recording.boundary import recording_connector
from athena_connectors.common.testing.recording.calls import Tape, ToldError
from athena_connectors.common.testing.recording.record import record
from athena_connectors.common.testing.recording.recordings import (
    Options,
    read_recording,
    write_recording,
)
from athena_connectors.common.testing.recording.replay import assert_replays, replay
from athena_connectors.common.testing.recording.values import key_of
from athena_connectors.common.testing.transport import HttpEndpoint, InProcess
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from athena_connectors.common.connector import Scan
    from athena_connectors.common.testing.recording.recordings import Recording

PASSWORD = "sw0rdf/sh%&'"
TABLES = {
    "s.t": pa.record_batch(
        {
            "id": pa.array(range(1, 31), pa.int32()),
            "name": [f"Zarathustra {n}" if n % 7 else None for n in range(30)],
            "at": pa.array([86_400_000 * n + 5 for n in range(30)], pa.int64()).view(pa.date64()),
            "zoned": pa.array([(n * 1000) << 12 for n in range(30)], pa.int64()).view(
                pa.timestamp("ms", "UTC")
            ),
            "real": [float("nan"), float("inf"), None, 4711.125, -0.0] * 6,
            "money": pa.array([None, "77123.45", "-1.00"] * 10).cast(pa.decimal128(9, 2)),
            "many": pa.array([["x", None, "Quetzalcoatl"], [], None] * 10),
            "pairs": pa.array([[("k", 1)], []] * 15, pa.map_(pa.string(), pa.int64())),
            "deep": pa.array([{"a": 815, "b": b"Xerxes"}, None] * 15),
        }
    ),
    "s.u": pa.record_batch({"id": pa.array([3, 4, 40], pa.int64()), "tag": ["c", "d", "e"]}),
    "s.none": pa.record_batch({"id": pa.array([], pa.int64())}),
}
QUERIES = (
    "SELECT * FROM mem.s.t",
    "SELECT name FROM mem.s.t WHERE id BETWEEN 5 AND 20 AND name IS NOT NULL",
    "SELECT id FROM mem.s.t WHERE name LIKE 'Zarathustra 1%' AND id * 2 > 10",
    "SELECT count(*) FROM mem.s.t",
    "SELECT id FROM mem.s.t LIMIT 4",
    "SELECT id, at FROM mem.s.t ORDER BY id DESC LIMIT 3",
    "SELECT t.name, u.tag FROM mem.s.t JOIN mem.s.u ON t.id = u.id WHERE t.id < 10",
    "SELECT a.id FROM mem.s.u a JOIN mem.s.u b ON a.id = b.id WHERE a.tag > 'c' AND b.tag < 'e'",
    "SELECT * FROM mem.s.none",
    "SELECT id FROM mem.s.t WHERE id IN (1, 2, 30) AND at < TIMESTAMP '1970-01-20 00:00:00'",
    "SELECT * FROM TABLE(mem.system.query(query => 's.u')) WHERE id > 3",
    "SELECT id FROM mem.s.t WHERE real <> CAST('NaN' AS DOUBLE)",
    "SELECT 1",
)


class Pushing(MemoryConnector):
    """Claims of some conditions that it sees to them, tells natives, and knows secrets."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(TABLES, splits=int(environ.get("splits", "3")))
        self.password = Secret(environ.get("token", "unset token"))
        self.fault = environ.get("fault", "")

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        decisions = [
            Decision(part, Exactness.SUPERSET, f"native {place}", "It may keep too many.")
            for place, part in enumerate(scan.constraints.conjuncts())
            if place % 2 == 0
        ]
        return Pushdown(decisions=tuple(decisions))

    def native_query(self, scan: Scan, split: Any) -> str:
        return f"READ {scan.table} {sorted(split.properties.items())}"

    def read_split(self, scan: Scan, split: Any) -> Iterator[pa.RecordBatch]:
        yield from super().read_split(scan, split)
        if self.fault == "foreseen":
            raise SourceError(f"Login with {self.password.reveal()} failed.", hint="Wait.")
        if self.fault == "unforeseen":
            raise KeyError("x")


Catalogs = "Callable[..., dict[str, Catalog]]"


@pytest.fixture
def catalogs(tmp_path: Path) -> Catalogs:
    def make(**environ: str) -> dict[str, Catalog]:
        store = FolderStore(tmp_path / "spill")
        variables = {"spill_bucket": "local", **environ}
        function = InProcess(lambda_handler(Pushing), settings=variables, store=store)
        return {"mem": Catalog(function, store, function.close)}

    return make


def contents(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return b"\n".join(file.read(name) for name in file.namelist())


def decoded_contents(path: Path) -> bytes:
    """All that a file says, what is encoded in base64 too."""
    plain = contents(path)
    parts = [plain]
    for found in re.findall(rb"[A-Za-z0-9+/]{8,}={0,2}", plain):
        try:
            parts.append(base64.b64decode(found, validate=True))
        except binascii.Error:
            continue
    return b"\n".join(parts)


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("scrub", ["", "scrubbed"])
def test_a_recorded_query_replays(sql: str, scrub: str, catalogs: Catalogs, tmp_path: Path) -> None:
    file = tmp_path / "query.zip"
    result = record(sql, catalogs(), file, scrub_values=bool(scrub))
    replayed = replay(file)
    assert replayed.differences == ()
    reads = [item for item in replayed.recording.exchanges if item.is_read()]
    assert len(reads) == sum(len(scan.splits) for scan in result.scans)
    assert all(item.native.startswith("READ") or scrub for item in reads)
    assert replayed.recording.error is None
    if not scrub:
        assert replayed.answer is not None
        assert pa.Table.from_batches([replayed.answer]).num_rows == result.table.num_rows


@pytest.mark.parametrize("serde", [2, 3, 4, 5])
@pytest.mark.parametrize("pushdown", ["pushdown", ""])
def test_a_replay_asks_as_the_recording_did(
    serde: int, pushdown: str, catalogs: Catalogs, tmp_path: Path
) -> None:
    file = tmp_path / "query.zip"
    options = Options(serde=serde, pushdown=bool(pushdown))
    record(QUERIES[1], catalogs(), file, options=options)
    replayed = replay(file)
    assert replayed.differences == ()
    assert replayed.recording.options == options


@pytest.mark.parametrize("scrub", ["", "scrubbed"])
def test_spilled_blocks_are_recorded_and_spilled_again(
    scrub: str, catalogs: Catalogs, tmp_path: Path
) -> None:
    file = tmp_path / "query.zip"
    options = Options(max_inline_bytes=0, max_block_bytes=1700)
    record("SELECT * FROM mem.s.t", catalogs(), file, options=options, scrub_values=bool(scrub))
    replayed = replay(file)
    assert replayed.differences == ()
    reads = [item for item in replayed.recording.exchanges if item.is_read()]
    assert {item.reply and item.reply["@type"] for item in reads} == {"RemoteReadRecordsResponse"}
    assert max(len(item.blocks) for item in reads) > 1
    assert sum(block.num_rows for item in reads for block in item.blocks) == 30


@pytest.mark.parametrize(("fault", "kind"), [("foreseen", "SourceError"), ("unforeseen", "Int")])
@pytest.mark.parametrize("scrub", ["", "scrubbed"])
def test_a_query_that_fails_is_recorded_too(
    fault: str, kind: str, scrub: str, catalogs: Catalogs, tmp_path: Path
) -> None:
    file = tmp_path / "query.zip"
    with pytest.raises(Exception, match="failed"):
        record("SELECT * FROM mem.s.t", catalogs(fault=fault), file, scrub_values=bool(scrub))
    replayed = replay(file)
    assert replayed.differences == ()
    assert replayed.recording.error is not None
    assert replayed.recording.error.kind.startswith(kind)
    assert replayed.answer is None


def test_every_question_to_a_connector_is_recorded() -> None:
    asked = {name for name in vars(Connector) if not name.startswith("_")}
    never_for_a_query = {"health", "infer_table"}
    recording = recording_connector(MemoryConnector(TABLES), Tape())
    passed_on = {name for kind in type(recording).__mro__[:3] for name in vars(kind)}
    assert asked - passed_on == never_for_a_query


def test_faults_of_the_sql_are_recorded(catalogs: Catalogs, tmp_path: Path) -> None:
    for sql in ("SELECT nosuch FROM mem.s.t", "SELECT * FROM mem.s.nosuch", "SELEC 1"):
        file = tmp_path / "query.zip"
        with pytest.raises(Exception, match=r"nosuch|SQL"):
            record(sql, catalogs(), file)
        assert_replays(file)


def test_only_functions_of_this_process_are_recorded(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    far = {"far": Catalog(HttpEndpoint("http://127.0.0.1:1/"), store)}
    for sql in ("SELECT * FROM far.s.t", 'SELECT * FROM "lambda:f".s.t'):
        with pytest.raises(UsageError, match="can't be recorded"):
            record(sql, far, tmp_path / "query.zip")
    assert not (tmp_path / "query.zip").exists()


def test_what_a_policy_hides_is_not_recorded(catalogs: Catalogs, tmp_path: Path) -> None:
    file = tmp_path / "query.zip"
    with pytest.raises(UsageError, match="would hold what the policy hides"):
        record("SELECT * FROM mem.s.t", catalogs(access_policy='{"rules": []}'), file)
    assert not file.exists()


# --- what differs is told


def changed(file: Path, change: Callable[[Recording], Recording]) -> str:
    write_recording(change(read_recording(file)), file)
    return "\n".join(replay(file).differences)


def _fewer_rows(recording: Recording) -> Recording:
    """Take the last row of each read out of what the source answered."""
    for item in recording.catalogs.values():
        for key, (call, answer) in item.tape.entries.items():
            if call.method == "read_split":
                less = [batch.slice(0, batch.num_rows - 1) for batch in answer.value]
                item.tape.entries[key] = (call, replace(answer, value=less))
    return recording


def _other_values(recording: Recording) -> Recording:
    """Put all names that were read into capitals."""
    for item in recording.catalogs.values():
        for key, (call, answer) in item.tape.entries.items():
            if call.method == "read_split":
                capitals = [
                    pa.RecordBatch.from_arrays(
                        [
                            pc.utf8_upper(column) if column.type == pa.string() else column
                            for column in batch.columns
                        ],
                        schema=batch.schema,
                    )
                    for batch in answer.value
                ]
                item.tape.entries[key] = (call, replace(answer, value=capitals))
    return recording


def _other_exchange(**members: Any) -> Callable[[Recording], Recording]:
    def change(recording: Recording) -> Recording:
        *others, last = recording.exchanges
        return replace(recording, exchanges=(*others, replace(last, **members)))

    return change


CHANGES: dict[str, tuple[Callable[[Recording], Recording], str]] = {
    "rows of the source": (_fewer_rows, r"The rows of ReadRecordsRequest of s\.t.* differ"),
    "values of the source": (_other_values, "block 0, column name"),
    "sql": (lambda r: replace(r, sql=r.sql.replace("20", "19")), "constraints"),
    "columns": (lambda r: replace(r, sql=r.sql.replace("name F", "name, real F")), "no answer to"),
    "native": (_other_exchange(native="other"), "native query of .* in place of 'other'"),
    "error": (_other_exchange(error=ToldError("SpillError", "No.")), "SpillError: No."),
    "answer": (
        lambda r: replace(r, answer=r.answer and r.answer.slice(1)),
        "The answer has 14 rows, and had 13: 0 are lost, 1 are new",
    ),
    "missing request": (lambda r: replace(r, exchanges=r.exchanges[:-1]), "is sent now"),
    "further request": (
        lambda r: replace(r, exchanges=(*r.exchanges, r.exchanges[-1])),
        "is not sent any more",
    ),
    "success": (lambda r: replace(r, error=ToldError("SourceError", "Off.")), "was answered, and"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_recording_that_was_changed_is_told(
    name: str, catalogs: Catalogs, tmp_path: Path
) -> None:
    change, told = CHANGES[name]
    file = tmp_path / "query.zip"
    record(QUERIES[1], catalogs(), file)
    assert re.search(told, changed(file, change))


def test_todays_residual_limit_and_blocks_are_what_runs(
    catalogs: Catalogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, scrubbed = tmp_path / "query.zip", tmp_path / "scrubbed.zip"
    record(QUERIES[1], catalogs(), file)
    record(QUERIES[1], catalogs(), scrubbed, scrub_values=True)
    with monkeypatch.context() as patch:
        patch.setattr("athena_connectors.common.residual.Residual.apply", lambda _, batch: batch)
        for each in (file, scrubbed):
            assert "The rows of ReadRecordsRequest" in "\n".join(replay(each).differences)
    with monkeypatch.context() as patch:
        patch.setattr("athena_connectors.common.service.CAPABILITIES_VERSION", 23)
        for each in (file, scrubbed):
            assert "The reply to PingRequest" in "\n".join(replay(each).differences)
    assert_replays(file)
    assert_replays(scrubbed)


def test_a_read_that_goes_on_where_the_recording_ended_is_told(
    catalogs: Catalogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn(MemoryConnector):
        def read_split(self, scan: Scan, split: Any) -> Iterator[pa.RecordBatch]:
            for batch in super().read_split(scan, split):
                yield from (batch.slice(place, 1) for place in range(batch.num_rows))

    store = FolderStore(tmp_path / "spill")
    handler = lambda_handler(lambda _: Stubborn(TABLES, splits=1))
    mem = {"mem": Catalog(InProcess(handler, settings={"spill_bucket": "b"}, store=store), store)}
    file = tmp_path / "query.zip"
    record("SELECT id FROM mem.s.t LIMIT 4", mem, file)
    assert_replays(file)
    ((_, answer),) = [
        entry
        for entry in read_recording(file).catalogs["mem"].tape.entries.values()
        if entry[0].method == "read_split"
    ]
    assert sum(batch.num_rows for batch in answer.value) == 4
    monkeypatch.setattr("athena_connectors.common.limits.RowLimit.done", False)
    assert "ends within the answer" in "\n".join(replay(file).differences)


# --- files


def test_a_file_is_written_as_it_was_read(catalogs: Catalogs, tmp_path: Path) -> None:
    file, again = tmp_path / "query.zip", tmp_path / "again.zip"
    for sql in (QUERIES[0], QUERIES[6], QUERIES[10]):
        record(sql, catalogs(), file)
        first = read_recording(file)
        write_recording(first, again)
        second = read_recording(again)
        assert list(first.catalogs["mem"].tape.entries) == list(second.catalogs["mem"].tape.entries)
        assert key_of(replace(first, catalogs={})) == key_of(replace(second, catalogs={}))
        assert_replays(again)


def refused(act: Callable[[], object]) -> str:
    """What is said of a file that is refused; its own name if it is taken."""
    try:
        act()
    except UsageError as error:
        return str(error)
    return "damaged.zip, hostile.zip"


def test_damaged_files_end_in_a_clear_error(catalogs: Catalogs, tmp_path: Path) -> None:
    file, damaged = tmp_path / "query.zip", tmp_path / "damaged.zip"
    record(QUERIES[6], catalogs(), file)
    whole = file.read_bytes()
    for size in range(0, len(whole), 397):
        damaged.write_bytes(whole[:size])
        with pytest.raises(UsageError, match=r"damaged\.zip"):
            read_recording(damaged)
    for place in range(0, len(whole), 97):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert "damaged.zip" in refused(lambda: read_recording(damaged))


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    for name, held in items:
        yield (*path, name)
        yield from _places(held, (*path, name))


JUNK = st.sampled_from(
    [None, True, -1, 2**70, 1.5, "", "x", "rows/0.arrow", "AAAA", [], [[]], {}, {"rows": "x"}]
)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_hostile_files_end_in_a_clear_error_or_are_told(
    data: st.DataObject, catalogs: Catalogs, tmp_path: Path
) -> None:
    file, hostile = tmp_path / "query.zip", tmp_path / "hostile.zip"
    if not file.exists():
        record(QUERIES[6], catalogs(), file)
    with zipfile.ZipFile(file) as source:
        members = {name: source.read(name) for name in source.namelist()}
    document = json.loads(members["recording.json"])
    path = data.draw(st.sampled_from(list(_places(document))))
    node = document
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = data.draw(JUNK)
    members["recording.json"] = json.dumps(document).encode()
    if data.draw(st.booleans()):
        members["rows/0.arrow"] = data.draw(st.binary(max_size=50))
    with zipfile.ZipFile(hostile, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    assert "hostile.zip" in refused(lambda: replay(hostile))


def test_other_files_versions_and_sizes_are_refused(
    catalogs: Catalogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "query.zip"
    with pytest.raises(UsageError, match=r"query\.zip can't be read"):
        replay(file)
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("other", "x")
    with pytest.raises(UsageError, match=r"lacks recording\.json"):
        replay(file)
    for text, told in (('{"a": 1}', "does not say"), ("[" * 100_000, "damaged")):
        with zipfile.ZipFile(file, "w") as target:
            target.writestr("recording.json", text)
        with pytest.raises(UsageError, match=told):
            replay(file)
    with monkeypatch.context() as patch:
        patch.setattr(recordings, "VERSION", 2)
        record("SELECT 1", catalogs(), file)
    with pytest.raises(UsageError, match="version 2, read is 1"):
        replay(file)
    record("SELECT * FROM mem.s.t", catalogs(), file)
    monkeypatch.setattr(recordings, "MAX_BYTES", 1000)
    with pytest.raises(UsageError, match="over the limit of 1,000"):
        replay(file)


# --- secrets


def test_no_secret_is_in_a_file(catalogs: Catalogs, tmp_path: Path) -> None:
    file = tmp_path / "query.zip"
    encoded = "sw0rdf%2Fsh%25%26%27"
    variables = {
        "token": PASSWORD,
        "default": f"postgres://jdbc:postgresql://h/db?user=u&password={encoded}",
        "other": "mysql://root:h3mmelig@host/db",
        "AWS_SECRET_ACCESS_KEY": "akia+hemlig",
        "spill_put_request_headers": '{"x-token": "hushhush"}',
        "fault": "foreseen",
    }
    with pytest.raises(SourceError, match="sw0rdf"):
        record("SELECT * FROM mem.s.t", catalogs(**variables), file)
    said = decoded_contents(file)
    for secret in (PASSWORD, encoded, "h3mmelig", "akia+hemlig", "hushhush"):
        assert secret.encode() not in said
    assert b"Login with *** failed." in said
    settings_ = read_recording(file).catalogs["mem"].settings
    assert settings_["spill_bucket"] == "local"
    assert {settings_[name] for name in variables} == {"***"}


def test_secrets_that_were_fetched_are_not_in_a_file(tmp_path: Path) -> None:
    class Client:
        def get_secret_value(self, **_: str) -> dict[str, str]:
            return {"SecretString": json.dumps({"username": "u", "password": "geheim-77"})}

    class Fetching(MemoryConnector):
        def __init__(self) -> None:
            super().__init__(TABLES)
            self.resolver = SecretResolver(Client)
            self.resolver.secret("name")

        def native_query(self, scan: Scan, split: Any) -> str:
            del scan, split
            return "LOGIN geheim-77"

    store = FolderStore(tmp_path / "spill")
    handler = lambda_handler(lambda _: Fetching())
    mem = {"mem": Catalog(InProcess(handler, settings={"spill_bucket": "b"}, store=store), store)}
    file = tmp_path / "query.zip"
    record("SELECT * FROM mem.s.u", mem, file)
    assert b"geheim" not in decoded_contents(file)
    assert b"LOGIN ***" in contents(file)
    assert_replays(file)


# --- values

VALUES = (
    *("Zarathustra", "Quetzalcoatl", "Xerxes", "Nebuchadnezzar", "s.u", "4711"),
    *("77123", "815", "2011-11-11", "31337"),
)


def test_no_value_of_source_or_sql_is_in_a_scrubbed_file(
    catalogs: Catalogs, tmp_path: Path
) -> None:
    file = tmp_path / "query.zip"
    for sql in (
        "SELECT * FROM mem.s.t",
        "SELECT id FROM mem.s.t WHERE name IN ('Zarathustra 3', 'Nebuchadnezzar') -- Xerxes",
        "SELECT id FROM mem.s.t WHERE name LIKE '%Zarathustra%' OR name = 'Nebuchadnezzar'",
        "SELECT id FROM mem.s.t WHERE at < TIMESTAMP '2011-11-11 00:00:00' AND id <> 31337",
        "SELECT * FROM TABLE(mem.system.query(query => 's.u'))",
    ):
        record(sql, catalogs(), file)
        plain = decoded_contents(file)
        assert any(value.encode() in plain for value in VALUES)
        record(sql, catalogs(), file, scrub_values=True)
        said = decoded_contents(file)
        assert not [value for value in VALUES if value.encode() in said]
        for scan in read_recording(file).exchanges:
            for block in scan.blocks:
                assert not _values(block) & _values(TABLES["s.t"].select(["name", "money", "deep"]))
        assert_replays(file)


def _values(batch: pa.RecordBatch) -> set[str]:
    found: set[str] = set()
    for column in batch.columns:
        if pa.types.is_date64(column.type) or pa.types.is_timestamp(column.type):
            column = column.view(pa.int64())  # noqa: PLW2901
        found |= {repr(value) for value in column.to_pylist() if value is not None}
    return found


@pytest.mark.parametrize(
    "condition", ["id BETWEEN 5 AND 20", "name > 'Zarathustra 2'", "money < 0", "at IN (at)"]
)
def test_ranges_keep_the_same_rows_when_values_are_scrubbed(
    condition: str, catalogs: Catalogs, tmp_path: Path
) -> None:
    sql = f"SELECT id, name, money, at FROM mem.s.t WHERE {condition}"
    plain, scrubbed = tmp_path / "plain.zip", tmp_path / "scrubbed.zip"
    record(sql, catalogs(), plain)
    record(sql, catalogs(), scrubbed, scrub_values=True)
    counts = [
        [
            [block.num_rows for block in item.blocks]
            for item in read_recording(file).exchanges
            if item.is_read()
        ]
        for file in (plain, scrubbed)
    ]
    assert counts[0] == counts[1]
    assert sum(map(sum, counts[0])) > 0


def test_a_scrubbed_recording_of_plans_is_refused(catalogs: Catalogs, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--plan or --scrub-values"):
        record(
            "SELECT 1",
            catalogs(),
            tmp_path / "query.zip",
            options=Options(plans=True),
            scrub_values=True,
        )


# --- the command


def test_the_command_records_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import athena_connectors  # noqa: PLC0415

    folder = tmp_path / "src/athena_connectors/recorded_memory"
    folder.mkdir(parents=True)
    app = """
import pyarrow as pa
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.memory import MemoryConnector
handler = lambda_handler(lambda _: MemoryConnector({"s.t": pa.record_batch({"id": [1, 2]})}))
"""
    (folder / "app.py").write_text(app)
    places = [*athena_connectors.__path__, str(folder.parent)]
    monkeypatch.setattr(athena_connectors, "__path__", places)
    config = tmp_path / "athena-connectors.toml"
    config.write_text('[catalogs.mem]\nconnector = "recorded-memory"\n')
    file = str(tmp_path / "query.zip")
    query = ["query", "--config", str(config), "--format", "csv", "SELECT id FROM mem.s.t"]
    assert main([*query, "--scrub-values"]) == 2
    assert main([*query, "--record", str(tmp_path / "nosuch" / "x")]) == 2
    assert main([*query, "--record", file, "--stats"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "id\n1\n2\n"
    config.unlink()
    (folder / "app.py").unlink()
    assert main(["replay", file]) == 0
    assert capsys.readouterr().out.startswith("Same: ")
    write_recording(replace(read_recording(tmp_path / "query.zip"), sql="SELECT 7"), file)
    assert main(["replay", file]) == 1
    captured = capsys.readouterr()
    assert "is not sent any more" in captured.err
    assert "The replay differs in" in captured.err
    assert main(["replay", str(config)]) == 2
