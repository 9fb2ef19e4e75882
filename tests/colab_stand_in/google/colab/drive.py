"""Stands in for the module that mounts a learner's Drive; a plain folder takes its place."""

from pathlib import Path


def mount(mountpoint: str) -> None:
    """Make the folder that a mounted Drive has."""
    (Path(mountpoint) / "MyDrive").mkdir(parents=True, exist_ok=True)
