"""The slope of the sigmoid: O(1 − O) derived line by line, and what it is at a U of the reader's."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts.style import Style
from dashboard.ui import card
from dashboard.views.lecture import backward_questions as questions
from dashboard.views.lecture import charts_backward as charts
from dashboard.views.lecture.backward_questions import SIGMOID
from dashboard.views.lecture.inputs import x_picker
from dashboard.views.lecture.numbers_table import Numbers
from dashboard.views.lecture.quiz import ask
from dashboard.words.formulas import factor, tex, worked
from dashboard.words.numbers import digits


def show(look: Style, numbers: Numbers) -> None:
    """dO/dU = O(1 - O), line by line, and what it is at a chosen U."""
    left, right = st.columns(2, gap="medium")
    with left:
        u = x_picker("b_u", 0.6, -8.0, 8.0, label="U")
        lines = st.slider(
            "Lines of the derivation",
            1,
            6,
            6,
            key="b_lines",
            bind="query-params",
            help="Fewer lines leave the next one for you to find first.",
        )
    o, slope = float(SIGMOID(np.array(u))), float(SIGMOID.slope(np.array(u)))
    naive = o * (1.0 - o)
    steps = (
        (r"\frac{d}{dU}\,(1 + e^{-U})^{-1}", "write the fraction as a power"),
        (r"-(1 + e^{-U})^{-2} \cdot \frac{d}{dU}(1 + e^{-U})", "outer derivative times inner: the chain rule"),
        (r"-(1 + e^{-U})^{-2} \cdot (-e^{-U}) = \frac{e^{-U}}{(1 + e^{-U})^2}", "two minus signs cancel"),
        (r"\frac{1}{1 + e^{-U}} \cdot \frac{e^{-U}}{1 + e^{-U}}", "split it in two; the first is O"),
        (r"O \cdot \frac{(1 + e^{-U}) - 1}{1 + e^{-U}} = O\,(1 - O)", "add and take away 1; the second is 1 − O"),
        (
            r"\tfrac14 - \left(O - \tfrac12\right)^2 \le \tfrac14",
            "complete the square: largest at O = ½, that is U = 0",
        ),
    )
    with left, st.container(border=True, key="b_derivation"):
        st.markdown("**Derived** :gray[from O = 1 / (1 + e⁻ᵁ)]")
        for number, (formula, why) in enumerate(steps[:lines], 1):
            st.markdown(f"{number}. {why}")
            st.latex(rf"\frac{{dO}}{{dU}} = {formula}")
    with right:
        measured = charts.slope_measurement(u)
        finding = f"At U = {digits(u)} the slope is {digits(slope)}, {digits(400 * slope, 3)} % of its ceiling."
        card.show("b_slope", charts.SLOPE, measured, charts.slope_curve(measured, u, look), finding=finding)
        with st.container(border=True, key="b_at_u"):
            st.markdown("**With your U**")
            st.latex(
                worked(
                    [
                        ("O", rf"\frac{{1}}{{1 + e^{{-{factor(u)}}}}}", tex(o, 10)),
                        (r"\frac{dO}{dU}", f"{tex(o, 8)} \\cdot (1 - {tex(o, 8)})", rf"\mathbf{{{tex(slope, 10)}}}"),
                    ]
                )
            )
            if naive != 0 and abs(naive - slope) <= 1e-9 * slope:
                st.markdown(
                    f"One layer of sigmoids here passes on {digits(slope, 3)} of the signal; ten such pass {digits(slope**10, 3)}."
                )
            elif slope == 0:
                st.info("Here even e^−|U| is too small for a float: the slope is exactly 0 and nothing passes.")
            else:
                st.info(
                    f"In floats O is so close to {'1' if u > 0 else '0'} that 1 − O loses its digits: O · (1 − O) multiplied out gives "
                    f"{digits(naive, 4)}, while e⁻ᵁ / (1 + e⁻ᵁ)² gives {digits(slope, 4)}, which is right. nncore uses the latter.",
                    icon=":material/lightbulb:",
                )
    numbers.add("sigmoid", "U", "chosen", u)
    numbers.add("sigmoid", "O", "1 / (1 + e^−U)", o)
    numbers.add("sigmoid", "dO/dU", "e^−U / (1 + e^−U)²", slope)
    numbers.add("sigmoid", "O · (1 − O)", "multiplied in floats", naive)
    numbers.add("sigmoid", "ceiling", "¼", 0.25)
    st.subheader("Predict first", anchor=False)
    ask([questions.flat(), questions.saturation(), questions.ceiling()], 3)
