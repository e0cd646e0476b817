"""A forecasting service: FastAPI, whose threads share one engine.

    pip install stream-rnn fastapi uvicorn
    python examples/service.py --inputs load,temperature --state pumps.safetensors

    curl localhost:8000/streams/pump-7/events --json '{"x": {"load": 0.7, "temperature": 41.5}}'
    curl localhost:8000/streams/pump-7/forecast
    curl localhost:8000/health

The state is loaded at the start if the file exists, and saved at the end (Ctrl-C or SIGTERM).
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from stream_rnn import DataError, Engine, Settings, SharedEngine


class Event(BaseModel):
    """An event of a stream."""

    x: dict[str, float | None]
    """Inputs by name; null and omitted names are missing."""
    time: float | None = None
    """Seconds since 1970."""
    end: bool = False
    """Whether the stream's sequence ends with this event."""


def service(settings: Settings, state: Path) -> FastAPI:
    """Return the application of an engine whose state is kept in a file."""
    shared = SharedEngine(Engine.load(state, settings=settings) if state.exists() else Engine(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        shared.warmup()
        yield
        shared.save(state)

    app = FastAPI(title="Forecasts", lifespan=lifespan)

    # FastAPI calls endpoints without `async` in threads.
    @app.post("/streams/{key}/events")
    def step(key: str, event: Event) -> dict[str, Any]:
        """Learn from an event, and forecast."""
        return shared.step_detailed(key, event.x, time=event.time, end=event.end).to_dict()

    @app.get("/streams/{key}/forecast")
    def predict(key: str) -> dict[str, Any]:
        """Return the forecast that was made at the stream's last event."""
        with shared.exclusive() as engine:
            if not engine.length(key):
                raise HTTPException(404, f"stream {key!r} has had no event")
            return {"forecast": engine.predict(key).tolist()}

    @app.get("/health")
    def health() -> dict[str, Any]:
        """Return counters."""
        counts = shared.counts
        return {"events": counts.events, "skipped_updates": counts.skipped, "streams": shared.stream_count}

    @app.exception_handler(DataError)
    def refuse(_: Request, error: DataError) -> JSONResponse:
        """Answer a request whose values do not fit the settings."""
        return JSONResponse({"detail": str(error)}, 422)

    return app


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", default="x", help="names of the inputs, separated by commas")
    parser.add_argument("--state", type=Path, default=Path("state.safetensors"), help="file of the engine's state")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    settings = Settings.preset("forecast", inputs=options.inputs.split(","), interval=0.9, anomaly=True)
    uvicorn.run(service(settings, options.state), port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
