"""Draws what `cargo xtask scale outage` measured: what is left of an outage's transactions, minute by minute.

    python3 infra/scale/plot_outage.py target/scale/outage.json docs/evidence/scaling-outage.svg

Several results may be given before the picture's name; each line is one of them. Only the standard library.
"""

import json
import sys

WIDTH, HEIGHT = 900, 380
LEFT, RIGHT, TOP, BOTTOM = 80, 170, 40, 50
COLOURS = ["#1f5fa8", "#d9822b", "#3a8f4d", "#a83254", "#6b4fa0", "#555555"]
SECONDS = 60
TICKS, ROUND = 6, 6000


def main(*arguments):
    *sources, target = arguments
    figures = []
    for source in sources:
        with open(source, encoding="utf-8") as file:
            figures += json.load(file)
    with open(target, "w", encoding="utf-8") as file:
        file.write(draw(figures))


def draw(figures):
    longest = max(len(figure["minutes"]) for figure in figures)
    highest = -(-max(figure["openAtReturn"] for figure in figures) // ROUND) * ROUND

    def x(minute):
        return LEFT + (WIDTH - LEFT - RIGHT) * minute / longest

    def y(left):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * left / highest

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">After an outage of {figures[0]["outageSeconds"] // SECONDS} minutes at '
        f'{figures[0]["perSecond"]} notifications a second</text>',
    ]
    parts += axes(longest, highest, x, y)
    for row, (figure, colour) in enumerate(zip(figures, COLOURS * len(figures))):
        lefts = [figure["openAtReturn"]] + [minute["left"] for minute in figure["minutes"]]
        points = " ".join(f"{x(minute):.1f},{y(left):.1f}" for minute, left in enumerate(lefts))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        up, right = TOP + 8 + 18 * row, WIDTH - RIGHT + 12
        parts.append(f'<line x1="{right}" x2="{right + 16}" y1="{up - 4}" y2="{up - 4}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{right + 22}" y="{up}">{label(figure)}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def label(figure):
    words = [f'{figure["latencyMilliseconds"]} ms']
    if figure["queriesConcurrent"]:
        words.append(f'{figure["queriesConcurrent"]} at once')
    if figure["limitPerSecond"]:
        words.append(f'{figure["limitPerSecond"]} a second')
    if figure["slowPerMille"]:
        words.append(f'{figure["slowPerMille"] / 10:g} % slow')
    return ", ".join(words)


def axes(longest, highest, x, y):
    bottom = HEIGHT - BOTTOM
    step = next(it for it in (5, 10, 20, 30, 60, 120, 240) if longest / it <= 2 * TICKS)
    for minute in range(0, longest + 1, step):
        yield f'<text x="{x(minute):.1f}" y="{bottom + 16}" text-anchor="middle">{minute}</text>'
    for tick in range(TICKS + 1):
        left = highest * tick / TICKS
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(left):.1f}" y2="{y(left):.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y(left) + 4:.1f}" text-anchor="end">{left:,.0f}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">minutes after the Status API is back</text>'
    yield f'<text transform="translate(16 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">not confirmed</text>'


if __name__ == "__main__":
    main(*sys.argv[1:])
