"""Jobs connect engines with connectors; besides the command line, no other package imports both."""
