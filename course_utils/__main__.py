"""The course on the command line: `python -m course_utils doctor`."""

import argparse
import sys

from course_utils import __version__, doctor


def main() -> int:
    """Run the command that the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="check that this machine is ready for the course")
    parser.parse_args()
    return doctor.main()


if __name__ == "__main__":
    sys.exit(main())
