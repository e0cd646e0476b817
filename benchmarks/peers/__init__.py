"""Other libraries on the reference job, one program each: each runs in a process of its own and prints one object."""
