"""The network in the browser: units and edges lit by the gradient that reaches them."""

from dashboard.network.component import network

__all__ = ["network"]
