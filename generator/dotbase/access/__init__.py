"""The access matrix: who may do what with which object, from the declarations and a catalog."""

from dotbase.access.matrix import Cell, Matrix, build

__all__ = ["Cell", "Matrix", "build"]
