"""The help of each command: what it does, and how it is called."""

CLI = """Recurrent networks that learn online, one event at a time, on many streams.

\b
  stream-rnn replay sensors.csv --key sensor --horizon 12 --plot out.png
  stream-rnn init job.toml
  stream-rnn replay --config job.toml --checkpoint state/
  stream-rnn inspect state/"""

REPLAY = """Learn from recorded events as if they came in now, and forecast each one's future.

Every forecast is made before its target is read, then scored beside two naive forecasts: the last value
(persistence) and the value one season before. Without options, every numeric column is forecast one event ahead.

\b
  stream-rnn replay sensors.csv
  stream-rnn replay flow.csv --targets flow --horizon 12 --output out.csv --plot out.png
  stream-rnn replay 'data/*.parquet' --key sensor --time at --checkpoint state/ --resume
  stream-rnn replay --config job.toml --speed 60
  tail -f events.jsonl | stream-rnn replay - --key sensor --output forecasts.jsonl

Ctrl-C ends the replay after the batch in hand: outputs are whole, and the summary is of what was done.
Exit codes: 0 done, 1 the data cannot be used, 2 the request is wrong, 130 Ctrl-C, 143 terminated."""

INSPECT = """Show what a CHECKPOINT holds: settings, weights, streams, positions. Of a folder, the newest is shown.

\b
  stream-rnn inspect state/
  stream-rnn inspect state/checkpoint-000000001000000.safetensors --json"""

WARMUP = """Compile the kernels of a network ahead of their first use; later processes load them from the disk.

A kind of layers and a precision are compiled once; sizes, windows, losses and rates do not matter.
STREAM_RNN_CACHE names the folder.

\b
  stream-rnn warmup
  stream-rnn warmup --layer lstm,dense --dtype float64"""

INIT = """Write FILE, job.toml unless named: every setting with what it means and its default. Replaces no file.

\b
  stream-rnn init
  stream-rnn replay --config job.toml sensors.csv"""
