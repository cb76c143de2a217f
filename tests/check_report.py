#!/usr/bin/env python3
"""Opens reports in a browser: trains each program on data made here, has `unroll report` write the pages, and looks at
them in headless Chromium, light and dark, at the width of a desktop and of a phone.

- no error on the console, nothing fetched, nothing run that came from a run;
- every chart is drawn and has points, keys zoom and move it, it follows the width of the window;
- no page is wider than its window.

usage: check_report.py EXAMPLES [PICTURES]   (the folder with the programs; a folder for screenshots)
"""
import base64
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.request

examples = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
pictures = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
failures = []


def check(holds, what):
    if not holds and what not in failures:
        failures.append(what)
        print("failed:", what, flush=True)


# ---- Runs ----

def data(folder):
    """Small texts of which something can be learned."""
    draw = random.Random(1)
    nouns, verbs = ["sea", "ship", "crew", "port", "wind", "sail"], ["sleeps", "sails", "sings", "falls"]
    lines, tagged, pairs, labelled = [], [], [], []
    french = dict(zip(nouns + verbs, ["mer", "navire", "equipage", "port", "vent", "voile", "dort", "vogue", "chante", "tombe"]))
    for _ in range(600):
        a, v, b = draw.choice(nouns), draw.choice(verbs), draw.choice(nouns)
        lines.append(f"the {a} {v} by the {b} .")
        tagged.append("".join(f"{w}\t{t}\n" for w, t in zip(lines[-1].split(), "DET NOUN VERB ADP DET NOUN PUNCT".split())))
        pairs.append(f"the {a} {v}\tla {french[a]} {french[v]}")
        labelled.append(f"{'calm' if v in ('sleeps', 'sings') else 'rough'}\t{lines[-1]}")
    def write(name, text):
        (folder / name).write_text(text)
        return str(folder / name)
    return {
        "char_lm": ["--text", write("text.txt", "\n".join(lines) + "\n"), "--hidden", "32", "--batch", "8", "--seq-length", "32", "--epochs", "6"],
        "tag": ["--text", write("train.tsv", "\n".join(tagged)), "--valid", write("valid.tsv", "\n".join(tagged[:60])), "--hidden", "16", "--epochs", "8"],
        "classify": ["--text", write("labelled.tsv", "\n".join(labelled) + "\n"), "--hidden", "16", "--epochs", "6"],
        "translate": ["--text", write("pairs.tsv", "\n".join(pairs) + "\n"), "--hidden", "24", "--epochs", "6"],
        "addition": ["--digits", "2", "--hidden", "24", "--steps", "60", "--epochs", "4"],
    }


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def hostile(folder):
    """A run whose every text would take over a page that took it for markup."""
    evil = "</script><script>window.taken = 1</script><img src=x onerror='window.taken = 1'>\u202e\u0000\"'&amp;"
    path = folder / "hostile <b>"
    path.mkdir()
    lines = [{"config": {evil: evil, "steps_per_epoch": 50, "epochs": 2}, "run": {"program": evil, "command": [evil], "model": evil, "processor": evil}}]
    for step in range(1, 101):
        lines.append({"step": step, "loss": 3 / step, "learning_rate": 0.1, evil: step, "gradient_norm": 1 + math.sin(step), "seconds": step})
        if step % 25 == 0:
            lines.append({"step": step, "train_loss": 1, "valid_loss": 2 / step, "best": True, "example": evil, "note": evil, "seconds": step})
    (path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\nforeign line\n{\"step\": 101, \"lo")
    (path / "report.json").write_text(json.dumps({
        "step": 100, "measured_on": evil, "figures": [{"name": evil, "value": evil}],
        "confusions": [{"title": evil, "names": [evil, "b"], "cells": [[0, 0, 3], [0, 1, 2], [1, 1, 4]]}],
        "alignments": [{"source": [evil], "target": [evil], "weights": [0.7]}],
        "gates": [{"layer": evil, "name": evil, "function": evil, "low": 0.2, "high": 0.3}],
        "gradients": [{"layer": evil, "member": evil, "norms": [1, 0.5, None, 0.1]}]}))
    return path


def make_reports(folder):
    reports = {}
    for program, options in data(folder).items():
        out = folder / program
        run(examples / program, "train", "--out", out, "--threads", "1", "--eval-every", "20", *options)
        run(examples / "unroll", "report", out, "--out", folder / f"{program}.html")
        reports[program] = folder / f"{program}.html"
        if program == "char_lm":
            run(examples / program, "train", "--out", folder / "smaller", "--threads", "1", "--eval-every", "20", *options, "--hidden", "16")
            run(examples / "unroll", "report", out, folder / "smaller", "--out", folder / "compared.html")
            reports["compared"] = folder / "compared.html"
    run(examples / "unroll", "report", hostile(folder), "--out", folder / "hostile.html")
    reports["hostile"] = folder / "hostile.html"
    return reports


# ---- The browser ----

class Browser:
    def __init__(self, profile):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = None
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                port = line.split("on port")[1].strip(" .\n")
                break
        self.address = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        opened = self.call("POST", "", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.address += "/" + opened["sessionId"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.address + path, method=method, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def cdp(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def js(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def open(self, file, width, height, dark):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("POST", "/url", {"url": file.as_uri()})
        for _ in range(100):
            if self.js("return document.documentElement.dataset.ready") == "true":
                return True
            time.sleep(0.1)
        return False

    def errors(self):
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"}) if entry["level"] in ("SEVERE", "WARNING") and "willReadFrequently" not in entry["message"]]  # that is of this check itself

    def picture(self, file, whole):
        if whole:
            size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
            shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12000), "scale": 1})
        else:
            shot = self.cdp("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))

    def press(self, *keys):
        for name in keys:
            for kind in ("keyDown", "keyUp"):
                self.cdp("Input.dispatchKeyEvent", type=kind, key=name, **({"text": name} if len(name) == 1 and kind == "keyDown" else {}))

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()


# What every chart must have: points, and more than one colour on its canvas.
charts_script = """
return [...document.querySelectorAll(".plot")].map((plot) => {
  const canvas = [...plot.querySelectorAll("canvas")][0];
  const pixels = canvas ? new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer) : [];
  return {name: plot.getAttribute("aria-label"), points: +plot.dataset.points || 0, colours: new Set(pixels).size,
          width: plot.clientWidth, drawn: canvas ? canvas.clientWidth : 0, range: plot.dataset.range};
});"""


def look(browser, name, file, size, width, height, dark):
    where = f"{name}, {size}, {'dark' if dark else 'light'}"
    check(browser.open(file, width, height, dark), f"{where}: the page does not become ready")
    for message in browser.errors():
        check(False, f"{where}: console: {message}")
    charts = browser.js(charts_script)
    check(len(charts) >= 2, f"{where}: {len(charts)} charts")
    for chart in charts:
        check(chart["points"] > 0, f"{where}: {chart['name']} has no points")
        check(chart["colours"] > 2, f"{where}: {chart['name']} is empty")
        check(chart["drawn"] == chart["width"], f"{where}: {chart['name']} is drawn {chart['drawn']} wide on {chart['width']}")
    wide = browser.js("return [document.documentElement.scrollWidth, innerWidth]")
    check(wide[0] <= wide[1], f"{where}: the page is {wide[0]} wide in a window of {wide[1]}")
    check(browser.js("return document.documentElement.dataset.theme") == ("dark" if dark else "light"), f"{where}: not in the colours asked for")
    check(browser.js("return window.taken === undefined && document.scripts.length === 3 && !document.querySelector('img')"), f"{where}: something from the run became part of the page")
    check(browser.js("return performance.getEntriesByType('resource').length") == 0, f"{where}: something was fetched")
    if pictures:
        browser.picture(pictures / f"{name}-{size}-{'dark' if dark else 'light'}.png", True)


def use(browser, name, file):
    """Keys and the width of the window."""
    browser.open(file, 1280, 900, False)
    first = lambda: browser.js(charts_script)[0]["range"]
    whole = first()
    browser.js("document.querySelector('.plot').focus()")
    browser.press("+")
    zoomed = first()
    browser.press("ArrowRight")
    moved = first()
    browser.press("0")
    check(zoomed != whole, f"{name}: + does not zoom")
    check(moved != zoomed, f"{name}: an arrow does not move the chart")
    check(first() == whole, f"{name}: 0 does not show all")
    before = browser.js(charts_script)[0]["width"]
    browser.cdp("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    time.sleep(0.5)
    chart = browser.js(charts_script)[0]
    check(chart["width"] < before and chart["drawn"] == chart["width"], f"{name}: the chart does not follow the window")
    for choice in browser.js("return [...document.querySelectorAll('input[name=x]')].map((c) => c.value)"):
        browser.js("document.querySelector(`input[name=x][value=${arguments[0]}]`).click()", choice)
        check(all(c["points"] > 0 for c in browser.js(charts_script)), f"{name}: no points by {choice}")
    browser.js("document.querySelector('.tools input[type=checkbox]').click()")
    check(all(c["colours"] > 2 for c in browser.js(charts_script)), f"{name}: a chart is empty on the logarithmic axis")
    for message in browser.errors():
        check(False, f"{name}: console: {message}")


def main():
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unroll-report-") as name:
        folder = pathlib.Path(name)
        reports = make_reports(folder)
        browser = Browser(folder / "profile")
        try:
            for report, file in reports.items():
                for size, (width, height) in {"desktop": (1280, 900), "phone": (390, 844)}.items():
                    for dark in (False, True):
                        look(browser, report, file, size, width, height, dark)
                use(browser, report, file)
                print(report, "looked at", flush=True)
        finally:
            browser.close()
    if failures:
        sys.exit(f"{len(failures)} failed")


if __name__ == "__main__":
    main()
