"""What students ask, each question with its answer in a sentence or two and the place that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from dashboard.state import sidebar
from dashboard.state.address import FIRST_SETTINGS, FIRST_SIGHT, experiment_link, from_link, link
from dashboard.state.session import EXPERIMENT, SEE, stand_on
from dashboard.ui import sight
from dashboard.ui.whole_page import then_whole_page
from dashboard.views.lab import banner
from dashboard.words.sentences import unbroken
from nncore.experiments import EXPERIMENTS

LAB, GALLERY = "lab/page.py", "experiments/page.py"
LANDSCAPE, BACKWARD, VANISHING = "landscape/page.py", "lecture/backward.py", "lecture/vanishing.py"


@dataclass(frozen=True)
class StudentQuestion:
    """A question in a student's words, its answer, and where it is seen.

    `page` is a file in views/, `state` the query parameters with which it opens, and `see` the key of the element that
    is brought into sight.
    """

    text: str
    answer: str
    page: str
    see: str
    state: Mapping[str, str | list[str]] = field(default_factory=dict)


def shown_by(experiment: str, text: str) -> StudentQuestion:
    """A question that an experiment answers: with its claim, in the lab, on its run."""
    found = EXPERIMENTS[experiment]
    return StudentQuestion(text, found.claim, LAB, "experiment", experiment_link(found, found.config))


QUESTIONS = (
    StudentQuestion(
        "How do I see that gradients vanish?",
        "By δ, the gradient that arrives at a layer: drawn over the layers on a log axis it falls towards layer 1, by the same "
        "factor at every layer.",
        LAB,
        "card_flow",
        {"dataset": FIRST_SIGHT.dataset, **link(FIRST_SIGHT)},
    ),
    shown_by("relu_explodes", "ReLU's slope is 0 or 1: how can a gradient explode through it?"),
    StudentQuestion(
        "Do large weights make a sigmoid's gradients explode or vanish?",
        "Vanish, mostly: a large θ makes U large, where the slope O(1 − O) falls like e^−|U| while θ only grows like θ. They "
        "explode where U stays near 0: with b = −θ/2 and x = ½ each layer multiplies by θ/4.",
        VANISHING,
        "card_v_product",
        {"v_theta": "20", "v_bias": "0", "v_x": "0.5", "v_depth": "10", "v_phi": "sigmoid"},
    ),
    StudentQuestion(
        "Is the loss flat where the gradient is small?",
        "Right there, yes; further away it depends. Move the layer by its own length: on a plateau, where the first layers of a "
        "deep sigmoid network stand, the loss stays as it is; where only a unit is saturated, or the run has arrived in a valley, "
        "it changes.",
        LANDSCAPE,
        "card_along_layers",
        {"dataset": FIRST_SIGHT.dataset, **link(FIRST_SIGHT)},
    ),
    shown_by("sure_output", "Does saturation sit in the last layer, or in every layer?"),
    shown_by("cross_entropy", "Does cross-entropy cure vanishing gradients?"),
    shown_by(
        "activation_or_loss",
        "tanh with squared error learns, sigmoid with cross-entropy does not: which of the two is it?",
    ),
    shown_by("adam", "Does Adam help against vanishing gradients?"),
    shown_by("rmsprop", "Does RMSProp help against vanishing gradients?"),
    shown_by("dying_relu", "What is a dead ReLU, and what kills it?"),
    StudentQuestion(
        "Does ReLU cure vanishing gradients?",
        "By its slope, yes: where a unit is on it is exactly 1, and takes nothing. But about half of the units are off, with slope 0, "
        "and only weights with He's 2 make up for them; with Xavier's δ still vanishes, by a factor of about √2 a layer. A unit "
        "that is off on every row is dead.",
        LAB,
        "experiment",
        experiment_link(EXPERIMENTS["he_relu"], EXPERIMENTS["he_relu"].config),
    ),
    shown_by("he_relu", "Xavier or He: why is there a 2?"),
    shown_by("near_zero", "How near to 0 must the first weights be?"),
    StudentQuestion(
        "Why may biases start at 0, and weights not all alike?",
        "Units of a layer that begin alike get the same gradient at every step and stay alike: eight are worth one. Weights drawn "
        "at random already make them differ, so that the biases need not: all of them may start at 0.",
        LAB,
        "experiment",
        experiment_link(EXPERIMENTS["constant"], EXPERIMENTS["constant"].config),
    ),
    shown_by("sigmoid_zeros", "What happens when all weights start at 0?"),
    shown_by("fell_first", "My loss fell nicely, then it became NaN: what happened?"),
    StudentQuestion(
        "Why do six sigmoid layers train, and seven do not?",
        "There is no cliff between them: each layer takes the same share of the gradient. What looks like one is the point where "
        "the learning rate and the steps no longer make up for it.",
        VANISHING,
        "card_v_product",
        {"v_theta": "1", "v_bias": "0", "v_x": "0.5", "v_depth": "7", "v_phi": "sigmoid"},
    ),
    shown_by("linear", "Why does a network need a non-linear activation?"),
    shown_by("batch_normalization", "Can batch normalization make gradients explode?"),
    shown_by("skip", "Why do skip connections help?"),
    shown_by("clipping", "What does gradient clipping do?"),
    shown_by("flat_weight_gradients", "∂E/∂W is the same in all layers: are the gradients fine?"),
    shown_by("float_types", "Does float32 make gradients vanish?"),
    StudentQuestion(
        "How do I work out one gradient by hand?",
        "Follow θ's influence forward to the output, write down what each station multiplies it by, and multiply: "
        "−(y − f) times the weight, times O(1 − O), times the input.",
        BACKWARD,
        "b_chain",
        {"b_part": "By hand", "b_k": "θ3"},
    ),
)
"""In the order in which they are offered; a new one is an entry here."""


@st.fragment
def ask() -> None:
    """The questions to search and choose from; the answer to the one chosen, and the way to what shows it."""
    with st.container(key="ask", gap="small"):
        chosen = st.selectbox(
            "What do you want to know?",
            QUESTIONS,
            index=None,
            format_func=lambda question: question.text,
            key="question",
            placeholder="What do you want to know? Choose a question, or type a word of it",
            label_visibility="collapsed",
            icon=":material/help:",
            filter_mode="contains",
        )
        if chosen is not None and not _is_answered(chosen):
            with st.container(border=True, key="answer", horizontal=True, vertical_alignment="center"):
                st.markdown(unbroken(chosen.answer), width="stretch")
                with st.container(key="show_me"):
                    _way(chosen)


def _way(question: StudentQuestion) -> None:
    """A link to what answers a question; on this page a button that sets all of it up."""
    if question.page != LAB:
        query = {**question.state, SEE: question.see}
        st.page_link(f"views/{question.page}", label="Show me", icon=":material/arrow_forward:", query_params=query)
    else:
        set_up = then_whole_page(_set_up)
        st.button("Show me", key="show_here", icon=":material/arrow_forward:", on_click=set_up, args=(question,))


def _set_up(question: StudentQuestion) -> None:
    """Bring the lab into the state of a question: what its address does not say is as on the first sight. A callback."""
    texts = {name: [text] if isinstance(text, str) else text for name, text in question.state.items()}
    config = from_link({name: each for name, each in texts.items() if name in FIRST_SETTINGS})
    sidebar.apply(config)
    banner.leave()
    stand_on(config.steps)
    for name, (text, *_) in texts.items():
        if name == EXPERIMENT:
            st.query_params[EXPERIMENT] = text
        elif name not in FIRST_SETTINGS:
            st.session_state[name] = True if text == "true" else int(text)
    st.query_params[SEE] = question.see
    sight.bring(question.see)


def _is_answered(question: StudentQuestion) -> bool:
    """Does the claim of the experiment on the page answer it already?"""
    shown = EXPERIMENTS.get(st.query_params.get(EXPERIMENT, ""))
    return shown is not None and shown.claim == question.answer
