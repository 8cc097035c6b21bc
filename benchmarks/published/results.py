"""The publications, in the order of the document, and the document itself."""

from __future__ import annotations

from benchmarks.published import by_hand, infinite_width, networks
from benchmarks.published.row import Result, Row

RESULTS = (
    Result(
        "Mazur's 2-2-2 network",
        "Matt Mazur, *A Step by Step Backpropagation Example*, 2015.",
        by_hand.mazur,
        "The biases are not trained. The post moves all weights at once, and its weights are those; the loss and outputs "
        "that it gives for afterwards are of another order, the output weights first and the hidden ones with the gradient "
        "through the new output weights (here: layer by layer). The loss that newer copies give for 10,000 steps is that "
        "of 9,999 steps of all weights at once.",
    ),
    Result(
        "The 3-2-1 network of Han and Kamber",
        "Han and Kamber, *Data Mining: Concepts and Techniques*, the example of backpropagation.",
        by_hand.han_kamber,
        "The book goes on from rounded numbers: its third digit may be off by one.",
    ),
    Result(
        "SELU's fixed point",
        "Klambauer et al. 2017, *Self-Normalizing Neural Networks*, equations 3 and 6.",
        infinite_width.selu,
    ),
    Result(
        "The critical line of tanh",
        "Schoenholz et al. 2017; Pennington, Schoenholz and Ganguli 2017.",
        infinite_width.tanh,
        "The two points are quoted as they are in use; they were not looked up in the text of the papers.",
    ),
    Result(
        "The critical points of GELU and SiLU",
        "Roberts, Yaida and Hanin 2022, *The Principles of Deep Learning Theory*, chapter 5.",
        infinite_width.gelu_and_silu,
        "For SiLU's σ_b² the copies of these constants that were found in public code have 0.055514317, ours with the point "
        "one place off; the page of the book was not looked up.",
    ),
    Result(
        "ReLU under batch normalization",
        "Yang et al. 2019, *A Mean Field Theory of Batch Normalization*.",
        networks.yang,
        "The constant is the limit of large batches and wide layers.",
    ),
    Result(
        "30 ReLU layers: the factor of a layer",
        "He et al. 2015, *Delving Deep into Rectifiers*, section 2.2.",
        networks.he_factors,
        "256 units, geometric mean over the layers of four networks.",
    ),
    Result(
        "30 ReLU layers, trained",
        "He et al. 2015, *Delving Deep into Rectifiers*, figure 3.",
        networks.he_training,
        "Shortened: the paper trains a convolutional network on ImageNet, this is 30 × 64 units on 8 × 8 digits with 200 "
        "full-batch steps. Held is what the figure shows: with Xavier's weights the loss stays that of a guess while with "
        "He's it falls. It is a statement about a given time: some thousand steps later the loss of this small network "
        "falls with Xavier's weights too.",
    ),
    Result(
        "Singular values of deep linear networks",
        "Saxe, McClelland and Ganguli 2013, *Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural "
        "Networks*; the largest of a Gaussian product: Pennington, Schoenholz and Ganguli 2017.",
        networks.saxe,
        "Products of weights, and a linear 4-4-3 network that starts with singular values u₀ = 0.01 along those of the map "
        "that it learns: a value s is half learned at t = τ/2s · ln(s/u₀ − 1). Gradient descent with steps of 0.0013 τ.",
    ),
    Result(
        "Gradients of five tanh layers",
        "Glorot and Bengio 2010, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, figures 7 and "
        "8, equations 13 and 14, section 4.2.2.",
        networks.glorot,
        "The figures are histograms without numbers. The factors are those of the equations, which take tanh for linear: "
        "inputs of deviation 0.1 are in that range. At deviation 1 the slopes of tanh take their share of δ, and the "
        "figures' statement stays: with U(±1/√n) δ shrinks from layer to layer and ∂E/∂W does not.",
    ),
)

HEAD = """# Published results

What a publication prints, and what nncore finds. The difference is that of the two columns before it; what is allowed is
one unit of the last published digit unless the table says more. `make reproduce` computes all of it and writes this page;
the tests hold it.
"""


def document(found: list[tuple[Result, list[Row]]]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *(result.section(rows) for result, rows in found)])
