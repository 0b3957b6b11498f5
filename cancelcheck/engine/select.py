"""Which rules report: selectors from the settings, against the rules there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cancelcheck.config import ConfigError, LoadedSettings, Settings, nearest
from cancelcheck.model.rule import Default, Family, Rule

_CODE = re.compile(r"CAN(\d{0,3})", re.IGNORECASE)
_HUNDREDS = re.compile(r"(\d{1,2})x{1,2}", re.IGNORECASE)

EXACT = 3
"""Specificity of a selector that names one rule."""

ALWAYS = ("CAN000", "CAN001")
"""Reported whatever is selected: they say what was not checked."""


class SelectorError(ConfigError):
    """A selector that means no rule."""


def matches(selector: str, rules: Sequence[Rule]) -> tuple[int, frozenset[str]]:
    """How specific a selector is (0 all rules, 3 one rule), and the codes that it means.

    Raises `SelectorError` with the nearest valid one.
    """
    word = selector.strip()
    code = _CODE.fullmatch(word)
    hundreds = _HUNDREDS.fullmatch(word)
    if code is not None:
        digits = code[1]
    elif hundreds is not None and len(word) == EXACT:
        digits = hundreds[1]
    else:
        name = word.lower()
        if name in tuple(Family):
            return 1, frozenset(rule.code for rule in rules if rule.family == name)
        found = frozenset(rule.code for rule in rules if rule.name == name)
        if not found:
            raise SelectorError(f"`{selector}` is no rule{_hint(name, rules)}")
        return EXACT, found
    found = frozenset(rule.code for rule in rules if rule.code.startswith(f"CAN{digits}"))
    if not found:
        raise SelectorError(f"`{selector}` is no rule{_hint(word, rules)}")
    return len(digits), found


def find_rule(word: str, rules: Sequence[Rule]) -> Rule:
    """The rule of this code or name. Raises `SelectorError` with the nearest one."""
    specificity, codes = matches(word, rules)
    if specificity != EXACT:
        raise SelectorError(f"`{word}` is not one rule but {len(codes)}: {', '.join(sorted(codes))}")
    return next(rule for rule in rules if rule.code in codes)


def _hint(word: str, rules: Sequence[Rule]) -> str:
    if re.search(r"\d", word):
        return nearest(word.upper(), [rule.code for rule in rules])
    return nearest(word, [*(rule.name for rule in rules), *Family])


class Selection:
    """The rules that report, for one set of settings.

    A rule is on by default, or because a selector means it. One that is strict is so only with `strict`, or by its code
    or name: a prefix or a family does not ask for it. Of a selection and an ignore the more specific one wins, the
    ignore where they are equal. `named` are the codes that were asked for by code or name.

    Raises `SelectorError` that names the settings' file and key.
    """

    def __init__(self, loaded: LoadedSettings, rules: Sequence[Rule]) -> None:
        settings = loaded.settings
        self._rules = rules
        self.strict = settings.strict
        selected = _specificities(loaded, "select", settings.select or (), rules)
        extended = _specificities(loaded, "extend-select", settings.extend_select, rules)
        ignored = _specificities(loaded, "ignore", settings.ignore, rules)
        self.named = frozenset(
            code for found in (selected, extended) for code, specificity in found.items() if specificity == EXACT
        )
        self.active = tuple(
            rule
            for rule in rules
            if self._asked_for(rule, settings, selected, extended) > ignored.get(rule.code, -1) or rule.code == "CAN000"
        )

    def _asked_for(self, rule: Rule, settings: Settings, selected: dict[str, int], extended: dict[str, int]) -> float:
        """How specifically it was asked for; -1 if it was not, a half less than that of any selector by default."""
        if rule.default is Default.STRICT and not settings.strict and rule.code not in self.named:
            return -1
        by_default = -0.5 if settings.select is None or rule.code in ALWAYS else -1
        return max(by_default, selected.get(rule.code, -1), extended.get(rule.code, -1))


def _specificities(loaded: LoadedSettings, key: str, selectors: Iterable[str], rules: Sequence[Rule]) -> dict[str, int]:
    """For each code that one of the selectors means, how specific the most specific one is."""
    found: dict[str, int] = {}
    for selector in selectors:
        try:
            specificity, codes = matches(selector, rules)
        except SelectorError as error:
            raise SelectorError(f"{loaded.where}: `{key}`: {error}") from None
        for code in codes:
            found[code] = max(specificity, found.get(code, -1))
    return found


def codes_of(loaded: LoadedSettings, key: str, selectors: Iterable[str], rules: Sequence[Rule]) -> frozenset[str]:
    """The codes that the selectors mean together. Raises `SelectorError` that names the settings' file and `key`."""
    return frozenset(_specificities(loaded, key, selectors, rules))
