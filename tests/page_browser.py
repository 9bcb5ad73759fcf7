"""The page of `spinscale report` in a browser, with figures of its own and with gnuplot's: no message on its console,
nothing fetched, all figures and pictures visible, letters large enough and no sideways scrolling at the width of a
phone, no name twice; its gnuplot files draw.

page_browser.py PROGRAM SOURCE_DIR.  77 (skipped) where there is neither Chromium nor gnuplot.
"""
import glob
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

PROGRAM, SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
GNUPLOT = shutil.which("gnuplot")
SECONDS = 120

# Runs in a copy of the page, in a frame as wide as the screen shall be (windows have a least width), and tells what it
# saw to the page around it.
PROBE = """<script>
const box = element => element.getBoundingClientRect();
const seen = {
  width: innerWidth, scrolls: document.documentElement.scrollWidth > innerWidth,
  svgs: [...document.querySelectorAll("svg")].map(svg => [box(svg).width, box(svg).height, box(svg).right]),
  letters: Math.min(...[...document.querySelectorAll("svg text")].map(text => {
    const svg = text.closest("svg");
    return parseFloat(getComputedStyle(text).fontSize) * box(svg).width / svg.viewBox.baseVal.width;
  })),
  shown: [...document.querySelectorAll("svg")].every(svg =>
    svg.checkVisibility({visibilityProperty: true, opacityProperty: true})),
  strokes: [...document.querySelectorAll("svg")].every(svg => [...svg.querySelectorAll("path, rect")].some(shape =>
    box(shape).width > 20 && getComputedStyle(shape).stroke + getComputedStyle(shape).fill !== "nonenone")),
  images: [...document.images].map(image => [image.naturalWidth, box(image).width, image.alt.length]),
  twice: [...document.querySelectorAll("[id]")].map(element => element.id)
    .filter((id, at, all) => all.indexOf(id) < at).slice(0, 5),
  fetched: performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:")).length,
};
parent.postMessage(JSON.stringify(seen), "*");
</script></body>"""
FRAME = """<!DOCTYPE html><title>nothing came</title>
<script>addEventListener("message", event => document.title = event.data);</script>
<iframe src="probed.html" style="border:0" width="%d" height="900"></iframe>"""


def browse(page):
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--enable-logging=stderr", f"--user-data-dir={profile}", "--window-size=1300,1000", "--virtual-time-budget=3000",
             "--dump-dom", "file://" + page],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, check=False)
    text = done.stdout.decode("utf-8", "replace")
    if "</html>" not in text:
        said = done.stderr.decode("utf-8", "replace")[-2000:]
        print(f"the browser does not run here: exit {done.returncode}\n{said}")
        sys.exit(77)
    return text, [line for line in done.stderr.decode("utf-8", "replace").splitlines() if "CONSOLE" in line]


def look(page, figures):
    failed = []
    failed += browse(page)[1]
    for width in (390, 1200):
        frame = os.path.join(os.path.dirname(page), f"frame-{width}.html")
        with open(frame, "w", encoding="utf-8") as out:
            out.write(FRAME % width)
        text, messages = browse(frame)
        title = html.unescape(re.search(r"<title>(.*?)</title>", text, re.S).group(1))
        if not title.startswith("{"):
            return failed + messages + [f"at {width}: the page did not tell what it saw: {title}"]
        seen = json.loads(title)
        print({key: value for key, value in seen.items() if key not in ("svgs", "images")})
        checks = {
            "no message on the console": not messages,
            "the width that was asked for": seen["width"] == width,
            "no sideways scrolling": not seen["scrolls"],
            "as many figures as made": len(seen["svgs"]) == figures,
            "figures are visible": seen["shown"] and all(w > 250 and h > 60 and right <= width for w, h, right in seen["svgs"]),
            "something is drawn on each": seen["strokes"],
            "letters of figures are legible": seen["letters"] >= 9,
            "pictures are visible and have words": seen["images"] and all(
                natural > 0 and shown > 60 and words > 5 for natural, shown, words in seen["images"]),
            "nothing is fetched": seen["fetched"] == 0,
            "no name is given twice": not seen["twice"],
        }
        failed += [f"at {width}: not so: {words}" for words, held in checks.items() if not held]
    return failed


def draw(folder):
    failed = []
    for script in sorted(glob.glob(folder + "/*.gp")):
        done = subprocess.run([GNUPLOT, os.path.basename(script)], cwd=folder, capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        drawn = script[:-3] + ".svg"
        text = open(drawn, encoding="utf-8").read() if os.path.exists(drawn) else ""
        if done.returncode != 0 or "</svg>" not in text:
            failed.append(f"{script}: exit {done.returncode}: {done.stderr.strip()}")
    return failed


def main():
    if BROWSER is None and GNUPLOT is None:
        print("skipped: neither chromium nor gnuplot is here")
        return 77
    folder = os.path.join(os.getcwd(), "page-browser")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    subprocess.run([sys.executable, SOURCE + "/tests/cli/toy.py", folder + "/toy"], check=True)
    model = SOURCE + "/fuzz/corpus/packed/good-mlp"
    failed = []
    for figures in ("own", "gnuplot") if GNUPLOT else ("own",):
        page = f"{folder}/{figures}.html"
        subprocess.run([PROGRAM, "report", model, model, "--data", folder + "/toy", "--data-dir", folder, "--samples", "4",
                        "--bootstrap", "20", "--images", "40", "--suite", "all", "--foreign", "noise-uniform",
                        "--figures", figures, "-o", page], check=True, stdout=subprocess.DEVNULL)
        text = open(page, encoding="utf-8").read()
        tree.fromstring(text.replace("<!DOCTYPE html>", ""))
        with open(folder + "/probed.html", "w", encoding="utf-8") as out:
            out.write(text.replace("</body>", PROBE))
        count = text.count("<svg ")
        if count != text.count("<figure>") or text.count('<svg class="gnuplot"') != (count if figures == "gnuplot" else 0):
            failed.append(f"{figures}: {count} figures, {text.count('class=' + chr(34) + 'gnuplot')} by gnuplot")
        failed += draw(f"{folder}/{figures}_files") if GNUPLOT and figures == "own" else []
        if BROWSER:
            failed += [f"{figures}: {words}" for words in look(page, count)]
    if not BROWSER:
        print("no chromium here: the page is not looked at")
    print("\n".join(failed))
    if not failed:
        shutil.rmtree(folder)
    return len(failed) > 0


sys.exit(main())
