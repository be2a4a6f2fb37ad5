"""Load packages on disk: data that cannot be read twice, on its way from the user to one commit."""

from stream.packages.manifest import Failure, Manifest, Normalized, Part
from stream.packages.mirror import Known, Mirror
from stream.packages.package import Package, PackageState
from stream.packages.store import PackageStore
from stream.packages.writer import PackageWriter

__all__ = [
    "Failure",
    "Known",
    "Manifest",
    "Mirror",
    "Normalized",
    "Package",
    "PackageState",
    "PackageStore",
    "PackageWriter",
    "Part",
]
