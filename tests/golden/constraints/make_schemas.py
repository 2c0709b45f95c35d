#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes JSON Schemas with instances, and whether Python's jsonschema takes each for valid.

    pip install jsonschema==4.26.0
    pip download --no-deps --no-binary :all: jsonschema==4.26.0 && tar xzf jsonschema-4.26.0.tar.gz
    python make_schemas.py jsonschema-4.26.0/json/tests

Two sources: the JSON Schema Test Suite (draft 2020-12 and 7), which that archive has, and schemas of random
structure, with instances that are made from the schema and then changed. What json.dumps makes of an instance is
stored as text. "written" says that a grammar of the schema should have that text: the instance was made in the
order of the schema, with nothing that the schema does not name.
"""

import copy
import datetime
import hashlib
import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

import jsonschema

HERE = Path(__file__).resolve().parent
SEED = 20261129
RANDOM_SCHEMAS = 450
DRAFTS = {"draft2020-12": jsonschema.Draft202012Validator, "draft7": jsonschema.Draft7Validator}
CHECKED_FORMATS = ("date", "ipv4", "ipv6", "uuid", "email")
WORDS = ["a", "b", "name", "id", "é", 'quo"te', "x y", "", "line\nbreak", "日本", "A1", "zz", "tab\t"]


def text_of(value):
    """As the grammar writes it; none if it has half of a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False)
    return text if all(not 0xD800 <= ord(c) <= 0xDFFF for c in text) else None


def validator_for(schema, draft):
    return DRAFTS[draft](schema, format_checker=jsonschema.FormatChecker(CHECKED_FORMATS))


def is_valid(validator, instance):
    """None where the library cannot tell: a reference that leads nowhere, or without end."""
    try:
        return validator.is_valid(instance)
    except Exception:  # of many kinds
        return None


# ---- the suite ----


def suite_cases(folder):
    for draft in DRAFTS:
        for path in sorted((folder / draft).glob("*.json")):
            for group in json.loads(path.read_text(encoding="utf-8")):
                schema = group["schema"]
                if draft == "draft7" and "$ref" in str(schema):
                    continue  # draft 7 ignores what is beside a $ref
                validator = validator_for(schema, draft)
                instances = [test["data"] for test in group["tests"]]
                yield f"{draft}/{path.stem}: {group['description']}", schema, [
                    (i, is_valid(validator, i), False) for i in instances
                ]


# ---- random schemas ----


class Maker:
    """A schema of random structure; `value` makes a random instance of a schema that was made here."""

    def __init__(self, rng):
        self.rng = rng
        self.definitions = {}
        self.exact = True

    def schema(self, depth):
        kinds = ["string", "integer", "number", "boolean", "null", "enum", "const", "format", "pattern"]
        if depth > 0:
            kinds += ["object"] * 5 + ["array"] * 3 + ["anyOf", "oneOf", "allOf", "ref", "tuple", "map"]
        return getattr(self, "make_" + self.rng.choice(kinds).lower())(depth - 1)

    def range(self, low, high):
        a, b = sorted(self.rng.sample(range(low, high), 2))
        return a, b

    def make_string(self, depth):
        schema = {"type": "string"}
        low, high = self.range(0, 9)
        if self.rng.random() < 0.5:
            schema["minLength"] = low
        if self.rng.random() < 0.5:
            schema["maxLength"] = high
        return schema

    def make_integer(self, depth):
        schema = {"type": "integer"}
        low, high = self.range(-300, 300)
        if self.rng.random() < 0.6:
            schema[self.rng.choice(["minimum", "exclusiveMinimum"])] = low
        if self.rng.random() < 0.6:
            schema[self.rng.choice(["maximum", "exclusiveMaximum"])] = high + 2
        return schema

    def make_number(self, depth):
        schema = {"type": "number"}
        low, high = self.range(-300, 300)
        scale = self.rng.choice([1, 10, 100])
        if self.rng.random() < 0.6:
            schema[self.rng.choice(["minimum", "exclusiveMinimum"])] = low / scale
        if self.rng.random() < 0.6:
            schema[self.rng.choice(["maximum", "exclusiveMaximum"])] = high / scale
        return schema

    def make_boolean(self, depth):
        return {"type": "boolean"}

    def make_null(self, depth):
        return {"type": "null"}

    def make_enum(self, depth):
        return {"enum": self.rng.sample([*WORDS, 1, 2.5, None, True, [1, "x"], {"k": 0}], 3)}

    def make_const(self, depth):
        return {"const": self.rng.choice([*WORDS, 0, -3.75, [], {"a": {"b": 1}}])}

    def make_format(self, depth):
        return {"type": "string", "format": self.rng.choice(CHECKED_FORMATS)}

    def make_pattern(self, depth):
        pattern = self.rng.choice(["^[a-z]+$", "b", "^A\\d{2}$", "^(x|yy)*$", "^.{2,4}$", '"', "^\\S+$"])
        return {"type": "string", "pattern": pattern}

    def make_object(self, depth):
        names = self.rng.sample(WORDS, self.rng.randint(1, 5))
        schema = {"type": "object", "properties": {name: self.schema(depth) for name in names}}
        required = [name for name in names if self.rng.random() < 0.5]
        if required:
            schema["required"] = self.rng.sample(required, len(required))
        if self.rng.random() < 0.4:
            schema["additionalProperties"] = self.rng.choice([False, False, True, {"type": "integer"}])
        return schema

    def make_map(self, depth):
        return {"type": "object", "additionalProperties": self.schema(depth)}

    def make_array(self, depth):
        schema = {"type": "array", "items": self.schema(depth)}
        low, high = self.range(0, 4)
        if self.rng.random() < 0.5:
            schema["minItems"] = low
        if self.rng.random() < 0.5:
            schema["maxItems"] = high
        return schema

    def make_tuple(self, depth):
        schema = {"type": "array", "prefixItems": [self.schema(depth) for _ in range(self.rng.randint(1, 3))]}
        if self.rng.random() < 0.5:
            schema["minItems"] = self.rng.randint(0, len(schema["prefixItems"]))
        if self.rng.random() < 0.5:
            schema["items"] = False
        return schema

    def make_anyof(self, depth):
        return {"anyOf": [self.schema(depth) for _ in range(self.rng.randint(1, 3))]}

    def make_oneof(self, depth):
        def variant(tag):
            made = self.make_object(depth)
            made["properties"] = {"kind": {"const": tag}, **made["properties"]}
            made["required"] = ["kind", *made.get("required", [])]
            return made

        return {"oneOf": [variant(tag) for tag in self.rng.sample(["cat", "dog", "eel"], 2)]}

    def make_allof(self, depth):
        first, second = self.make_object(depth), self.make_object(depth)
        for one, name in ((first, "first "), (second, "second ")):
            one["properties"] = {name + key: value for key, value in one["properties"].items()}
            one["required"] = [name + key for key in one.get("required", [])]
            one.pop("additionalProperties", None)
        return {"allOf": [first, second]}

    def make_ref(self, depth):
        name = self.rng.choice(["one", "two/slash", "three%"])
        if name not in self.definitions:
            self.definitions[name] = None  # being made: refers to itself from here on
            self.definitions[name] = {
                "type": "object",
                "properties": {"v": self.schema(0), "next": {"$ref": self.pointer(name)}},
                "required": ["v"],
            }
        return {"$ref": self.pointer(name)}

    @staticmethod
    def pointer(name):
        return "#/$defs/" + name.replace("~", "~0").replace("/", "~1").replace("%", "%25")

    def instance(self, schema):
        """A random instance, and whether each part of it is valid for the part of the schema it was made from."""
        self.exact = True
        return self.value(schema), self.exact

    def value(self, schema, depth=0):
        made = self.made(schema, depth)
        if "$ref" not in str(schema) and not is_valid(validator_for(schema, "draft2020-12"), made):
            self.exact = False
        return made

    def made(self, schema, depth):
        rng = self.rng
        if schema is True or schema == {}:
            return rng.choice([1, "x", None, [1], {"k": True}])
        if "$ref" in schema:
            name = schema["$ref"][len("#/$defs/") :].replace("%25", "%").replace("~1", "/").replace("~0", "~")
            return self.value(self.definitions[name], depth + 1)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self.value(rng.choice(schema[keyword]), depth)
        if "allOf" in schema:
            return {k: v for one in schema["allOf"] for k, v in self.value(one, depth).items()}
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        return getattr(self, "value_" + schema["type"])(schema, depth)

    def value_null(self, schema, depth):
        return None

    def value_boolean(self, schema, depth):
        return self.rng.random() < 0.5

    def value_integer(self, schema, depth):
        low = max(schema.get("minimum", -999), schema.get("exclusiveMinimum", -999) + 1)
        high = min(schema.get("maximum", 999), schema.get("exclusiveMaximum", 999) - 1)
        return self.rng.randint(low, max(low, high))

    def value_number(self, schema, depth):
        low = max(schema.get("minimum", -999), schema.get("exclusiveMinimum", -999))
        high = min(schema.get("maximum", 999), schema.get("exclusiveMaximum", 999))
        return self.rng.choice([round(self.rng.uniform(low, high), self.rng.randint(0, 4)), low, high])

    def value_string(self, schema, depth):
        if "format" in schema:
            examples = {
                "date": ["2024-01-31", "1999-02-28", "2024-02-30", "2024-1-1"],
                "ipv4": ["1.2.3.4", "255.255.255.255", "256.1.1.1", "1.2.3"],
                "ipv6": ["1:2:3:4:5:6:7:8", "2001:db8:0:0:0:0:0:ff", "1:2:3", "g:2:3:4:5:6:7:8"],
                "uuid": ["123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456"],
                "email": ["ada@example.com", "no at sign"],
            }
            return self.rng.choice(examples[schema["format"]])
        if "pattern" in schema:
            # What \S has beyond ASCII is in dispute, and not written.
            others = [] if "S" in schema["pattern"] else ["é", "日本語"]
            return self.rng.choice(["abc", "b", "A12", "xyyx", "ab", 'a"b', "A1", "", "a b", "yy", *others])
        low = schema.get("minLength", 0)
        high = schema.get("maxLength", low + 5)
        return "".join(self.rng.choice('abé日 "\\\n😀') for _ in range(self.rng.randint(low, max(low, high))))

    def value_array(self, schema, depth):
        prefix = schema.get("prefixItems", [])
        low = schema.get("minItems", 0)
        high = min(schema.get("maxItems", max(low, 3)), len(prefix) if prefix else 99)
        length = self.rng.randint(low, max(low, high))
        return [self.value(prefix[i] if i < len(prefix) else schema.get("items", True), depth) for i in range(length)]

    def value_object(self, schema, depth):
        required = schema.get("required", [])
        made = {}
        for name, value in schema.get("properties", {}).items():
            if name in required or (depth < 4 and self.rng.random() < 0.5):
                made[name] = self.value(value, depth)
        others = schema.get("additionalProperties", False)
        if others is not False:
            for name in self.rng.sample(["other", "more", "bb"], self.rng.randint(0, 2)):
                made[name] = self.value(others, depth)
        return made


def changed(rng, value):
    """A value with one small change, valid or not."""
    value = copy.deepcopy(value)
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        kind = rng.randint(0, 3)
        if kind == 0:
            del value[key]
        elif kind == 1:
            value["unknown"] = 1
        else:
            value[key] = changed(rng, value[key])
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        index = rng.randrange(len(value))
        kind = rng.randint(0, 3)
        if kind == 0:
            del value[index]
        elif kind == 1:
            value.append(value[index])
        else:
            value[index] = changed(rng, value[index])
        return value
    if isinstance(value, str) and rng.random() < 0.6:
        return value + "a" if rng.random() < 0.5 else value[:-1]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and rng.random() < 0.6:
        return value + rng.choice([-1, 1, 0.5, 1000, -1000])
    return rng.choice([None, True, 0, "a", [], {}, 1.5])


def random_cases(rng):
    for number in range(RANDOM_SCHEMAS):
        maker = Maker(rng)
        schema = maker.schema(3)
        if maker.definitions:
            schema = {**schema, "$defs": maker.definitions}
        validator = validator_for(schema, "draft2020-12")
        made = [maker.instance(schema) for _ in range(5)]
        instances = made + [(changed(rng, value), False) for value, _ in made]
        yield f"random {number}", schema, [
            (value, is_valid(validator, value), written and is_valid(validator, value)) for value, written in instances
        ]


def main():
    rng = random.Random(SEED)
    cases, seen = [], set()
    for name, schema, instances in [*suite_cases(Path(sys.argv[1])), *random_cases(rng)]:
        schema_text = text_of(schema)
        if schema_text is None or schema_text in seen or len(schema_text) > 4000:
            continue
        seen.add(schema_text)
        # [text, whether it is valid, whether a grammar should have it]
        rows = {}
        for value, valid, written in instances:
            text = text_of(value)
            if text is not None and valid is not None and len(text) < 2000:
                rows.setdefault(text, [text, valid, written])
        cases.append({"name": name, "schema": schema_text, "instances": list(rows.values())})
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases]
    data = '{"cases":[\n' + ",\n".join(lines) + "\n]}\n"
    (HERE / "schemas.json").write_text(data, encoding="utf-8")
    provenance = {
        "script": "make_schemas.py",
        "script_sha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        "jsonschema": version("jsonschema"),
        "python": sys.version.split()[0],
        "suite": "JSON Schema Test Suite, as in the source archive of jsonschema; Copyright (c) 2012 Julian Berman; "
        "MIT License",
        "seed": SEED,
        "cases": len(cases),
        "date": datetime.date.today().isoformat(),
        "schemas_sha256": hashlib.sha256(data.encode()).hexdigest(),
    }
    (HERE / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    print(len(cases), "schemas,", len(data.encode()), "bytes")


if __name__ == "__main__":
    main()
