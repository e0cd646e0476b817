"""Terminal output: summaries, progress, logs, errors; and signals from the terminal."""
