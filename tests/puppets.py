"""A step in a process of its own that does what a test tells it, statement by statement."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import commands

PROGRAM = """
import sys, time
import runreel
for statement in sys.stdin:
    began = time.time_ns()
    answer = None
    exec(statement)
    print(began // 1000, answer, flush=True)
"""


class Puppet:
    """A process that has imported runreel and runs one line of Python after the other.

    Args:
        folder: where its state and its working directory are.
        variables: settings, such as RUNREEL_KAFKA.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", PROGRAM],
            env=commands.environ(folder, **variables),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, statement: str) -> int:
        """Run a statement; answers when it began, in microseconds since 1970."""
        return int(self._told(statement)[0])

    def ask(self, expression: str) -> str:
        """What an expression is, as text."""
        return self._told(f"answer = {expression}")[1]

    def _told(self, statement: str) -> tuple[str, str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        assert said, f"the process ended at: {statement}"
        began, _, answer = said.rstrip("\n").partition(" ")
        return began, answer

    def close(self, timeout: float = 60.0) -> int:
        """Let it end as a program does that is through; answers its exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            return self.process.wait(timeout)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
