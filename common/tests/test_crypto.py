"""Encrypted blocks are the protocol's, and a changed one is never taken for a good one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.crypto import (
    TAG_BYTES,
    KmsKeys,
    decrypt_block,
    encrypt_block,
    local_key,
)
from athena_connectors.common.errors import (
    AccessDeniedError,
    NotFoundError,
    SourceError,
    SpillError,
    ThrottledError,
)
from athena_connectors.common.protocol.messages import EncryptionKey
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from athena_connectors.common.testing.aws import AwsAddress

VECTORS = Path(__file__).parents[2] / "tests/vectors/spill/aes_gcm.json"

keys = st.builds(
    EncryptionKey,
    st.sampled_from((16, 32)).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    st.binary(min_size=12, max_size=12),
)


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=lambda each: each["name"])
def test_blocks_of_the_java_reference(vector: dict[str, Any]) -> None:
    names = ("plaintext_record_batch_message", "ciphertext_with_tag", "key", "nonce")
    plain, encrypted, key, nonce = (base64.b64decode(vector[name]) for name in names)
    assert encrypt_block(plain, EncryptionKey(key, nonce)) == encrypted
    assert decrypt_block(encrypted, EncryptionKey(key, nonce)) == plain


@given(st.binary(max_size=200), keys)
def test_what_is_encrypted_can_be_decrypted(plain: bytes, key: EncryptionKey) -> None:
    encrypted = encrypt_block(plain, key)
    assert len(encrypted) == len(plain) + TAG_BYTES
    assert decrypt_block(encrypted, key) == plain


@given(st.binary(max_size=50), keys, st.data())
def test_any_changed_byte_is_noticed(plain: bytes, key: EncryptionKey, data: st.DataObject) -> None:
    changed = bytearray(encrypt_block(plain, key))
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SpillError, match="integrity"):
        decrypt_block(bytes(changed), key)


@given(st.binary(max_size=50), keys, st.integers(1, 16))
def test_a_cut_block_is_noticed(plain: bytes, key: EncryptionKey, count: int) -> None:
    with pytest.raises(SpillError, match="integrity"):
        decrypt_block(encrypt_block(plain, key)[:-count], key)


def test_arrow_buffers_are_taken_as_they_are() -> None:
    key = local_key()
    buffer = pa.py_buffer(b"arrow's own memory")
    for view in (buffer, memoryview(buffer), memoryview(b"arrow's own memory")):
        assert decrypt_block(encrypt_block(view, key), key) == b"arrow's own memory"


@pytest.mark.parametrize(("key_size", "nonce_size"), [(24, 12), (0, 12), (32, 16), (16, 0)])
def test_other_lengths_of_key_and_nonce_are_refused(key_size: int, nonce_size: int) -> None:
    key = EncryptionKey(b"k" * key_size, b"n" * nonce_size)
    for work in (encrypt_block, decrypt_block):
        with pytest.raises(SpillError, match=f"{key_size} bytes and its nonce {nonce_size}"):
            work(b"x" * 20, key)


def test_local_keys_are_aes_256_and_all_different() -> None:
    made = [local_key() for _ in range(50)]
    assert {(len(key.key), len(key.nonce)) for key in made} == {(32, 12)}
    assert len({key.key for key in made}) == len({key.nonce for key in made}) == 50


def test_kms_makes_aes_128_keys(aws: AwsAddress) -> None:
    client = aws.client("kms")
    maker = KmsKeys(client, client.create_key()["KeyMetadata"]["KeyId"])
    first, second = maker.new_key(), maker.new_key()
    assert (len(first.key), len(first.nonce)) == (16, 12)
    assert first.key != second.key
    assert first.nonce != second.nonce


def test_a_missing_kms_key_is_named_with_its_setting(aws: AwsAddress) -> None:
    with pytest.raises(NotFoundError, match="KMS key no-such-key of setting kms_key_id"):
        KmsKeys(aws.client("kms"), "no-such-key").new_key()


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(
    ("code", "status", "expected", "tries"),
    [
        ("ThrottlingException", 400, ThrottledError, 5),
        ("AccessDeniedException", 400, AccessDeniedError, 1),
        ("KMSInvalidStateException", 400, SourceError, 1),
        ("KMSInternalException", 500, SourceError, 5),
    ],
)
def test_refusals_of_kms(
    aws: AwsAddress, code: str, status: int, expected: type[Exception], tries: int
) -> None:
    asked: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.headers["X-Amz-Target"].decode())
        body = json.dumps({"__type": code, "message": "refused"}).encode()
        response = AWSResponse(request.url, status, {}, None)
        response._content = body
        return response

    client = AwsClients(aws.environ).client("kms")
    client.meta.events.register("before-send.kms.*", answer)
    with pytest.raises(expected, match="kms:GenerateDataKey on KMS key k-1"):
        KmsKeys(client, "k-1").new_key()
    assert asked == ["TrentService.GenerateDataKey"] * tries
