"""The one error that this package raises on purpose."""

from __future__ import annotations


class NativeError(Exception):
    """Something that the user can mend. Its text is one line: what is wrong, with which value, and the way out."""
