from nwidth.rom import Predictor, Surrogate


class Complete:
    def fit(self, dataset):
        return self

    def predict(self, inputs):
        return inputs["a"]

    def save(self, path):
        pass

    @classmethod
    def load(cls, path):
        return cls()


class CannotBeSaved:
    fit, predict = Complete.fit, Complete.predict


def test_a_surrogate_is_what_fits_predicts_saves_and_loads():
    assert isinstance(Complete(), Surrogate)
    assert not isinstance(CannotBeSaved(), Surrogate)
    assert not isinstance(object(), Surrogate)


def test_a_surrogate_is_a_predictor_and_a_predictor_need_not_be_a_surrogate():
    class Table:
        def predict(self, inputs):
            return inputs["a"]

    assert isinstance(Complete(), Predictor) and isinstance(Table(), Predictor)
    assert not isinstance(Table(), Surrogate)
