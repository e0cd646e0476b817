"""The settings of a job: where events come from, and where forecasts go."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import Checked, check_types, make_tuples

LONGEST_SEASON = 1_000_000
"""So many values are kept of each stream, for the seasonal naive forecast."""

Format = Literal["csv", "tsv", "jsonl", "parquet"]
Lateness = Annotated[
    float | None,
    Meta(
        description="Seconds that events are held back, so that those out of order are put in order of time within "
        "their stream; what comes later still is refused. Default: events are taken as they come."
    ),
]
Duplicates = Annotated[
    Literal["keep", "drop"],
    Meta(
        description="drop: leave out records read before, and events with the stream and time of one that is held "
        "back or was taken last."
    ),
]


class JobSettings(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events come from, and where forecasts go. Every value is checked when the settings are made.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.
    """

    files: Annotated[
        tuple[str, ...],
        Meta(
            description="CSV, TSV, JSON lines (these also .gz) or Parquet; patterns; - is standard input. "
            "Several files with a time column are merged by time."
        ),
    ] = ()
    format: Annotated[
        Format | None, Meta(description="Format of the files: csv, tsv, jsonl, parquet; default: by extension.")
    ] = None
    key: Annotated[
        str | None, Meta(description="Column that names each event's stream; default: all are one stream.")
    ] = None
    time: Annotated[
        str | None,
        Meta(description="Column with the time; default: one called time, timestamp, date, datetime or ts."),
    ] = None
    time_format: Annotated[
        Literal["auto", "iso", "s", "ms"],
        Meta(description="auto, iso (8601), s or ms (seconds, milliseconds since 1970)."),
    ] = "auto"
    end: Annotated[str | None, Meta(description="Column that is true at the last event of a sequence.")] = None
    lateness: Lateness = None
    duplicates: Duplicates = "keep"
    follow: Annotated[bool, Meta(description="Go on as the files grow, until interrupted.")] = False
    speed: Annotated[
        float | None,
        Meta(description="Replay at this many times the recorded pace, 1 is real time; default: as fast as it goes."),
    ] = None
    output: Annotated[
        str | None,
        Meta(description="Write forecasts here: .csv, .tsv, .jsonl, .parquet, folder/ (of Parquet) or - (stdout)."),
    ] = None
    output_format: Annotated[
        Format | None, Meta(description="Format of the output: csv, tsv, jsonl, parquet; default: by extension.")
    ] = None
    dead_letters: Annotated[
        str | None, Meta(description="Append records that cannot be used to this file, as JSON lines.")
    ] = None
    checkpoint: Annotated[
        str | None, Meta(description="Folder for checkpoints; the last three are kept, one is made at the end.")
    ] = None
    checkpoint_every: Annotated[int, Meta(description="Events between two checkpoints.")] = 1_000_000
    checkpoint_seconds: Annotated[
        float | None, Meta(description="Seconds between two checkpoints; default: they go by events only.")
    ] = None
    resume: Annotated[
        bool, Meta(description="Go on from the newest sound checkpoint, if there is one, as if never stopped.")
    ] = False
    season: Annotated[
        int | None,
        Meta(description="Events of a season, for the seasonal naive forecast; 0: none; default: a day by the times."),
    ] = None

    def __post_init__(self) -> None:
        """Check every value, and that they go together."""
        make_tuples(self, ("files",))
        check_types(self)
        if self.checkpoint_every < 1:
            raise SettingError(f"checkpoint_every must be at least 1, got {self.checkpoint_every}")
        if self.checkpoint_seconds is not None and self.checkpoint_seconds <= 0:
            raise SettingError(f"checkpoint_seconds must be above 0, got {self.checkpoint_seconds}")
        if self.season is not None and not 0 <= self.season <= LONGEST_SEASON:
            raise SettingError(f"season must be from 0 to {LONGEST_SEASON:,}, got {self.season}")
        if self.lateness is not None and self.lateness < 0:
            raise SettingError(f"lateness must be at least 0 seconds, got {self.lateness}")
        if self.speed is not None and self.speed <= 0:
            raise SettingError(f"speed must be above 0, got {self.speed}")
        if self.resume and self.checkpoint is None:
            raise SettingError("resume needs checkpoint, the folder to go on from")
        if self.output is not None and self.output != "-" and self.output in self.files:
            raise SettingError(f"output must not be one of the files, got {self.output!r}")
