"""What has to be there after a loss of power."""

import os
from pathlib import Path


def put_on_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would be there after a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
