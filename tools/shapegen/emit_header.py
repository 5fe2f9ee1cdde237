# SPDX-License-Identifier: Apache-2.0
"""The header of a service: structs, operation tags, error codes."""
from names import camel, string


def members(model, name):
    for member in model.structures[name]:
        cpp = model.member_type(member)
        init = "{}" if cpp in ("int32_t", "int64_t", "bool", "double", "TimePoint") else ""
        yield f"  {cpp} {member.cpp}{init};"


def header(model, namespace, source):
    out = ["// SPDX-License-Identifier: Apache-2.0",
           f"// Generated from {source} by tools/shapegen; do not edit.",
           "#pragma once", ""]
    out += ["#include <cstdint>", "#include <deque>", "#include <map>", "#include <optional>",
            "#include <string>", "#include <vector>", ""]
    if any(s["type"] == "document" for s in model.shapes.values()):
        out += ["#include <boost/json.hpp>", ""]
    out += [f'#include "{name}.h"' for name in (
        "base/clock", "shapes/box", "shapes/call", "shapes/events", "shapes/shape")]
    out += ["", f"namespace suiro::shapes::{namespace} {{", ""]
    out += [f"struct {camel(n)};" for n in sorted(model.structures)] + [""]
    for name in model.order:
        out += [f"struct {camel(name)} {{", *members(model, name),
                "  static const Shape& shape();", "};", ""]
    out += ["namespace op {", ""]
    for name in sorted(model.operations):
        op = model.operations[name]
        out += [f"struct {camel(name)} {{",
                f"  using Input = {namespace}::{camel(op['input'])};",
                f"  using Output = {namespace}::{camel(op['output'])};",
                "  static const Operation& operation();", "};"]
    out += ["", "}  // namespace op", "", "namespace errors {"]
    for code, (constant, *_) in sorted(model.errors().items()):
        out.append(f"inline constexpr std::string_view k{constant} = {string(code)};")
    out += ["}  // namespace errors", "", "const ServiceModel& service_model();", "",
            f"}}  // namespace suiro::shapes::{namespace}", ""]
    return "\n".join(out)
