"""An editor, as far as a language server can tell: a client of the protocol, over a process's pipes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

PATIENCE = 30.0
"""Seconds to wait for an answer on a machine that is busy."""


class Editor:
    """A client with documents open. `shown` are the diagnostics of each, as they came."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.client = LanguageClient("editor", "1")
        self.shown: dict[str, list[types.PublishDiagnosticsParams]] = {}
        self.messages: list[str] = []
        self.registered: list[str] = []
        self.encoding: str | None = None
        self._news = asyncio.Condition()
        self._versions: dict[str, int] = {}
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(partial(self._published))
        self.settings: Mapping[str, object] | None = None
        self.client.feature(types.WORKSPACE_CONFIGURATION)(partial(self._configuration))
        self.client.feature(types.WINDOW_SHOW_MESSAGE)(partial(self._message))
        self.client.feature(types.WINDOW_LOG_MESSAGE)(partial(self._logged))
        self.client.feature(types.CLIENT_REGISTER_CAPABILITY)(partial(self._register))

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri() if ":" not in name else name

    # --- what the server says

    async def _published(self, params: types.PublishDiagnosticsParams) -> None:
        async with self._news:
            self.shown.setdefault(params.uri, []).append(params)
            self._news.notify_all()

    async def _message(self, params: types.ShowMessageParams) -> None:
        async with self._news:
            self.messages.append(params.message)
            self._news.notify_all()

    def _configuration(self, params: types.ConfigurationParams) -> list[object]:
        return [self.settings if item.section == "cancelcheck" else None for item in params.items]

    def _logged(self, params: types.LogMessageParams) -> None:
        pass

    def _register(self, params: types.RegistrationParams) -> None:
        self.registered += [registration.method for registration in params.registrations]

    async def diagnostics(self, name: str) -> list[types.Diagnostic]:
        """What is shown for the version of a document that was sent last, once it is."""
        uri = self.uri(name)

        def current() -> bool:
            shown = self.shown.get(uri)
            return bool(shown) and shown[-1].version == self._versions[uri]

        await self.until(current)
        return list(self.shown[uri][-1].diagnostics)

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(holds)

    # --- what the editor does

    def open(self, name: str, text: str | None = None, language: str = "python") -> None:
        if text is None:
            text = (self.root / name).read_bytes().decode()
        self._versions[self.uri(name)] = 1
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(self.uri(name), language, 1, text))
        )

    def edit(self, name: str, text: str) -> None:
        uri = self.uri(name)
        self._versions[uri] += 1
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self._versions[uri], uri),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    def close(self, name: str) -> None:
        self.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(self.uri(name)))
        )

    def watched(self, name: str) -> None:
        """Tell that a file has changed on the disk."""
        self.client.workspace_did_change_watched_files(
            types.DidChangeWatchedFilesParams([types.FileEvent(self.uri(name), types.FileChangeType.Changed)])
        )

    def configure(self, settings: Mapping[str, object] | None) -> None:
        """Send settings; None: say that they have changed, and wait to be asked."""
        self.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))

    async def actions(
        self, name: str, line: int, character: int = 0, only: list[str] | None = None
    ) -> list[types.CodeAction]:
        """What is offered at a place, counted from 0."""
        place = types.Position(line, character)
        async with asyncio.timeout(PATIENCE):
            found = await self.client.text_document_code_action_async(
                types.CodeActionParams(
                    types.TextDocumentIdentifier(self.uri(name)),
                    types.Range(place, place),
                    types.CodeActionContext([], only),
                )
            )
        return [action for action in found or [] if isinstance(action, types.CodeAction)]

    async def hover(self, name: str, line: int, character: int) -> str:
        async with asyncio.timeout(PATIENCE):
            found = await self.client.text_document_hover_async(
                types.HoverParams(types.TextDocumentIdentifier(self.uri(name)), types.Position(line, character))
            )
        if found is None:
            return ""
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value


def capabilities(encodings: list[str]) -> types.ClientCapabilities:
    """What a usual editor can do."""
    return types.ClientCapabilities(
        workspace=types.WorkspaceClientCapabilities(
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
            configuration=True,
            did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
        ),
        text_document=types.TextDocumentClientCapabilities(
            publish_diagnostics=types.PublishDiagnosticsClientCapabilities(related_information=True)
        ),
        general=types.GeneralClientCapabilities(position_encodings=encodings),
    )


@asynccontextmanager
async def editing(
    root: Path,
    *,
    options: Mapping[str, object] | None = None,
    encodings: tuple[str, ...] = (),
    able: bool = True,
    cache: Path | None = None,
) -> AsyncIterator[Editor]:
    """An editor with a folder open, and the server that it has started. `able`: it can do what a usual
    one can; `cache`: where the server keeps what it knows, nowhere if not given."""
    editor = Editor(root)
    environment = {**os.environ}
    if cache is not None:
        environment |= {"CANCELCHECK_CACHE_DIR": str(cache), "CANCELCHECK_NO_CACHE": ""}
    await editor.client.start_io(sys.executable, "-m", "cancelcheck", "server", "--stdio", env=environment)
    try:
        async with asyncio.timeout(PATIENCE):
            done = await editor.client.initialize_async(
                types.InitializeParams(
                    capabilities=capabilities(list(encodings)) if able else types.ClientCapabilities(),
                    root_uri=root.as_uri(),
                    workspace_folders=[types.WorkspaceFolder(root.as_uri(), root.name)] if able else None,
                    initialization_options={"delay": 0.05, **(options or {})},
                )
            )
        editor.encoding = done.capabilities.position_encoding
        editor.client.initialized(types.InitializedParams())
        yield editor
        async with asyncio.timeout(PATIENCE):
            await editor.client.shutdown_async(None)
        editor.client.exit(None)
        async with asyncio.timeout(PATIENCE):
            await editor.client.stop()
    finally:
        server = editor.client._server
        if server is not None and server.returncode is None:
            server.kill()
            await editor.client.stop()
