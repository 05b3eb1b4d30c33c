"""Runs `./lab`."""

import sys

from labctl.cli import main

sys.exit(main(sys.argv[1:]))
