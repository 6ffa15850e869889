"""What an error of a MySQL or MariaDB server, or of PyMySQL, means to the engine.

Errors of the server have a number, those of the driver one from 2000 on. A refused login's
text names user and host and never the password. No text of ours adds to that.

Source: MySQL error reference, "Server Error Message Reference" and "Client Error Message
Reference"; MariaDB knowledge base, "MariaDB Error Code Reference".
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from athena_connectors.common.errors import (
    ConfigurationError,
    ConnectorError,
    NotFoundError,
    SchemaNotFoundError,
    SourceError,
    UnsupportedOperationError,
)
from athena_connectors.common.sql.meanings import (
    CANCELLED,
    COLUMN,
    CONFLICT,
    CROWDED,
    DATABASE,
    HOST,
    LOCKED,
    LOGIN,
    LOST,
    OTHER,
    READ_ONLY,
    RIGHTS,
    STARTING,
    TABLE,
    TEXT,
    TIMEOUT,
    UNREACHABLE,
    VALUES,
    Meaning,
    error_of,
)

if TYPE_CHECKING:
    import pymysql

__all__ = ["errno_of", "translate"]

_TLS = Meaning(
    ConfigurationError,
    "Check sslMode in the connection string and the certificates in ssl_root_cert.",
)
_VARIABLES = Meaning(ConfigurationError, "Check sessionVariables in the connection string.")
_FULL = Meaning(SourceError, "The server has no room for the result it sorts; narrow the query.")
_VIEW = Meaning(NotFoundError, "Mend the view, or give its definer the rights it needs.")

_UNKNOWN_DATABASE = 1049
_UNREACHED = 2003

_BY_NUMBER: dict[int, Meaning] = {
    **dict.fromkeys(
        # 1045 refused, 1251 and 1524 and 2059 and 2061 plugin, 1698 refused, 1820 and 1862
        # expired, 3118 and 4151 locked
        (1045, 1251, 1524, 1698, 1820, 1862, 2059, 2061, 3118, 4151),
        LOGIN,
    ),
    # 1044 database, 1130 host, 1142 table, 1143 column, 1227 privilege, 1345 EXPLAIN,
    # 1370 routine, 1449 the definer is gone
    **dict.fromkeys((1044, 1130, 1142, 1143, 1227, 1345, 1370, 1449), RIGHTS),
    _UNKNOWN_DATABASE: DATABASE,
    **dict.fromkeys((1109, 1146, 1932), TABLE),
    1054: COLUMN,
    1356: _VIEW,
    # 1052 ambiguous, 1055 and 1140 GROUP BY, 1056 group, 1060 duplicate name, 1064 syntax,
    # 1065 empty, 1066 alias, 1222 UNION, 1241 and 1242 subquery, 1248 alias of a derived
    # table, 1267 and 1270 and 1271 mix of collations, 1305 function, 1582 its parameters,
    # 1630 function
    **dict.fromkeys(
        (
            *(1052, 1055, 1056, 1060, 1064, 1065, 1066, 1140, 1222, 1241, 1242, 1248),
            *(1267, 1270, 1271, 1305, 1582, 1630),
        ),
        TEXT,
    ),
    # 1292 wrong value, 1365 division by zero, 1366 wrong value, 1411 format, 1690 range,
    # 3141 JSON
    **dict.fromkeys((1292, 1365, 1366, 1411, 1690, 3141), VALUES),
    **dict.fromkeys((1235, 1295), Meaning(UnsupportedOperationError)),
    **dict.fromkeys((1290, 1792, 1836), READ_ONLY),
    **dict.fromkeys((1193, 1231, 1232, 1238), _VARIABLES),
    **dict.fromkeys((1969, 3024), TIMEOUT),
    **dict.fromkeys((1028, 1317), CANCELLED),
    **dict.fromkeys((1205, 3572), LOCKED),
    # 1037 and 1041 memory, 1040 and 1203 and 1226 connections, 1129 host with too many
    # failures, 1135 threads
    **dict.fromkeys((1037, 1040, 1041, 1129, 1135, 1203, 1226), CROWDED),
    **dict.fromkeys((1021, 1038, 1114), _FULL),
    # 1020 row changed, 1213 deadlock, 1412 definition changed, 1615 prepare again
    **dict.fromkeys((1020, 1213, 1412, 1615), CONFLICT),
    1053: STARTING,
    # 1152 aborted, 1158 to 1161 network, 1927 killed, 2006 and 2013 and 2055 lost, 4031 idle
    **dict.fromkeys((0, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2055, 4031), LOST),
    **dict.fromkeys((2026, 3159), _TLS),
    _UNREACHED: UNREACHABLE,
    2005: HOST,
}

_SILENT = "timed out"
_SSL_ALERT = "[SSL"


def errno_of(error: BaseException) -> int:
    """Return the number of an error of PyMySQL; 0 where it has none: the session is over."""
    number = error.args[0] if error.args else 0
    return number if isinstance(number, int) else 0


def translate(error: pymysql.Error, *, catalog: str, table: str = "") -> ConnectorError:
    """Return the error to raise ``from`` an error of the driver.

    Args:
        error: What PyMySQL raised, while connecting or later.
        catalog: The catalog asked for.
        table: ``schema.table``, when one was asked for.

    Returns:
        An error of the class that fits, whose text names catalog, table, the server's
        message and its number.
    """
    number = errno_of(error)
    text = " ".join(str(error.args[-1] if error.args else "").split()).rstrip(".")
    code = f"error {number}" if number else ""
    meaning = _meaning(error, number, text, table=table)
    return error_of(
        meaning, text or "the session is closed", code=code, catalog=catalog, table=table
    )


def _meaning(error: pymysql.Error, number: int, text: str, *, table: str) -> Meaning:
    if number == _UNKNOWN_DATABASE and table:
        return Meaning(SchemaNotFoundError)
    if number == _UNREACHED and isinstance(
        getattr(error, "original_exception", None), ssl.SSLError
    ):
        return _TLS
    meaning = _BY_NUMBER.get(number, OTHER)
    if meaning is LOST and _SSL_ALERT in text:
        return _TLS
    return UNREACHABLE if meaning is LOST and _SILENT in text else meaning
