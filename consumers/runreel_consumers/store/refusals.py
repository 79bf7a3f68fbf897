"""What an S3 service, or the way to it, says no with: translated to runreel's errors, here and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError

from runreel.errors import NotFound, NotReachable, SettingError

_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchUpload", "ResourceNotFound"})
_WRONG_KEYS: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidTokenId", "ExpiredToken", "AccessDenied"}
)
_PARENT: Final = frozenset({"XMinioParentIsObject", "XMinioObjectExistsAsDirectory", "ExistingObjectIsDirectory"})
_WRONG_BUCKET: Final = {
    "NoSuchBucket": "there is no such bucket: make it (for instance: mc mb ALIAS/{bucket}) or name another one",
    "InvalidBucketName": "write s3://bucket/prefix, the bucket of 3 to 63 lower-case letters, digits, dots, hyphens",
}


@contextlib.contextmanager
def translated(key: str, endpoint: str, bucket: str) -> Iterator[None]:
    """Run a block that speaks to the service, with runreel's errors for those of minio-py and urllib3.

    Raises:
        NotFound: no such object.
        SettingError: the service refuses keys or bucket; names the setting, never a secret.
        NotReachable: it does not answer, answers with a failure of its own, or is no S3 service.
        ValueError: the key is a folder of another one, or lies in an object.
    """
    try:
        yield
    except S3Error as error:
        raise _refused(error, key, endpoint, bucket) from error
    except InvalidResponseError as error:
        raise NotReachable(
            f"what answers at {endpoint} is no S3 service: does RUNREEL_S3_ENDPOINT name its S3 port?"
        ) from error
    except ServerError as error:
        raise NotReachable(f"the store at {endpoint} fails with HTTP status {error.status_code}") from error
    except HTTPError as error:
        cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        raise NotReachable(f"the store at {endpoint} does not answer: {type(cause).__name__}") from error


def _refused(error: S3Error, key: str, endpoint: str, bucket: str) -> Exception:
    code = error.code or ""
    if code in _ABSENT:
        return NotFound(f"{key} is not in the bucket {bucket} at {endpoint}")
    if code in _PARENT:
        return ValueError(f"key {key!r}: it, or a folder that it lies in, is another key's")
    if code in _WRONG_KEYS:
        way_out = (
            f"the store at {endpoint} refuses these keys for bucket {bucket} ({code}): set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY (or MINIO_ROOT_USER and MINIO_ROOT_PASSWORD) to keys that may read and write it"
        )
        return SettingError("AWS_ACCESS_KEY_ID", None, way_out)
    if code == "RequestTimeTooSkewed":
        return SettingError("RUNREEL_S3_ENDPOINT", endpoint, "its clock and this machine's differ: set them right")
    if code in _WRONG_BUCKET:
        return SettingError("RUNREEL_STORE", f"s3://{bucket}", _WRONG_BUCKET[code].format(bucket=bucket))
    return NotReachable(f"the store at {endpoint} fails: {code}")
