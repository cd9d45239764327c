"""The command line: `whipround …`."""

from whipround.cli.app import main

__all__ = ["main"]
