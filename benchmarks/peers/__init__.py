"""What researchers write today, against which this project is measured."""
