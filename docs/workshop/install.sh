#!/bin/sh
# Installs the course from this folder, without a network, into .venv where it is called:
#     sh wheels/install.sh                      with python3
#     PYTHON=python3.12 sh wheels/install.sh    with another one
set -e
wheels=$(cd "$(dirname "$0")" && pwd)
made_for=$(cat "$wheels/python-version.txt")
PYTHON=${PYTHON:-python3}
found=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$found" != "$made_for" ]; then
    echo "These wheels are for Python $made_for, and $PYTHON is $found. Name another:" >&2
    echo "    PYTHON=python$made_for sh $0" >&2
    exit 1
fi
"$PYTHON" -m venv .venv
pip() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }
pip --no-index --find-links "$wheels" -c "$wheels/constraints.txt" "llm-engineering-course[lab,dev]"
pip --no-index --find-links "$wheels" --no-deps -r "$wheels/requirements-no-deps.txt"
.venv/bin/python -m course_utils doctor
echo "Next: .venv/bin/jupyter lab learner/00_start_here.ipynb"
