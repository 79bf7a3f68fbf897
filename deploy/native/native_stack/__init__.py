"""A real Apache Kafka and a real MinIO as plain processes on loopback, for tests and for `make stack`.

Standard library only, so that any Python 3.11 runs it before anything else is installed.
"""

from native_stack.errors import NativeError
from native_stack.kafka import Kafka
from native_stack.minio import Minio
from native_stack.service import Service
from native_stack.stack import Stack

__all__ = ["Kafka", "Minio", "NativeError", "Service", "Stack"]
