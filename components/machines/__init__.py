"""Machines: virtual ones and system containers behind one contract (`machine.Machine`)."""
