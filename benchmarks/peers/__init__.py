"""What researchers do today, written as they would write it."""
