"""Where the archive lies: one interface, a folder or an S3 bucket behind it."""

from __future__ import annotations

from typing import Final

from runreel.bucket import AMAZON
from runreel.errors import SettingError
from runreel.hub import Hub
from runreel.settings import Settings
from runreel_consumers.store.base import Info, Store
from runreel_consumers.store.directory import DirectoryStore

__all__ = ["DATA", "DirectoryStore", "Info", "Store", "open_store"]

#: The folder of the archive of this machine's `runreel up`, in the state folder.
DATA: Final = "data"

_FORMS = "write dir:PATH or s3://bucket/prefix"


def open_store(settings: Settings) -> Store:
    """The store that `RUNREEL_STORE` names, else that of this machine's `runreel up`, also after it has ended.

    Where a Kafka is named, its store must be, too: else a forgotten setting would put an archive where nobody looks.

    Speaks to no server: `Store.check` does.

    Raises:
        SettingError: there is none, or it cannot be one; names the setting and the way out.
    """
    address = settings.store
    if not address and (hub := Hub.find(settings)) is not None:
        address = hub.store
    if not address and not settings.kafka and (folder := settings.state_dir / DATA).is_dir():
        address = f"dir:{folder}"
    if address.startswith("dir:") and address[4:]:
        return DirectoryStore(address[4:])
    if address.startswith("s3://"):
        return _bucket(address, settings)
    raise SettingError("RUNREEL_STORE", address, _FORMS if address else f"is empty: {_FORMS}, or start `runreel up`")


def _bucket(address: str, settings: Settings) -> Store:
    from runreel_consumers.store.minio import MinioStore  # not for those whose store is a folder

    bucket, _, prefix = address[5:].partition("/")
    if not bucket:
        raise SettingError("RUNREEL_STORE", address, _FORMS)
    if settings.s3_keys is None:
        way_out = "is not set: set it and AWS_SECRET_ACCESS_KEY, or MINIO_ROOT_USER and MINIO_ROOT_PASSWORD"
        raise SettingError("AWS_ACCESS_KEY_ID", None, way_out)
    endpoint = settings.s3_endpoint or AMAZON
    try:
        return MinioStore(bucket, prefix, endpoint=endpoint, keys=settings.s3_keys, region=settings.s3_region)
    except ValueError as error:
        raise SettingError("RUNREEL_STORE", address, str(error)) from None
