// What an extension shows of a file, as JSON into the file that $ANSWER names: run by tests/test_editors.py as
// `node vscode.js EXTENSION FOLDER FILE`. The extension and its client library are the real ones; of VS Code there is what
// they ask for: documents, diagnostics, providers, edits.
const fs = require("fs");
const path = require("path");
const Module = require("module");
const { pathToFileURL, fileURLToPath } = require("url");

const [extension, folder, file] = process.argv.slice(2).map((one) => path.resolve(one));
const patience = 60000;

class Disposable {
  constructor(call) { this.call = call; }
  dispose() { this.call?.(); }
  static from(...all) { return new Disposable(() => all.forEach((one) => one.dispose())); }
}

class EventEmitter {
  constructor() {
    this.listeners = new Set();
    this.event = (listener, self) => {
      const bound = (event) => listener.call(self, event);
      this.listeners.add(bound);
      return new Disposable(() => this.listeners.delete(bound));
    };
  }
  fire(event) { for (const listener of this.listeners) listener(event); }
  dispose() { this.listeners.clear(); }
}

class Uri {
  constructor(text) { this.text = text; this.scheme = text.split(":")[0]; }
  static parse(text) { return new Uri(text); }
  static file(name) { return new Uri(pathToFileURL(name).href); }
  get fsPath() { return fileURLToPath(this.text); }
  get path() { return new URL(this.text).pathname; }
  with() { return this; }
  toString() { return this.text; }
}

class Position {
  constructor(line, character) { Object.assign(this, { line, character }); }
}

class Range {
  constructor(start, end, ...rest) {
    Object.assign(this, rest.length ? { start: new Position(start, end), end: new Position(...rest) } : { start, end });
  }
}

class CodeActionKind {
  constructor(value) { this.value = value; }
  append(more) { return new CodeActionKind(this.value ? `${this.value}.${more}` : more); }
}
CodeActionKind.Empty = new CodeActionKind("");
for (const [name, value] of Object.entries({
  QuickFix: "quickfix", Refactor: "refactor", RefactorExtract: "refactor.extract", RefactorInline: "refactor.inline",
  RefactorRewrite: "refactor.rewrite", RefactorMove: "refactor.move", Source: "source",
  SourceOrganizeImports: "source.organizeImports", SourceFixAll: "source.fixAll", Notebook: "notebook",
})) CodeActionKind[name] = new CodeActionKind(value);

class WorkspaceEdit {
  constructor() { this.made = []; }
  set(uri, edits) { this.made.push([uri, edits.map((one) => (Array.isArray(one) ? one[0] : one))]); }
  replace(uri, range, newText) { this.made.push([uri, [{ range, newText }]]); }
}

const fields = (...names) => class { constructor(...given) { names.forEach((name, at) => { this[name] = given[at]; }); } };
// an enumeration whose values nobody looks at, or a class that nobody makes one of
const anything = (name) => new Proxy(class {}, { get: (of, key) => (key in of || typeof key === "symbol" ? of[key] : `${name}.${key}`) });

const shown = new Map();
const providers = { hover: [], actions: [] };
const said = [];
const say = async (text) => { said.push(text); };
const never = () => new Disposable();
const lines = fs.readFileSync(file, "utf8").split("\n");
const text = {
  uri: Uri.file(file), fileName: file, languageId: "python", version: 1, isDirty: false, isClosed: false, isUntitled: false,
  lineCount: lines.length, eol: 1, getText: () => lines.join("\n"),
};
const events = new Proxy({}, { get: (of, key) => (of[key] ??= new EventEmitter()) });
const workspace = {
  workspaceFolders: [{ uri: Uri.file(folder), name: path.basename(folder), index: 0 }],
  textDocuments: [text],
  notebookDocuments: [],
  getConfiguration: (section) => ({
    get: (key, otherwise) => otherwise, has: () => false, inspect: () => undefined,
    ...(section === "cancelcheck" ? {} : {}),
  }),
  getWorkspaceFolder: () => workspace.workspaceFolders[0],
  createFileSystemWatcher: () => new Proxy({ dispose() {} }, { get: (of, key) => of[key] ?? never }),
  applyEdit: async () => true,
  fs: { isWritableFileSystem: () => true },
};
const languages = {
  match: () => 10,
  createDiagnosticCollection: () => ({
    set: (uri, found) => shown.set(uri.toString(), found), delete: (uri) => shown.delete(uri.toString()),
    clear: () => shown.clear(), dispose() {}, get: (uri) => shown.get(uri.toString()), has: (uri) => shown.has(uri.toString()),
  }),
  registerHoverProvider: (_, provider) => { providers.hover.push(provider); return never(); },
  registerCodeActionsProvider: (_, provider) => { providers.actions.push(provider); return never(); },
};
const channel = { append: say, appendLine: say, show() {}, clear() {}, dispose() {}, replace() {}, error: say, warn: say, info: say, debug() {}, trace() {}, onDidChangeLogLevel: never, logLevel: 3 };
const window = {
  createOutputChannel: () => channel, activeTextEditor: { document: text }, visibleTextEditors: [{ document: text }],
  showErrorMessage: say, showWarningMessage: say, showInformationMessage: say, tabGroups: { all: [], onDidChangeTabs: never },
  withProgress: async (_, task) => task({ report() {} }, { isCancellationRequested: false, onCancellationRequested: never }),
};
const listening = (object) => new Proxy(object, {
  get: (of, key) => of[key] ?? (/^onDid|^onWill/.test(String(key)) ? events[key].event : /^register/.test(String(key)) ? never : undefined),
});
class CancellationTokenSource {
  constructor() { this.token = { isCancellationRequested: false, onCancellationRequested: never }; }
  cancel() {}
  dispose() {}
}
class MarkdownString {
  constructor(value = "") { this.value = value; }
  appendCodeblock(code, language) { this.value += `\n\`\`\`${language}\n${code}\n\`\`\`\n`; return this; }
  appendMarkdown(more) { this.value += more; return this; }
}
const vscode = {
  version: "1.105.0", Disposable, EventEmitter, Uri, Position, Range, CodeActionKind, WorkspaceEdit, MarkdownString,
  CancellationTokenSource, CancellationError: class extends Error {}, workspace: listening(workspace),
  languages: listening(languages), window: listening(window), commands: { registerCommand: never },
  env: { language: "en", appName: "test", openExternal() {} }, extensions: { all: [] },
  DiagnosticSeverity: { Error: 0, Warning: 1, Information: 2, Hint: 3 }, DiagnosticTag: { Unnecessary: 1, Deprecated: 2 },
  Diagnostic: fields("range", "message", "severity"), DiagnosticRelatedInformation: fields("location", "message"),
  Location: fields("uri", "range"), Hover: fields("contents", "range"), TextEdit: fields("range", "newText"),
  CodeAction: fields("title", "kind"), CodeActionTriggerKind: { Invoke: 1, Automatic: 2 },
  FileType: { Unknown: 0, File: 1, Directory: 2 }, TextDocumentSaveReason: { Manual: 1, AfterDelay: 2, FocusOut: 3 },
  LogLevel: { Trace: 1, Debug: 2, Info: 3 }, ProgressLocation: { Window: 10 },
};
const whole = new Proxy(vscode, { get: (of, key) => (key in of ? of[key] : typeof key === "symbol" || key === "__esModule" ? undefined : anything(String(key))) });
const load = Module._load;
Module._load = function (name, ...rest) { return name === "vscode" ? whole : load.call(this, name, ...rest); };

const until = async (what, done) => {
  const end = Date.now() + patience;
  while (!done()) {
    if (Date.now() > end) throw new Error(`${what}; said: ${said.join(" ")}`);
    await new Promise((go) => setTimeout(go, 50));
  }
};

async function answer(code) {
  await code.activate({ subscriptions: [], extensionPath: extension, asAbsolutePath: (name) => path.join(extension, name) });
  await until("no diagnostics", () => shown.get(text.uri.toString())?.length);
  const found = shown.get(text.uri.toString());
  const token = { isCancellationRequested: false, onCancellationRequested: never };
  const [hover] = await Promise.all(providers.hover.map((one) => one.provideHover(text, found[0].range.start, token)));
  const context = { diagnostics: found, triggerKind: 1 };
  const [actions] = await Promise.all(providers.actions.map((one) => one.provideCodeActions(text, found[0].range, context, token)));
  const wanted = actions.find((one) => one.title === process.env.ACTION);
  const changed = [...lines];
  for (const [, edits] of wanted.edit.made)
    for (const { range, newText } of edits) {
      if (range.start.line !== range.end.line) throw new Error("an edit of several lines");
      const line = changed[range.start.line];
      changed[range.start.line] = line.slice(0, range.start.character) + newText + line.slice(range.end.character);
    }
  return {
    diagnostics: found.map((one) => [one.range.start.line + 1, one.range.start.character + 1, one.code?.value ?? one.code, one.message]),
    hover: [hover.contents].flat().map((one) => one.value ?? one).join("\n"),
    actions: actions.map((one) => one.title),
    text: changed.join("\n"),
  };
}

const code = require(extension);
answer(code)
  .catch((problem) => ({ problem: String(problem.stack ?? problem), said }))
  .then(async (result) => {
    fs.writeFileSync(process.env.ANSWER, JSON.stringify(result));
    await code.deactivate();
    process.exit(0);
  });
