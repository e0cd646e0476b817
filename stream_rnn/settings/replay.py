"""The settings of a replay: where events come from, and where forecasts go."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import AtLeastOne, Positive, check_paths, make_tuples
from stream_rnn.settings.records import RecordSettings

MAX_SEASON = 1_000_000
"""Values that the seasonal naive forecast keeps of each stream."""

Format = Literal["csv", "tsv", "jsonl", "parquet"]
Delimiter = Annotated[
    str | None,
    Meta(
        description="Delimiter of CSV fields: a character, tab, or space for any number of spaces. Default: recognised "
        "among comma, semicolon, tab, bar and spaces."
    ),
]
Decimal = Annotated[
    Literal[".", ","] | None, Meta(description="Decimal sign of CSV. Default: recognised where it is certain.")
]
Thousands = Annotated[
    Literal[",", ".", "'", " "] | None,
    Meta(description="Sign between thousands in CSV. Default: recognised where it is certain."),
]
Quote = Annotated[Literal['"', "'"], Meta(description="Quote around CSV fields that have delimiters in them.")]
Comment = Annotated[
    str | None,
    Meta(
        description="How lines of CSV begin that are not records. Default: #, in a file that begins with such a line."
    ),
]
SkipLines = Annotated[
    Annotated[int, Meta(ge=0)] | None,
    Meta(description="Lines before the header of CSV. Default: recognised where it is certain."),
]
Encoding = Annotated[
    str | None,
    Meta(description="Encoding of text files, such as cp1252. Default: UTF-8, or what a byte order mark says."),
]


class ReplaySettings(RecordSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events come from, and where forecasts go. Every value is validated when the settings are made.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.

    Examples
    --------
    >>> ReplaySettings(files="sensors.csv", key="sensor").files
    ('sensors.csv',)
    """

    files: Annotated[
        tuple[str, ...],
        Meta(
            description="CSV, TSV, JSON (each also .gz, .bz2, .xz, .zst or .zip) or Parquet files, or patterns; - is "
            "standard input. "
            "Several files with a time column are merged by time."
        ),
    ] = ()
    format: Annotated[Format | None, Meta(description="Format of the files. Default: by extension.")] = None
    delimiter: Delimiter = None
    decimal: Decimal = None
    thousands: Thousands = None
    quote: Quote = '"'
    comment: Comment = None
    skip_lines: SkipLines = None
    encoding: Encoding = None
    key: Annotated[
        str | None, Meta(description="Column that names each event's stream. Default: all events are one stream.")
    ] = None
    time: Annotated[
        str | None,
        Meta(
            description="Column with the time; Date+Time are two columns with date and time of day. Default: one "
            "called time, timestamp, date or the like, or the only one whose values are times."
        ),
    ] = None
    end: Annotated[str | None, Meta(description="Column that is true at the last event of a sequence.")] = None
    field_size_limit: Annotated[
        AtLeastOne,
        Meta(
            description="Bytes of the longest CSV field; a longer one, mostly a quote that is not closed, is refused."
        ),
    ] = 65_536
    follow: Annotated[bool, Meta(description="Keep reading as the files grow, until interrupted.")] = False
    speed: Annotated[
        Positive | None,
        Meta(description="Replay at this many times the recorded pace; 1 is real time. Default: as fast as possible."),
    ] = None
    output: Annotated[
        str | None,
        Meta(
            description="Write forecasts to this file: .csv, .tsv, .jsonl, .parquet, folder/ (of Parquet files) or - "
            "(stdout)."
        ),
    ] = None
    output_format: Annotated[Format | None, Meta(description="Format of the output. Default: by extension.")] = None
    escape_formulas: Annotated[
        bool,
        Meta(
            description="In CSV and TSV output, put an apostrophe before texts, such as keys, that start with = + - @ "
            "or a tab, so that a spreadsheet does not run them as formulas."
        ),
    ] = False
    tidy: Annotated[
        bool,
        Meta(
            description="Write a row for each event, horizon and target instead of one for each event, with the time "
            "that the forecast refers to."
        ),
    ] = False
    dead_letters: Annotated[
        str | None, Meta(description="Append records that cannot be used to this file, as JSON lines.")
    ] = None
    checkpoint: Annotated[
        str | None,
        Meta(description="Folder for checkpoints. The last three are kept, and one is written at the end."),
    ] = None
    checkpoint_every: Annotated[AtLeastOne, Meta(description="Events between two checkpoints.")] = 1_000_000
    checkpoint_seconds: Annotated[
        Positive | None, Meta(description="Seconds between two checkpoints. Default: by events only.")
    ] = None
    resume: Annotated[
        bool, Meta(description="Resume from the newest intact checkpoint, if there is one, as if never stopped.")
    ] = False
    season: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_SEASON)] | None,
        Meta(
            description="Events per season, for the seasonal naive forecast; 0 for none. Default: a day, by the times."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Validate every value, and that they go together."""
        make_tuples(self, ("files",))
        super().__post_init__()
        check_paths(self, ("files", "output", "dead_letters", "checkpoint"))
        if self.resume and self.checkpoint is None:
            raise SettingError("resume needs checkpoint, the folder to resume from")
        if self.tidy and self.output is None:
            raise SettingError("tidy needs output, the file to write to")
        if self.output is not None and self.output != "-" and self.output in self.files:
            raise SettingError(f"output must not be one of the files, got {self.output!r}")
