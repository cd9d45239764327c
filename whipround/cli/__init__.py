"""The command line: `whipround …`."""

import gc

# Of what is imported nearly all stays: looking through it for garbage, over and over as it grows,
# takes a tenth of the time until a command begins, and once more while it runs.
gc.disable()

from whipround.cli.app import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]
