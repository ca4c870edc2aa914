import pytest

from nwidth.errors import InputError
from nwidth.solvers.stepping import StepControl


def test_steps_follow_the_error():
    control = StepControl(1e-6, order=4)
    assert control.next(0.1, 16.0, accepted=False) == pytest.approx(0.1 * 0.9 / 2)
    assert control.next(0.1, 1.01, accepted=False) <= 0.09
    assert control.next(0.1, 1e12, accepted=False) == pytest.approx(0.02)
    assert control.next(0.1, 1e-12, accepted=True) == pytest.approx(0.5)
    control = StepControl(1e-6, order=4)
    assert control.next(0.1, 0.5, accepted=True) == 0.1  # not worthwhile
    assert control.next(0.1, 0.7, accepted=True) == pytest.approx(0.08)  # not 0.096, and so on
    assert control.next(0.1, float("inf"), accepted=False) == pytest.approx(0.02)
    assert control.next(0.1, float("nan"), accepted=False) == pytest.approx(0.02)


def test_what_is_allowed():
    control = StepControl(1e-3, order=2, atol=1e-6)
    assert control.excess(2e-6, 1e-3) == pytest.approx(1.0)
    nothing = StepControl(1e-3, order=2)
    assert nothing.excess(0.0, 0.0) == 0.0 and nothing.excess(1e-300, 0.0) == float("inf")
    with pytest.raises(InputError, match="rtol"):
        StepControl(0.0, order=2)
    with pytest.raises(InputError, match="atol"):
        StepControl(1e-3, order=2, atol=-1.0)
