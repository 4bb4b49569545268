#pragma once
// A provider instance is one conversation with a model: it is given what is new, and can be forked,
// saved and restored.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/message.h"
#include "tools/edit_candidates.h"

namespace corvid::runtime {

struct ToolDeclaration {
  std::string name;
  std::string description;
  std::string schema;  // JSON Schema of the arguments
};

// How a model wants to be driven (`corvid.profile` in a GGUF). It narrows what the model is
// offered; it never widens policy.
struct ModelProfile {
  std::string system;              // system text; empty: Corvid's own
  std::vector<std::string> tools;  // empty: all
  bool calls_required = false;     // each turn is exactly one call
  // "tool.argument" -> what its values are drawn from: "check" (the check command), "source_files"
  // (of languages that suggest_edits knows), "files", "choices", or "none" (never given).
  std::map<std::string, std::string> offered;
  std::map<std::string, std::vector<std::string>> omit;  // arguments that the model is not shown
  int64_t tool_output_bytes = 0;                         // 0: the harness's own limit
  // 0: no limit. Otherwise, for models that must be kept from going in circles: so many files are
  // read at most, no call is offered whose answer is known, and `finish` tells what was done.
  int reads_max = 0;
  int attempts = 1;                                      // when the user names no number
  int context_tokens = 0;                                // 0: the model's own
};

// Throws corrupt, naming the key, for a profile that is not well-formed.
ModelProfile parse_profile(std::string_view json);

// Arguments of a tool that are passages of a file: `text` copies from the file that `path` names.
struct CopiedText {
  std::string tool, text, path;
  std::string folder;              // which absolute paths to the files begin with, "/"-ended
  std::vector<std::string> paths;  // of the files that may be copied from
  // As the model saw it; nullopt: there is nothing to copy from after all. Thread-safe.
  std::function<std::optional<std::string>(const std::string& path)> read;
};

// What the next reply is drawn from.
struct Request {
  // Values allowed per "tool.argument" in this reply; absent: any that fits the schema.
  std::map<std::string, std::vector<std::string>> offered;
  std::optional<CopiedText> copied = {};  // for models that write under constraint
  std::set<std::string> withheld;  // tools that this reply cannot call
  float temperature = -1;  // < 0: the model's own default; 0: greedy
  uint64_t seed = 0;
  int tokens_max = 4096;
  bool no_calls = false;  // text only
  // Not empty: a JSON Schema; the reply's text is one value of it and there are no calls. Local
  // models are held to it, servers are asked for it.
  std::string schema = {};
  std::function<void(std::string_view)> on_text;  // may be empty
};

// too_long: a server refused, for its model's window has no room for the conversation. There is no
// reply then: the message holds the server's words, and context() tells what is known now.
enum class ReplyEnd { end, length, too_long };

struct Reply {
  Message message;  // calls have no ids yet
  ReplyEnd end = ReplyEnd::end;
  TokenCounts tokens;
};

// Tokens that a local model evaluated, as the session's token log keeps them.
struct EvaluatedTokens {
  std::string lineage;           // "main", or the name that fork() was given
  int32_t position = 0;          // where they stand; what was logged from there on is void
  std::vector<int32_t> tokens;
  std::vector<int32_t> segments;  // their lengths, as they were evaluated; sum = tokens.size()
};

// How a model ranks edits, and what its sequences for that have cost so far. Empty functions when
// the model has no say. Thread-safe.
struct EditOpinion {
  tools::RankEdits rank;
  std::function<TokenCounts()> tokens;
};

// A local model's single steps so far, of all conversations that share it, and the passes over its
// weights that they took: fewer where attempts decode together.
struct DecodeCounts {
  int64_t steps = 0, passes = 0;
};

// How full the model's window is, in tokens.
struct ContextUse {
  int64_t used = 0;
  int64_t window = 0;  // 0: not known, or without an end
};

class Provider {
 public:
  virtual ~Provider() = default;

  virtual ModelProfile profile() const { return {}; }
  // Whether the same conversation, seed and request give the same reply, token by token.
  virtual bool is_repeatable() const { return true; }
  virtual std::string describe() const = 0;  // "fledgling.gguf (gated-deltanet2, 1.3 M parameters)"

  // Once, before the first read().
  virtual void start(const std::string& system, std::span<const ToolDeclaration> tools) = 0;

  // Takes in what is new since the last reply, which is all that is evaluated.
  virtual TokenCounts read(std::span<const Message> added, std::stop_token stop) = 0;

  // How full the window is with `added`, which was not read yet: exact for a local model and for
  // what a server has counted; the rest at three bytes to a token.
  virtual ContextUse context(std::span<const Message> added) const = 0;

  // Goes on with other messages in place of all behind the system text, and reads them. What a
  // local model evaluates for that is `rebuilt`.
  virtual TokenCounts restart(std::span<const Message> messages, std::stop_token stop) = 0;

  // The reply to what was read; its message becomes part of the conversation, unless that was too
  // long. Throws cancelled, or
  // io or device when the model fails. Never throws for what the model wrote.
  virtual Reply complete(const Request& request, std::stop_token stop) = 0;

  // The same conversation from here on, independent of this one, under a name of its own.
  virtual std::unique_ptr<Provider> fork(const std::string& lineage) const = 0;
  virtual std::string lineage() const = 0;  // "main", or the name that fork() was given

  // The model's state on disk, a cache. restore() is called after start() on a new instance with
  // all messages that the log holds. What the file does not cover is evaluated again along the
  // segments of `log` (`rebuilt` counts it), which gives the same bits.
  virtual void save(const std::filesystem::path& path) const = 0;
  virtual TokenCounts restore(const std::filesystem::path& path, std::span<const Message> messages,
                              std::span<const EvaluatedTokens> log) = 0;

  // The model's own opinion on edits; stays usable when this object is gone.
  virtual EditOpinion edit_opinion() const { return {}; }

  // So many forks of this conversation, this one included, are worth being gone on with at once,
  // since the model computes their replies together; 1: it gains nothing by that.
  virtual int together_max() const { return 1; }
  virtual DecodeCounts decode_counts() const { return {}; }
};

// Called with the tokens of each evaluation before its result is acted on. Thread-safe.
using TokenSink = std::function<void(const EvaluatedTokens&)>;

inline constexpr int64_t kReasoningTokensUsual = 8192, kReasoningTokensMax = 1 << 24;

struct ProviderOptions {
  std::filesystem::path models_folder;  // installed models
  TokenSink on_tokens;                  // may be empty
  int64_t context_tokens = 0;           // the model's window; 0: what the model says, or is usual
  // Of a local model's thinking before one reply, besides Request::tokens_max; 0: none.
  int64_t reasoning_tokens_max = kReasoningTokensUsual;
};

// `model` as in design.md §5: a .gguf path, the name of an installed model, scripted:FILE. Throws
// not_found with what is known, and how to get a model.
std::unique_ptr<Provider> make_provider(std::string_view model, const ProviderOptions& options);

}  // namespace corvid::runtime
