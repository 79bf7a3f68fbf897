"""How sealed events travel: siblings behind one small interface."""

from runreel.transports.base import Answer, Broken, Sealed, Transport

__all__ = ["Answer", "Broken", "Sealed", "Transport"]
