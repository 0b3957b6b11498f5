"""From paths to findings: one pipeline for one file and for many, for both doors."""
