"""Fixes applied: to a text (`edits`), and to the files of a run (`files`)."""

from cancelcheck.fixing.edits import MAX_ROUNDS, Fixed, apply_edits, apply_fixes, choose, fix_once, fix_until_stable

__all__ = ["MAX_ROUNDS", "Fixed", "apply_edits", "apply_fixes", "choose", "fix_once", "fix_until_stable"]
