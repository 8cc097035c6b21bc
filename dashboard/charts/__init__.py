"""Measurement -> figure, one module a family of charts."""
