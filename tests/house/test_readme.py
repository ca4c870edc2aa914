"""The ten lines of the README are those of the example that the tests run."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def calls(text: str) -> set[str]:
    """The calls that make the job, without arguments that differ between script and page."""
    return set(re.findall(r"\b(?!print|len|set|int|str)([A-Za-z_.]+)\(", text))


def test_readme_shows_the_example():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    example = (ROOT / "examples" / "darcy_in_ten_lines.py").read_text(encoding="utf-8")
    compile(code, "README.md", "exec")
    assert calls(code) <= calls(example)
    imports = [line for line in code.splitlines() if line.startswith(("from", "import"))]
    assert len(code.splitlines()) - len(imports) - 1 <= 12
    for line in imports:
        assert line in example, line
