"""Encryption of spilled blocks: AES-GCM, 16-byte tag at the end, nonce not in the object.

The protocol carries one key and one nonce for a whole split, so every block of a split is
encrypted with the same pair. Reusing a nonce is a weakness of AES-GCM (two blocks of one
split reveal the XOR of their plain texts, and tags can be forged), but each reader of the
format expects it. Keys are never used for a second split.

Source: wire protocol, section 16, and ``spill/aes_gcm.json`` of its vectors.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import SpillError
from athena_connectors.common.protocol.messages import EncryptionKey

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["TAG_BYTES", "KmsKeys", "decrypt_block", "encrypt_block", "local_key"]

TAG_BYTES = 16
NONCE_BYTES = 12
KEY_BYTES = (16, 32)


def encrypt_block(data: bytes | memoryview | pa.Buffer, key: EncryptionKey) -> bytes:
    """Encrypt a block.

    Args:
        data: The plain block; it is not copied.
        key: The split's key.

    Returns:
        The encrypted block, ``TAG_BYTES`` longer.

    Raises:
        SpillError: The key or the nonce has a length that the protocol does not know.
    """
    return _cipher(key).encrypt(key.nonce, memoryview(data).cast("B"), None)


def decrypt_block(data: bytes | memoryview | pa.Buffer, key: EncryptionKey) -> bytes:
    """Decrypt a block.

    Raises:
        SpillError: The block was changed, cut, or encrypted with another key; or the key
            or the nonce has a length that the protocol does not know.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    try:
        return _cipher(key).decrypt(key.nonce, memoryview(data).cast("B"), None)
    except InvalidTag as cause:
        raise SpillError(
            "A spilled block fails its integrity check.",
            hint="It was changed or cut, or it was encrypted with another split's key.",
        ) from cause


def local_key() -> EncryptionKey:
    """Return a new AES-256 key with its nonce, from the system's random source."""
    return EncryptionKey(os.urandom(max(KEY_BYTES)), os.urandom(NONCE_BYTES))


class KmsKeys:
    """Makes keys with KMS.

    Args:
        client: A KMS client; it retries throttled calls by itself.
        key_id: Id, ARN or alias of the KMS key.
    """

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def new_key(self) -> EncryptionKey:
        """Return a new AES-128 data key with its nonce.

        Raises:
            NotFoundError: There is no such KMS key.
            AccessDeniedError: The function's role may not use it.
            ThrottledError: KMS refused after all retries.
            SourceError: KMS failed or can't be reached.

        Cost:
            Two calls to KMS.
        """
        data_key = self._call(
            "GenerateDataKey",
            self._client.generate_data_key,
            KeyId=self._key_id,
            KeySpec="AES_128",
        )
        nonce = self._call(
            "GenerateRandom", self._client.generate_random, NumberOfBytes=NONCE_BYTES
        )
        return EncryptionKey(data_key, nonce)

    def _call(self, operation: str, method: Callable[..., Any], **parameters: Any) -> bytes:
        from athena_connectors.common.aws_errors import aws_errors, translate  # noqa: PLC0415

        try:
            plain: bytes = method(**parameters)["Plaintext"]
        except aws_errors() as cause:
            raise translate(
                cause,
                action=f"kms:{operation}",
                resource=f"KMS key {self._key_id} of setting kms_key_id",
            ) from cause
        return plain


def _cipher(key: EncryptionKey) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    if len(key.key) not in KEY_BYTES or len(key.nonce) != NONCE_BYTES:
        raise SpillError(
            f"The split's key has {len(key.key)} bytes and its nonce {len(key.nonce)}.",
            hint="The protocol knows keys of 16 or 32 bytes and nonces of 12.",
        )
    return AESGCM(key.key)
