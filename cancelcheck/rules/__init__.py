"""The rules, one module each, in the order of their codes."""

from cancelcheck.model.rule import Rule
from cancelcheck.rules import (
    can000_internal_error,
    can001_unreadable_file,
    can002_unused_suppression,
    can101_lost_task,
    can104_unentered_scope,
    can112_dropped_coroutine,
    can201_swallowed_cancel,
    can202_swallowed_by_broad_except,
    can203_suppressed_cancel,
    can204_exit_in_finally,
    can205_busy_poll,
    can306_wall_clock_deadline,
    can309_unused_timeout,
    can401_http_without_timeout,
    can402_timeout_disabled,
    can501_sla_without_compensation,
    can502_sla_without_timeout,
    can503_sla_timeout_too_small,
)

RULES: tuple[Rule, ...] = (
    can000_internal_error.RULE,
    can001_unreadable_file.RULE,
    can002_unused_suppression.RULE,
    can101_lost_task.RULE,
    can104_unentered_scope.RULE,
    can112_dropped_coroutine.RULE,
    can201_swallowed_cancel.RULE,
    can202_swallowed_by_broad_except.RULE,
    can203_suppressed_cancel.RULE,
    can204_exit_in_finally.RULE,
    can205_busy_poll.RULE,
    can306_wall_clock_deadline.RULE,
    can309_unused_timeout.RULE,
    can401_http_without_timeout.RULE,
    can402_timeout_disabled.RULE,
    can501_sla_without_compensation.RULE,
    can502_sla_without_timeout.RULE,
    can503_sla_timeout_too_small.RULE,
)
