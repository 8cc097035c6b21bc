"""The experiments: for each the claim, what to look for, and the two runs that show it."""

from __future__ import annotations

import math

from nncore.config.run_config import RunConfig
from nncore.experiments import claims
from nncore.experiments.experiment import Experiment

BASE = RunConfig(dataset="circles", hidden=(32,) * 12, activation="sigmoid", init="xavier_normal", steps=400)
"""What an experiment leaves unsaid."""

TOPICS = {
    "vanishing": "Vanishing gradients",
    "exploding": "Exploding gradients",
    "first weights": "The first weights",
    "remedies": "What mends it",
    "units": "Units and depth",
}
"""Headings of the gallery."""

CALM = BASE.replace(learning_rate=0.005, momentum=0.9)
"""As fast as the learning rate 0.05 without momentum, yet stable up to a curvature of 2 (1 + 0.9) / 0.005 = 760 instead
of 2 / 0.05 = 40: a deep network learns without jumps whose outcome hangs on the last bit.
"""

DEEP_TANH = BASE.replace(activation="tanh", hidden=(32,) * 20)
CALM_TANH = CALM.replace(activation="tanh", hidden=(32,) * 20)
DEEP_RELU = BASE.replace(activation="relu", init="he_normal", hidden=(32,) * 20)
SMALL_TANH = BASE.replace(activation="tanh", hidden=(8,) * 3)
GLOROT = BASE.replace(
    dataset="digits", n_samples=300, hidden=(100,) * 5, activation="tanh", init="xavier_uniform", steps=20
)
CURVE = BASE.replace(dataset="parabola", hidden=(16,) * 3, activation="tanh", gain=0.2)
SURE = BASE.replace(hidden=(32,) * 6, init="normal", optimizer="adam", learning_rate=0.003, steps=300)
LINE = BASE.replace(dataset="sine", hidden=(2,), activation="linear", steps=2000, record_every=5)

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "deep_sigmoid",
            "vanishing",
            "A deep sigmoid network learns nothing",
            "Of the δ at the output less than a ten-millionth reaches layer 1 of twelve sigmoid layers, and the loss "
            "stays at ln 2, that of a guess. With tanh more than a tenth arrives, and the circles are learned.",
            "The sigmoid line falls evenly: its slope is at most 1/4, so every layer keeps about a quarter.",
            CALM,
            "sigmoid",
            CALM.replace(activation="tanh"),
            "tanh",
            ("flow", "heatmap"),
            0,
            ("delta_norm",),
            claims.deep_sigmoid,
        ),
        Experiment(
            "depth",
            "vanishing",
            "Depth alone stops it",
            "One sigmoid layer gets more than 90 % right. Four layers of the same kind, with the same learning rate, "
            "do not leave the loss of a guess: layer 1 receives less than a hundredth of the last layer's δ.",
            "Only depth differs. The loss of four layers is flat after a few steps, and never says why; δ does.",
            BASE.replace(hidden=(32,) * 4, learning_rate=1.0),
            "4 layers",
            BASE.replace(hidden=(32,), learning_rate=1.0),
            "1 layer",
            ("loss", "flow"),
            400,
            ("loss",),
            claims.depth,
        ),
        Experiment(
            "cross_entropy",
            "vanishing",
            "Cross-entropy does not cure hidden layers",
            "With cross-entropy as with squared error less than a ten-thousandth of δ reaches layer 1 of nine, and "
            "neither learns: squared error starts with a δ at the output 1.3 times as large or more, and then every "
            "hidden layer passes on the same share, to within 10 %.",
            "The two lines start at different heights on the right and run side by side to the left.",
            BASE.replace(hidden=(32,) * 8),
            "cross-entropy",
            BASE.replace(hidden=(32,) * 8, loss="mse"),
            "squared error",
            ("flow", "loss"),
            0,
            ("delta_norm",),
            claims.cross_entropy,
        ),
        Experiment(
            "activation_or_loss",
            "vanishing",
            "tanh with squared error, or sigmoid with cross-entropy?",
            "It is the activation. With tanh layer 1 of twelve receives more than a tenth of the last layer's δ and more than "
            "95 % are right, with squared error as with cross-entropy; with sigmoid less than a millionth arrives and fewer "
            "than 65 % are right, with either loss.",
            "Read the card by rows and by columns: the loss changes little, the activation everything.",
            CALM.replace(activation="tanh", loss="mse"),
            "tanh, squared error",
            CALM,
            "sigmoid, cross-entropy",
            ("flow", "learned"),
            0,
            ("crossed",),
            claims.activation_decides,
            crossed="loss",
        ),
        Experiment(
            "flat_weight_gradients",
            "vanishing",
            "Weight gradients stay flat while δ vanishes",
            "tanh with weights from U(±1/√n): δ falls more than tenfold from the output to layer 1, yet the weight "
            "gradients of the layers differ by less than a factor of 2. With the normalized initialization both "
            "stay level (Glorot & Bengio 2010, figures 7 and 8).",
            "Circles fall to the left, squares do not: whoever plots ∂E/∂W alone misses it.",
            GLOROT.replace(init="lecun_uniform", gain=1 / math.sqrt(3)),
            "U(±1/√n)",
            GLOROT,
            "normalized",
            ("flow", "delta"),
            0,
            ("delta_norm", "weight_gradient_norm"),
            claims.flat_weight_gradients,
        ),
        Experiment(
            "float_types",
            "vanishing",
            "In float32 small becomes exactly zero",
            "Fifty sigmoid layers at gain 0.5. In float64 δ of layer 1 is below 10⁻⁴⁵ and still a number; in float32 "
            "it is exactly 0 in the first five layers, and no optimizer brings it back.",
            "The float32 line breaks off at the left: the chart names the layers that are exactly 0.",
            BASE.replace(hidden=(32,) * 50, gain=0.5, steps=10, dtype="float32"),
            "float32",
            BASE.replace(hidden=(32,) * 50, gain=0.5, steps=10),
            "float64",
            ("flow", "heatmap"),
            0,
            ("delta_norm",),
            claims.float_types,
        ),
        Experiment(
            "exploding",
            "exploding",
            "Large weights explode",
            "At gain 3.5 layer 1 of a tanh network receives more than a thousand times the δ of the last layer, and "
            "the first update moves its weights by more than their own length. At gain 1 it is less than 1 %.",
            "The line rises to the left, and layer 1 starts far above the guide line of the update ratio.",
            DEEP_TANH.replace(gain=3.5, steps=100),
            "gain 3.5",
            DEEP_TANH.replace(steps=100),
            "gain 1",
            ("flow", "updates"),
            0,
            ("delta_norm",),
            claims.exploding,
        ),
        Experiment(
            "relu_explodes",
            "exploding",
            "It explodes with slopes of 0 and 1",
            "The slope of ReLU never exceeds 1, and still each layer multiplies δ by 1.4 to 1.8 when He's weights are "
            "1.6 times too large: the weights do it. The loss is not finite after ten steps; at gain 1 each layer "
            "passes on 90 to 110 %.",
            "Twenty factors of about 1.6 make a straight line over four decades.",
            DEEP_RELU.replace(gain=1.6, learning_rate=1e-3, steps=50),
            "gain 1.6",
            DEEP_RELU.replace(learning_rate=1e-3, steps=50),
            "gain 1",
            ("flow", "loss"),
            0,
            ("delta_norm",),
            claims.relu_explodes,
        ),
        Experiment(
            "saturated",
            "exploding",
            "Large sigmoid weights saturate",
            "With weights of deviation 10 more than three quarters of all hidden outputs sit on the flat side of the "
            "sigmoid, yet layer 1 receives more than 50 times the last layer's δ: the few units on the slope pass on "
            "ten times what they get. After 100 steps the loss is above 0.5. With deviation 1 it is less than a "
            "tenth, and the circles are learned.",
            "Nothing lies between the two ends: activations are 0 or 1. Large weights saturate *and* explode.",
            BASE.replace(hidden=(32,) * 6, init="normal", init_scale=10.0, steps=100),
            "deviation 10",
            BASE.replace(hidden=(32,) * 6, init="normal", init_scale=1.0, steps=100),
            "deviation 1",
            ("activation", "saturation"),
            0,
            ("saturated_fraction",),
            claims.saturated,
        ),
        Experiment(
            "sure_output",
            "exploding",
            "Saturated: every layer, or only the output",
            "With weights of deviation 10 more than half of the units × rows of every hidden layer are saturated, not only of "
            "the last one. A healthy network saturates nowhere but at its output: fewer than a fifth in each hidden layer, "
            "while it is sure of more than half of its answers, and more than 95 % are right. There it stops nothing: under "
            "cross-entropy δ at the output is p − y, without the slope p(1 − p).",
            "Solid lines are hidden layers, the dash-dotted one is the output.",
            SURE.replace(init_scale=10.0),
            "deviation 10",
            SURE.replace(init_scale=0.3),
            "deviation 0.3",
            ("saturation", "loss"),
            300,
            ("saturated_fraction",),
            claims.sure_output,
        ),
        Experiment(
            "fell_first",
            "exploding",
            "It fell nicely, then it diverged",
            "At learning rate 0.5 the loss falls to less than a tenth of its first, then the gradient turns up, with it the loss, "
            "at last θ, and before step 300 a number is not finite. Where the loss is lowest its sharpness is above 2/α: from "
            "there on each step lands further up the other side. At 0.1 it falls at every step, and ends lower than it ever was at 0.5.",
            "Which line leaves the dotted one first. The sharpness, measured further down, crosses 2/α before the loss turns.",
            CURVE.replace(learning_rate=0.5),
            "rate 0.5",
            CURVE,
            "rate 0.1",
            ("turn", "loss", "learned"),
            67,
            ("loss",),
            claims.fell_first,
            (("sharpness", "true"),),
        ),
        Experiment(
            "batch_normalization",
            "exploding",
            "Batch normalization explodes at the start",
            "Fifty ReLU layers with He's weights. Normalized over the batch, δ grows by 15 to 35 % a layer, to more "
            "than ten thousand times at layer 1, before a single step is taken; without, it does not grow (Yang et "
            "al. 2019).",
            "Activations look perfect in every layer, the gradient does not.",
            DEEP_RELU.replace(hidden=(32,) * 50, steps=10, normalization="batch"),
            "batch norm",
            DEEP_RELU.replace(hidden=(32,) * 50, steps=10),
            "none",
            ("flow", "activation"),
            0,
            ("delta_norm",),
            claims.batch_normalization,
        ),
        Experiment(
            "xavier_tanh",
            "first weights",
            "Xavier mends tanh",
            "Twenty tanh layers. With weights of deviation 0.05 layer 1 receives less than 10⁻¹⁰ of the last layer's "
            "δ and the loss does not move by a millionth. With Xavier's, 2/(n_in + n_out), more than a tenth "
            "arrives, and more than 95 % are right after 300 steps.",
            "One line is level, the other falls by half a decade a layer. Nothing else was changed.",
            CALM_TANH.replace(steps=300),
            "Xavier",
            CALM_TANH.replace(steps=300, init="normal", init_scale=0.05),
            "deviation 0.05",
            ("flow", "signal"),
            0,
            ("delta_norm",),
            claims.xavier_tanh,
        ),
        Experiment(
            "near_zero",
            "first weights",
            "How near 0: one over √n",
            "Twenty tanh layers of 32 units. With weights of deviation 1/√32 = 0.177 layer 1 receives more than a tenth of the "
            "last layer's δ, and more than 95 % are right; with half of that less than a ten-thousandth arrives, and the loss "
            "stays that of a guess.",
            "A factor of 2 in the deviation is a factor of about 2 at each of 20 layers.",
            CALM_TANH.replace(steps=300, init="normal", init_scale=0.177),
            "1/√n",
            CALM_TANH.replace(steps=300, init="normal", init_scale=0.0885),
            "half of it",
            ("flow", "signal"),
            0,
            ("delta_norm",),
            claims.near_zero,
        ),
        Experiment(
            "he_relu",
            "first weights",
            "He against Xavier on 30 ReLU layers",
            "ReLU passes half of the variance on, which He's 2 makes up for: δ keeps its size to within a factor of "
            "10, and over 90 % are right after 200 steps. Xavier's weights lose a factor of about √2 in each of 30 "
            "layers, 2⁻¹⁵ in all, and stand still.",
            "The distance between the lines grows by the same factor at every layer.",
            DEEP_RELU.replace(hidden=(32,) * 30, learning_rate=0.01, steps=200),
            "He",
            DEEP_RELU.replace(hidden=(32,) * 30, learning_rate=0.01, steps=200, init="xavier_normal"),
            "Xavier",
            ("flow", "signal"),
            0,
            ("delta_norm",),
            claims.he_relu,
        ),
        Experiment(
            "zeros",
            "first weights",
            "All zeros: only one bias ever moves",
            "With weights of 0 and tanh, whose φ(0) is 0, no weight changes, in any layer, at any step. The output's bias "
            "alone learns how many cases are benign, and fewer than 65 % are right. From Xavier's weights more than 95 % are.",
            "δ ends at the last layer: behind weights of 0 it is exactly 0. Sigmoid units answer ½ to 0, so that there the "
            "last weights would move, all alike.",
            SMALL_TANH.replace(dataset="breast_cancer", init="zeros"),
            "zeros",
            SMALL_TANH.replace(dataset="breast_cancer"),
            "Xavier",
            ("flow", "theta"),
            400,
            ("distance",),
            claims.zeros,
        ),
        Experiment(
            "sigmoid_zeros",
            "first weights",
            "Zeros under sigmoid, zeros under tanh",
            "A sigmoid answers ½ to 0, tanh answers 0: that is the difference. Weights of 0 into a layer that is given ½ have a "
            "gradient at once: with sigmoid the last layer moves in the first step, the one before it in the second, and in the "
            "end every layer has moved, but all units of a layer alike. With tanh no weight ever moves. Neither gets 65 % "
            "right.",
            "W of the two: with tanh it stays at 0 in every layer.",
            SMALL_TANH.replace(dataset="breast_cancer", init="zeros", activation="sigmoid"),
            "sigmoid",
            SMALL_TANH.replace(dataset="breast_cancer", init="zeros"),
            "tanh",
            ("theta", "flow"),
            400,
            ("distance",),
            claims.sigmoid_zeros,
            (("theta_layer", "4"),),
        ),
        Experiment(
            "constant",
            "first weights",
            "Equal weights stay equal",
            "All weights start at 0.3. They do learn, but after 400 steps every unit of a layer is still the twin of "
            "all others: eight units are worth one, and fewer than 70 % are right. From Xavier's random weights no "
            "two units are alike, and more than 95 % are.",
            "The band of weights in layer 2 is a single line: equal units receive equal gradients.",
            SMALL_TANH.replace(init="constant", init_scale=0.3),
            "all 0.3",
            SMALL_TANH,
            "Xavier",
            ("theta", "learned"),
            400,
            ("weights",),
            claims.constant,
            (("theta_layer", "2"),),
        ),
        Experiment(
            "skip",
            "remedies",
            "Skip connections carry the gradient",
            "Twenty tanh layers with small weights, too small by any rule: without skips less than a ten-thousandth "
            "of δ reaches layer 1 and nothing is learned. With a = a + φ(z) layer 1 receives 1 to 20 times the "
            "last layer's, and more than 95 % are right after 200 steps.",
            "The 1 in each factor 1 + w φ′ keeps the line from falling.",
            CALM_TANH.replace(init="normal", init_scale=0.1, steps=200, skip=True),
            "skips",
            CALM_TANH.replace(init="normal", init_scale=0.1, steps=200),
            "no skips",
            ("flow", "learned"),
            0,
            ("delta_norm",),
            claims.skip,
        ),
        Experiment(
            "adam",
            "remedies",
            "Adam moves where SGD stands still",
            "The same first weights, the same vanishing δ: less than a thousandth at layer 1. SGD's first update changes "
            "layer 1 by less than 10⁻⁵ of its length, and the loss stays at a guess; Adam's, divided by the gradient's "
            "own size, by more than 1 %, and the loss falls below 0.65. The gradient is not mended, the step is.",
            "δ at step 0 is the same line twice; the update ratios are five decades apart.",
            BASE.replace(hidden=(16,) * 6, optimizer="adam", learning_rate=0.01),
            "Adam",
            BASE.replace(hidden=(16,) * 6),
            "SGD",
            ("updates", "loss"),
            0,
            ("update_ratio",),
            claims.adaptive,
        ),
        Experiment(
            "rmsprop",
            "remedies",
            "RMSProp moves as Adam does",
            "The same first weights and the same vanishing δ, less than a thousandth at layer 1. Where SGD's first update changes "
            "layer 1 by less than 10⁻⁵ of its length, RMSProp's, divided by the root of the squared gradient's running mean, "
            "changes it by more than 1 %, and the loss falls below 0.65. As with Adam the step is mended, not the gradient.",
            "δ at step 0 is the same line twice; the update ratios are five decades apart.",
            BASE.replace(hidden=(16,) * 6, optimizer="rmsprop", learning_rate=0.003),
            "RMSProp",
            BASE.replace(hidden=(16,) * 6),
            "SGD",
            ("updates", "loss"),
            0,
            ("update_ratio",),
            claims.adaptive,
        ),
        Experiment(
            "clipping",
            "remedies",
            "Clipping survives the cliff",
            "Twenty ReLU layers at gain 1.2. Unclipped, the numbers are not finite any more within five steps. With "
            "the gradient cut to length 0.2 the same network gets more than 90 % right after 400.",
            "The first gradients are huge and point the right way: only their length is cut.",
            DEEP_RELU.replace(gain=1.2, learning_rate=0.2, clip_norm=0.2),
            "clipped",
            DEEP_RELU.replace(gain=1.2, learning_rate=0.2),
            "not clipped",
            ("loss", "updates"),
            400,
            ("loss",),
            claims.clipping,
        ),
        Experiment(
            "dying_relu",
            "units",
            "A learning rate that kills ReLUs",
            "At learning rate 3 large steps push more than half of all hidden units to where they answer 0 to every "
            "row, in one layer all of them: δ of layer 1 is then exactly 0, and nothing can wake them. At 0.1 fewer "
            "than a fifth are dead, and more than 95 % are right.",
            "The last jump of the dashed lines, the dead units: from there on everything stands still.",
            DEEP_RELU.replace(hidden=(32,) * 4, learning_rate=3.0, steps=200),
            "rate 3",
            DEEP_RELU.replace(hidden=(32,) * 4, steps=200),
            "rate 0.1",
            ("saturation", "loss"),
            200,
            ("dead_fraction",),
            claims.dying_relu,
        ),
        Experiment(
            "linear",
            "units",
            "Without a bend, depth buys nothing",
            "Seven linear layers are one line, however long they train: fewer than 60 % of the circles are right, with "
            "a gradient that flows well. With tanh in the same place more than 95 % are.",
            "The border between the classes is straight. A healthy gradient is not yet a capable network.",
            BASE.replace(hidden=(16,) * 6, activation="linear", steps=300),
            "linear",
            BASE.replace(hidden=(16,) * 6, activation="tanh", steps=300),
            "tanh",
            ("learned", "loss"),
            300,
            ("loss",),
            claims.linear,
        ),
        Experiment(
            "two_units",
            "units",
            "Two units bend a line twice",
            "The 1-2-1 network of the lecture on one period of a sine: two sigmoid units, seven numbers, leave less "
            "than a quarter of the squared error that the best straight line leaves. One unit would not.",
            "Each unit bends the curve once; θ5 and θ6 say how far up or down.",
            LINE.replace(activation="sigmoid"),
            "sigmoid",
            LINE,
            "linear",
            ("learned", "loss"),
            2000,
            ("fit",),
            claims.two_units,
        ),
    )
}
"""Every experiment by name, topic by topic."""
