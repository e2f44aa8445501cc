"""A scenario goes in, results come out."""
