"""A process that only serves."""

from __future__ import annotations

import subprocess
import sys

SERVICE = """
import sys
from runreel_consumers.serving import forget_pandas
forget_pandas()
import pyarrow
assert pyarrow.array(["a", None]).to_pylist() == ["a", None]
assert pyarrow.scalar(7).as_py() == 7
assert pyarrow.array([1.5]).to_numpy()[0] == 1.5
assert "pandas" not in sys.modules
import pandas
assert pandas.Series([1]).sum() == 1
"""


def test_a_service_loads_no_pandas_and_whoever_wants_it_still_may() -> None:
    subprocess.run([sys.executable, "-c", SERVICE], check=True, timeout=60)
