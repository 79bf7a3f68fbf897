"""`python deploy/native/stack.py COMMAND`: a real Kafka and a real MinIO on this machine, without containers."""

import sys

from native_stack.cli import main

sys.exit(main())
