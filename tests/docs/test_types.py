"""What the documents show passes a strict type checker."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_CODE = [path for path in DOCUMENTS if "```python\n" in path.read_text()]


def program_of(text: str) -> str:
    """Return the Python code of a document as one program."""
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    parser = doctest.DocTestParser()
    return "".join(example.source for block in blocks for example in parser.get_examples(block))


@pytest.mark.parametrize("document", WITH_CODE, ids=lambda path: path.name)
def test_code_of_a_document_is_well_typed(document: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program_of(document.read_text()))
    config = tmp_path / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = true\n[mypy-numba.*,llvmlite.*,river.*,kafka.*,pyarrow.*]\nfollow_imports = skip\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_a_wrong_layer_name_is_found_by_the_type_checker(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        'from stream_rnn import Settings\nSettings(inputs="x", layer="gruu")\nSettings(inputs="x", hidden=8)\n'
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'program.py:2: error: Argument "layer"' in checked.stdout
    assert "program.py:3" not in checked.stdout
