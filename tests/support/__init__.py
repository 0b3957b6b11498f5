"""What several tests need: fixtures with markers, transformations, runs of the pipeline."""
