"""What every test folder has: the shared helpers on the path, and the real parts as fixtures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["native"]
