"""A drawing on the page: an SVG that scales, takes the theme's colours and can be clicked.

Streamlit's own ways to show SVG either strip it (`st.html`) or cut it off from the theme
(`st.image`), and none reports where it was clicked.
"""

from __future__ import annotations

import html
from collections.abc import Callable

import streamlit as st

CSS = """
.drawing { color: var(--st-text-color); font-family: var(--st-font); font-size: 1rem; }
.drawing svg { display: block; width: 100%; height: auto; margin: 0 auto; }
.drawing:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.drawing.clickable { cursor: crosshair; }
"""

# `place` is where the drawing was clicked, in the units of its viewBox; `move` an arrow key.
JS = """
const FRAME = 150 // milliseconds between two pictures of a drawing that moves
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

export default function ({ data, parentElement, setTriggerValue }) {
  let box = parentElement.querySelector(".drawing")
  if (!box) {
    box = document.createElement("div")
    box.className = "drawing"
    parentElement.appendChild(box)
  }
  if (box.shown !== data.svg) {
    box.innerHTML = data.svg
    box.shown = data.svg
  }
  move(box)
  box.classList.toggle("clickable", data.clickable)
  box.onclick = null
  box.onkeydown = null
  const stop = () => clearInterval(box.clock)
  if (!data.clickable) {
    box.removeAttribute("tabindex")
    return stop
  }
  box.tabIndex = 0
  box.onclick = (event) => {
    const svg = box.querySelector("svg")
    const point = new DOMPoint(event.clientX, event.clientY)
    const place = point.matrixTransform(svg.getScreenCTM().inverse())
    setTriggerValue("place", [place.x, place.y])
  }
  box.onkeydown = (event) => {
    if (!(event.key in STEPS)) return
    event.preventDefault()
    setTriggerValue("move", STEPS[event.key])
  }
  return stop
}

// An element may say in `data-moves` through which values its attributes run.
function move(box) {
  clearInterval(box.clock)
  const parts = [...box.querySelectorAll("[data-moves]")]
  if (!parts.length || matchMedia("(prefers-reduced-motion: reduce)").matches) return
  const moves = parts.map((part) => JSON.parse(part.dataset.moves))
  let now = 0
  box.clock = setInterval(() => {
    now += 1
    parts.forEach((part, k) => {
      for (const [name, values] of Object.entries(moves[k])) {
        part.setAttribute(name, values[now % values.length])
      }
    })
  }, FRAME)
}
"""

_component = st.components.v2.component("drawing", css=CSS, js=JS)


def draw(
    svg: str,
    *,
    key: str,
    on_place: Callable[[], None] | None = None,
    on_move: Callable[[], None] | None = None,
) -> None:
    """Show an SVG made by this code (its text already escaped).

    `on_place` and `on_move` are callbacks; they read `st.session_state[key].place` (x, y in the
    units of the viewBox) and `.move` (one step of an arrow key).
    """
    _component(
        key=key,
        data={"svg": svg, "clickable": on_place is not None},
        on_place_change=on_place or nothing,
        on_move_change=on_move or nothing,
    )


def nothing() -> None:
    """Callback of a drawing that nobody listens to."""


def canvas(width: float, height: float, body: str, alt: str, *, max_width: int = 720) -> str:
    """The svg element around a drawing. `alt` is what a screen reader says."""
    name = html.escape(alt, quote=True)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}" '
        f'style="max-width:{max_width}px">{body}</svg>'
    )
