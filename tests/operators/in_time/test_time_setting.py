import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.operators.in_time.time_setting import TimeSetting, time_step_of

WALL = {"x": "dirichlet"}


def setting(**changed):
    given = {"step": 1.0, "unit": "s", "units": {"tracer": "kg"}, "boundary": {}}
    return TimeSetting(**{**given, **changed})


def test_the_time_step_is_found(flow_data):
    assert time_step_of(flow_data()) == 0.5
    # As times are that were printed with seven digits.
    assert time_step_of(flow_data(times=[0.0, 0.3333333, 0.6666667])) == pytest.approx(1 / 3)


def test_times_that_are_not_uniform_are_refused(flow_data, tiny_data):
    with pytest.raises(InputError, match=r"equal distances.*0\.5 to 1"):
        time_step_of(flow_data(times=[0.0, 0.5, 1.0, 2.0]))
    with pytest.raises(InputError, match=r"several times.*static fields.*NeuralOperator"):
        time_step_of(tiny_data())
    with pytest.raises(InputError, match="a single time"):
        time_step_of(flow_data(times=[0.0]))


def test_data_in_smaller_steps_are_thinned_out(flow_data):
    data = flow_data()
    assert setting().stride(data) == 2
    assert setting(step=0.5).stride(data) == 1
    for step in (0.25, 0.75, 0.6):
        with pytest.raises(InputError, match=rf"states every {step}.*got every 0\.5"):
            setting(step=step).stride(data)
    with pytest.raises(InputError, match="times in 'min', the model's unit, got 's'"):
        setting(unit="min").stride(data)


def test_other_units_and_boundaries_are_refused(flow_data):
    data = flow_data()
    setting().require(data, ["tracer"])
    with pytest.raises(InputError, match=r"tracer: expected the unit 'g'.*got 'kg'"):
        setting(units={"tracer": "g"}).require(data, ["tracer"])
    with pytest.raises(InputError, match=r"boundary condition.*got none stated"):
        setting(boundary=WALL).require(data, ["tracer"])


def test_a_description_rebuilds_it():
    one = setting(boundary=WALL)
    assert TimeSetting(**one.describe()) == one
    assert np.isfinite(one.describe()["step"])
