"""The bytes behind `s3://bucket/key`, an artifact by reference: read with the package `minio` where that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import unquote, urlsplit

from runreel import masks
from runreel.errors import NotFound, NotReachable, SettingError
from runreel.settings import Settings

if TYPE_CHECKING:
    from minio import Minio

AMAZON: Final = "https://s3.amazonaws.com"
"""The service where RUNREEL_S3_ENDPOINT names none."""

_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchBucket", "ResourceNotFound"})
_PIECE: Final = 1 << 20
_CONNECT: Final = 10.0  # seconds


class Unreadable(NotReachable):
    """Asking again does not help: a package or keys are missing, or the service refuses them."""


def copy(uri: str, file: BinaryIO, settings: Settings, silence: float) -> None:
    """Write an object's bytes into `file`.

    Args:
        uri: `s3://bucket/key`, the key percent-encoded or not.
        file: a file open for writing.
        settings: name endpoint, region and keys.
        silence: seconds that the service may say nothing.

    Raises:
        NotFound: there is no such object.
        Unreadable: it cannot be read with what is installed and set; says the way out.
        OSError: the service does not answer, or broke off.
    """
    shown = masks.text(uri)
    client = _client(shown, settings, silence)
    from minio.error import MinioException, S3Error
    from urllib3.exceptions import HTTPError

    bucket, _, key = uri.partition("://")[2].partition("/")
    if not bucket or not key:
        raise Unreadable(f"{shown} names no object: write s3://bucket/key")
    answer: Any = None
    try:
        answer = client.get_object(bucket, unquote(key))
        for piece in answer.stream(_PIECE):
            file.write(piece)
    except S3Error as error:
        if error.code in _ABSENT:
            raise NotFound(f"{shown} is not there ({error.code})") from None
        raise Unreadable(f"{shown}: the service at {_endpoint(settings)} refuses it ({error.code})") from None
    except (MinioException, ValueError) as error:  # no S3 service, or a name that no bucket can have
        raise Unreadable(f"{shown} cannot be read from {_endpoint(settings)}: {error}") from None
    except HTTPError as error:
        raise OSError(f"the service at {_endpoint(settings)} does not answer: {type(error).__name__}") from None
    finally:
        if answer is not None:
            answer.close()
            answer.release_conn()


def _endpoint(settings: Settings) -> str:
    return settings.s3_endpoint or AMAZON


def _client(shown: str, settings: Settings, silence: float) -> Minio:
    try:
        import urllib3
        from minio import Minio
    except ModuleNotFoundError:
        raise Unreadable(f"{shown} needs the package minio: pip install minio, or read it by other means") from None
    if settings.s3_keys is None:
        raise Unreadable(
            f"{shown} needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and RUNREEL_S3_ENDPOINT where it is "
            "not Amazon's"
        )
    endpoint = _endpoint(settings)
    address = urlsplit(endpoint)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise SettingError("RUNREEL_S3_ENDPOINT", endpoint, "write an address like http://127.0.0.1:9000")
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=_CONNECT, read=silence), retries=False)
    secure = address.scheme == "https"
    return Minio(address.netloc, *settings.s3_keys, secure, settings.s3_region, http_client=pool)
