"""Which addresses may be those of a store of MLflow's. They are refused or taken, never changed."""

_DATABRICKS = "databricks"
_STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", _DATABRICKS, "file")
NO_STORE = (
    f"no address of a store of MLflow's, which begins with one of {', '.join(_STORES)}, as "
    "http://127.0.0.1:5000 or sqlite:///runs.db"
)


def is_store(uri: str) -> bool:
    """Whether MLflow may know a store at this address. A bare path is none: MLflow has given up
    stores in files, but for who asks for one by `file:`."""
    scheme, colon, _ = uri.partition(":")
    return uri == _DATABRICKS or (bool(colon) and scheme.split("+")[0].lower() in _STORES)
