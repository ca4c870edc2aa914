import pytest


@pytest.fixture(scope="session")
def texts():
    """A function of a figure that returns all words on it."""

    def texts(figure) -> str:
        figure.canvas.draw()
        return " ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))

    return texts
