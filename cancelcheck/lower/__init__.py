"""From a file's text to its facts. The only layer that knows LibCST."""
