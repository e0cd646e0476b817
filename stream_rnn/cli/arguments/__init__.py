"""Settings from the command line and from job files, and the help texts of the commands."""
