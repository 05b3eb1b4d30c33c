"""The policy pack: pure checks on plain resource properties, one file a family; `pack` wires them to the engine."""
