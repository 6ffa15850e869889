"""Frozen schemas: a file of tables and their columns that a person reads and changes.

It is JSON, with each column on a line of its own:

    {
      "version": 1,
      "schemas": {
        "default": {
          "Orders": {
            "sampled": {"documents": 1000, "method": "4 segments", "at": "2025-01-31T12:00:00Z"},
            "columns": [
              {"name": "id", "type": "varchar", "share": 1.0},
              {"name": "total", "type": "decimal(38,9)", "attribute": "Total", "share": 0.98}
            ]
          }
        }
      }
    }

| Member of a column | Meaning |
|---|---|
| ``name`` | its name |
| ``type`` | its type, as ``type_text`` reads it |
| ``attribute`` | exact name of the attribute that it shows; its own name if left out |
| ``others`` | attributes whose names differ by case, read where a document lacks it |
| ``json`` | true if every value is shown as JSON; the type is varchar then |
| ``share`` | share of the documents sampled that had it, 0 to 1; for people |
| ``note`` | why it has this type; for people |
| ``seen`` | the type that was inferred, if ``type`` is a person's; for ``freeze --check`` |

``sampled`` may be left out, and so may every member of a column but name and type. Nothing
else is accepted, so that a slip of the pen does not go unnoticed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.aws_errors import aws_errors, translate
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.inference import InferredColumn, InferredTable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.type_text import parse_type, type_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.aws import AwsClients

__all__ = ["load_schemas", "parse_schemas", "schemas_text"]

VERSION = 1
_S3 = "s3://"
_COLUMN_MEMBERS = ("name", "type", "attribute", "others", "json", "share", "note", "seen")


def load_schemas(location: str, clients: AwsClients) -> dict[TableName, InferredTable]:
    """Return the tables of a file.

    Args:
        location: Path of a file, or ``s3://bucket/key``.
        clients: Used for S3 only.

    Raises:
        ConfigurationError: It can't be found or read, or its content is not as it should be;
            table and column are named.
        AccessDeniedError, SourceError: S3 refuses or does not answer.

    Cost:
        One ``GetObject`` for ``s3://``.
    """
    content = _object(location, clients) if location.startswith(_S3) else _file(location)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise _Place(location).error("is not UTF-8.") from cause
    return parse_schemas(text, where=location)


def parse_schemas(text: str, *, where: str) -> dict[TableName, InferredTable]:
    """Return the tables that a text tells of.

    Args:
        text: The content of a file.
        where: Name of the file, for errors.

    Raises:
        ConfigurationError: The content is not as it should be; table and column are named.
    """
    place = _Place(where)
    try:
        content = json.loads(text, object_pairs_hook=_members)
    except _TwiceError as cause:
        raise place.error(f"has the member {cause.args[0]!r} twice in one object.") from None
    except (ValueError, RecursionError) as cause:
        told = f": {cause}" if isinstance(cause, json.JSONDecodeError) else ""
        raise place.error(f"is no JSON{told}.") from cause
    members = place.object_(content, known=("version", "schemas"))
    if members.get("version") != VERSION:
        raise place.error(
            f"has version {members.get('version')!r}, and {VERSION} is the one known.",
            hint="Freeze it anew with this version of the connector.",
        )
    schemas = place.at("schemas").object_(members.get("schemas"))
    return {
        TableName(schema, table): _table(told, _Place(where, table=f"{schema}.{table}"))
        for schema, tables in schemas.items()
        for table, told in place.at(f"schemas {schema}").object_(tables).items()
    }


def schemas_text(tables: Mapping[TableName, InferredTable]) -> str:
    """Return the content of a file with some tables, in the order of their names."""
    schemas: dict[str, dict[str, InferredTable]] = {}
    for name in sorted(tables, key=lambda name: (name.schema, name.table)):
        schemas.setdefault(name.schema, {})[name.table] = tables[name]
    lines = ["{", f'  "version": {VERSION},', '  "schemas": {']
    for schema, members in schemas.items():
        lines.append(f"    {_json(schema)}: {{")
        for table, told in members.items():
            lines.append(f"      {_json(table)}: {{")
            lines.append(f'        "sampled": {_json(_sampled_members(told))},')
            lines.append('        "columns": [')
            columns = [f"          {_json(_column_members(column))}" for column in told.columns]
            lines.extend([",\n".join(columns)] if columns else [])
            lines.extend(("        ]", "      },"))
        lines[-1] = "      }"
        lines.append("    },")
    lines[-1] = lines[-1].removesuffix(",")
    return "\n".join((*lines, "  }", "}", ""))


def _sampled_members(table: InferredTable) -> dict[str, Any]:
    return {"documents": table.documents, "method": table.method, "at": table.at}


def _column_members(column: InferredColumn) -> dict[str, Any]:
    members: dict[str, Any] = {"name": column.name, "type": type_text(column.type)}
    if column.attribute != column.name:
        members["attribute"] = column.attribute
    if column.others:
        members["others"] = list(column.others)
    if column.is_json:
        members["json"] = True
    if column.seen is not None:
        members["seen"] = type_text(column.seen)
    if column.share is not None:
        members["share"] = round(column.share, 4)
    if column.note:
        members["note"] = column.note
    return members


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _object(location: str, clients: AwsClients) -> bytes:
    bucket, _, key = location.removeprefix(_S3).partition("/")
    if not bucket or not key:
        raise _Place(location).error("is no s3://bucket/key.")
    try:
        reply = clients.client("s3").get_object(Bucket=bucket, Key=key)
        content: bytes = reply["Body"].read()
    except aws_errors() as cause:
        raise translate(
            cause, action="s3:GetObject", resource=f"the schema file {location}"
        ) from cause
    return content


def _file(location: str) -> bytes:
    try:
        return Path(location).read_bytes()
    except OSError as cause:
        raise _Place(location).error(
            f"can't be read: {cause.strerror}.",
            hint="Correct schema_file, or make the file with athena-connectors freeze.",
        ) from cause


class _TwiceError(Exception):
    """An object has two members of one name."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _TwiceError(name)
            seen.add(name)
    return members


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something stands, for errors."""

    file: str
    table: str = ""
    column: str = ""
    member: str = ""

    def at(self, member: str) -> _Place:
        return _Place(self.file, self.table, self.column, member)

    def error(self, fact: str, *, hint: str = "") -> ConfigurationError:
        parts = [f"Schema file {self.file}"]
        parts.extend([f"table {self.table}"] if self.table else [])
        parts.extend([f"column {self.column!r}"] if self.column else [])
        subject = f"{', '.join(parts)}: {self.member}" if self.member else ", ".join(parts)
        return ConfigurationError(f"{subject} {fact}", hint=hint, setting="schema_file")

    def object_(self, value: Any, *, known: tuple[str, ...] | None = None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error("is no JSON object." if value is not None else "is missing.")
        unknown = [] if known is None else sorted(set(value) - set(known))
        if unknown:
            raise self.error(
                f"has the unknown member {', '.join(map(repr, unknown))}.",
                hint=f"Known: {', '.join(known or ())}.",
            )
        return value

    def text(self, members: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
        """Return a member that is text; one without a default has to be there, and not empty."""
        value = members.get(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.at(name).error("is no text." if name in members else "is missing.")
        return value

    def array(self, members: Mapping[str, Any], name: str) -> list[Any]:
        value = members.get(name, [])
        if not isinstance(value, list):
            raise self.at(name).error("is no array.")
        return value


def _table(told: Any, place: _Place) -> InferredTable:
    members = place.object_(told, known=("sampled", "columns"))
    columns: dict[str, InferredColumn] = {}
    for told_column in place.array(members, "columns"):
        column = _column(told_column, place)
        if column.name in columns:
            raise place.error(f"has the column {column.name!r} twice.")
        columns[column.name] = column
    if not columns:
        raise place.error("has no column.", hint="Freeze the table anew, or remove it.")
    at_sampled = place.at("sampled")
    sampled = at_sampled.object_(members.get("sampled", {}), known=("documents", "method", "at"))
    documents = sampled.get("documents", 0)
    if type(documents) is not int or documents < 0:
        raise at_sampled.error("has documents that are no whole number.")
    return InferredTable(
        columns=tuple(columns.values()),
        documents=documents,
        method=at_sampled.text(sampled, "method", default=""),
        at=at_sampled.text(sampled, "at", default=""),
    )


def _column(told: Any, table: _Place) -> InferredColumn:
    members = table.at("an entry of columns").object_(told)
    name = members.get("name")
    if not isinstance(name, str) or not name:
        raise table.at("a column").error("has no name.")
    place = _Place(table.file, table.table, name)
    place.object_(members, known=_COLUMN_MEMBERS)
    type_ = _type(members, "type", place)
    is_json = members.get("json", False)
    if not isinstance(is_json, bool):
        raise place.at("json").error("is neither true nor false.")
    if is_json and not pa.types.is_string(type_):
        raise place.error("is JSON and not varchar.", hint="Make its type varchar.")
    others = place.array(members, "others")
    if not all(isinstance(other, str) and other for other in others):
        raise place.at("others").error("has an entry that is no text.")
    attribute = place.text(members, "attribute") if "attribute" in members else name
    return InferredColumn(
        name=name,
        type=type_,
        attribute=attribute,
        others=tuple(others),
        is_json=is_json,
        share=_share(members, place),
        note=place.text(members, "note", default=""),
        seen=_type(members, "seen", place) if "seen" in members else None,
    )


def _type(members: Mapping[str, Any], member: str, place: _Place) -> pa.DataType:
    text = place.text(members, member)
    found = parse_type(text)
    if found is None:
        raise place.error(
            f"has the unknown {member} {text!r}.",
            hint="Write it as Athena does: varchar, decimal(38,9), array(bigint),"
            " row(a varchar, b double), map(varchar, double).",
        )
    return found


def _share(members: Mapping[str, Any], place: _Place) -> float | None:
    share = members.get("share")
    if share is None:
        return None
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise place.at("share").error("is no number from 0 to 1.")
    return float(share)
