# SPDX-License-Identifier: Apache-2.0
"""The facts of a model in the form that the emitters need."""
import json

from names import camel, snake

SCALARS = {"string": ("kString", "std::string"), "character": ("kString", "std::string"),
           "integer": ("kInteger", "int32_t"), "long": ("kLong", "int64_t"),
           "boolean": ("kBoolean", "bool"), "double": ("kDouble", "double"),
           "float": ("kDouble", "double"), "blob": ("kBlob", "Bytes"),
           "timestamp": ("kTimestamp", "TimePoint"),
           "document": ("kDocument", "boost::json::value")}
LOCATIONS = {None: "kBody", "header": "kHeader", "headers": "kHeaders", "uri": "kUri",
             "querystring": "kQuery", "statusCode": "kStatus"}


class Member:
    def __init__(self, model, name, ref, shape):
        self.name = name
        self.cpp = snake(name)
        target = model.shapes[ref["shape"]]
        self.streaming = bool(ref.get("streaming") or target.get("streaming"))
        self.shape = "#stream" if self.streaming else ref["shape"]
        if target.get("eventstream"):
            if "rest" in model.metadata.get("protocol", ""):
                raise ValueError(f"{name}: event streams of REST protocols are not supported")
            self.streaming, self.shape = True, "#events"
        self.required = name in shape.get("required", [])
        self.location = LOCATIONS[ref.get("location", target.get("location"))]
        self.flattened = bool(ref.get("flattened", target.get("flattened", False)))
        self.json_value = bool(ref.get("jsonvalue") or target.get("jsonvalue"))
        self.xml_attribute = bool(ref.get("xmlAttribute"))
        self.idempotency_token = bool(ref.get("idempotencyToken"))
        self.time_format = ref.get("timestampFormat", target.get("timestampFormat"))
        self.xml_namespace = ref.get("xmlNamespace")
        named = ref.get("locationName")
        if named is None and target["type"] != "structure":
            named = target.get("locationName")
        # A prefix of headers may be empty: the member then holds all of them.
        self.wire_name = named or ("" if self.location == "kHeaders" else name)
        self.xml_name = ref.get("queryName") or self.flat_name(ref, target) or named or name
        self.boxed = False

    @staticmethod
    def flat_name(ref, target):
        """A list that is flattened by its own shape gives its elements' name, where it has one."""
        if target["type"] != "list" or not target.get("flattened") or ref.get("flattened"):
            return None
        return target["member"].get("queryName") or target["member"].get("locationName")


class Model:
    """A service's shapes and operations; ValueError for what the generator cannot express."""

    def __init__(self, facts, choices, service):
        self.service = service
        self.metadata = facts["metadata"]
        self.choices = choices
        self.operations = dict(facts["operations"])
        self.shapes = dict(facts["shapes"])
        self.not_implemented = facts.get("notImplemented", {})
        for name, facts_ in choices.get("extraShapes", {}).items():
            self.shapes.setdefault(name, facts_)
        for name, values in choices.get("enums", {}).items():
            self.shapes[name] = {**self.shapes[name], "enum": self.shapes[name]["enum"] + values}
        for name, order in choices.get("enumOrders", {}).items():
            values = self.shapes[name]["enum"]
            # Values that a newer model has stand behind.
            order = order + [value for value in values if value not in order]
            if sorted(order) != sorted(values):
                raise ValueError(f"enumOrders of {name} has values that the model lacks")
            self.shapes[name] = {**self.shapes[name], "enum": order}
        self.structures = {}
        for name, shape in self.shapes.items():
            if shape["type"] == "structure" and shape.get("document"):
                shape["type"] = "document"
        for name, shape in self.shapes.items():
            if shape["type"] == "structure":
                order = shape.get("order") or list(shape["members"])
                self.structures[name] = [Member(self, n, shape["members"][n], shape)
                                         for n in order]
                for member in self.structures[name]:
                    if member.name in choices.get("optionalMembers", {}).get(name, []):
                        member.required = False
        self.add_empty_sides()
        self.box_cycles()
        self.order = self.declaration_order()

    def add_empty_sides(self):
        """A struct for an operation's missing input or output."""
        for name, op in self.operations.items():
            op["hasOutput"] = "output" in op
            for side, suffix in (("input", "Request"), ("output", "Response")):
                if side in op:
                    continue
                empty = camel(name) + suffix
                while empty in self.shapes:
                    empty += "Empty"
                self.shapes[empty] = {"type": "structure", "members": {}}
                self.structures[empty] = []
                op[side] = empty

    def direct(self, name):
        """Structures that a struct holds by value."""
        return [m for m in self.structures[name]
                if m.shape in self.structures and not m.boxed]

    def box_cycles(self):
        for name in self.structures:
            for member in self.structures[name]:
                if member.shape in self.structures and self.reaches(member.shape, name, set()):
                    member.boxed = True

    def reaches(self, start, goal, seen):
        if start == goal:
            return True
        if start in seen:
            return False
        seen.add(start)
        return any(self.reaches(n, goal, seen) for n in self.held(start))

    def held(self, name):
        out = []
        for member in self.structures[name]:
            shape = member.shape
            while not shape.startswith("#") and self.shapes[shape]["type"] in ("list", "map"):
                part = "member" if self.shapes[shape]["type"] == "list" else "value"
                shape = self.shapes[shape][part]["shape"]
            if shape in self.structures:
                out.append(shape)
        return out

    def declaration_order(self):
        """Every struct after those it holds, as far as cycles through lists and maps allow."""
        done, order = set(), []

        def visit(name, path):
            if name in done or name in path:
                return
            for member in self.structures[name]:
                if member.shape in self.structures and not member.boxed:
                    visit(member.shape, path | {name})
            for held in sorted(self.held(name)):
                if not any(m.boxed and m.shape == held for m in self.structures[name]):
                    visit(held, path | {name})
            if name not in done:
                done.add(name)
                order.append(name)

        for name in sorted(self.structures):
            visit(name, frozenset())
        return order

    def cpp_type(self, name):
        if name == "#stream":
            return "Body"
        if name == "#events":
            return "Events"
        shape = self.shapes[name]
        kind = shape["type"]
        if kind in SCALARS:
            return SCALARS[kind][1]
        if kind == "structure":
            return camel(name)
        if kind == "list":
            element = self.cpp_type(shape["member"]["shape"])
            return "std::deque<bool>" if element == "bool" else f"std::vector<{element}>"
        return f"std::map<std::string, {self.cpp_type(shape['value']['shape'])}>"

    def member_type(self, member):
        cpp = self.cpp_type(member.shape)
        if member.json_value:
            cpp = "std::string"
        if member.boxed:
            cpp = f"Box<{cpp}>"
        return cpp if member.required or member.streaming else f"std::optional<{cpp}>"

    def errors(self):
        """code -> (constant, query code, status, query status, sender's fault, shape)."""
        out = {}
        for name, shape in self.shapes.items():
            if not shape.get("exception") and "error" not in shape:
                continue
            error = shape.get("error", {})
            query = shape.get("queryError", error)
            fault = bool(shape.get("fault"))
            default = 500 if fault else 400
            query_status = query.get("httpStatusCode", default)
            status = error.get("httpStatusCode", default)
            code = error.get("code", name)
            if "awsQueryCompatible" in self.metadata:
                # The code and status of such an error are the query protocol's.
                code, status = name, default
            out[code] = (camel(name), query.get("code", code), status, query_status, not fault,
                         name)
        for code, status in self.choices.get("errors", {}).items():
            old = out.get(code)
            query = old[1] if old else code
            if isinstance(status, dict):
                query, status = status["query"], status["status"]
            out[code] = (camel(code), query, status, status, status < 500,
                         old[5] if old else None)
        return out


def load(model_path, choices_path, service):
    with open(model_path, encoding="utf-8") as file:
        facts = json.load(file)
    choices = facts.get("choices", {})
    if choices_path:
        with open(choices_path, encoding="utf-8") as file:
            choices = json.load(file)
    return Model(facts, choices, service)
