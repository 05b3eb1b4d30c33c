"""Runs `./lab`."""

import sys

from offline.cli import main

sys.exit(main(sys.argv[1:]))
