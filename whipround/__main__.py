"""`python -m whipround` is `whipround`."""

from whipround.cli import main

main()
