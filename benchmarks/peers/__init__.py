"""Other libraries: each program runs in a process of its own and prints one JSON object."""
