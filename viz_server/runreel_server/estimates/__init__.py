"""What is guessed: when runs and steps end, from their progress and from what earlier runs took."""

from runreel_server.estimates.ends import fill, pace, remaining, step_eta, within
from runreel_server.estimates.medians import Medians

__all__ = ["Medians", "fill", "pace", "remaining", "step_eta", "within"]
