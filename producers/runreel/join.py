"""join: speak in a run that another process started, without starting anything."""

from __future__ import annotations

import os
from collections.abc import Mapping

from runreel import current
from runreel.run import Run, nobody, open_run
from runreel.surroundings import Identity, surroundings


def join(environ: Mapping[str, str] | None = None) -> Run:
    """Speak in the run, and inside the step, that `environ` names; for initialisers of pools.

    `ProcessPoolExecutor(initializer=runreel.join, initargs=(step.environ(),))`: in the workers, `current_step()` is
    that step, and `start` joins the run too. The worker's end ends its own part alone. Joining again what is joined
    already changes nothing.

    Args:
        environ: what `run.environ()` or `step.environ()` gave; by default this process's environment.

    Returns:
        The run; where `environ` names none, or runreel is disabled, one in which nothing happens.

    Raises:
        SettingError: a setting, or the run's id, is wrong.
    """
    around = surroundings()
    identity = Identity.read(around.environ if environ is None else environ)
    settings = around.settings()
    if identity.run is None or settings.disabled:
        return nobody()
    run = _open_already(identity)
    if run is None:
        workspace = None if environ is None else environ.get("RUNREEL_WORKSPACE")
        run = open_run(identity.run, settings, workspace, "", identity.session)
        run.stand_in(identity)
        run.joined = identity
    current.enter(run)
    return run


def _open_already(identity: Identity) -> Run | None:
    for run in list(current.open_runs.values()):  # another thread may start one meanwhile
        same_step = identity.execution == (run.base.execution if run.base else None)
        if run.id == identity.run and run.process == os.getpid() and same_step:
            return run
    return None
