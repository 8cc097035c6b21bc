"""The theme's colours under the names by which the app's components ask Streamlit for them."""

from __future__ import annotations

from dashboard.charts.style import DARK, LIGHT, Style

BADGES = {
    "blue": ("#1C5FA8", "#5CC8FF"),
    "orange": ("#A63A0A", "#FF8A5B"),
    "green": ("#1F6B30", "#69DB7C"),
    "red": ("#B42318", "#FF8FAB"),
    "gray": ("#5C6675", "#9AA5B8"),
}
"""Colour of a badge -> its words' colour, light and dark; the ground is a tint of it."""


def variables() -> str:
    """A style sheet's first rules: the light theme, and the dark one where it is preferred."""
    light, dark = ("".join(f"{name}: {value}; " for name, value in _variables(look).items()) for look in (LIGHT, DARK))
    return f":root {{ {light}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}"


def _variables(look: Style) -> dict[str, str]:
    badges = {name: colours[look.dark] for name, colours in BADGES.items()}
    grounds = {name: f"color-mix(in srgb, {colour} 12%, transparent)" for name, colour in badges.items()}
    return {
        "--st-background-color": look.background,
        "--st-secondary-background-color": look.raised,
        "--st-text-color": look.ink,
        "--st-border-color": look.border,
        "--st-primary-color": look.primary,
        "--st-base-radius": "0.5rem",
        "--st-font": "system-ui, sans-serif",
        "--muted": look.muted,
        "--control": look.control,
        "--delta": look.delta,
        **{f"--st-{name}-text-color": colour for name, colour in badges.items()},
        **{f"--st-{name}-background-color": colour for name, colour in grounds.items()},
    }
