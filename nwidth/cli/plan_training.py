"""From a configuration to a network and the options of its training, checked against the grid."""

from collections.abc import Iterator, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

from nwidth.errors import ConfigError, InputError

if TYPE_CHECKING:
    from nwidth.cli.config import AugmentationSettings, ModelSettings, TrainingSettings
    from nwidth.meshes import Grid
    from nwidth.operators import Augmentation, OperatorNetwork, TrainingOptions

# Fourier modes per axis where nothing else is asked for and the grid resolves them.
USUAL_MODES = 12
_USUAL_LEVELS = 5
# Settings of training that a network does better with than with the usual ones.
RECIPES: dict[str, dict[str, Any]] = {
    "GNO": {"batch_size": 4},
    "MGNO": {"batch_size": 4},
    "MgNO": {"batch_size": 10, "loss": "h1"},
}
# Keys of [model] that are arguments of networks, where these have them.
_SHARED = ("modes", "width", "layers", "projection", "padding", "dirichlet")


def plan_training(
    grid: "Grid",
    channels: int,
    settings: "ModelSettings",
    training: "TrainingSettings",
    cheaper: "AugmentationSettings",
    outgoing: int = 1,
    problem: Mapping[str, Any] | None = None,
) -> tuple["OperatorNetwork", "TrainingOptions", "Augmentation"]:
    """Return network, options and augmentation, or `ConfigError` if they do not fit the grid.

    `problem` is the description of the one whose solutions are learned, if it is known.
    """
    from nwidth.operators import Augmentation

    name = architecture_named(settings.architecture)
    network = plan_network(grid, name, channels, outgoing, settings)
    options = plan_options(name, training)
    augmentation = Augmentation(coarse=cheaper.coarse, symmetries=cheaper.symmetries)
    try:
        augmentation.check(grid, problem)
    except InputError as error:
        raise ConfigError(f"[augmentation] coarse, symmetries: {error}") from None
    return _on_device(network, training.execution.device), options, augmentation


def architecture_named(word: str) -> str:
    """Return the name of a network, whose letters may be small where that is unique.

    >>> architecture_named("fno")
    'FNO'
    """
    from nwidth.operators.architectures import ARCHITECTURES

    alike = [name for name in ARCHITECTURES if name.lower() == word.lower()]
    if word in ARCHITECTURES:
        return word
    if len(alike) == 1:
        return alike[0]
    which = f"; it may be {' or '.join(alike)}" if alike else ""
    raise ConfigError(
        f"[model] architecture: expected one of {', '.join(ARCHITECTURES)}, got {word!r}{which}"
    )


def plan_network(
    grid: "Grid", name: str, incoming: int, outgoing: int, settings: "ModelSettings"
) -> "OperatorNetwork":
    """Return a network for fields on a grid: what is set in [model], else what suits the grid."""
    from nwidth.operators.architectures import architecture

    kind = architecture(name)
    known = {*signature(kind).parameters}
    given: dict[str, Any] = {
        key: getattr(settings, key)
        for key in _SHARED
        if key in settings.model_fields_set and getattr(settings, key) is not None
    }
    if "dirichlet" in given and "boundary" in known:
        given["boundary"] = "dirichlet" if given.pop("dirichlet") else "zeros"
    given |= settings.settings
    for key in given:
        if key not in known:
            raise ConfigError(
                f"[model] {key}: expected a setting of {name}, got one that it does not have; it "
                f"has {', '.join(sorted(known - {'in_channels', 'out_channels', 'seed'}))}"
            )
    modes, d = given.get("modes"), grid.dimension
    if modes is not None:
        given["modes"] = modes = modes if isinstance(modes, list) else [modes] * d
        if len(modes) != d:
            raise ConfigError(f"[model] modes: expected one number or {d}, got {modes}")
    given |= {"in_channels": incoming, "out_channels": outgoing, "seed": settings.seed}
    fitting = {key: value for key, value in _of_grid(grid).items() if key in known}
    problem = ""
    for choice in _choices(known - {*given}, grid, settings.padding):
        try:
            network = kind(**{**fitting, **choice, **given})
            network.check(grid.axes)
        except InputError as error:
            problem = problem or str(error)  # that of the usual choice
        else:
            return network
    raise ConfigError(f"[model] {'modes' if modes is not None else name}: {problem}")


def plan_options(name: str, training: "TrainingSettings") -> "TrainingOptions":
    """Return the options of training a network: what is set in [training], else its recipe."""
    from dataclasses import fields

    from nwidth.operators import LBFGS, AdamW, Execution, TrainingOptions

    optimizer, execution = training.optimizer, training.execution
    chosen = {
        field.name: getattr(training, field.name)
        for field in fields(TrainingOptions)
        if field.name not in ("optimizer", "execution")
    }
    recipe = RECIPES.get(name, {})
    chosen |= {k: v for k, v in recipe.items() if k not in training.model_fields_set}
    return TrainingOptions(
        **chosen,
        optimizer=AdamW(
            optimizer.weight_decay,
            optimizer.gradient_clip,
            optimizer.average,
            None if optimizer.tail == 0 else LBFGS(optimizer.tail),
        ),
        execution=Execution(execution.micro_batch, execution.precision, execution.compiler),
    )


def _of_grid(grid: "Grid") -> dict[str, Any]:
    """Return what a grid decides of a network, by the names of arguments."""
    periodic = [axis.periodic for axis in grid.axes]
    return {
        "dimension": grid.dimension,
        "boundary": ["periodic" if p else "zeros" for p in periodic],
    }


def _choices(free: set[str], grid: "Grid", padding: float) -> Iterator[dict[str, Any]]:
    """Give values of arguments that the grid may limit, the usual ones first, then smaller ones."""
    from nwidth.operators.spectral.fourier_basis import resolvable_modes

    if "modes" in free:
        yield {"modes": [resolvable_modes(axis, USUAL_MODES, padding) for axis in grid.axes]}
        for n in range(USUAL_MODES, 0, -1):
            yield {"modes": [min(n, axis.size // 2) for axis in grid.axes]}
    elif "cycle" in free:
        yield from ({"cycle": {"levels": n}} for n in range(_USUAL_LEVELS, 0, -1))
    else:
        yield {}


def _on_device(network: "OperatorNetwork", device: str) -> "OperatorNetwork":
    """Return the network on a device, or raise `ConfigError` if it is not there."""
    try:
        return network.on_device(device)
    except InputError as error:
        raise ConfigError(f"[training.execution] device: {error}") from None
