"""The help of each command: what it does, and how it is called."""

CLI = """Recurrent networks that learn online, one event at a time, on many streams.

\b
  stream-rnn replay sensors.csv --key sensor --horizon 12 --plot out.png
  stream-rnn init job.toml
  stream-rnn replay --config job.toml --checkpoint state/
  stream-rnn inspect state/
  stream-rnn race sensors.csv --members lru+rls,gru,lstm
  stream-rnn run job.toml"""

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

RACE = """Let several networks learn the same events side by side, and forecast by the mixture that does best.

Each member's forecasts are judged as their targets arrive; what is written and scored is their average, by weights
that follow the errors, of each stream and horizon apart. It is about as good as the best member, without knowing
beforehand which that is. With --retire-below, members that get little weight are dropped and cost nothing more.

\b
  stream-rnn race sensors.csv --members lru+rls,gru,lstm
  stream-rnn race sensors.csv --members forecast,linear,reservoir
  stream-rnn race sensors.csv --members gru,lstm --hidden 16 --retire-below 0.02 --check-every 5000
  stream-rnn race --config race.toml --output forecasts.csv --checkpoint state/ --resume

In race.toml all members have the settings of [engine] in common; [members.NAME] has what is a member's own:

\b
  [job]                     [engine]          [members.slow]          [members.fast]
  files = ["sensors.csv"]   horizon = 12      layer = "gru"           layer = "lru"
                            hidden = 32       learning_rate = 3e-4    readout = "rls"

Exit codes are those of replay."""

GRADIENTS = """Measure how gradients fade or grow on their way back through the window, while the network learns.

Learns from recorded events as replay does. At regular points an error of size 1 at the newest event's outputs is
carried back: what arrives at each earlier event is shown, with the spectral radius of the recurrent weights, the share
of saturated units, and how much an update changes the weights; then what is wrong, and what helps.

\b
  stream-rnn gradients sensors.csv --key sensor
  stream-rnn gradients sensors.csv --layer rnn --window 50 --plot gradients.png
  stream-rnn gradients --config job.toml --every 1000 --stream pump-07 --json

Of several layers, 0 and 1 say which: of three, the second one's update gate has the recurrent weights 1.0.U_z.
Exit codes are those of replay."""

RUN = """Learn from Kafka topics as records come, and forecast to another topic, until told to stop.

CONFIG is a job file with the tables [kafka] and [engine]; options override it. Several processes with the same group
and checkpoint folder share the partitions. Killed at any moment and started again, it goes on as if never stopped:
no forecast is missing, and for a read_committed reader none is doubled.

\b
  stream-rnn run job.toml
  stream-rnn run --topics sensors --key sensor --inputs load,temperature --output forecasts
  stream-rnn run job.toml --metrics-port 9400 --log-format json

SIGTERM and Ctrl-C commit what is under way, make checkpoints and leave the group.
Exit codes: 0 stopped, 1 Kafka or the data cannot be used, 2 the request is wrong."""

PRODUCE = """Replay recorded events into a Kafka topic, so that a live job has something to read.

Each event is a JSON object under the names of the file's own columns: the time as ISO 8601, the key, every numeric
column, with null for what is missing. The record's key is the stream's, its timestamp the event's time.

\b
  stream-rnn produce sensors.jsonl --key sensor --topic sensors --partitions 4
  stream-rnn produce 'data/*.parquet' --key sensor --topic sensors --speed 60 --loop
  stream-rnn produce sensors.csv --key sensor --topic sensors --config job.toml

Kafka deletes records by their timestamp, in most topics those older than a week: a topic that --partitions makes
keeps them all. Ctrl-C and SIGTERM end the replay once what was sent has arrived.
Exit codes: 0 done, 1 Kafka or the data cannot be used, 2 the request is wrong, 130 Ctrl-C, 143 terminated."""

INSPECT = """Show what a CHECKPOINT holds: settings, weights, streams, positions. Of a folder, the newest is shown.

\b
  stream-rnn inspect state/
  stream-rnn inspect state/checkpoint-000000001000000.safetensors --json"""

UNFOLD = """Draw a network unrolled over its window: one column per event, the same weights in each.

The network is that of a CHECKPOINT (of a folder, the newest), of a job file, or of the options. Drawn are inputs,
layers, what they remember, weights with their shapes, outputs, where errors enter and how far they are carried back.

\b
  stream-rnn unfold --layer dense,gru,lstm --horizon 12 --window 50
  stream-rnn unfold state/ --output network.png
  stream-rnn unfold --config job.toml"""

WARMUP = """Compile the kernels of a network ahead of their first use; later processes load them from the disk.

A kind of layers and a precision are compiled once; sizes, windows, losses and rates do not matter.
STREAM_RNN_CACHE names the folder.

\b
  stream-rnn warmup
  stream-rnn warmup --layer lstm,dense --dtype float64"""

INIT = """Write FILE, job.toml unless named: every setting with what it means and its default. Replaces no file.

\b
  stream-rnn init
  stream-rnn replay --config job.toml sensors.csv
  stream-rnn run job.toml --topics sensors --inputs load,temperature"""
