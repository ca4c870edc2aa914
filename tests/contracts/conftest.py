"""What all doors share: wrong arguments are taken or refused in words."""

import pytest

from nwidth.errors import NwidthError


@pytest.fixture(scope="session")
def refused_in_words():
    """A function that calls a door with each of some wrong values of one argument."""

    def check(call, good, name, values):
        for wrong in values:
            try:
                call(**{**good, name: wrong})
            except NwidthError as error:
                assert "expected" in str(error) and len(str(error)) < 600, str(error)

    return check
