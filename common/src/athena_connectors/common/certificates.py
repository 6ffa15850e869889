"""Certificates to trust, as files: drivers take no text.

Amazon's for RDS and DocumentDB are in no system. They are the file ``global-bundle.pem`` in
the function's package or in a layer.

Source: Amazon RDS user guide, "Using SSL/TLS to encrypt a connection to a DB instance".
"""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUNDLE", "BUNDLE_URL", "amazon_bundle", "written_certificates"]

BUNDLE = "global-bundle.pem"
BUNDLE_URL = f"https://truststore.pki.rds.amazonaws.com/global/{BUNDLE}"
"""Where Amazon publishes it."""

_LAYER = "/opt"


def amazon_bundle(environ: Mapping[str, str]) -> Path | None:
    """Return the file of Amazon's certificates, if it is there.

    Args:
        environ: Where ``LAMBDA_TASK_ROOT``, the folder of the package, is looked up.
    """
    folders = filter(None, (environ.get("LAMBDA_TASK_ROOT"), _LAYER))
    files = (Path(folder, BUNDLE) for folder in folders)
    return next((file for file in files if file.is_file()), None)


@cache
def written_certificates(pem: str) -> str:
    """Write certificates to a file of this process and return its path."""
    with NamedTemporaryFile("w", prefix="athena-", suffix=".pem", delete=False) as file:
        file.write(pem)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name
