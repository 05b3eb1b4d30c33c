"""Quantities of the Kubernetes API (resource.Quantity) as numbers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18), "Ei": Decimal(2**60),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
}  # fmt: skip


def quantity(text: str | int | float) -> Decimal:
    """The value of `250m`, `64Mi`, `2`, `1e3`. Raises ValueError for anything else."""
    words = str(text)
    digits = words.rstrip("numkKMGTPEi")
    if digits == "" or words[len(digits) :] not in _SUFFIXES:
        raise ValueError(f"no quantity: {text!r}")
    try:
        return Decimal(digits) * _SUFFIXES[words[len(digits) :]]
    except InvalidOperation as error:
        raise ValueError(f"no quantity: {text!r}") from error


def millicores(text: str | int | float) -> int:
    """CPU in thousandths of a core."""
    return int(quantity(text) * 1000)


def octets(text: str | int | float) -> int:
    """Memory in bytes."""
    return int(quantity(text))


def amount(resource: str, text: str | int | float) -> int:
    """An amount of a resource in its unit: millicores of `cpu`, bytes of memory and storage, pieces of all else."""
    return millicores(text) if resource == "cpu" else octets(text)
