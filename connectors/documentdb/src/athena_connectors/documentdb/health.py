"""What ``doctor`` tells of the server, of Glue, and of what the user may do.

Source: MongoDB, "Built-In Roles" and ``connectionStatus``; Amazon DocumentDB developer
guide, "Connecting programmatically".
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.findings import Finding, Verdict, told
from athena_connectors.documentdb.relation import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.documentdb.client import Client
    from athena_connectors.documentdb.connection_strings import Address
    from athena_connectors.documentdb.metadata import Tables
    from athena_connectors.documentdb.settings import Settings

__all__ = ["findings"]

_CHECK_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_MAX_SHOWN = 5
_MIN_VERSION = (4, 0)
_DOCUMENTDB = (".docdb.amazonaws.com", ".docdb.amazonaws.com.cn", ".docdb-elastic.amazonaws.com")
_LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")
_SYSTEM = ("admin", "config", "local")
_WRITES = frozenset({"insert", "update", "remove", "dropCollection", "dropDatabase"})
_NETWORK = (
    "Check that the function runs in the cluster's VPC and that security groups let it reach"
    " the port."
)


def findings(client: Client, tables: Tables, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about one server.

    Args:
        client: Reads the server.
        tables: What Athena knows of it.
        settings: The connector's settings.

    Raises:
        ConnectorError: The connection string can't be read.

    Cost:
        A connection to each host, a few commands, and one document of one collection.
    """
    address = client.address()
    reached = True
    for host, port in address.endpoints:
        found = _reach(host, port)
        reached &= found.verdict is Verdict.OK
        yield found
    if not reached:
        return
    yield _encryption(address, client.arguments())
    try:
        hello = client.run("admin", {"hello": 1}, deadline=_soon())
    except ConnectorError as error:
        yield Finding.of_error("login", error, fix="Check the connection string and its secret.")
        return
    yield _member(address, hello)
    yield from told("server version", _version(client, address, hello))
    yield from map(_not_needed, told("role", _role(client)))
    yield from told("glue", _glue(settings, tables))
    yield from told("databases", _databases(client, tables))


def _reach(host: str, port: int) -> Finding:
    """Try the first stages of a connection: the host's name, then its port."""
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        return Finding.fault(
            "network",
            f"The name {host} is not known.",
            fix="Check the host in the connection string, and that the VPC resolves names.",
        )
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding.fault("network", f"{host}:{port} can't be reached: {reason}.", fix=_NETWORK)
    return Finding.ok("network", f"{host}:{port} can be reached.")


def _encryption(address: Address, arguments: Mapping[str, Any]) -> Finding:
    hosts = [host for host, _ in address.endpoints]
    if not address.is_encrypted and hosts and set(hosts) <= set(_LOCAL_HOSTS):
        fact = "The connection has no TLS and does not leave this computer."
        return Finding.ok("encryption", fact)
    if not address.is_encrypted:
        return Finding.warning(
            "encryption",
            f"The connection with {address.hosts} has no TLS: documents can be read on their way.",
            fix="Add tls=true to the connection string.",
        )
    careless = ("tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames")
    named = next((name for name in careless if address.option(name) == "true"), "")
    if named:
        return Finding.warning(
            "encryption",
            f"The connection has TLS and the server's certificate is not verified ({named}).",
            fix=f"Remove {named} from the connection string and set tls_ca_file.",
        )
    file = arguments.get("tlsCAFile")
    return _tls(address.endpoints, ssl.create_default_context(cafile=file))


def _tls(endpoints: Sequence[tuple[str, int]], context: ssl.SSLContext) -> Finding:
    """Try the second stage of a connection: TLS, whose faults the driver mixes with others."""
    for host, port in endpoints:
        try:
            with (
                socket.create_connection((host, port), _CONNECT_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=host),
            ):
                pass
        except ssl.SSLCertVerificationError as error:
            return Finding.fault(
                "encryption",
                f"The certificate of {host}:{port} is not trusted: {error.verify_message}.",
                fix="Put Amazon's global-bundle.pem into the package or a layer, or name the"
                " server's authority in tls_ca_file.",
            )
        except OSError as error:
            return Finding.fault(
                "encryption",
                f"{host}:{port} does not speak TLS: {error.strerror or error}.",
                fix="Switch TLS on in the server, or remove tls=true from the connection string.",
            )
    return Finding.ok("encryption", "The connection has TLS, and certificates are verified.")


def _member(address: Address, hello: Mapping[str, Any]) -> Finding:
    """Tell which member answers, and what follows from reading there."""
    wanted = address.option("readPreference") or "secondarypreferred"
    answers = "a secondary" if hello.get("secondary") else "the primary"
    if wanted == "primary":
        return Finding.warning(
            "login",
            "The login works; all is read from the primary, as readPreference says.",
            fix="Remove readPreference to read from secondaries, if the newest documents may be"
            " missing for a moment.",
        )
    return Finding.ok("login", f"The login works; {answers} answers.")


def _version(client: Client, address: Address, hello: Mapping[str, Any]) -> Iterator[Finding]:
    told_version = client.run("admin", {"buildInfo": 1}, deadline=_soon()).get("version", "")
    is_documentdb = any(host.lower().endswith(_DOCUMENTDB) for host, _ in address.endpoints)
    name = "Amazon DocumentDB" if is_documentdb else "MongoDB"
    fact = f"{name} {told_version} answers, with wire version {hello.get('maxWireVersion')}."
    numbers = tuple(int(part) for part in told_version.split(".")[:2] if part.isdecimal())
    if numbers >= _MIN_VERSION:
        yield Finding.ok("server version", fact)
    else:
        yield Finding.warning(
            "server version", fact, fix="Upgrade it: versions before 4.0 are not tested."
        )


def _role(client: Client) -> Iterator[Finding]:
    command = {"connectionStatus": 1, "showPrivileges": True}
    info = client.run("admin", command, deadline=_soon())["authInfo"]
    users = [f"{user['user']}@{user['db']}" for user in info.get("authenticatedUsers", ())]
    if not users:
        yield Finding.warning(
            "role",
            "There is no login: whoever reaches the server may read it.",
            fix="Switch access control on, and name a secret in the connection string.",
        )
        return
    privileges = info.get("authenticatedUserPrivileges", ())
    writable = [
        each["resource"].get("db") or "any database"
        for each in privileges
        if _WRITES.intersection(each["actions"]) and not _is_internal(each["resource"])
    ]
    if writable:
        yield Finding.warning(
            "role",
            f"User {users[0]} may write, such as to {writable[0]}. The connector only reads all"
            " the same.",
            fix="Log in with a user that has the role read and nothing more.",
        )
    else:
        yield Finding.ok("role", f"User {users[0]} can only read.")


def _is_internal(resource: Mapping[str, Any]) -> bool:
    """Return whether a right is about the server's own collections, as read-only roles have."""
    return str(resource.get("collection", "")).startswith("system.")


def _glue(settings: Settings, tables: Tables) -> Iterator[Finding]:
    if settings.disable_glue:
        yield Finding.ok("glue", "Glue is not asked, as disable_glue says.")
        return
    tables.list_schemas()
    yield Finding.ok("glue", "Glue answers.")


def _databases(client: Client, tables: Tables) -> Iterator[Finding]:
    names = [name for name in tables.list_schemas() if name not in _SYSTEM]
    if not names:
        yield Finding.warning(
            "databases",
            "The user may read no database.",
            fix="Grant it the role read on a database, or readAnyDatabase.",
        )
        return
    yield Finding.ok("databases", f"{len(names)} databases can be listed: {_shown(names)}.")
    for database in names:
        for collection in tables.list_tables(database)[:1]:
            client.find(Collection(database, collection), limit=1, deadline=_soon())
            yield Finding.ok("documents", f"Collection {database}.{collection} can be read.")
            return
    yield Finding.warning(
        "documents",
        "No collection can be listed.",
        fix="Grant the user the role read on the databases.",
    )


def _not_needed(finding: Finding) -> Finding:
    """Return the finding of a check whose refusal lets no query fail."""
    if finding.verdict is Verdict.FAULT:
        return replace(finding, verdict=Verdict.WARNING)
    return finding


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_SHOWN]) + (", ..." if len(names) > _MAX_SHOWN else "")


def _soon() -> float:
    return time.monotonic() + _CHECK_SECONDS
