"""Draws the layout of the dashboard in a transformed template: where each widget is, its title, axes and series.

    python render.py transformed.json dashboard.png
"""

import json
import re
import sys

from PIL import Image, ImageDraw, ImageFont

COLUMN, ROW, GAP = 62, 44, 6
BACKGROUND, PAPER, LINE, INK, PALE = "#e9ebed", "#ffffff", "#c6c6cd", "#16191f", "#687078"
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"]
TITLE, TEXT, HEADING = (ImageFont.load_default(size) for size in (13, 10, 22))
KINDS = "one line per kind: "


def main(template, picture):
    with open(template, encoding="utf-8") as file:
        resources = json.load(file)["Resources"]
    widgets = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    height = max(it["y"] + it["height"] for it in widgets) * ROW + GAP
    image = Image.new("RGB", (24 * COLUMN + GAP, height), BACKGROUND)
    draw = ImageDraw.Draw(image)
    for widget in widgets:
        left, top = widget["x"] * COLUMN + GAP, widget["y"] * ROW + GAP
        right, bottom = (widget["x"] + widget["width"]) * COLUMN, (widget["y"] + widget["height"]) * ROW
        draw.rectangle((left, top, right, bottom), PAPER, LINE)
        {"text": heading, "alarm": alarms, "metric": chart}[widget["type"]](draw, widget["properties"], left, top, right, bottom)
    image.quantize(64).save(picture, optimize=True)


def heading(draw, properties, left, top, _right, _bottom):
    draw.text((left + 12, top + 5), properties["markdown"].removeprefix("# "), INK, HEADING)


def alarms(draw, properties, left, top, right, _bottom):
    draw.text((left + 8, top + 6), properties["title"], INK, TITLE)
    for number, alarm in enumerate(properties["alarms"]):
        name = alarm.removeprefix("${").removesuffix("Alarm.Arn}")
        x = left + 8 + number % 2 * (right - left) // 2
        y = top + 28 + number // 2 * 19
        draw.rectangle((x, y, x + 9, y + 9), COLOURS[2])
        draw.text((x + 14, y - 2), words(name), INK, TEXT)


def chart(draw, properties, left, top, right, bottom):
    draw.text((left + 8, top + 6), properties["title"], INK, TITLE)
    axes = properties.get("yAxis", {})
    draw.text((left + 8, top + 26), axes.get("left", {}).get("label", ""), PALE, TEXT)
    label = axes.get("right", {}).get("label", "")
    draw.text((right - 8 - draw.textlength(label, TEXT), top + 26), label, PALE, TEXT)
    series = [name(row) for row in properties["metrics"]]
    floor = bottom - 14 - 15 * len(series)
    draw.line([(left + 12, top + 44), (left + 12, floor), (right - 12, floor)], PALE)
    if label:
        draw.line([(right - 12, top + 44), (right - 12, floor)], PALE)
    for number, text in enumerate(series):
        y = floor + 10 + 15 * number
        draw.rectangle((left + 12, y + 3, left + 22, y + 7), COLOURS[number % len(COLOURS)])
        draw.text((left + 28, y - 2), text, INK, TEXT)


def name(row):
    """What the legend says of a series."""
    options = row[-1]
    if "expression" in options:
        fixed = options["label"].partition("$")[0].rstrip(" (:")
        return fixed or KINDS + re.search('MetricName="(.*?)"', options["expression"])[1]
    axis = " (right)" if options.get("yAxis") == "right" else ""
    return options["label"] + axis


def words(text):
    return re.sub("(?<!^)([A-Z])", lambda letter: " " + letter[1].lower(), text)


if __name__ == "__main__":
    main(*sys.argv[1:])
