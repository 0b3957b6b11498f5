"""What is taken and given back, and what a cancellation leaves behind."""
