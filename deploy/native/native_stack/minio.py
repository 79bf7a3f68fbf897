"""MinIO: an S3 store of one process and one folder."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Mapping

from native_stack.errors import NativeError
from native_stack.install import Part, minio_part
from native_stack.machine import HOST
from native_stack.service import Service

BUCKET = "runreel"
"""The bucket that is there from the start."""


class Minio(Service):
    """A single MinIO with one bucket, `runreel`, and keys of its own, drawn at its first start."""

    name = "minio"

    @staticmethod
    def part() -> Part:
        """The binary."""
        return minio_part()

    @property
    def endpoint(self) -> str:
        """The address as a URL."""
        return f"http://{self.address}"

    @property
    def access_key(self) -> str:
        """The access key id.

        Raises:
            NativeError: it was never started.
        """
        return self._key("access_key")

    @property
    def secret_key(self) -> str:
        """The secret access key.

        Raises:
            NativeError: it was never started.
        """
        return self._key("secret_key")

    def answers(self) -> bool:
        """Whether the store is ready to read and write. It says so a moment before it knows its users, and asks whoever
        comes then to come again after a minute."""
        return self._status("/minio/health/ready") == 200 and self._status(f"/{BUCKET}/") not in (None, 503)

    def _status(self, path: str) -> int | None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def prepare(self, port: int) -> None:
        """Draw the keys the first time, and make the bucket: MinIO takes a folder in its data for one."""
        if "secret_key" not in self.record():
            self.remember(access_key=f"runreel{secrets.token_hex(6)}", secret_key=secrets.token_urlsafe(30))
        (self.folder / "data" / BUCKET).mkdir(parents=True, exist_ok=True)

    def command(self, port: int) -> list[str]:
        """The server alone: no console, no look for updates."""
        certificates = str(self.folder / "certs")  # never the user's own: with a certificate there it would speak TLS
        where = ["--address", f"{HOST}:{port}", "--certs-dir", certificates]
        return [str(self.part().folder / "minio"), "server", *where, str(self.folder / "data")]

    def environment(self) -> Mapping[str, str]:
        """Keys and switches; not on the command line, which any user of the machine can read."""
        return {
            "MINIO_ROOT_USER": self.access_key,
            "MINIO_ROOT_PASSWORD": self.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }

    def _key(self, name: str) -> str:
        key = self.record().get(name)
        if not isinstance(key, str):
            raise NativeError(f"minio: was never started in {self.folder}; start it first")
        return key
