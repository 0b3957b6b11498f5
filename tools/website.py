"""Builds the documentation: `.venv/bin/python tools/website.py`; into `build/site`, or the folder that is given after
`build`. `… tools/website.py serve` shows it, and each change.

Needs the extra `docs`. A warning is an error.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Do what the command line says; returns the exit status."""
    try:
        from mkdocs.__main__ import cli
    except ImportError:
        print('error: the documentation is built with the extra "docs": pip install -e ".[docs]"', file=sys.stderr)
        return 2
    # Material says at each build that it is for MkDocs 1
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    command = sys.argv[1] if len(sys.argv) > 1 else "build"
    if command not in ("build", "serve"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    into = ["--site-dir", os.path.abspath(sys.argv[2])] if sys.argv[2:] else []
    os.chdir(ROOT)
    arguments = ["build", "--strict", "--clean", *into] if command == "build" else ["serve", "--strict"]
    status = cli.main(arguments, standalone_mode=False)
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
