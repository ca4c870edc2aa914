import io

import pytest

from nwidth.cli import progress
from nwidth.cli.progress import Meter, PlainMeter, meter


def test_plain_lines_come_now_and_then_and_at_the_end(monkeypatch):
    clock = iter(x / 2 for x in range(1000))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    stream = io.StringIO()
    plain = PlainMeter("generate", 100, "samples", stream)
    for done in range(1, 101):
        plain.update(done, "residual 1e-9")
    lines = stream.getvalue().splitlines()
    assert 5 < len(lines) < 60
    assert lines[-1].startswith("generate: 100/100 samples")
    assert "samples/s" in lines[0] and "left" in lines[0] and "residual 1e-9" in lines[0]


def test_the_rate_of_a_resumed_job_counts_new_work_only():
    plain = PlainMeter("generate", 100, "samples", io.StringIO())
    plain.update(90)
    assert plain.rate == 0.0
    plain.update(91)
    assert plain.first == 90


def test_a_bar_is_drawn_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with meter("train", 4, "epochs") as bar:
        bar.update(1, "loss 0.1")
        bar.update(4, "loss 0.05")
    assert "train" in screen.getvalue() and "4/4" in screen.getvalue()


def test_a_meter_must_know_how_to_show_itself():
    with pytest.raises(TypeError, match="show"):
        Meter("train", 4, "epochs")
