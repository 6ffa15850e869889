from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

if TYPE_CHECKING:
    from athena_connectors.common.testing.postgres import PostgresAddress

WORDS = "(VALUES ('b'), ('A'), ('a'), ('B')) AS words (word)"

KILLED = """
import os, signal
from athena_connectors.common.testing.postgres import postgres_server
with postgres_server(linguistic=False) as address:
    ((folder,),) = address.execute("SHOW data_directory")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_linguistic_collation(postgres: PostgresAddress) -> None:
    name = postgres.create_linguistic_collation()
    query = f"SELECT string_agg(word, '' ORDER BY word COLLATE \"{{}}\") FROM {WORDS}"
    assert postgres.execute(query.format(name)) == [("aAbB",)]
    assert postgres.execute(query.format("C")) == [("ABab",)]


def test_database_with_a_locale(postgres: PostgresAddress) -> None:
    address = postgres.create_database("linguistic_database", locale="en_US.UTF-8")
    assert address.execute("SELECT 'a' < 'B'") == [(True,)]
    postgres.drop_database("linguistic_database")


def test_a_password_is_needed(postgres: PostgresAddress) -> None:
    with pytest.raises(psycopg2.OperationalError):
        postgres.of_user(postgres.user, "wrong").connect()


def test_server_ends_with_a_process_that_is_killed() -> None:
    # It starts whatever locale the shell asks for, installed or not.
    environ = {**os.environ, "LC_ALL": "xx_XX.UTF-8"}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, check=False, env=environ
    )
    data = Path(ended.stdout.decode().strip())
    assert data.name == "data", ended.stderr.decode()
    limit = time.monotonic() + 10
    while data.parent.exists():
        assert time.monotonic() < limit, f"{data} is still there"
        time.sleep(0.05)
