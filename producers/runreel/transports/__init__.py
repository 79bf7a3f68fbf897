"""How sealed events travel: siblings behind one small interface."""

from runreel.transports.base import Answer, Sealed, Transport

__all__ = ["Answer", "Sealed", "Transport"]
