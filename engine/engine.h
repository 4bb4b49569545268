#pragma once
// The engine's face: load a GGUF model, keep sequences, evaluate tokens. It knows nothing of
// agents.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::engine {

class ChatTemplate;
class GgufFile;
class Tokenizer;

using Token = int32_t;

struct EngineOptions {
  std::string backend = "cpu";  // a line of backends.inc
  std::string cpu_level;        // a name of cpu_levels(); empty: CORVID_CPU, else the best
  int thread_count = 0;         // 0: as many as there are cores
  int chunk_tokens = 64;        // prefill chunk; its borders sit at absolute positions
  // Multiplies quantized weights with activations rounded to 8 bits (per 32 values): faster, and as
  // far from the exact product as llama.cpp is. Weights of other types are multiplied exactly.
  bool int8_activations = true;
  // Reads the model's draft head (multi-token prediction) and keeps it ready for draft(). Throws
  // unsupported where the file has none. State files fit engines with the same choice only.
  bool draft_head = false;
  // How keys and values are kept: "f32", "f16" or "q8_0". Empty: f16 where activations are rounded
  // to 8 bits and the file has quantized weights, else f32. State files fit the same choice only.
  std::string kv_type = {};
};

// Kernels for one instruction set of this processor's family, and whether this one has it.
struct CpuLevel {
  std::string name;
  bool works = false;
};
std::vector<CpuLevel> cpu_levels();  // best last

// One conversation's memory in the model: the token log, KV pages and recurrent state. Forks share
// pages and are copied on write. Used by one thread at a time; different sequences of one engine
// may be used from different threads: what is small of their work shares passes over the weights,
// the rest takes turns.
class Sequence {
 public:
  ~Sequence();

  // Every token evaluated so far, and the ends of the segments in which append() and step()
  // evaluated them: re-evaluation that follows the segments gives the same bits.
  std::span<const Token> tokens() const;
  std::span<const int32_t> segments() const;

  std::unique_ptr<Sequence> fork() const;

  // Remembers the state at the present position so that truncate() can return to it.
  void snapshot();
  // Back to `token_count` tokens, from the newest snapshot at or before it; the tokens between are
  // evaluated again along their segments. Returns how many were.
  int truncate(int token_count);

  // A versioned, checksummed file bound to the model's hash. load() throws corrupt or invalid
  // ("saved by another model") and leaves the sequence as it was.
  void save(const std::filesystem::path& path) const;
  void load(const std::filesystem::path& path);

  int64_t bytes_used() const;

  struct Impl;  // engine/state's own

 private:
  friend class Engine;
  explicit Sequence(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct StepItem {
  Sequence* sequence = nullptr;
  Token token = 0;
};

// Evaluations of up to 64 tokens without a stop or every row's logits, single steps above all, and
// the passes over the weights in which threads shared them.
struct StepCounts {
  int64_t steps = 0, passes = 0;
};

struct ModelSummary {
  std::string architecture, name, file;
  int64_t parameter_count = 0, file_bytes = 0;
  int32_t vocab_size = 0, layer_count = 0, dim = 0, context_max = 0;
  std::string backend;  // for people: "cpu avx2, 2 threads"
  std::string kv_type;  // of keys and values that are kept: "F32", "F16" or "Q8_0"
  std::string hash;  // GgufFile::data_hash(); what state files are bound to
};

// Thread-safe. Throws corrupt, unsupported (architecture, type) or io when loading.
class Engine {
 public:
  static std::unique_ptr<Engine> load(const std::filesystem::path& model,
                                      const EngineOptions& options);
  ~Engine();

  const ModelSummary& summary() const;
  const GgufFile& file() const;
  const Tokenizer& tokenizer() const;

  std::unique_ptr<Sequence> open();

  StepCounts step_counts() const;  // since it was loaded

  // Appends `tokens` in chunks. Writes the logits of the last token, (vocab_size), unless `logits`
  // is empty. With `every_row`, (tokens.size(), vocab_size). Stops with `cancelled`; the sequence
  // then ends at a chunk's border.
  void append(Sequence& sequence, std::span<const Token> tokens, std::span<float> logits,
              bool every_row, std::stop_token stop);

  // One token for each of several sequences in one batch; the same results as one by one, bit for
  // bit. Writes logits (items.size(), vocab_size).
  void step(std::span<const StepItem> items, std::span<float> logits);

  // Evaluates `tokens` in one batch as step() does one by one, bit for bit, and writes logits
  // (tokens.size(), vocab_size). `keep` says how many of them stay, 1 to tokens.size(); the others
  // are taken back. It must not use the sequence.
  void verify(Sequence& sequence, std::span<const Token> tokens, std::span<float> logits,
              const std::function<size_t()>& keep);

  // The draft head's guess: `count` tokens behind `next`, a token that is not evaluated yet. With
  // `logits`, (count, vocab_size), what they were chosen by. Needs EngineOptions::draft_head.
  std::vector<Token> draft(Sequence& sequence, Token next, int count, std::span<float> logits);

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::engine
