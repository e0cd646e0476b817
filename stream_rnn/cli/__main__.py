"""`python -m stream_rnn.cli` is the same as `stream-rnn`."""

from stream_rnn.cli import main

main()
