# SPDX-License-Identifier: Apache-2.0
"""The tables of a service: shapes, members, operations."""
from facts import SCALARS
from names import camel, fnv1a, string

PROTOCOLS = {"json": "kJson", "query": "kQuery", "rest-json": "kRestJson", "rest-xml": "kRestXml",
             "smithy-rpc-v2-cbor": "kCbor", "cbor-1.1": "kTargetCbor"}
TIME = {None: "kDefault", "iso8601": "kIso8601", "rfc822": "kRfc822", "unixTimestamp": "kUnix"}
VALIDATION = {"standard": "kStandard", "sqs": "kSqs", "s3": "kS3", "query": "kQuery",
              "logs": "kLogs"}


def namespace_of(facts):
    if not facts:
        return None
    if isinstance(facts, str):
        facts = {"uri": facts}
    return f'{{{string(facts.get("prefix", ""))}, {string(facts["uri"])}}}'


def brace(fields):
    """A designated initializer of the fields that are set."""
    return "{" + ", ".join(f".{k} = {v}" for k, v in fields if v is not None) + "}"


class Tables:
    def __init__(self, model, namespace):
        self.model = model
        self.namespace = namespace
        self.names = sorted(model.shapes)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.index["#stream"] = len(self.names)
        self.index["#text"] = len(self.names) + 1
        self.index["#events"] = len(self.names) + 2

    def ref(self, name):
        return f"&kShapes[{self.index[name]}]"

    def member_row(self, struct, member):
        text = "#text" if member.json_value else member.shape
        return brace([
            ("name", string(member.name)), ("wire_name", string(member.wire_name)),
            ("xml_name", string(member.xml_name)),
            ("offset", f"offsetof({struct}, {member.cpp})"),
            ("slot", f"&kSlot<decltype({struct}::{member.cpp})>"), ("shape", self.ref(text)),
            ("location", f"Location::{member.location}" if member.location != "kBody" else None),
            ("time_format", f"TimeFormat::{TIME[member.time_format]}"
             if member.time_format else None),
            ("required", "true" if member.required else None),
            ("flattened", "true" if member.flattened else None),
            ("xml_attribute", "true" if member.xml_attribute else None),
            ("json_value", "true" if member.json_value else None),
            ("idempotency_token", "true" if member.idempotency_token else None),
            ("xml_namespace", namespace_of(member.xml_namespace))])

    def lookup(self, members):
        if len(members) > 254:
            raise ValueError("a structure of more than 254 members")
        size = 2
        while size < 2 * len(members):
            size *= 2
        table = [0] * size
        for number, member in enumerate(members):
            if member.location != "kBody":
                continue
            at = fnv1a(member.wire_name) % size
            while table[at]:
                at = (at + 1) % size
            table[at] = number + 1
        return table

    def structure_tables(self):
        for name in self.names:
            members = self.model.structures.get(name)
            if not members:
                continue
            number = self.index[name]
            yield f"const Member kMembers{number}[] = {{"
            for member in members:
                yield f"    {self.member_row(camel(name), member)},"
            yield "};"
            row = ", ".join(map(str, self.lookup(members)))
            yield f"const uint8_t kLookup{number}[] = {{{row}}};"

    def enum_tables(self):
        for name in self.names:
            values = self.model.shapes[name].get("enum")
            if values:
                row = ", ".join(string(v) for v in values)
                yield f"const std::string_view kValues{self.index[name]}[] = {{{row}}};"

    def structure_fields(self, name, shape):
        number = self.index[name]
        members = self.model.structures[name]
        cpp = camel(name)
        payload = None
        if "payload" in shape:
            at = [m.name for m in members].index(shape["payload"])
            payload = f"&kMembers{number}[{at}]"
        return [("members", f"kMembers{number}" if members else None),
                ("lookup", f"kLookup{number}" if members else None), ("payload", payload),
                ("is_union", "true" if shape.get("union") else None),
                ("create", f"&create<{cpp}>"), ("destroy", f"&destroy<{cpp}>"),
                ("xml_root", string(shape.get("locationName", name)))]

    def shape_row(self, name):
        shape = self.model.shapes[name]
        kind = shape["type"]
        fields = [("name", string(name)),
                  ("kind", "Kind::" + (SCALARS[kind][0] if kind in SCALARS else
                                       {"list": "kList", "map": "kMap",
                                        "structure": "kStructure"}[kind]))]
        if kind == "structure":
            fields += self.structure_fields(name, shape)
        if kind == "list":
            element = shape["member"]
            fields += [("element", self.ref(element["shape"])),
                       ("element_name", string(element.get("queryName")
                                               or element.get("locationName", "member"))),
                       ("element_namespace", namespace_of(element.get("xmlNamespace")))]
        if kind == "map":
            key, value = shape["key"], shape["value"]
            fields += [("element", self.ref(value["shape"])), ("key", self.ref(key["shape"])),
                       ("element_name", string(value.get("queryName")
                                               or value.get("locationName", "value"))),
                       ("key_name", string(key.get("queryName")
                                           or key.get("locationName", "key"))),
                       ("element_namespace", namespace_of(value.get("xmlNamespace"))),
                       ("key_namespace", namespace_of(key.get("xmlNamespace")))]
        if kind in ("list", "map"):
            fields.append(("flattened", "true" if shape.get("flattened") else None))
            cpp = self.model.cpp_type(name)
            if kind == "list":
                fields.append(("list", f"&kList<{cpp}>"))
            else:
                fields.append(("map", f"&kMap<{cpp[len('std::map<std::string, '):-1]}>"))
        fields += [("min", shape.get("min")), ("max", shape.get("max")),
                   ("pattern", string(shape["pattern"]) if "pattern" in shape else None),
                   *self.pattern_fields(name),
                   ("values", f"kValues{self.index[name]}" if shape.get("enum") else None),
                   ("time_format", f"TimeFormat::{TIME[shape['timestampFormat']]}"
                    if shape.get("timestampFormat") else None),
                   ("xml_namespace", namespace_of(shape.get("xmlNamespace")))]
        return brace(fields)

    def pattern_fields(self, name):
        """A pattern that RE2 lacks (it looks ahead or behind), said with two that it has."""
        said = self.model.choices.get("patterns", {}).get(name)
        if not said:
            return []
        return [("pattern_matches", string(said["matches"])), ("pattern_not", string(said["not"]))]

    def shapes(self):
        total = len(self.names) + 3
        yield f"extern const Shape kShapes[{total}];"
        yield from self.enum_tables()
        yield from self.structure_tables()
        yield f"constinit const Shape kShapes[{total}] = {{"
        for name in self.names:
            yield f"    {self.shape_row(name)},"
        yield '    {.name = "Body", .kind = Kind::kStream},'
        yield '    {.name = "JsonText", .kind = Kind::kString},'
        yield '    {.name = "Events", .kind = Kind::kEvents},'
        yield "};"

    def error_tables(self):
        errors = sorted(self.model.errors().items())
        if errors:
            yield "constinit const ErrorShape kErrors[] = {"
            for code, (_, query, status, query_status, fault, shape) in errors:
                yield "    " + brace([
                    ("code", string(code)), ("query_code", string(query)), ("status", status),
                    ("query_status", query_status),
                    ("sender_fault", "true" if fault else "false"),
                    ("shape", self.ref(shape) if shape else None)]) + ","
            yield "};"
        self.error_index = {e[1][5]: i for i, e in enumerate(errors) if e[1][5]}

    def has_stream(self, name):
        return any(m.streaming for m in self.model.structures[name])

    def operation_tables(self):
        unsupported = self.model.choices.get("unsupportedMembers", {})
        for number, name in enumerate(sorted(self.model.operations)):
            op = self.model.operations[name]
            errors = [f"&kErrors[{self.error_index[e]}]" for e in op.get("errors", [])]
            if errors:
                yield (f"const ErrorShape* const kErrorsOf{number}[] = "
                       f"{{{', '.join(errors)}}};")
            if unsupported.get(name):
                row = ", ".join(string(m) for m in unsupported[name])
                yield f"const std::string_view kUnsupported{number}[] = {{{row}}};"
            required = self.required_headers(op)
            if required:
                row = ", ".join(string(h) for h in required)
                yield f"const std::string_view kHeaders{number}[] = {{{row}}};"
            yield f"extern const Operation kOperation{number};"
            yield self.operation_row(number, name, op, errors, unsupported.get(name), required)

    def required_headers(self, op):
        return sorted(m.wire_name.lower() for m in self.model.structures[op["input"]]
                      if m.location == "kHeader" and m.required
                      and m.wire_name.lower() in self.model.choices.get("routeHeaders", []))

    def operation_row(self, number, name, op, errors, unsupported, required):
        path, _, query = op["http"]["requestUri"].partition("?")
        checksum = op.get("httpChecksum", {}).get("requestChecksumRequired")
        return f"constinit const Operation kOperation{number} = " + brace([
            ("name", string(name)), ("service", "&kService"),
            ("input", self.ref(op["input"])), ("output", self.ref(op["output"])),
            ("has_output", "true" if op["hasOutput"] else "false"),
            ("method", string(op["http"]["method"])), ("path", string(path)),
            ("literal_query", string(query)),
            ("status", op["http"].get("responseCode", 200)),
            ("result_wrapper", string(op.get("resultWrapper", ""))),
            ("input_root", string(op.get("inputLocationName", ""))),
            ("output_root", string(self.model.choices.get("outputRoots", {}).get(name, ""))),
            ("unwrapped_output", "true"
             if name in self.model.choices.get("unwrappedOutputs", []) else None),
            ("input_namespace", namespace_of(op.get("inputXmlNamespace")) or "{}"),
            ("errors", f"kErrorsOf{number}" if errors else None),
            ("unsupported_members", f"kUnsupported{number}" if unsupported else None),
            ("required_headers", f"kHeaders{number}" if required else None),
            ("streams_input", "true" if self.has_stream(op["input"]) else None),
            ("streams_output", "true" if self.has_stream(op["output"]) else None),
            ("checksum_required", "true" if checksum else None)]) + ";"

    def service_row(self):
        meta, choices = self.model.metadata, self.model.choices
        protocols = choices.get("protocols", [meta["protocol"]])
        yield ("const Protocol kProtocols[] = {"
               + ", ".join(f"Protocol::{PROTOCOLS[p]}" for p in protocols) + "};")
        count = len(self.model.operations)
        rows = ", ".join(f"&kOperation{i}" for i in range(count))
        yield f"const Operation* const kOperations[] = {{{rows}}};"
        lacking = self.model.not_implemented
        if lacking:
            yield "const LackingOperation kNotImplemented[] = {"
            for name in sorted(lacking):
                method, _, uri = lacking[name].partition(" ")
                path, _, query = uri.partition("?")
                row = ", ".join(string(t) for t in (name, method, path, query))
                yield f"    {{{row}}},"
            yield "};"
        validation = VALIDATION[choices.get("validation", "standard")]
        yield "constinit const ServiceModel kService = " + brace([
            ("id", string(self.model.service)),
            ("signing_name", string(meta.get("signingName", self.model.service))),
            ("api_version", string(meta.get("apiVersion", ""))),
            ("json_version", string(meta.get("jsonVersion", ""))),
            ("target_prefix", string(meta.get("targetPrefix", ""))),
            ("xml_namespace", string(self.xml_namespace(meta))),
            ("path_member", string(choices.get("pathMember", ""))),
            ("error_namespace", string(choices.get("errorNamespace", ""))),
            ("protocols", "kProtocols"),
            ("query_compatible", "true" if "awsQueryCompatible" in meta else None),
            ("validation", f"Validation::{validation}"), ("operations", "kOperations"),
            ("not_implemented", "kNotImplemented" if lacking else None),
            ("errors", "kErrors" if self.model.errors() else None)]) + ";"

    def xml_namespace(self, meta):
        found = self.model.choices.get("xmlNamespace", meta.get("xmlNamespace", ""))
        return found if isinstance(found, str) else found["uri"]

    def source(self, include, source):
        yield "// SPDX-License-Identifier: Apache-2.0"
        yield f"// Generated from {source} by tools/shapegen; do not edit."
        yield f'#include "{include}"'
        yield ""
        yield "#include <cstddef>"
        yield ""
        yield "#pragma clang diagnostic ignored \"-Winvalid-offsetof\""
        yield "#pragma clang diagnostic ignored \"-Wmissing-designated-field-initializers\""
        yield ""
        yield f"namespace suiro::shapes::{self.namespace} {{"
        yield "namespace {"
        yield "extern const ServiceModel kService;"
        yield from self.shapes()
        yield from self.error_tables()
        yield from self.operation_tables()
        yield from self.service_row()
        yield "}  // namespace"
        yield ""
        for name in sorted(self.model.structures):
            yield (f"const Shape& {camel(name)}::shape() "
                   f"{{ return kShapes[{self.index[name]}]; }}")
        for number, name in enumerate(sorted(self.model.operations)):
            yield (f"const Operation& op::{camel(name)}::operation() "
                   f"{{ return kOperation{number}; }}")
        yield "const ServiceModel& service_model() { return kService; }"
        yield ""
        yield f"}}  // namespace suiro::shapes::{self.namespace}"
        yield ""
