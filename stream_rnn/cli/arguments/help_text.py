"""The help of each command: what it does, and examples of how to call it."""

CLI = """Recurrent networks that learn online, one event at a time, on many streams.

\b
  stream-rnn replay sensors.csv --key sensor --horizon 12 --plot out.png
  stream-rnn init job.toml
  stream-rnn replay --config job.toml --checkpoint state/
  stream-rnn inspect state/
  stream-rnn race sensors.csv --members lru+rls,gru,lstm
  stream-rnn run job.toml"""

REPLAY = """Learn from recorded events as if they arrived live, and forecast after each one.

Each forecast is made before its target is read, and scored next to two naive forecasts: the last value (persistence)
and the value one season before (seasonal naive). By default every numeric column is forecast one event ahead, by a race
of several forecasters (--preset auto).

\b
  stream-rnn replay sensors.csv
  stream-rnn replay flow.csv --targets flow --horizon 12 --output out.csv --plot out.png
  stream-rnn replay 'data/*.parquet' --key sensor --time at --checkpoint state/ --resume
  stream-rnn replay --config job.toml --speed 60
  tail -f events.jsonl | stream-rnn replay - --key sensor --output forecasts.jsonl

Ctrl-C stops the replay after the current batch: outputs are complete up to there, and the summary is printed.

Exit status: 0 success, 1 the data cannot be used, 2 wrong settings or options, 130 Ctrl-C, 143 terminated."""

RACE = """Train several networks on the same events side by side, and forecast with their mixture.

The mixture is the average of the members' forecasts, with weights that follow their recent errors, separately for each
stream and horizon; its forecasts are written and scored. It is about as good as the best member, without knowing in
advance which one that is. With --retire-below, members whose weight stays low are removed and cost nothing from then
on.

\b
  stream-rnn race sensors.csv --members lru+rls,gru,lstm
  stream-rnn race sensors.csv --members forecast,linear,reservoir
  stream-rnn race sensors.csv --members gru,lstm --hidden 16 --retire-below 0.02 --check-every 5000
  stream-rnn race --config race.toml --output forecasts.csv --checkpoint state/ --resume

In race.toml, all members share the settings in [engine]; [members.NAME] has the settings of one member:

\b
  [job]                     [engine]          [members.slow]          [members.fast]
  files = ["sensors.csv"]   horizon = 12      layer = "gru"           layer = "lru"
                            hidden = 32       learning_rate = 3e-4    readout = "rls"

The exit status is that of replay."""

GRADIENTS = """Measure how gradients vanish or explode over the window while the network learns.

Learns from recorded events as replay does. At regular intervals it backpropagates an error of size 1 from the outputs
at the newest event, and measures the gradient at each earlier event, the spectral radius of the recurrent weights, the
fraction of saturated units, and the relative size of an update. Problems are reported with what helps against them.

\b
  stream-rnn gradients sensors.csv --key sensor
  stream-rnn gradients sensors.csv --layer rnn --window 50 --plot gradients.png
  stream-rnn gradients --config job.toml --every 1000 --stream pump-07 --json

In a stack, the prefixes 0. and 1. tell the layers apart: in a stack of three, 1.0.U_z are the recurrent weights of the
second layer's update gate.

The exit status is that of replay."""

RUN = """Learn from Kafka topics, and write forecasts to another topic, until stopped.

CONFIG is a job file with the tables [kafka] and [engine]; options override it. Processes with the same group and
checkpoint folder share the partitions. A job that was killed resumes as if it had never stopped: no forecast is
missing, and a read_committed reader sees none twice.

\b
  stream-rnn run job.toml
  stream-rnn run --topics sensors --key sensor --inputs load,temperature --output forecasts
  stream-rnn run job.toml --metrics-port 9400 --log-format json

SIGTERM and Ctrl-C stop the job after it has committed, written its checkpoints and left the group.

Exit status: 0 stopped, 1 Kafka or the data cannot be used, 2 wrong settings or options."""

PRODUCE = """Replay recorded events into a Kafka topic, as input for a live job.

Each event is a JSON object with the file's column names: the time as ISO 8601, the key, and every numeric column;
missing values are null. The record's key is the event's key, and its timestamp is the event's time.

\b
  stream-rnn produce sensors.jsonl --key sensor --topic sensors --partitions 4
  stream-rnn produce 'data/*.parquet' --key sensor --topic sensors --speed 60 --loop
  stream-rnn produce sensors.csv --key sensor --topic sensors --config job.toml

Kafka deletes records by their timestamp; most topics keep them for a week. A topic created with --partitions keeps all
records. Ctrl-C and SIGTERM end the replay after all records sent so far have been delivered.

Exit status: 0 success, 1 Kafka or the data cannot be used, 2 wrong settings or options, 130 Ctrl-C, 143 terminated."""

INSPECT = """Show the contents of a CHECKPOINT: settings, weights, streams and positions. If it is a folder, its newest
checkpoint is shown.

\b
  stream-rnn inspect state/
  stream-rnn inspect state/checkpoint-000000001000000.safetensors --json"""

UNFOLD = """Draw a network unrolled over its window, one column per event.

The network is that of a CHECKPOINT (in a folder, the newest one), of a job file, or of the options. The diagram shows
inputs, layers with their states, weights with their shapes, and outputs; and where errors enter, and how far they are
backpropagated.

\b
  stream-rnn unfold --layer dense,gru,lstm --horizon 12 --window 50
  stream-rnn unfold state/ --output network.png
  stream-rnn unfold --config job.toml"""

WARMUP = """Compile the kernels of a network before they are first used; later processes load them from the cache.

Each combination of layers and precision is compiled once; sizes, windows, losses and learning rates do not matter.
The environment variable STREAM_RNN_CACHE sets the cache folder, which nobody else may be able to write to.

\b
  stream-rnn warmup
  stream-rnn warmup --layer lstm,dense --dtype float64"""

INIT = """Write a job file with every setting, its meaning and its default. FILE is job.toml by default; an existing
file is never overwritten.

\b
  stream-rnn init
  stream-rnn replay --config job.toml sensors.csv
  stream-rnn run job.toml --topics sensors --inputs load,temperature"""
