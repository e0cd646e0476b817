"""The per-event path in machine code."""
