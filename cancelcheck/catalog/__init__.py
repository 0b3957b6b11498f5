"""What libraries wait for, spawn, cancel and return: data (`data/*.toml`), and its loader."""

from cancelcheck.catalog.loader import Catalog, CatalogError

__all__ = ["Catalog", "CatalogError"]
