"""Settings that come from a Glue connection instead of the function's variables.

Source: wire protocol, section 20; Java reference, ``EnvironmentProperties``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["with_glue_connection"]

_RENAMED = {"spill_kms_key_id": "kms_key_id"}
_SECRET_SUFFIX = 7
"""Characters that Secrets Manager adds to a name in an ARN: a dash and six others."""


def with_glue_connection(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings with those of the Glue connection that ``glue_connection`` names.

    The connection's properties (``HOST``, ``PORT``, ``DATABASE``, ``JDBC_PARAMS``, ...) and
    its Athena properties come under their own names, its secret as ``secret_name``. What
    the function's variables say goes before all of it.

    Raises:
        ConfigurationError: There is no such connection.
        AccessDeniedError: The function's role may not read it.
        SourceError: Glue failed or can't be reached.

    Cost:
        One call to Glue, if ``glue_connection`` is set.
    """
    name = environ.get("glue_connection", "").strip()
    if not name:
        return environ
    connection = _connection(name, environ)
    settings: dict[str, str] = {**connection.get("ConnectionProperties", {})}
    for key, value in connection.get("AthenaProperties", {}).items():
        settings[_RENAMED.get(key, key)] = value
    secret = connection.get("AuthenticationConfiguration", {}).get("SecretArn", "")
    if secret:
        settings["secret_name"] = secret.rpartition(":")[2][:-_SECRET_SUFFIX]
    return {**settings, **environ}


def _connection(name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    from athena_connectors.common.aws import AwsClients  # noqa: PLC0415
    from athena_connectors.common.aws_errors import aws_errors, translate  # noqa: PLC0415

    endpoint = environ.get("GLUE_ENDPOINT")
    if endpoint:
        environ = {"AWS_ENDPOINT_URL_GLUE": endpoint, **environ}
    client = AwsClients(environ).client("glue")
    try:
        reply = client.get_connection(Name=name, HidePassword=True)
    except aws_errors() as cause:
        error = translate(cause, action="glue:GetConnection", resource=f"Glue connection {name}")
        if isinstance(error, NotFoundError):
            raise ConfigurationError(
                f"There is no Glue connection {name!r}.",
                hint="Correct the setting glue_connection, or check the function's region.",
                setting="glue_connection",
            ) from cause
        raise error from cause
    found: dict[str, Any] = reply["Connection"]
    return found
