"""What the command line prints: reports, progress, logs, errors."""
