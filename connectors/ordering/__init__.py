"""Events in order of time, and at their recorded pace."""
