"""The network as mathematics: layers, activations, losses, initializers, optimizers; forward and backward by hand."""
