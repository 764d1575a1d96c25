"""What the page costs: a large replay opened and played in a real, headless browser.

Intervals between frames are the browser's; script time is what the page's own frame function
takes; memory is the page's heap, and its whole process without what it shares, after it has played.

    python benchmarks/viewer.py fight.replay [steps a second] [seconds]
"""

import statistics
import sys
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from cmfq.recordings import read
from cmfq.recordings.page import NamedRecording, documents
from cmfq.recordings.server import make_server, url_of

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OWN = ("Private_Clean", "Private_Dirty")
WATCH = """
(() => {
  const frames = (globalThis.frames_ = []);
  const ask = globalThis.requestAnimationFrame.bind(globalThis);
  globalThis.requestAnimationFrame = (call) => ask((now) => {
    const began = performance.now();
    call(now);
    frames.push([began, performance.now() - began]);
  });
})();
"""


def main(path: Path, speed: int = 10, seconds: float = 15) -> None:
    replay = read(path)
    chosen = int(replay.steps[-1][0].ids[0])
    server = make_server(documents([NamedRecording(path.name, path.read_bytes())]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.add_init_script(WATCH)
        started = time.perf_counter()
        page.goto(url_of(server))
        page.wait_for_selector("#transport:not([hidden])")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        opened = time.perf_counter() - started
        page.fill("input.id", str(chosen))
        page.keyboard.press("Enter")
        page.select_option("#speed", str(speed))
        page.evaluate("frames_.length = 0")
        page.click("#play")
        page.wait_for_timeout(1000 * seconds)
        frames = page.evaluate("frames_")
        memory = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
        own = resident()
        browser.close()
    server.shutdown()
    begins = [begin for begin, _ in frames]
    intervals = sorted(b - a for a, b in pairwise(begins))
    scripts = sorted(script for _, script in frames)
    print(
        f"{path.name}, {len(replay.steps)} steps, {path.stat().st_size / 1e6:.1f} MB: opened in "
        f"{opened:.2f} s; {len(frames)} frames, {share(intervals, 33):.1%} within 33 ms; "
        f"script median {statistics.median(scripts):.2f} ms, 95 % {quantile(scripts, 0.95):.2f}, "
        f"99 % {quantile(scripts, 0.99):.2f}, most {scripts[-1]:.2f}; "
        f"heap {memory:.0f} MB, process {own:.0f} MB"
    )


def resident() -> float:
    """MB of the largest renderer of browsers started from here, without what it shares."""
    sizes = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                rollup = (process / "smaps_rollup").read_text()
                fields = dict(line.split(":") for line in rollup.splitlines()[1:])
                sizes.append(sum(float(fields[key].split()[0]) for key in OWN) / 1000)
    return max(sizes)


def share(values: list[float], limit: float) -> float:
    return sum(value <= limit for value in values) / len(values)


def quantile(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(part * len(values)))]


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
