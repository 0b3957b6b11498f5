"""Plain data that every layer shares: sources, facts, findings, rules. Knows no parser and no door."""
