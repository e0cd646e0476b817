"""Events in order of time, and at the pace at which they were recorded."""
