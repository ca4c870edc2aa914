import pytest

from nwidth.cli.journal import Journal
from nwidth.cli.read_config import parse_config
from nwidth.errors import ConfigError, FileFormatError

TEXT = '[problem]\nshape = [9, 9]\n[permeability]\nkind = "two-phase"\n'


def journal(path, extra="", text=TEXT) -> Journal:
    return Journal(path / "run.json", parse_config(text + extra))


@pytest.fixture
def finished(tmp_path):
    one = journal(tmp_path)
    for stage in ("data", "training", "comparison"):
        with one.stage(stage):
            pass
    return tmp_path


def test_stages_are_remembered(finished):
    again = journal(finished)
    assert again.finished == ["data", "training", "comparison"]
    assert again.reconcile(restart=False) == []


def test_a_stage_done_again_undoes_the_later_ones(finished):
    again = journal(finished)
    with again.stage("training"):
        assert again.finished == ["data"]
    assert journal(finished).finished == ["data", "training"]


def test_an_interrupted_stage_is_not_finished_but_its_time_counts(tmp_path):
    one = journal(tmp_path)
    with pytest.raises(KeyboardInterrupt), one.stage("data"):
        raise KeyboardInterrupt
    again = journal(tmp_path)
    assert again.finished == [] and again.seconds["data"] > 0


@pytest.mark.parametrize(
    ("text", "again"),
    [
        (TEXT + "[training]\nepochs = 7\n", ["training", "comparison"]),
        (TEXT + "[model]\nwidth = 7\n", ["training", "comparison"]),
        (TEXT + "[data]\nseed = 7\n", ["data", "training", "comparison"]),
        (TEXT.replace("two-phase", "log-normal"), ["data", "training", "comparison"]),
    ],
)
def test_changed_settings_are_explained_and_redone_on_demand(finished, text, again):
    with pytest.raises(ConfigError, match="add --restart to redo") as caught:
        journal(finished, text=text).reconcile(restart=False)
    assert " was " in str(caught.value) and " is " in str(caught.value)
    assert journal(finished, text=text).reconcile(restart=True) == again


def test_cheap_stages_are_redone_without_asking(finished):
    assert journal(finished, "[certificate]\nrtol = 0.5\n").reconcile(False) == ["comparison"]
    assert journal(finished, '[report]\nfigure = "a.pdf"\n').reconcile(False) == []
    assert journal(finished, "[run]\nthreads = 1\n").reconcile(False) == []


def test_a_foreign_journal_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(FileFormatError, match="expected the journal of a run"):
        journal(tmp_path)
