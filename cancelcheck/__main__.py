"""`python -m cancelcheck`."""

import sys

from cancelcheck.cli import main

sys.exit(main())
