"""What the documents show passes a strict type checker."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_CODE = [path for path in DOCUMENTS if "```python\n" in path.read_text()]


def program_of(text: str) -> str:
    """Return the Python code of a document as one program."""
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    parser = doctest.DocTestParser()
    return "".join(example.source for block in blocks for example in parser.get_examples(block))


def check_types(folder: Path, *programs: str) -> str:
    """Return what a strict type checker finds."""
    config = folder / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = true\n[mypy-numba.*,llvmlite.*,river.*,kafka.*,pyarrow.*]\nfollow_imports = skip\n"
        "[mypy-pandas.*]\nignore_missing_imports = true\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, *programs],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return checked.stdout


def test_code_of_the_documents_is_well_typed_and_a_wrong_layer_name_is_found(tmp_path: Path) -> None:
    names = [f"of_{document.stem}.py" for document in WITH_CODE]
    for name, document in zip(names, WITH_CODE, strict=True):
        (tmp_path / name).write_text(program_of(document.read_text()))
    (tmp_path / "wrong.py").write_text(
        'from stream_rnn import Settings\nSettings(inputs="x", layer="gruu")\nSettings(inputs="x", hidden=8)\n'
    )
    found = [line for line in check_types(tmp_path, *names, "wrong.py").splitlines() if "error:" in line]
    assert len(found) == 1
    assert found[0].startswith('wrong.py:2: error: Argument "layer"')
