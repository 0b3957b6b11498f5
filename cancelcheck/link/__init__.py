"""Facts of many files, seen as one program: names, instances, values, paths. Plain queries over plain data."""

from cancelcheck.link.context import Context
from cancelcheck.link.function import CallSite, FunctionView
from cancelcheck.link.project import ModuleView, Project

__all__ = ["CallSite", "Context", "FunctionView", "ModuleView", "Project"]
