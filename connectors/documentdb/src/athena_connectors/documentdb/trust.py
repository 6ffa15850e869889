"""Which certificates are trusted where TLS is asked for.

A file that the connection string or a setting names is trusted alone. Otherwise the
system's certificates are, with Amazon's for RDS and DocumentDB, which no system has: the
file ``global-bundle.pem`` in the function's package or in a layer.

Source: Amazon DocumentDB developer guide, "Encrypting data in transit".
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from athena_connectors.common.certificates import BUNDLE, amazon_bundle, written_certificates
from athena_connectors.common.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["trusted_file"]


def trusted_file(named: str, *, setting: str, environ: Mapping[str, str]) -> str:
    """Return the file of the certificates to trust; empty for the system's own.

    Args:
        named: The file that was asked for, if one was.
        setting: Which setting named it.
        environ: Where ``LAMBDA_TASK_ROOT``, the folder of the package, is looked up.

    Raises:
        ConfigurationError: There is no such file, or it holds no certificate.
    """
    if named:
        _require_certificates(Path(named), setting)
        return named
    bundle = amazon_bundle(environ)
    if bundle is None:
        return ""
    _require_certificates(bundle, "tls_ca_file")
    return _with_system(bundle)


def _require_certificates(file: Path, setting: str) -> None:
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError as error:  # an SSLError is one
        reason = "no such file" if isinstance(error, FileNotFoundError) else "no certificate in it"
        raise ConfigurationError(
            f"The certificates to trust can't be read from {file}: {reason}.",
            hint=f"Correct tlsCAFile in the connection string or the setting tls_ca_file; for"
            f" DocumentDB it is Amazon's {BUNDLE}, put into the package or a layer.",
            setting=setting,
        ) from error


def _with_system(bundle: Path) -> str:
    """Return a file of the bundle and the system's certificates, as the driver takes one."""
    context = ssl.create_default_context()
    own = map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))
    return written_certificates("\n".join((bundle.read_text("ascii"), *own)))
