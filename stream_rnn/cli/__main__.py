"""`python -m stream_rnn.cli` is `stream-rnn`."""

from stream_rnn.cli import main

main()
