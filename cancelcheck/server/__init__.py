"""The language server: `checking` finds, `positions`, `diagnostics` and `actions` say it in the protocol's words,
`service` listens."""
