"""Events in another shape than the records: one per column, one of many readings, one per interval of time."""
