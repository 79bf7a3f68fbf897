"""In a pod, what waits in the spool goes with the pod, unless the spool lies on a volume: said once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from runreel.settings import Settings

IN_POD: Final = "KUBERNETES_SERVICE_HOST"  # every pod has it

_log = logging.getLogger("runreel")
_told: set[str] = set()


def warn(settings: Settings, environ: Mapping[str, str]) -> None:
    """Say once a process where the spool would vanish with the pod; elsewhere nothing."""
    folder = str(settings.spool_dir)
    if IN_POD not in environ or folder in _told:
        return
    _told.add(folder)
    from runreel.checks import VOLATILE, kind_of_file_system  # as `runreel doctor` looks; slow to import

    kind = kind_of_file_system(settings.spool_dir)
    if kind in VOLATILE:
        _log.warning("the spool %s lies on %s and goes with the pod: set RUNREEL_SPOOL_DIR to a volume", folder, kind)
