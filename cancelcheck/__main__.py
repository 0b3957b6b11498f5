"""`python -m cancelcheck`."""

import os
import sys

if __name__ == "__main__":
    # Python looks for modules in the current folder first, and there lies what is to be checked
    _here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path and os.path.abspath(sys.path[0]) != _here:
        del sys.path[0]

    from cancelcheck.cli import run

    run()
