"""The lecture's networks, their chain rule factor by factor, and gradient descent as its slides write it."""
