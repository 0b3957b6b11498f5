"""The language server itself: listens, waits until nobody types, checks in a thread, and answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from cancelcheck import __version__
from cancelcheck.config import CONFIG_NAMES, ConfigError
from cancelcheck.engine.baseline import FILE as BASELINE
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from cancelcheck.server.actions import FIX_ALL, Document, is_wanted
from cancelcheck.server.checking import Checked, Checker, ServerSettings, settings_from
from cancelcheck.server.diagnostics import diagnostic_of, explanation, range_of, rule_named_at
from cancelcheck.server.positions import Positions, touches

_WATCHED = (*(f"**/{name}" for name in CONFIG_NAMES), f"**/{BASELINE}", "**/*.py")
"""Files that what is found depends on, besides those that are open."""

_PATIENCE = 10.0
"""Seconds to wait for an editor's answer."""

_log = logging.getLogger("cancelcheck.server")


@dataclass(frozen=True, slots=True)
class _Result:
    """What was found in a document, and in which version of it."""

    version: int | None
    source: SourceFile
    findings: Sequence[Finding]
    diagnostics: Sequence[types.Diagnostic]


@dataclass(frozen=True, slots=True)
class _Open:
    """An open document as it stands now."""

    uri: str
    path: str
    version: int | None
    text: str


class Service:
    """One connection to an editor. `cache` and `keeps` are the checker's."""

    def __init__(self, cache: Path | None = None, *, keeps: bool = True) -> None:
        # the whole text with each change: what pygls takes for ends of lines when it applies a part of one is more
        # than the protocol does
        self.server = LanguageServer(
            "cancelcheck", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full
        )
        self._settings = ServerSettings()
        self._checker = Checker(cache, keeps=keeps)
        # one thread: the cache belongs to it
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="cancelcheck")
        self._changed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._open: set[str] = set()
        self._results: dict[str, _Result] = {}
        self._said: set[str] = set()
        self._listen()

    def _listen(self) -> None:
        action_options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL])
        handlers: dict[str, Callable[..., Any]] = {
            types.INITIALIZE: self._initialize,
            types.INITIALIZED: self._initialized,
            types.SHUTDOWN: self._shutdown,
            types.TEXT_DOCUMENT_DID_OPEN: self._opened,
            types.TEXT_DOCUMENT_DID_CHANGE: self._edited,
            types.TEXT_DOCUMENT_DID_SAVE: self._edited,
            types.TEXT_DOCUMENT_DID_CLOSE: self._closed,
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES: self._edited,
            types.WORKSPACE_DID_CHANGE_CONFIGURATION: self._configured,
            types.TEXT_DOCUMENT_CODE_ACTION: self._actions,
            types.TEXT_DOCUMENT_HOVER: self._hover,
        }
        for method, handler in handlers.items():
            options = action_options if method == types.TEXT_DOCUMENT_CODE_ACTION else None
            # pygls writes on what it is given, and a method takes no notes
            self.server.feature(method, options)(partial(handler))

    def serve(self) -> None:
        """Speak over standard input and output until the editor goes."""
        try:
            self.server.start_io()
        finally:
            self._executor.shutdown(wait=False, cancel_futures=True)

    # --- coming and going

    def _initialize(self, params: types.InitializeParams) -> None:
        folders = params.workspace_folders or []
        root = uris.to_fs_path(folders[0].uri if folders else params.root_uri or "")
        if root and os.path.isdir(root):
            # settings, the cache and what is shown are found from here
            os.chdir(root)
        self._take_settings(params.initialization_options)

    async def _initialized(self, params: types.InitializedParams) -> None:
        await self._ask_for_settings()
        self._worker = asyncio.get_running_loop().create_task(self._work())
        workspace = self.server.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is None or not watching.dynamic_registration:
            return
        watchers = [types.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
        self.server.client_register_capability(
            types.RegistrationParams(
                [
                    types.Registration(
                        "cancelcheck-watches",
                        types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                        types.DidChangeWatchedFilesRegistrationOptions(watchers),
                    )
                ]
            )
        )

    async def _shutdown(self, params: None) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def _configured(self, params: types.DidChangeConfigurationParams) -> None:
        if not self._take_settings(params.settings):
            # they have changed: some editors say which, the others want to be asked
            await self._ask_for_settings()
        self._changed.set()

    async def _ask_for_settings(self) -> None:
        workspace = self.server.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        wanted = types.ConfigurationParams([types.ConfigurationItem(section="cancelcheck")])
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self.server.workspace_configuration_async(wanted)
        except TimeoutError:
            _log.warning("the editor does not say what its settings are")
            return
        self._take_settings({"cancelcheck": found[0]} if found and found[0] else None)

    def _take_settings(self, given: Any) -> bool:
        """Take settings, if there are any; whether there were."""
        try:
            settings = settings_from(given)
        except ConfigError as error:
            self._complain(str(error))
            return True
        if settings is not None:
            self._settings = settings
        return settings is not None

    # --- documents

    def _opened(self, params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        if document.language_id == "python" or document.uri.endswith((".py", ".pyw")):
            self._open.add(document.uri)
            self._changed.set()

    def _edited(self, params: object) -> None:
        self._changed.set()

    def _closed(self, params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        if uri in self._open:
            self._open.discard(uri)
            self._results.pop(uri, None)
            self.server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
            # what others import is now what stands in its file
            self._changed.set()

    def _documents(self) -> list[_Open]:
        found = []
        for uri in sorted(self._open):
            document = self.server.workspace.get_text_document(uri)
            # a document that is in no file is taken for one of the folder's
            path = uris.to_fs_path(uri) or os.path.abspath(f"{uri.rpartition(':')[2] or 'untitled'}.py")
            found.append(_Open(uri, os.path.abspath(path), document.version, document.source))
        return found

    # --- checking

    async def _work(self) -> None:
        """Check whenever something has changed, once nothing has for a while."""
        while True:
            await self._changed.wait()
            while self._changed.is_set():
                self._changed.clear()
                await asyncio.sleep(self._settings.delay)
            documents = self._documents()
            texts = {document.path: document.text for document in documents}
            loop = asyncio.get_running_loop()
            try:
                checked = await loop.run_in_executor(self._executor, self._checker.check, texts, self._settings)
            except Exception as error:
                self._complain("".join(traceback.format_exception(error)))
                continue
            for problem in checked.problems:
                self._complain(problem)
            for document in documents:
                self._publish(document, checked)

    def _publish(self, document: _Open, checked: Checked) -> None:
        """Show what was found, if the document is still what was checked."""
        if document.uri not in self._open or document.path not in checked.findings:
            # closed, or not checked: then what is shown stays until it is
            return
        if self.server.workspace.get_text_document(document.uri).version != document.version:
            return
        findings = checked.findings[document.path]
        diagnostics = [
            diagnostic_of(finding, checked.sources, self._positions, related=self._takes_related)
            for finding in findings
        ]
        source = SourceFile(document.path, document.text)
        self._results[document.uri] = _Result(document.version, source, findings, diagnostics)
        self.server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(document.uri, diagnostics, document.version)
        )

    def _complain(self, problem: str) -> None:
        """Say what is wrong, once."""
        if problem in self._said:
            return
        self._said.add(problem)
        _log.error("%s", problem)
        if self.server.protocol.writer is None:
            return
        self.server.window_log_message(types.LogMessageParams(types.MessageType.Error, problem))
        first = problem.strip().splitlines()[-1]
        self.server.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"cancelcheck: {first}"))

    # --- answers

    def _current(self, uri: str) -> _Result | None:
        """What was found in a document, unless it has changed since."""
        result = self._results.get(uri)
        if result is None or self.server.workspace.get_text_document(uri).version != result.version:
            return None
        return result

    def _actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        result = self._current(params.text_document.uri)
        if result is None:
            return []
        document = Document(
            params.text_document.uri,
            result.version,
            result.source,
            self._positions,
            versioned=self._takes_versions,
        )
        only = params.context.only
        actions: list[types.CodeAction] = []
        if is_wanted(types.CodeActionKind.QuickFix, only):
            for finding, diagnostic in zip(result.findings, result.diagnostics, strict=True):
                if touches(diagnostic.range, params.range):
                    actions.extend(document.quick_fixes(finding, diagnostic))
        if is_wanted(FIX_ALL, only):
            everything = document.fix_all(result.findings)
            if everything is not None:
                actions.append(everything)
        return actions

    def _hover(self, params: types.HoverParams) -> types.Hover | None:
        result = self._current(params.text_document.uri)
        if result is None:
            return None
        here = types.Range(params.position, params.position)
        for finding, diagnostic in zip(result.findings, result.diagnostics, strict=True):
            if touches(diagnostic.range, here):
                return self._shown(explanation(finding.code), range_of(finding, result.source, self._positions))
        line = params.position.line + 1
        code = rule_named_at(result.source, line, self._positions.character(result.source, params.position))
        return self._shown(explanation(code), None) if code else None

    def _shown(self, text: str, place: types.Range | None) -> types.Hover:
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), place)

    # --- what the client can do

    @property
    def _positions(self) -> Positions:
        encoding = self.server.workspace.position_encoding or types.PositionEncodingKind.Utf16
        return Positions(encoding)

    @property
    def _takes_related(self) -> bool:
        document = self.server.client_capabilities.text_document
        published = document.publish_diagnostics if document is not None else None
        return published is not None and bool(published.related_information)

    @property
    def _takes_versions(self) -> bool:
        workspace = self.server.client_capabilities.workspace
        edits = workspace.workspace_edit if workspace is not None else None
        return edits is not None and bool(edits.document_changes)
