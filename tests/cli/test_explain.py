from nwidth.cli.config import Config
from nwidth.cli.explain import explain_keys


def test_every_section_and_key_is_printed_once(nwidth):
    text = explain_keys()
    assert nwidth("run", "--keys").out.strip() == text.strip()
    for name, entry in Config.model_fields.items():
        assert f"[{name}]" in text
        for key in getattr(entry.annotation, "model_fields", {}):
            assert f"\n  {key} " in text
    assert text.count("Eclipse: cells") == 1
    assert (
        '  loss               "l2"             the relative error that is minimized: "l2", "h1"'
        in text
    )
