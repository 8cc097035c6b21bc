"""Networks in the browser: the lab's, lit by the gradient that reaches it, and the lecture's, with θ to move by hand."""

from dashboard.network.component import network, theta_network

__all__ = ["network", "theta_network"]
