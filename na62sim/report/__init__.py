"""Results as text, tables, JSON and figures."""
