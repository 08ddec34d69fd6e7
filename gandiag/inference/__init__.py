"""Whether a number means anything: permutation nulls, floors, multiplicity."""
