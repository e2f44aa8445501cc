"""A decay chain as data, compiled into steps that run on blocks of events."""
