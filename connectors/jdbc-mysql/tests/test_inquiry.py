"""Questions whose answers help to plan: a refusal is no failure, all else is."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from athena_connectors.jdbc_mysql.inquiry import Inquiry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.mariadb import MariaDb


@pytest.fixture
def cursor(fresh_database: MariaDb) -> Iterator[Any]:
    fresh_database.execute("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    reader = fresh_database.create_user("asker", "p", f"SELECT ON `{fresh_database.database}`.t")
    with closing(reader.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION READ ONLY")
        yield cursor


@pytest.mark.parametrize(
    "refused",
    [
        "SELECT * FROM mysql.user",
        "SELECT * FROM nowhere",
        "SELECT * FROM information_schema.NOT_IN_THIS_VERSION",
        "SELECT nothing FROM t",
        "SELECT @@no_such_variable",
        "SELECT no_such_function(1)",
        "SELECT SYNTAX OF ANOTHER SERVER",
        "SHOW CREATE USER root",
    ],
)
def test_issue_1540_a_refusal_is_no_answer_and_the_transaction_goes_on(
    cursor: Any, refused: str
) -> None:
    inquiry = Inquiry(cursor)
    assert inquiry.ask(refused) is None
    assert inquiry.ask("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_any_other_error_is_one(cursor: Any, mariadb: MariaDb) -> None:
    with pytest.raises(pymysql.Error, match="out of range"):
        Inquiry(cursor).ask("SELECT 9223372036854775807 + 1")
    mariadb.execute(f"KILL {cursor.connection.thread_id()}")
    with pytest.raises(pymysql.Error):
        Inquiry(cursor).ask("SELECT 1")


def test_a_plan_is_the_servers(cursor: Any) -> None:
    plan = Inquiry(cursor).explain("SELECT a FROM t WHERE a > 1")
    assert plan is not None
    assert "t" in str(plan)
    assert Inquiry(cursor).explain("SELECT a FROM nowhere") is None
