"""`python -m cancelcheck`."""

from cancelcheck.cli import run

if __name__ == "__main__":
    run()
