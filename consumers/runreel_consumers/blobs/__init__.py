"""Artifact bytes: from chunks or claims to content in the store."""

from runreel_consumers.blobs.artifacts import ArtifactInfo, open_artifact, read_info
from runreel_consumers.blobs.claims import TOKEN_HEADER, Claim, Claims, UploadPart
from runreel_consumers.blobs.finisher import Finisher
from runreel_consumers.blobs.saying import Saying
from runreel_consumers.blobs.sink import BlobSink

__all__ = [
    "TOKEN_HEADER",
    "ArtifactInfo",
    "BlobSink",
    "Claim",
    "Claims",
    "Finisher",
    "Saying",
    "UploadPart",
    "open_artifact",
    "read_info",
]
