"""Where a cancellation is caught, kept, translated or gone."""
