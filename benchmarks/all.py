"""Run every benchmark and rewrite docs/benchmarks.md with machine, versions and date.

``python benchmarks/all.py [--quick] [names ...] [-- options]``: with names, only those are run and
the rows of the others are kept from the last full run (docs/benchmarks.json). What follows ``--``
is given to them.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
RECORD = DOCS / "benchmarks.json"
HELPERS = {
    "fno_peer",
    "all",
    "report",
    "operator_data",
    "operator_files",
    "operator_recipes",
    "operator_table",
}
PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "h5py",
    "torch",
    "pyamg",
    "cvxopt",
    "pymor",
    "neuraloperator",
    "ducc0",
    "exponax",
)
INTRODUCTION = """# Benchmarks

Ours against a peer in one run, on the same problem, to the same accuracy, with the same threads;
medians, contenders interleaved. A ratio above 1 means that ours is better. Written by
`make bench` (`python benchmarks/all.py`); a single table comes from `python benchmarks/<name>.py`.
The machine is shared and noisy: trust ratios, not seconds.
"""


def names() -> list[str]:
    """Return the benchmarks of this folder."""
    return sorted(p.stem for p in HERE.glob("*.py") if p.stem not in HELPERS)


def processor() -> str:
    """Return the processor's own name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def version(package: str) -> str:
    """Return the installed version of a package, or that it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def run(name: str, quick: bool, options: list[str]) -> dict:
    """Run one benchmark in its own process and return its record."""
    # Threads that spin while they wait make every contender erratic on a machine that is shared.
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "rows.json"
        command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(result)]
        command += ["--quick"] * quick + options
        subprocess.run(command, check=True, cwd=HERE.parent, env=environment)
        record = json.loads(result.read_text())
    record["quick"], record["options"] = quick, shlex.join(options)
    record["date"] = datetime.date.today().isoformat()
    record["machine"] = f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    record["versions"] = ", ".join(f"{p} {version(p)}" for p in PACKAGES)
    return record


def command_of(name: str, record: dict) -> str:
    """Return the command that a record was made by."""
    options = ["--quick"] * record["quick"] + [record.get("options", "")]
    return " ".join(["python", f"benchmarks/{name}.py", *filter(None, options)])


def table(name: str, record: dict) -> str:
    """Return one benchmark as Markdown."""
    head = [
        f"\n## {record['title']}\n",
        f"`{command_of(name, record)}`, {record['date']}, "
        f"{record['machine']}; {record['versions']}.\n",
        "| task | ours | peer | peer is | unit | ratio | goal | met | threads | note |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines = []
    for row in record["rows"]:
        cells = (
            row["task"],
            "absent" if row["ours"] is None else f"{row['ours']:.4g}",
            "absent" if row["peer"] is None else f"{row['peer']:.4g}",
            row["peer_name"],
            row["unit"],
            "" if row["ratio"] is None else f"**{row['ratio']:.2f}**",
            "" if row["goal"] is None else f"{row['goal']:g}",
            {None: "", True: "yes", False: "no"}[row["met"]],
            str(row["threads"]),
            row["note"],
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(head + lines) + "\n"


def main() -> None:
    """Run, record, and rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="benchmarks to run (default all)")
    parser.add_argument("--quick", action="store_true", help="each within a minute")
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    arguments, options = parser.parse_args(given[:end]), given[end + 1 :]
    unknown = set(arguments.names) - set(names())
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name in arguments.names or names():
        records[name] = run(name, arguments.quick, options)
        RECORD.write_text(json.dumps(records, indent=1) + "\n")
    pages = [table(name, records[name]) for name in names() if name in records]
    (DOCS / "benchmarks.md").write_text(INTRODUCTION + "".join(pages))


if __name__ == "__main__":
    main()
