#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes 1,000 random regular expressions, each with texts that Python's re accepts and refuses.

    python make_regexes.py

Texts are drawn from the expression, then some are changed by a character or two; re.fullmatch with re.ASCII
judges all of them. Needs nothing but Python.
"""

import datetime
import hashlib
import json
import platform
import random
import re
import signal
import string
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 20261129
PATTERNS = 1000
TEXTS = 6  # of each kind, at most
LONGEST = 40  # characters of a text

LETTERS = "abcxyzAZ019 _-\né€ß😀"
SPECIAL = r".^$*+?{}[]\|()"
CLASSES = {r"\d": string.digits, r"\w": string.ascii_letters + string.digits + "_", r"\s": " \t\n\r\f\v"}


def draw_class(rng):
    """A class in brackets: its text, and some characters of it."""
    members, samples = [], []
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if kind < 0.4:
            c = rng.choice("abcxyz019_é€")
            members.append(c)
            samples.append(c)
        elif kind < 0.7:
            first, last = rng.choice([("a", "f"), ("0", "9"), ("A", "Z"), ("α", "ω"), ("à", "ÿ"), ("一", "丿")])
            members.append(f"{first}-{last}")
            samples.append(chr(rng.randint(ord(first), ord(last))))
        elif kind < 0.85:
            name = rng.choice(list(CLASSES))
            members.append(name)
            samples.append(rng.choice(CLASSES[name]))
        else:
            c = rng.choice(SPECIAL)
            members.append("\\" + c)
            samples.append(c)
    if rng.random() < 0.25:
        return f"[^{''.join(members)}]", list("qQ7~é😀\n")
    return f"[{''.join(members)}]", samples


def draw(rng, depth):
    """A pattern, and a function that draws a text of it (of most of them)."""
    kind = rng.random()
    if depth == 0 or kind < 0.35:
        which = rng.random()
        if which < 0.5:
            c = rng.choice(LETTERS)
            return re.escape(c) if rng.random() < 0.3 else ("\\n" if c == "\n" else c), lambda: c
        if which < 0.6:
            c = rng.choice(SPECIAL)
            return "\\" + c, lambda: c
        if which < 0.7:
            c = rng.choice("Aé€")
            return f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}", lambda: c
        if which < 0.8:
            return ".", lambda: rng.choice("a7 é😀")
        if which < 0.9:
            name = rng.choice(list(CLASSES))
            if rng.random() < 0.3:
                return name.upper(), lambda: rng.choice("~é😀-")
            return name, lambda: rng.choice(CLASSES[name])
        text, samples = draw_class(rng)
        return text, lambda: rng.choice(samples)
    if kind < 0.6:
        parts = [draw(rng, depth - 1) for _ in range(rng.randint(1, 4))]
        return "".join(p for p, _ in parts), lambda: "".join(s() for _, s in parts)
    if kind < 0.75:
        parts = [draw(rng, depth - 1) for _ in range(rng.randint(1, 3))]
        opening = rng.choice(["(", "(?:", "(?P<g%d>" % rng.randrange(10**9)])
        return opening + "|".join(p for p, _ in parts) + ")", lambda: rng.choice(parts)[1]()
    inner, sample = draw(rng, depth - 1)
    least = rng.randint(0, 3)
    most = least + rng.randint(0, 3)
    quantifier, low, high = rng.choice(
        [("*", 0, 4), ("+", 1, 4), ("?", 0, 1), (f"{{{least}}}", least, least), (f"{{{least},}}", least, least + 3),
         (f"{{,{most}}}", 0, most), (f"{{{least},{most}}}", least, most)]
    )
    lazy = "?" if rng.random() < 0.2 else ""
    return f"(?:{inner}){quantifier}{lazy}", lambda: "".join(sample() for _ in range(rng.randint(low, high)))


def change(rng, text):
    """The text with a character more, less or another."""
    place = rng.randint(0, len(text))
    c = rng.choice(LETTERS + SPECIAL)
    return rng.choice([text[:place] + c + text[place:], text[:place] + text[place + 1 :],
                       text[:place] + c + text[place + 1 :]])


def case(rng):
    """A pattern with its texts; None if it has none that is not empty."""
    parts = [draw(rng, 3) for _ in range(rng.randint(1, 4))]
    pattern, sample = "".join(p for p, _ in parts), lambda: "".join(s() for _, s in parts)
    flags = rng.choice(["", "", "", "(?i)", "(?s)", "(?is)"])
    anchors = rng.choice([("", ""), ("", ""), ("^", "$"), ("\\A", "\\Z")])
    pattern = flags + anchors[0] + pattern + anchors[1] if "|" not in pattern else flags + pattern
    compiled = re.compile(pattern, re.ASCII)
    texts = [sample() for _ in range(4 * TEXTS)]
    texts += [change(rng, t) for t in texts] + [t.swapcase() for t in texts] + [""]
    texts = sorted({t for t in texts if len(t) <= LONGEST})
    rng.shuffle(texts)
    accepted = [t for t in texts if compiled.fullmatch(t)][:TEXTS]
    refused = [t for t in texts if not compiled.fullmatch(t)][:TEXTS]
    if not any(accepted) or len(pattern) > 200:
        return None
    return {"pattern": pattern, "accepted": accepted, "refused": refused}


def give_up(*_):
    raise TimeoutError


def main():
    rng = random.Random(SEED)
    signal.signal(signal.SIGALRM, give_up)
    cases, seen = [], set()
    while len(cases) < PATTERNS:
        # Python's own engine takes exponential time on some; ours must not, but the next draw is as good.
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            made = case(rng)
        except TimeoutError:
            continue
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if made and made["pattern"] not in seen:
            seen.add(made["pattern"])
            cases.append(made)
    provenance = {
        "script": Path(__file__).name,
        "script_sha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        "python": platform.python_version(),
        "seed": SEED,
        "date": datetime.date.today().isoformat(),
    }
    lines = ",\n".join(json.dumps(each, ensure_ascii=True) for each in cases)
    head = json.dumps(provenance)
    (HERE / "regexes.json").write_text(f'{{"provenance": {head},\n"cases": [\n{lines}\n]}}\n')
    print(len(cases), sum(len(c["accepted"]) for c in cases), sum(len(c["refused"]) for c in cases))


if __name__ == "__main__":
    main()
