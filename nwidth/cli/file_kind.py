"""Which of our files is it: a data set, an archive (model, checkpoint), or somebody else's."""

from pathlib import Path

from nwidth.audit import open_audited, schema_of
from nwidth.errors import FileFormatError

DATA_SET, FOREIGN = "data set", "foreign"


def file_kind(path: str | Path) -> str:
    """Return "data set", the kind of an archive such as "neural-operator", or "foreign".

    Raises `FileFormatError` for a file that is missing, damaged, unsafe or not HDF5.
    """
    with open_audited(path, sparse=True) as file:
        schema = schema_of(file)
        if schema == "fields":
            return DATA_SET
        if schema != "archive":
            return FOREIGN
        try:
            return file["nwidth"].attrs["kind"].decode()
        except Exception as error:  # HDF5 raises many kinds for damaged files
            raise FileFormatError(
                f"{path}: the file is damaged ({error!s:.200}); restore or rewrite it"
            ) from None
