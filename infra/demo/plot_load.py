"""Draws what `cargo xtask load` measured: when each payment ended, and how long it took until that was stored.

    python3 infra/demo/plot_load.py target/local/load.json docs/evidence/reliability-live.svg

Each payment is a dot. The shaded times are those of the faults. Only the standard library.
"""

import json
import math
import sys

WIDTH, HEIGHT = 900, 430
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 60, 50
# Seconds: below the first everything lies on the axis.
LOWEST, TICKS = 0.01, [0.01, 0.1, 1, 10, 60, 180, 600]
FAULTS = [
    ("killsWindow", "processes killed", "#f3d9d9"),
    ("cutsWindow", "connections cut", "#f3ead0"),
    ("outageWindow", "Status API away", "#d9e4f3"),
]
HEARD, UNHEARD = "#1f5fa8", "#d9822b"
MINUTE = 60


def main(source, target):
    with open(source, encoding="utf-8") as file:
        figures = json.load(file)
    with open(target, "w", encoding="utf-8") as file:
        file.write(draw(figures))


def draw(figures):
    samples = figures["samples"]
    longest = max(sample["endedMilliseconds"] for sample in samples) / 1000
    highest = max([600] + [sample["tookMilliseconds"] / 1000 for sample in samples]) * 1.2

    def x(seconds):
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / longest

    def y(seconds):
        part = math.log(max(seconds, LOWEST) / LOWEST) / math.log(highest / LOWEST)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{title(figures)}</text>',
    ]
    parts += bands(figures["faults"], x)
    parts += axes(longest, x, y)
    # What lost its webhook is drawn first, so that it does not hide the rest.
    for heard, colour in [(False, UNHEARD), (True, HEARD)]:
        chosen = [(it["endedMilliseconds"], it["tookMilliseconds"]) for it in samples if it["heard"] == heard]
        # One path of dots: a tenth of the size of as many circles.
        dots = "".join(f"M{x(ended / 1000):.0f} {y(took / 1000):.0f}h0" for ended, took in chosen)
        parts.append(f'<path d="{dots}" stroke="{colour}" stroke-width="2.4" stroke-linecap="round" stroke-opacity="0.6"/>')
    parts += legend()
    return "\n".join(parts) + "\n</svg>\n"


def title(figures):
    verdict = figures["verdict"]
    lost, wrong, twice = (len(verdict[name]) for name in ("lost", "wrong", "duplicated"))
    return f'{figures["payments"]:,} payments: {lost} lost, {wrong} wrong, {twice} twice (seed {figures["seed"]})'


def bands(faults, x):
    for name, words, colour in FAULTS:
        begin, end = (x(at / 1000) for at in faults[name])
        height = HEIGHT - TOP - BOTTOM
        yield f'<rect x="{begin:.1f}" y="{TOP}" width="{end - begin:.1f}" height="{height}" fill="{colour}"/>'
        yield f'<text x="{begin + 2:.1f}" y="{TOP - 6}" fill="#555">{words}</text>'


def axes(longest, x, y):
    bottom = HEIGHT - BOTTOM
    for seconds in TICKS:
        words = f"{seconds} s" if seconds < MINUTE else f"{seconds // MINUTE} min"
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(seconds):.1f}" y2="{y(seconds):.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y(seconds) + 4:.1f}" text-anchor="end">{words}</text>'
    for minute in range(0, int(longest) // MINUTE + 1, 2):
        yield f'<text x="{x(minute * MINUTE):.1f}" y="{bottom + 16}" text-anchor="middle">{minute}</text>'
    yield f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 12}" text-anchor="middle">minute in which the payment ended</text>'
    middle = (TOP + bottom) / 2
    yield f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">until it was stored</text>'


def legend():
    right = WIDTH - RIGHT - 150
    for row, (colour, words) in enumerate([(HEARD, "its last webhook came"), (UNHEARD, "its last webhook was lost")]):
        up = 14 + 16 * row
        yield f'<circle cx="{right}" cy="{up - 4}" r="4" fill="{colour}"/><text x="{right + 8}" y="{up}">{words}</text>'


if __name__ == "__main__":
    main(*sys.argv[1:])
