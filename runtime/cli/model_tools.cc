#include "runtime/cli/model_tools.h"

#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "engine/convert.h"
#include "engine/embedder.h"
#include "engine/gguf.h"
#include "engine/quantize.h"
#include "engine/threads.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/cli/terminal.h"
#include "runtime/paths.h"

namespace corvid::runtime {
namespace {

constexpr size_t kTextsAtOnce = 64;
constexpr const char* kTypes = "F32, F16, BF16, Q8_0, Q4_0, Q5_0, Q4_K or Q6_K";

struct EmbedArguments {
  std::string file, prefix, out;
  std::vector<std::string> texts;
  int threads = 0;
  bool json = false, exact = false;
};

// Vectors are printed as they come, one line per text, and kept only for --out.
class Printer {
 public:
  Printer(const EmbedArguments& arguments, const engine::Embedder& embedder)
      : arguments_(arguments), embedder_(embedder) {}

  void push(std::string text) {
    texts_.push_back(std::move(text));
    if (texts_.size() == kTextsAtOnce) flush();
  }

  void flush() {
    std::vector<std::string> whole;
    for (const std::string& text : texts_) whole.push_back(arguments_.prefix + text);
    const std::vector<std::string_view> views(whole.begin(), whole.end());
    const std::vector<float> vectors = embedder_.embed(views);
    const auto dim = static_cast<size_t>(embedder_.dim());
    for (size_t i = 0; i < texts_.size(); ++i) {
      const std::span<const float> row(vectors.data() + i * dim, dim);
      if (!arguments_.out.empty()) kept_.insert(kept_.end(), row.begin(), row.end());
      if (arguments_.json) {
        write_text(stdout, dump_json({{"text", texts_[i]},
                                      {"tokens", embedder_.tokens(whole[i]).size()},
                                      {"model", embedder_.name()},
                                      {"embedding", std::vector<float>(row.begin(), row.end())}}) +
                               "\n");
      } else if (arguments_.out.empty()) {
        write_text(stdout, fmt::format("{}\n", fmt::join(row, " ")));
      }
    }
    count_ += texts_.size();
    texts_.clear();
  }

  void finish() {
    flush();
    if (arguments_.out.empty()) return;
    write_npy(arguments_.out, kept_, count_, static_cast<size_t>(embedder_.dim()));
  }

 private:
  const EmbedArguments& arguments_;
  const engine::Embedder& embedder_;
  std::vector<std::string> texts_;
  std::vector<float> kept_;
  size_t count_ = 0;
};

void embed(const EmbedArguments& arguments) {
  engine::EngineOptions options;
  options.thread_count = arguments.threads;
  options.int8_activations = !arguments.exact;
  const auto embedder = engine::Embedder::load(find_model(arguments.file), options);
  Printer printer(arguments, *embedder);
  for (const std::string& text : arguments.texts) printer.push(text);
  if (arguments.texts.empty()) {
    for (std::string line; std::getline(std::cin, line);) {
      if (line.ends_with('\r')) line.pop_back();
      printer.push(std::move(line));
    }
  }
  printer.finish();
}

struct WriteArguments {
  std::string in, out, type;
  bool json = false;
};

std::optional<engine::TensorType> type_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto type = engine::writable_type(name);
  if (!type) fail(Code::invalid, "cannot write '" + name + "': it is none of " + kTypes);
  return type;
}

void quantize(const WriteArguments& arguments) {
  const auto type = type_of(arguments.type);
  const std::filesystem::path in = find_model(arguments.in);
  if (std::filesystem::exists(arguments.out) && std::filesystem::equivalent(in, arguments.out)) {
    fail(Code::invalid, "the new file would replace the one that is read");
  }
  const auto file = engine::GgufFile::open(in);
  const engine::QuantizeReport report = engine::quantize_file(*file, *type, arguments.out);
  const std::string name(engine::type_info(*type).name);
  if (arguments.json) {
    write_text(stdout, dump_json({{"file", arguments.out},
                                  {"type", name},
                                  {"tensors", report.tensor_count},
                                  {"quantized", report.quantized_count},
                                  {"fallbacks", report.fallback_count},
                                  {"bytes_before", report.bytes_before},
                                  {"bytes_after", report.bytes_after}}) +
                           "\n");
    return;
  }
  write_text(stdout, fmt::format("{}: {} of {} tensors as {}, {:.1f} MB of weights, {:.1f} MB "
                                 "before\n",
                                 arguments.out, report.quantized_count, report.tensor_count, name,
                                 double(report.bytes_after) / 1e6,
                                 double(report.bytes_before) / 1e6));
  if (report.fallback_count > 0) {
    write_text(stdout, fmt::format("{} of them have rows that are no whole number of blocks and "
                                   "got another type\n",
                                   report.fallback_count));
  }
}

void convert(const WriteArguments& arguments) {
  const engine::ConvertReport report =
      engine::convert_model(arguments.in, type_of(arguments.type), arguments.out);
  if (arguments.json) {
    write_text(stdout, dump_json({{"file", arguments.out},
                                  {"architecture", report.architecture},
                                  {"tensors", report.tensor_count},
                                  {"bytes", report.bytes},
                                  {"unused", report.unused_count}}) +
                           "\n");
    return;
  }
  write_text(stdout,
             fmt::format("{}: {}, {} tensors, {:.1f} MB of weights; {} tensors of the folder are "
                         "not used\n",
                         arguments.out, report.architecture, report.tensor_count,
                         double(report.bytes) / 1e6, report.unused_count));
}

void add_embed(Command& group) {
  const auto arguments = std::make_shared<EmbedArguments>();
  Command made = group.subcommand(
      "embed", "Lines on stdin -> vectors of unit length, one line each, with an embedding model");
  made.option("file", arguments->file, "A .gguf file").required();
  made.option("-p,--prompt", arguments->texts, "A text; may be given several times")
      .one_value_each();
  made.option("--prefix", arguments->prefix, "In front of every text: \"search_query: \"");
  made.option("--out", arguments->out, "X.npy, float32 [texts, width]");
  made.option("-t,--threads", arguments->threads, "Threads (default, and 0: one per core)")
      .range(0, engine::kThreadsMax);
  made.flag("--exact", arguments->exact,
            "Multiply quantized weights without rounding activations to 8 bits: slower");
  made.flag("--json", arguments->json, "One object per line");
  made.footer("Example:\n  corvid model embed minilm.gguf -p \"roll back a migration\" --json");
  made.callback([arguments] { embed(*arguments); });
}

void add_quantize(Command& group) {
  const auto arguments = std::make_shared<WriteArguments>();
  Command made = group.subcommand("quantize", "Write a model's weights in another type");
  made.option("file", arguments->in, "A .gguf file").required();
  made.option("out", arguments->out, "The new file").required();
  made.option("--type", arguments->type, kTypes).required();
  made.flag("--json", arguments->json, "For programs");
  made.footer("Example:\n  corvid model quantize model.gguf model-q4.gguf --type q4_k");
  made.callback([arguments] { quantize(*arguments); });
}

void add_convert(Command& group) {
  const auto arguments = std::make_shared<WriteArguments>();
  Command made =
      group.subcommand("convert", "A folder of safetensors (bert, llama, mistral, qwen3) -> GGUF");
  made.option("folder", arguments->in, "With config.json and tokenizer").required();
  made.option("out", arguments->out, "The new file").required();
  made.option("--type", arguments->type, std::string(kTypes) + " (default: as they are)");
  made.flag("--json", arguments->json, "For programs");
  made.footer("Example:\n  corvid model convert all-MiniLM-L6-v2/ minilm.gguf");
  made.callback([arguments] { convert(*arguments); });
}

}  // namespace

std::filesystem::path find_model(const std::string& name) {
  if (std::filesystem::exists(name)) return name;
  const Paths paths = find_paths();
  const std::filesystem::path installed = paths.models() / (name + ".gguf");
  if (std::filesystem::exists(installed)) return installed;
  if (name == "fledgling" || name.empty()) return find_shared_file(paths, "fledgling.gguf");
  fail(Code::not_found, "no model '" + name + "': give the path of a .gguf file");
}

void write_npy(const std::filesystem::path& path, std::span<const float> values, size_t rows,
               size_t columns) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += char(header.size() & 0xff);
  bytes += char(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  write_file_atomic(path, bytes);
}

void add_model_tools(Command& group) {
  add_embed(group);
  add_quantize(group);
  add_convert(group);
}

}  // namespace corvid::runtime
