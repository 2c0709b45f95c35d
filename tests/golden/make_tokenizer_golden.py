"""Makes tests/golden/tokenizer: what the reference tokenizers make of some 3,100 texts.

    pip install transformers==5.23.0 tokenizers==0.23.3 tiktoken==0.14.0 regex==2026.11.15
    python3.11 tests/golden/make_tokenizer_golden.py

Python 3.11 itself is part of the pin: its unicodedata is Unicode 14, as is PCRE2 10.42. Every text is
encoded by Hugging Face, by tiktoken and by a plain rendering of GPT-2's encoder.py; the script fails
where two of them differ. tests/golden/tokenizer/README.md says what is in the files; this script writes
PROVENANCE.md beside them.
"""

import datetime
import hashlib
import importlib.metadata
import json
import pathlib
import platform
import random
import unicodedata

import regex
import tiktoken
from tokenizers import pre_tokenizers
from transformers import GPT2Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tokenizer"
VOCABULARIES = {
    "gpt2": OUT / "gpt2",
    "tales": HERE.parent.parent / "deploy" / "models" / "tales-7m",
}
PINNED = ("transformers", "tokenizers", "tiktoken", "regex")
PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
END = "<|endoftext|>"
rng = random.Random(20240214)


# ---- the references ---------------------------------------------------------------------------------


def byte_alphabet():
    """openai/gpt-2, encoder.py, bytes_to_unicode, the other way round."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}


class Reference:
    """One vocabulary in all three implementations, which must agree."""

    def __init__(self, folder):
        vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        alphabet = byte_alphabet()
        ranks = {bytes(alphabet[c] for c in t): i for t, i in vocab.items() if t != END}
        self.tiktoken = tiktoken.Encoding(
            folder.name, pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={END: vocab[END]}
        )
        self.hugging_face = GPT2Tokenizer.from_pretrained(folder, local_files_only=True)
        merges = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
        pairs = [tuple(line.split(" ")) for line in merges if line]
        self.merge_ranks = {
            (bytes(alphabet[c] for c in a), bytes(alphabet[c] for c in b)): rank
            for rank, (a, b) in enumerate(pairs)
        }
        self.id_of = ranks
        self.token_bytes = list(ranks)

    def merge(self, word):
        """encoder.py, Encoder.bpe: the best pair, everywhere, until there is none."""
        parts = [bytes([b]) for b in word]
        while len(parts) > 1:
            ranked = [(self.merge_ranks.get(p, 1 << 30), p) for p in zip(parts, parts[1:])]
            rank, pair = min(ranked)
            if rank == 1 << 30:
                break
            merged, i = [], 0
            while i < len(parts):
                if tuple(parts[i : i + 2]) == pair:
                    merged.append(pair[0] + pair[1])
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            parts = merged
        return [self.id_of[p] for p in parts]

    def encode_bytes(self, data):
        """Bytes that are not UTF-8 become lone surrogates: neither letter, number nor space."""
        ids = []
        for word in regex.findall(PATTERN, data.decode("utf-8", "surrogateescape")):
            word = word.encode("utf-8", "surrogateescape")
            merged = self.merge(word)
            assert merged == self.tiktoken._encode_single_piece(word), word
            ids += merged
        return ids

    def encode_text(self, text):
        ids = self.hugging_face(text, split_special_tokens=True)["input_ids"]
        assert ids == self.tiktoken.encode(text, disallowed_special=()), text
        assert ids == self.encode_bytes(text.encode("utf-8")), text
        return ids

    def encode_special(self, text):
        ids = self.hugging_face(text)["input_ids"]
        assert ids == self.tiktoken.encode(text, allowed_special="all"), text
        return ids


# ---- the characters ---------------------------------------------------------------------------------


def character_class(c):
    """By Hugging Face and by the regex module; None where Unicode 14 has no such character."""
    if unicodedata.category(c) in ("Cn", "Cs"):
        return None
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found = "space"
    for lead, name in (("a", "letter"), ("1", "number"), ("!", "other")):
        if len(splitter.pre_tokenize_str(lead + c)) == 1:
            found = name
    by_regex = [n for n, p in (("letter", r"\p{L}"), ("number", r"\p{N}"), ("space", r"\s"))
                if regex.match(p, c)]
    assert (by_regex or ["other"]) == [found], hex(ord(c))
    return found


def class_ranges():
    """{class: [[first, last], ...]} of all characters that Unicode 14 assigns."""
    ranges = {"letter": [], "number": [], "other": [], "space": []}
    for code in range(0x110000):
        name = character_class(chr(code))
        if name is None:
            continue
        if ranges[name] and ranges[name][-1][1] == code - 1:
            ranges[name][-1][1] = code
        else:
            ranges[name].append([code, code])
    return ranges


def characters_by_category():
    by_category = {}
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Cs"):
            by_category.setdefault(category, []).append(chr(code))
    return by_category


CATEGORIES = characters_by_category()
ASSIGNED = [c for cs in CATEGORIES.values() for c in cs]


# ---- the texts --------------------------------------------------------------------------------------

ENGLISH = """\
Once upon a time there lived a miller who had three sons, a mill, an ass and a cat.
"You're late," said the Queen; "it's half past nine, and they've all gone home."
I'd rather not, he thought. We'll see what she's found -- if she'll say so.
The 3rd of May, 1862: 1,024 sheep, 17 geese (and 1 very old dog).
HE'S GONE! THEY'LL NEVER KNOW; WE'VE TIME, I'M SURE, AND YOU'RE SAFE.
What is the answer to life, the universe, and everything?
Hello. My name is... well, names don't matter; do they?
Antidisestablishmentarianism, pneumonoultramicroscopicsilicovolcanoconiosis.
The naïve façade of the café déjà-vu; coöperation, Ærøskøbing, smörgåsbord.
“Curly quotes,” she’d said — don’t they’re it’s we’ve I’m you’ll he’d.
rock'n'roll, 'tis, o'clock, fo'c's'le, d'you, y'all'd've, 'sblood
Mr. & Mrs. O'Neill-Smith paid $1,234.56 (or £987.65, €1.100,00) on 2021-07-04T12:34:56Z.
See https://example.org/a/b?c=d&e=%20f#g or mail someone@example.org.
To be, or not to be, that is the question:\n\tWhether 'tis nobler in the mind to suffer\n
    Four spaces before, and three after.   
\tA tab, then text\t\tand two more\t
\r\nWindows line endings\r\nare kept\r\n\r\nas they are.\r
ALL CAPS AND lower AND MiXeD cAsE, camelCase, PascalCase, snake_case, kebab-case, SCREAMING_CASE
""".splitlines(keepends=True)

CODE = [
    "int main(int argc, char** argv) {\n  return argc > 1 ? 0 : EXIT_FAILURE;\n}\n",
    "def f(x, *, y=None):\n    if y is None:\n        return x ** 2\n    return {k: v for k, v in y}\n",
    "for (size_t i = 0; i < n; ++i) {\n\t\tsum += a[i] * b[i];  // fma\n\t}\n",
    "#include <vector>\n\nnamespace a::b {\ntemplate <typename T>\nusing V = std::vector<T>;\n}\n",
    "SELECT COUNT(*), name FROM users WHERE id IN (1, 2, 3) AND name LIKE '%o''t%';",
    '{"a": [1, 2.5e-10, null, true], "b": {"c": "\\u00e9\\n"}}',
    "<html>\n  <body class='x'>&nbsp;<br/></body>\n</html>",
    "s/\\([a-z]*\\)'s/\\1 is/g; $HOME/.config; `ls -la | grep '^d'`; 2>&1 >/dev/null",
    "x = lambda s: s.replace(\"'\", \"''\")  # it's quoted\n",
    "\\begin{align}\n  e^{i\\pi} + 1 &= 0 \\\\\n\\end{align}",
    "    " * 6 + "deeply.nested(call)\n" + "    " * 5 + "}\n" + "\t" * 7 + "end",
    "0x7fff_ffff 0b1010 1e-9f 0777ULL 3.14159265358979323846 1'000'000",
]

PROSE = [
    "敏捷的棕色狐狸跳过了懒狗。你好，世界！１２３４５",
    "いろはにほへと ちりぬるを。カタカナ、ひらがな、漢字。ｶﾞｷﾞｸﾞ 々〆〇",
    "다람쥐 헌 쳇바퀴에 타고파. 안녕하세요, 세계!",
    "繁體中文與简体中文混排 with English, 2023年12月31日（星期日）。𠮷野家 𩸽",
    "שלום עולם! מה שלומך היום? 123 ״ציטוט״",
    "مرحبا بالعالم! كيف حالك؟ ١٢٣٤٥ ـــ السَّلَامُ عَلَيْكُمْ",
    "سلام دنیا، حال شما چطور است؟ می‌خواهم ۱۲۳",
    "\u202bRTL embedding\u202c and \u2067isolate\u2069 \u200fmark\u200e",
    "Съешь ещё этих мягких французских булок, да выпей чаю. ЁЖ, ёж!",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Καλημέρα κόσμε!",
    "हिन्दी में नमस्ते दुनिया! क्या हाल है? १२३ कि़",
    "สวัสดีชาวโลก กินข้าวหรือยัง ๑๒๓",
    "வணக்கம் உலகம்! தமிழ் மொழி ௧௨௩",
    "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń.",
    "Xin chào thế giới! Tiếng Việt có nhiều dấu: ă â đ ê ô ơ ư",
    unicodedata.normalize("NFD", "Tiếng Việt, café, Ångström, 한글, ñandú"),
    "ႠႡႢ აბგ ᲐᲑᲒ Հայերեն አማርኛ ខ្មែរ မြန်မာ བོད་སྐད ᠮᠣᠩᠭᠣᠯ",
]

EMOJI = [
    "😀😃😄", "👍🏽👍🏿", "👩‍👩‍👧‍👦", "👨🏻‍🚀 in space", "🏳️‍🌈 🏴‍☠️", "🇩🇪🇫🇷🇯🇵 🇺🇸", "1️⃣2️⃣#️⃣*️⃣", "❤️‍🔥", "☀️☁️⛄︎",
    "I ❤️ NY", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🤷🏾‍♀️ it's ok", "a😀b😀1", "  😀  ", "😀's 😀'll", "‍‍️️", "🧑🏿‍❤️‍💋‍🧑🏻", "(╯°□°)╯︵ ┻━┻", "¯\\_(ツ)_/¯",
]

SPACES = CATEGORIES["Zs"] + CATEGORIES["Zl"] + CATEGORIES["Zp"] + list("\t\n\v\f\r\x85")
SPACE_LOOKALIKES = list("\x1c\x1d\x1e\x1f\u180e\u200b\u200c\u200d\u2060\ufeff\u2800\u3164")


def sample(population, count):
    return rng.sample(population, min(count, len(population)))


def joined(population, low, high):
    return "".join(rng.choice(population) for _ in range(rng.randint(low, high)))


def category_texts():
    for name in sorted(CATEGORIES):
        for c in sample(CATEGORIES[name], 14):
            d = rng.choice(CATEGORIES[name])
            yield f"{c}"
            yield f"a{c}b {c}1{d} {c}{d}'s  {c}!{c}"


def combining_texts():
    marks = CATEGORIES["Mn"] + CATEGORIES["Mc"] + CATEGORIES["Me"]
    for _ in range(60):
        yield "".join(rng.choice("aeinoZ 1!") + joined(marks, 0, 4) for _ in range(6))
    yield "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞"


def control_texts():
    for c in CATEGORIES["Cc"]:
        yield f"a{c}b {c} 1{c}{c}  {c}\n"
    for c in sample(CATEGORIES["Cf"], 40):
        yield f"x{c}y {c} 9{c}"


def space_texts():
    for c in SPACES + SPACE_LOOKALIKES:
        yield f"a{c}b"
        yield f"{c}{c}{c}a{c}{c} {c}1 {c}!{c}"
        yield f"  {c}"
    for n in (1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 64, 100):
        for c in " \t\n":
            yield c * n
            yield f"x{c * n}y"
            yield f"{c * n}'s"
    for _ in range(260):
        yield "".join(
            joined(rng.choice((" ", " \n", " \t\n\r", "".join(SPACES))), 0, 9)
            + rng.choice(("", "a", "the", "1", "!", "'s", "'", "é", "中", "...", "x_y"))
            for _ in range(rng.randint(1, 6))
        )


def contraction_texts():
    for suffix in ("s", "t", "re", "ve", "m", "ll", "d", "r", "v", "l", "em", "n", "lll", "sd"):
        for written in dict.fromkeys((suffix, suffix.upper(), suffix.capitalize())):
            yield f"it'{written}"
            yield f"IT'{written} 'x' 1'{written}"
            yield f" '{written}!'{written} ''{written}\n'{written}"
            yield f"don’{written} '{written}é '{written}1"


def number_texts():
    for name in ("Nd", "Nl", "No"):
        for _ in range(50):
            c = joined(CATEGORIES[name], 1, 3)
            yield f"{c} x{c}y 1{c}2 {joined(CATEGORIES[name], 1, 4)}"
    for n in range(0, 26):
        yield str(10**n // 7)
    yield "½ cup, x² + y³ = z⁴, №5, Ⅳ, ⅷ, ①②③, ㊿, ٣٫١٤, 1/2, 1⁄2, 三, 𝟘𝟙𝟚, ෴, ௰"


def special_texts():
    for before in ("", "a", "Hello", " ", "\n\n", "x ", "'", "é"):
        for after in ("", "b", " b", "  ", "\n", "'s", "1"):
            yield f"{before}{END}{after}"
    yield from (
        END * 3, f"{END} {END}", f"<{END}>", f"<|endoftext{END}|>", "<|endoftext|", "<|endoftext",
        "<|ENDOFTEXT|>", "< |endoftext|>", f"a  {END}  b{END}", f"<|{END}", "<||endoftext||>",
        f"<|endoftext|{END}", f"1{END}2{END}3", "<|startoftext|>", f"{END[:-1]} >",
    )


def run_texts():
    for c in ("a", "A", "aa ", "ab", "0", "01", "!", "=", "-", "_", ".", " .", "é", "中", "😀", "'", "'s", "\x00", "ha"):
        for n in (5, 33, 130):
            yield c * n


def random_texts():
    for _ in range(170):
        yield joined(ASSIGNED, 1, 12)
    for _ in range(170):  # scripts as they come: neighbours in the code charts
        start = rng.randrange(len(ASSIGNED) - 64)
        yield joined(ASSIGNED[start : start + 64] + [" ", " ", "'", "1"], 2, 16)
    for _ in range(200):
        yield joined([chr(c) for c in range(0x20, 0x7F)] + list(" \n\t   "), 1, 40)
    for _ in range(80):
        yield joined([chr(c) for c in range(0x20, 0x250)], 1, 24)


def vocabulary_bytes(references):
    for reference in references:
        for _ in range(160):
            yield b"".join(rng.sample(reference.token_bytes, rng.randint(1, 7)))


ILL_FORMED = [
    b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe2\x82",
    b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf",
    b"\xf0\x9f\x98", b"\xf0\x9f", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe",
    b"\xff", b"\xff\xff\xff", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf", b"\xef\xbf", b"\xdf", b"\xe2\x28\xa1",
]


def invalid_bytes():
    for bad in ILL_FORMED:
        yield bad
        yield b"a" + bad + b"b " + bad + b"1'" + bad + b"s  " + bad + b"\n" + bad + b" !" + bad
        yield "é".encode() + bad + "中😀".encode() + bad
    for _ in range(120):
        yield rng.randbytes(rng.randint(1, 24))
    for _ in range(120):  # damaged text
        data = bytearray("".join(rng.sample(PROSE + ENGLISH + EMOJI, 2)).encode()[: rng.randint(4, 70)])
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield bytes(data)


def cases(references):
    """(group, bytes) of every text, each once."""
    seen = set()
    groups = {
        "english": ENGLISH, "code": CODE, "prose": PROSE, "emoji": EMOJI, "category": category_texts(),
        "combining": combining_texts(), "control": control_texts(), "space": space_texts(),
        "contraction": contraction_texts(), "number": number_texts(), "special": special_texts(),
        "run": run_texts(), "random": random_texts(), "vocabulary": vocabulary_bytes(references),
        "invalid": invalid_bytes(), "empty": [""],
    }
    for group, texts in groups.items():
        for text in texts:
            data = text if isinstance(text, bytes) else text.encode("utf-8")
            if data not in seen:
                seen.add(data)
                yield group, data


# ---- the files --------------------------------------------------------------------------------------


def case_line(group, data, references):
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        encoded = {name: r.encode_bytes(data) for name, r in references.items()}
        return {"group": group, "hex": data.hex(), **encoded}
    line = {"group": group, "text": text}
    line |= {name: r.encode_text(text) for name, r in references.items()}
    for name, reference in references.items():
        with_special = reference.encode_special(text)
        assert (with_special == line[name]) == (END not in text)
        if END in text:
            line[f"{name}_special"] = with_special
    return line


def utf8_lines(all_cases):
    for group, data in all_cases:
        if group in ("invalid", "emoji", "prose"):
            yield {"hex": data.hex(), "text": data.decode("utf-8", "replace")}


def write_lines(path, lines):
    written = [json.dumps(line, separators=(",", ":")) for line in lines]
    path.write_text("\n".join(written) + "\n", encoding="ascii")
    return len(written)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_provenance(counts):
    rows = [f"| Python | {platform.python_version()} |", f"| its unicodedata | {unicodedata.unidata_version} |"]
    rows += [f"| {name} | {importlib.metadata.version(name)} |" for name in PINNED]
    inputs = [(f"{name}: {f}", folder / f) for name, folder in VOCABULARIES.items()
              for f in ("vocab.json", "merges.txt")]
    inputs.append(("make_tokenizer_golden.py", pathlib.Path(__file__)))
    outputs = [(f"{name} ({count} lines)", OUT / name) for name, count in counts.items()]
    hashes = [f"| {name} | {sha256(path)} |" for name, path in inputs + outputs]
    (OUT / "PROVENANCE.md").write_text(
        "# Where these files come from\n\n"
        f"Written by tests/golden/make_tokenizer_golden.py on {datetime.date.today()}. README.md says what was\n"
        "left out (characters that Unicode 14 does not assign) and why.\n\n"
        "| tool | version |\n|---|---|\n" + "\n".join(rows) + "\n\n"
        "| file | SHA-256 |\n|---|---|\n" + "\n".join(hashes) + "\n",
        encoding="utf-8",
    )


def main():
    references = {name: Reference(folder) for name, folder in VOCABULARIES.items()}
    all_cases = list(cases(references.values()))
    counts = {
        "cases.jsonl": write_lines(
            OUT / "cases.jsonl", (case_line(g, d, references) for g, d in all_cases)
        ),
        "utf8.jsonl": write_lines(OUT / "utf8.jsonl", utf8_lines(all_cases)),
        "classes.jsonl": write_lines(
            OUT / "classes.jsonl",
            ({"class": name, "ranges": ranges} for name, ranges in class_ranges().items()),
        ),
    }
    write_provenance(counts)
    print(counts)


if __name__ == "__main__":
    main()
