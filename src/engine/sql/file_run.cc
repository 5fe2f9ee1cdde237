// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/file_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "engine/sql/convert.h"
#include "engine/sql/input_coercion.h"
#include "engine/sql/input_file.h"
#include "engine/sql/row_codec.h"
#include "engine/sql/switches.h"

namespace suiro::sql {
namespace {

struct NamedFile {
  std::string name, path;
};

Result<std::vector<NamedFile>> named_files(const char* option,
                                           const std::vector<std::string>& texts) {
  std::vector<NamedFile> out;
  for (const std::string& text : texts) {
    const size_t sign = text.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == text.size()) {
      return fail(codes::kInvalidArgument, fmt::format("{} {}: expected NAME=FILE", option, text));
    }
    out.push_back({text.substr(0, sign), text.substr(sign + 1)});
  }
  return out;
}

// One run of a program over its files.
class FileRun {
 public:
  FileRun(const FileRunOptions& arguments, const RowPrinter& printer)
      : arguments_(arguments), printer_(printer) {}

  Result<void> prepare();
  Result<void> run();
  std::string explained() const { return sql::explain(*program_); }

 private:
  Result<void> read_schemas();
  Result<void> choose_outputs();
  Result<Rows> read_table(const NamedFile& table) const;
  Result<std::unique_ptr<Engine>> make_engine() const;
  Result<void> restart(std::unique_ptr<Engine>& engine);
  void print(Engine& engine);
  void print_rows(const Output& output);

  const FileRunOptions& arguments_;
  Switches switches_;
  const RowPrinter& printer_;
  std::vector<NamedFile> inputs_, tables_;
  std::map<std::string, InputSchema> schemas_;
  std::shared_ptr<const Program> program_;
  std::vector<size_t> outputs_;
  size_t error_stream_ = kNoStream;
  int64_t start_ms_ = 0;
};

Result<void> FileRun::read_schemas() {
  TRY(inputs_, named_files("--input", arguments_.inputs));
  TRY(tables_, named_files("--table", arguments_.tables));
  TRY(auto files, named_files("--schema", arguments_.schemas));
  for (const NamedFile& file : files) {
    TRY(std::string text, read_text_file(file.path));
    auto schema = parse_input_schema(text);
    if (!schema) {
      return fail(codes::kInvalidArgument, file.path + ": " + schema.error().message);
    }
    schemas_[file.name] = *std::move(schema);
  }
  for (const auto* list : {&inputs_, &tables_}) {
    for (const NamedFile& each : *list) {
      if (schemas_.contains(each.name)) continue;
      return fail(codes::kInvalidArgument,
                  fmt::format("{} has no schema: --schema {}=FILE", each.name, each.name));
    }
  }
  return ok();
}

Result<void> FileRun::prepare() {
  TRY(start_ms_, parse_lax_datetime(TypeKind::kTimestamp, arguments_.start));
  TRY(std::string text, read_text_file(arguments_.program));
  TRY_VOID(read_schemas());
  CompileInput input;
  for (const NamedFile& each : inputs_) {
    input.inputs.push_back(definition_of(each.name, schemas_[each.name]));
  }
  for (const NamedFile& each : tables_) {
    input.tables.push_back(definition_of(each.name, schemas_[each.name]));
    input.tables.back().origin = StreamDefinition::Origin::kProgram;
  }
  for (const std::string& each : arguments_.switches) TRY_VOID(set_switch(switches_, each));
  auto program = compile(text, input, FunctionLibrary(switches_.functions), switches_.language);
  if (!program) {
    return fail(codes::kInvalidArgument, arguments_.program + ": " + program.error().message);
  }
  program_ = *std::move(program);
  return choose_outputs();
}

// Those asked for; else those of the program's streams that none of its pumps reads.
Result<void> FileRun::choose_outputs() {
  for (const std::string& name : arguments_.outputs) {
    const size_t stream = find_stream(*program_, name);
    if (stream == kNoStream) {
      return fail(codes::kInvalidArgument, "--output: the program has no stream " + name);
    }
    outputs_.push_back(stream);
  }
  std::vector<bool> read(program_->streams.size(), false);
  auto mark = [&](auto& self, const Node& node) -> void {
    if (const auto* scan = std::get_if<ScanNode>(&node.what)) read[scan->stream] = true;
    for (const auto& each : node.inputs) self(self, *each);
  };
  for (const Pump& pump : program_->pumps) mark(mark, *pump.root);
  const bool chosen = !outputs_.empty();
  for (size_t i = 0; i < program_->streams.size(); ++i) {
    const auto origin = program_->streams[i].origin;
    if (origin == StreamDefinition::Origin::kErrors) error_stream_ = i;
    if (!chosen && !read[i] && origin == StreamDefinition::Origin::kProgram) {
      outputs_.push_back(i);
    }
  }
  return ok();
}

Result<Rows> FileRun::read_table(const NamedFile& table) const {
  const InputSchema& schema = schemas_.at(table.name);
  InputFileOptions options{.start_ms = start_ms_};
  TRY(InputFile file, InputFile::open(table.path, schema, options));
  MappedRows mapped;
  file.next(std::numeric_limits<size_t>::max(), mapped);
  if (!mapped.rejected.empty()) {
    return fail(codes::kInvalidArgument,
                fmt::format("{}: {} rows are damaged; the first: {}", table.path,
                            mapped.rejected.size(), mapped.rejected[0].error.message));
  }
  if (mapped.rows.columns.empty()) {
    mapped.rows = empty_rows(lanes_of(definition_of("", schema).schema));
  }
  return std::move(mapped.rows);
}

Result<std::unique_ptr<Engine>> FileRun::make_engine() const {
  EngineOptions options;
  options.threads = arguments_.threads;
  options.start_ms = start_ms_;
  options.operator_bytes_max = arguments_.memory_mb << 20;
  options.total_bytes_max = arguments_.memory_mb << 22;
  options.group_rowtime = switches_.group_rowtime;
  std::vector<size_t> outputs = outputs_;
  if (std::ranges::find(outputs, error_stream_) == outputs.end()) outputs.push_back(error_stream_);
  TRY(auto engine, Engine::create(program_, options, outputs));
  for (size_t i = 0; i < tables_.size(); ++i) {
    TRY(Rows rows, read_table(tables_[i]));
    TRY_VOID(engine->load_table(i, rows));
  }
  return engine;
}

void FileRun::print_rows(const Output& output) {
  const StreamDefinition& stream = program_->streams[output.stream];
  const bool wanted = std::ranges::find(outputs_, output.stream) != outputs_.end();
  const auto format = arguments_.format == "csv" ? OutputFormat::kCsv : OutputFormat::kJson;
  Type timestamp;
  timestamp.kind = TypeKind::kTimestamp;
  std::string text;
  for (size_t i = 0; i < output.rows.size(); ++i) {
    if (!wanted || outputs_.size() > 1) text += stream.name + "\t";
    if (arguments_.show_rowtime) {
      const auto time = Value::of_integer(output.rows.rowtimes_ms[i]);
      append_value_text(timestamp, time, text);
      text += '\t';
    }
    format_row(stream.schema, output.rows, i, format, text, switches_.output);
    text += '\n';
  }
  printer_(wanted ? RowKind::kWanted : RowKind::kError, text);
}

// Stream by stream: what one call gives of several streams has no order of its own.
void FileRun::print(Engine& engine) {
  for (const Output& output : engine.take()) print_rows(output);
}

Result<void> FileRun::restart(std::unique_ptr<Engine>& engine) {
  TRY(Bytes state, engine->checkpoint());
  if (arguments_.exchange_state) state = arguments_.exchange_state(std::move(state));
  TRY(engine, make_engine());
  return engine->restore(state);
}

Result<void> FileRun::run() {
  TRY(auto engine, make_engine());
  std::vector<InputFile> files;
  for (const NamedFile& each : inputs_) {
    InputFileOptions options{arguments_.rowtime, start_ms_, arguments_.pace_ms};
    TRY(auto file, InputFile::open(each.path, schemas_[each.name], options));
    files.push_back(std::move(file));
  }
  size_t since_restart = 0;
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < files.size(); ++i) {
      if (files[i].at_end()) {
        if (!arguments_.open_end) engine->advance_input(i, kBoundEnd);
        continue;
      }
      MappedRows batch;
      files[i].next(arguments_.batch_rows, batch);
      more = true;
      since_restart += batch.rows.size();
      engine->push(i, std::move(batch.rows), batch.rejected);
      print(*engine);
      if (arguments_.restart_rows == 0 || since_restart < arguments_.restart_rows) continue;
      since_restart = 0;
      TRY_VOID(restart(engine));
    }
  }
  if (!arguments_.open_end) engine->advance(kBoundEnd, start_ms_);
  print(*engine);
  return ok();
}

}  // namespace

Result<void> run_files(const FileRunOptions& options, const RowPrinter& printer) {
  FileRun run(options, printer);
  TRY_VOID(run.prepare());
  if (!options.explain) return run.run();
  printer(RowKind::kWanted, run.explained());
  return ok();
}

}  // namespace suiro::sql
