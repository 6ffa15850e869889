from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConnectorError,
    NotFoundError,
    SourceError,
    ThrottledError,
)
from athena_connectors.common.glue_tables import GlueCatalog, GlueColumn, GlueDatabase, GlueTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.aws import AwsAddress

COLUMNS = [{"Name": "id", "Type": "bigint", "Comment": " The key. "}, {"Name": "city"}]


@contextmanager
def glue_that_answers(answer: Callable[[str, dict[str, Any]], Any]) -> Iterator[str]:
    """The URL of a Glue of which a function of operation and request gives the replies.

    A text in place of a reply is the code of an error.
    """

    class Glue(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            length = int(self.headers["Content-Length"])
            told = answer(operation, json.loads(self.rfile.read(length)))
            failed = isinstance(told, str)
            body = json.dumps({"__type": told, "Message": "no"} if failed else told).encode()
            self.send_response(400 if failed else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Glue) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def catalog(aws: AwsAddress) -> GlueCatalog:
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "shop", "LocationUri": "a-flag"})
    glue.create_database(DatabaseInput={"Name": "empty"})
    storage = {
        "Columns": COLUMNS,
        "Location": "somewhere",
        "Parameters": {"classification": "json"},
    }
    glue.create_table(
        DatabaseName="shop",
        TableInput={
            "Name": "orders",
            "StorageDescriptor": storage,
            "PartitionKeys": [{"Name": "day", "Type": "date"}],
            "Parameters": {"a": "b"},
        },
    )
    glue.create_table(DatabaseName="shop", TableInput={"Name": "bare"})
    return GlueCatalog(aws.environ)


def everything(catalog: GlueCatalog) -> list[Callable[[], object]]:
    return [
        lambda: list(catalog.databases()),
        lambda: catalog.database("shop"),
        lambda: list(catalog.tables("shop")),
        lambda: catalog.table("shop", "orders"),
    ]


def test_databases_have_name_and_location(catalog: GlueCatalog) -> None:
    found = {item.name: item for item in catalog.databases()}
    assert found["shop"] == GlueDatabase("shop", "a-flag") == catalog.database("shop")
    assert found["empty"] == GlueDatabase("empty", "")


def test_a_table_has_its_partition_columns_last(catalog: GlueCatalog) -> None:
    assert catalog.table("shop", "orders") == GlueTable(
        database="shop",
        name="orders",
        columns=(
            GlueColumn("id", "bigint", "The key."),
            GlueColumn("city", ""),
            GlueColumn("day", "date"),
        ),
        parameters={"a": "b"},
        location="somewhere",
        storage_parameters={"classification": "json"},
    )


def test_bug_02_a_table_without_storage_is_no_fault_of_the_listing(catalog: GlueCatalog) -> None:
    assert {item.name for item in catalog.tables("shop")} == {"bare", "orders"}
    assert catalog.table("shop", "bare") == GlueTable("shop", "bare", (), {}, "", {})


def test_what_is_not_there_is_told_from_what_fails(catalog: GlueCatalog) -> None:
    assert catalog.database("nowhere") is None
    assert list(catalog.tables("nowhere")) == []
    assert catalog.table("nowhere", "orders") is None
    assert catalog.table("shop", "nothing") is None


def test_all_pages_are_read_of_the_catalog_that_is_named(aws: AwsAddress) -> None:
    asked: list[dict[str, Any]] = []

    def answer(operation: str, request: dict[str, Any]) -> Any:
        asked.append(request)
        kind = "DatabaseList" if operation == "GetDatabases" else "TableList"
        last = "NextToken" in request
        return {kind: [{"Name": "z" if last else "a"}], **({} if last else {"NextToken": "t"})}

    with glue_that_answers(answer) as url:
        catalog = GlueCatalog({**aws.environ, "GLUE_ENDPOINT": url}, catalog_id="123456789012")
        assert [item.name for item in catalog.databases()] == ["a", "z"]
        assert [item.name for item in catalog.tables("shop")] == ["a", "z"]
    assert len(asked) == 4
    assert {item["CatalogId"] for item in asked} == {"123456789012"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AccessDeniedException", AccessDeniedError), ("ThrottlingException", ThrottledError)],
)
def test_a_glue_outage_is_an_error_that_tells_the_way_out(
    aws: AwsAddress, no_backoff: None, code: str, kind: type[ConnectorError]
) -> None:
    with glue_that_answers(lambda *_: code) as url:
        for ask in everything(GlueCatalog({**aws.environ, "GLUE_ENDPOINT": url})):
            with pytest.raises(kind, match="set disable_glue to true") as caught:
                ask()
            assert "glue:Get" in caught.value.message


def test_a_denial_names_the_action_and_the_table(aws: AwsAddress) -> None:
    with glue_that_answers(lambda *_: "AccessDeniedException") as url:
        catalog = GlueCatalog({**aws.environ, "GLUE_ENDPOINT": url})
        with pytest.raises(AccessDeniedError, match=r"Glue table shop\.orders.*glue:GetTable on"):
            catalog.table("shop", "orders")


def test_a_glue_that_is_not_there_is_found_out_at_once(aws: AwsAddress) -> None:
    for ask in everything(GlueCatalog({**aws.environ, "GLUE_ENDPOINT": "http://127.0.0.1:9"})):
        with pytest.raises(SourceError, match=r"can't be reached.*set disable_glue to true"):
            ask()


def test_a_catalog_that_does_not_exist_is_an_error_of_the_listing(aws: AwsAddress) -> None:
    with glue_that_answers(lambda *_: "EntityNotFoundException") as url:
        catalog = GlueCatalog({**aws.environ, "GLUE_ENDPOINT": url}, catalog_id="123456789012")
        with pytest.raises(NotFoundError, match="glue_catalog"):
            list(catalog.databases())
