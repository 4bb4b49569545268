// The local engine as a provider: the model's state belongs to the conversation, and only what is
// new is evaluated.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/chat.h"
#include "engine/constraint.h"
#include "engine/engine.h"
#include "engine/gguf.h"
#include "engine/prompt.h"
#include "engine/sampling.h"
#include "engine/tokenizer.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/memory_left.h"
#include "runtime/base/text.h"
#include "runtime/edit_scorer.h"
#include "runtime/provider.h"

namespace corvid::runtime {
namespace {

using engine::OrderedJson;
using engine::Token;

// The argument that is a patch (tools/builtin/apply_patch.cc); it copies from the same files.
constexpr const char *kPatchTool = "apply_patch", *kPatchArgument = "patch";
constexpr int64_t kSnapshotBytesMax = int64_t{64} << 20;
// Weights of this size come from memory in every pass, which several conversations then share; more
// of these than kTogetherMax gain little.
constexpr int64_t kWeightBytesMin = int64_t{64} << 20;
constexpr int kTogetherMax = 8;

// What all forks of one conversation share. Const after construction.
struct Shared {
  std::unique_ptr<engine::Engine> engine;
  std::optional<engine::PromptWriter> prompts;
  engine::CallSyntax call_syntax = engine::CallSyntax::hermes_json;
  ModelProfile profile;
  std::unique_ptr<EditScorer> scorer;
  TokenSink on_tokens;
  int64_t window = 0;
  int64_t reasoning_tokens_max = 0;
};

std::string default_template() {
  return "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content "
         "+ "
         "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ "
         "'<|im_start|>assistant\\n' }}{% endif %}";
}

// A value may begin like a call: it is not taken for one.
std::string without_thinking(const std::string& text) {
  constexpr std::string_view kEnd = "</think>";
  const size_t end = text.rfind(kEnd);
  return std::string(trim(std::string_view(text).substr(
      end == std::string::npos ? 0 : end + kEnd.size())));
}

class Embedded final : public Provider {
 public:
  explicit Embedded(std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)), sequence_(shared_->engine->open()) {}

  ModelProfile profile() const override { return shared_->profile; }

  std::string describe() const override {
    const engine::ModelSummary& summary = shared_->engine->summary();
    return fmt::format("{} ({}, {:.1f} M parameters)", summary.name, summary.architecture,
                       double(summary.parameter_count) / 1e6);
  }

  void start(const std::string& system, std::span<const ToolDeclaration> tools) override {
    messages_.clear();
    replied_.reset();
    messages_.push_back({Role::system, system, {}, {}});
    tools_.assign(tools.begin(), tools.end());
  }

  TokenCounts read(std::span<const Message> added, std::stop_token stop) override {
    messages_.insert(messages_.end(), added.begin(), added.end());
    TokenCounts counts;
    engine::Prompt full = whole(messages_);
    if (!full.text.starts_with(text_)) counts.rebuilt = rewind_to_common(full.text);
    counts.reused = int64_t(sequence_->tokens().size());
    const std::vector<Token> tokens = shared_->prompts->encode(full, text_.size());
    if (!tokens.empty()) {
      evaluate(tokens, stop);
    } else if (logits_.empty()) {
      counts.rebuilt += evaluate_last_again(stop);
    }
    text_ = std::move(full.text);
    // What had been evaluated before the rewind and is evaluated again is not new.
    const int64_t again = std::min<int64_t>(dropped_, int64_t(tokens.size()));
    dropped_ = 0;
    counts.rebuilt += again;
    counts.prefilled = int64_t(tokens.size()) - again;
    if (sequence_->bytes_used() < kSnapshotBytesMax) sequence_->snapshot();
    return counts;
  }

  ContextUse context(std::span<const Message> added) const override {
    std::vector<Message> messages = messages_;
    messages.insert(messages.end(), added.begin(), added.end());
    if (messages.empty()) return {0, shared_->window};
    const engine::Prompt full = whole(messages);
    const bool goes_on = full.text.starts_with(text_);
    const int64_t have = goes_on ? int64_t(sequence_->tokens().size()) : 0;
    const auto rest = shared_->prompts->encode(full, goes_on ? text_.size() : 0);
    return {have + int64_t(rest.size()), shared_->window};
  }

  TokenCounts restart(std::span<const Message> messages, std::stop_token stop) override {
    messages_.resize(1);  // the system text
    replied_.reset();
    TokenCounts counts = read(messages, stop);
    counts.rebuilt += std::exchange(counts.prefilled, 0);
    counted_ = std::min(counted_, sequence_->tokens().size());
    return counts;
  }

  Reply complete(const Request& request, std::stop_token stop) override {
    CHECK(!logits_.empty());
    engine::SamplingParams params = engine::sampling_defaults(shared_->engine->file());
    if (request.temperature >= 0) params.temperature = request.temperature;
    params.seed = request.seed;
    params.tokens_max = request.tokens_max;
    engine::ConstraintSpec spec = constraint_spec(request);
    spec.thinking = thinking(request);
    engine::CallParserOptions parser_options;
    if (spec.thinking) {
      params.tokens_max += int(spec.thinking->tokens_max);
      parser_options.split_reasoning = true;
      parser_options.starts_in_reasoning = spec.thinking->is_open;
    }
    engine::Constraint constraint(spec, shared_->engine->tokenizer());
    for (const ToolDeclaration& tool : tools_) parser_options.schemas[tool.name] = tool.schema;
    engine::CallParser parser(shared_->call_syntax, std::move(parser_options));
    const size_t before = sequence_->tokens().size();
    const engine::Generation generation =
        engine::generate(*shared_->engine, *sequence_, logits_, params, &constraint, {}, stop);
    log_tokens(before);
    logits_.clear();
    if (generation.finish == engine::FinishReason::cancelled) fail(Code::cancelled, "cancelled");
    const engine::Tokenizer& tokenizer = shared_->engine->tokenizer();
    text_ += tokenizer.decode(sequence_->tokens().subspan(before), true);
    const Token last = sequence_->tokens().back();
    const size_t end_size = tokenizer.is_end(last) ? tokenizer.bytes(last, true).size() : 0;
    replied_ = Replied{messages_.size(), text_.size() - end_size};

    Reply reply;
    reply.message.role = Role::assistant;
    if (request.schema.empty()) {
      reply.message.content = parser.push(generation.text);
      reply.message.content += parser.finish();
      reply.message.reasoning = parser.reasoning();
      for (const engine::ParsedCall& call : parser.calls()) {
        reply.message.calls.push_back({"", call.name, call.arguments});
      }
      if (parser.broken()) reply.message.content += "(a tool call was cut off)";
    } else {
      reply.message.content = without_thinking(generation.text);
    }
    if (generation.finish == engine::FinishReason::length) reply.end = ReplyEnd::length;
    reply.tokens.generated = int64_t(sequence_->tokens().size() - before);
    messages_.push_back(reply.message);
    counted_ = sequence_->tokens().size();
    if (request.on_text && !reply.message.content.empty()) request.on_text(reply.message.content);
    return reply;
  }

  std::unique_ptr<Provider> fork(const std::string& lineage) const override {
    auto copy = std::make_unique<Embedded>(shared_);
    copy->messages_ = messages_;
    copy->tools_ = tools_;
    copy->sequence_ = sequence_->fork();
    copy->logits_ = logits_;
    copy->text_ = text_;
    copy->lineage_ = lineage;
    copy->counted_ = counted_;
    copy->replied_ = replied_;
    return copy;
  }
  std::string lineage() const override { return lineage_; }

  // As it was after the last whole reply: what came later is in no recorded turn.
  void save(const std::filesystem::path& path) const override {
    if (counted_ == 0) return;
    if (sequence_->tokens().size() <= counted_) return sequence_->save(path);
    const auto copy = sequence_->fork();
    copy->truncate(int(counted_));
    copy->save(path);
  }

  TokenCounts restore(const std::filesystem::path& path, std::span<const Message> messages,
                      std::span<const EvaluatedTokens> log) override {
    messages_.insert(messages_.end(), messages.begin(), messages.end());
    TokenCounts counts;
    const Logged logged = join_log(log);
    try {
      if (std::filesystem::exists(path)) sequence_->load(path);
    } catch (const Error&) {
      // A cache: what cannot be used is made anew from the log.
    }
    const auto have = sequence_->tokens();
    const bool is_boundary =
        have.empty() || std::count(logged.ends.begin(), logged.ends.end(), have.size()) != 0;
    if (!is_boundary || have.size() > logged.tokens.size() ||
        !std::equal(have.begin(), have.end(), logged.tokens.begin())) {
      sequence_ = shared_->engine->open();
    }
    size_t begin = 0;
    for (const size_t end : logged.ends) {
      const std::span<const Token> segment(logged.tokens.data() + begin, end - begin);
      begin = end;
      if (end <= sequence_->tokens().size()) continue;
      shared_->engine->append(*sequence_, segment, {}, false, {});
      counts.rebuilt += int64_t(segment.size());
    }
    text_ = shared_->engine->tokenizer().decode(sequence_->tokens(), true);
    counted_ = sequence_->tokens().size();
    replied_ = find_reply();
    return counts;
  }

  EditOpinion edit_opinion() const override {
    if (shared_->scorer == nullptr) return {};
    return {[shared = shared_](const tools::RankRequest& request) {
              return shared->scorer->score(request);
            },
            [shared = shared_] { return shared->scorer->tokens(); }};
  }

  // Each may come to hold as much again as this one holds, of half of what the machine has left.
  int together_max() const override {
    if (shared_->engine->summary().file_bytes < kWeightBytesMin) return 1;
    const int64_t each = 2 * sequence_->bytes_used() + int64_t(logits_.size() * sizeof(float));
    const int64_t fit = memory_left() / 2 / std::max<int64_t>(each, 1);
    return int(std::clamp<int64_t>(fit, 1, kTogetherMax));
  }

  DecodeCounts decode_counts() const override {
    const engine::StepCounts counts = shared_->engine->step_counts();
    return {counts.steps, counts.passes};
  }

 private:
  // The newest reply: its message, and where in `text_` it ends, before its end token.
  struct Replied {
    size_t message = 0, end = 0;
  };

  // The token log of this lineage as it stands, with the ends of its segments.
  struct Logged {
    std::vector<Token> tokens;
    std::vector<size_t> ends;
  };

  Logged join_log(std::span<const EvaluatedTokens> log) const {
    Logged joined;
    for (const EvaluatedTokens& evaluated : log) {
      if (evaluated.lineage != lineage_) continue;
      const size_t position = std::min(size_t(evaluated.position), joined.tokens.size());
      joined.tokens.resize(position);
      while (!joined.ends.empty() && joined.ends.back() > position) joined.ends.pop_back();
      if (position != 0 && (joined.ends.empty() || joined.ends.back() != position)) {
        joined.ends.push_back(position);
      }
      joined.tokens.insert(joined.tokens.end(), evaluated.tokens.begin(), evaluated.tokens.end());
      size_t end = position;
      for (const int32_t length : evaluated.segments) joined.ends.push_back(end += size_t(length));
    }
    return joined;
  }

  // For a reply that needs the logits of the last token, which a restored state does not hold.
  int64_t evaluate_last_again(std::stop_token stop) {
    CHECK(!sequence_->tokens().empty());
    const Token last = sequence_->tokens().back();
    const int64_t again = sequence_->truncate(int(sequence_->tokens().size()) - 1);
    evaluate({&last, 1}, stop);
    return again + 1;
  }

  engine::Prompt render(std::span<const Message> messages) const {
    return shared_->prompts->write(context_of(messages));
  }

  // What the sequence is to hold before the next reply. Up to the newest one it stays as it was
  // evaluated, even where the template would by now write that otherwise: many leave out what was
  // thought once a new message comes.
  engine::Prompt whole(std::span<const Message> messages) const {
    const OrderedJson context = context_of(messages);
    engine::Prompt full = shared_->prompts->write(context);
    if (full.text.starts_with(text_) || !replied_) return full;
    auto behind = shared_->prompts->write_behind(context, replied_->message);
    if (!behind) return full;
    for (engine::Prompt::Span& span : behind->literals) {
      span.begin += replied_->end;
      span.end += replied_->end;
    }
    behind->text.insert(0, text_, 0, replied_->end);
    return std::move(*behind);
  }

  // After a restore: the last reply of `messages_` in what the sequence holds, by the number of
  // turns that end before it. What follows must be what the template writes there, or begin so.
  std::optional<Replied> find_reply() const {
    const auto is_reply = [](const Message& message) { return message.role == Role::assistant; };
    const auto reply = std::find_if(messages_.rbegin(), messages_.rend(), is_reply);
    if (reply == messages_.rend() || !shared_->prompts->has_thinking()) return std::nullopt;
    const size_t index = size_t(messages_.rend() - reply) - 1;
    const engine::Tokenizer& tokenizer = shared_->engine->tokenizer();
    const auto is_end = [&tokenizer](Token token) { return tokenizer.is_end(token); };
    const auto before = shared_->prompts->encode(render(std::span(messages_).first(index)));
    auto turns = std::count_if(before.begin(), before.end(), is_end);
    size_t end = 0;
    for (const Token token : sequence_->tokens()) {
      if (is_end(token) && turns-- == 0) break;
      end += tokenizer.bytes(token, true).size();
    }
    const auto behind = shared_->prompts->write_behind(context_of(messages_), index);
    const auto rest = std::string_view(text_).substr(end);
    const bool fits = behind && turns <= 0 &&
                      (behind->text.starts_with(rest) || rest.starts_with(behind->text));
    if (!fits) return std::nullopt;
    return Replied{index, end};
  }

  // No more of it than half of what the window has left; a summary is not worth more than itself.
  std::optional<engine::Thinking> thinking(const Request& request) const {
    if (!shared_->prompts->has_thinking()) return std::nullopt;
    int64_t tokens_max = shared_->reasoning_tokens_max;
    if (request.no_calls || !request.schema.empty()) {
      tokens_max = std::min<int64_t>(tokens_max, request.tokens_max);
    }
    if (shared_->window > 0) {
      const int64_t left = shared_->window - int64_t(sequence_->tokens().size());
      tokens_max = std::clamp<int64_t>((left - request.tokens_max) / 2, 0, tokens_max);
    }
    return engine::Thinking{engine::ends_in_thinking(text_), tokens_max,
                            shared_->prompts->thinking_end()};
  }

  OrderedJson context_of(std::span<const Message> messages) const {
    OrderedJson context;
    context["messages"] = OrderedJson::array();
    for (const Message& message : messages) {
      OrderedJson json = {{"role", role_name(message.role)}, {"content", message.content}};
      for (const ToolCall& call : message.calls) {
        OrderedJson arguments = engine::parse_ordered(call.arguments);
        if (arguments.is_discarded()) arguments = call.arguments;
        json["tool_calls"].push_back(
            {{"type", "function"},
             {"id", call.id},
             {"function", {{"name", call.name}, {"arguments", std::move(arguments)}}}});
      }
      if (message.role == Role::tool) json["tool_call_id"] = message.call_id;
      if (!message.reasoning.empty()) json["reasoning_content"] = message.reasoning;
      context["messages"].push_back(std::move(json));
    }
    for (const ToolDeclaration& tool : tools_) {
      context["tools"].push_back({{"type", "function"},
                                  {"function",
                                   {{"name", tool.name},
                                    {"description", tool.description},
                                    {"parameters", engine::parse_ordered(tool.schema)}}}});
    }
    context["add_generation_prompt"] = true;
    if (shared_->reasoning_tokens_max == 0) context["enable_thinking"] = false;
    return context;
  }

  void evaluate(std::span<const Token> tokens, std::stop_token stop) {
    const size_t before = sequence_->tokens().size();
    logits_.resize(size_t(shared_->engine->summary().vocab_size));
    shared_->engine->append(*sequence_, tokens, logits_, false, stop);
    log_tokens(before);
  }

  // A template that writes history anew: back to the last token that still stands.
  int64_t rewind_to_common(const std::string& full) {
    const engine::Tokenizer& tokenizer = shared_->engine->tokenizer();
    size_t keep = 0, bytes = 0;
    for (const Token token : sequence_->tokens()) {
      const std::string_view piece = tokenizer.bytes(token, true);
      // A BOS that the tokenizer asks for and the template does not write.
      const bool added = keep == 0 && token == tokenizer.bos() && !full.starts_with(piece);
      if (!added && full.compare(bytes, piece.size(), piece) != 0) break;
      if (!added) bytes += piece.size();
      ++keep;
    }
    if (bytes == 0) keep = 0;
    dropped_ = int64_t(sequence_->tokens().size() - keep);
    const int64_t again = sequence_->truncate(int(keep));
    text_ = full.substr(0, bytes);
    if (replied_ && replied_->end > bytes) replied_.reset();
    return again;
  }

  void log_tokens(size_t before) const {
    if (!shared_->on_tokens) return;
    const auto tokens = sequence_->tokens().subspan(before);
    EvaluatedTokens evaluated{lineage_, int32_t(before), {tokens.begin(), tokens.end()}, {}};
    int32_t at = int32_t(before);
    for (const int32_t end : sequence_->segments()) {
      if (end <= at) continue;
      evaluated.segments.push_back(end - at);
      at = end;
    }
    shared_->on_tokens(evaluated);
  }

  static bool copies(const Request& request, const ToolDeclaration& tool) {
    if (!request.copied || request.copied->tool != tool.name) return false;
    const Json properties = parse_json(tool.schema, tool.name)["properties"];
    return properties.contains(request.copied->text) && properties.contains(request.copied->path);
  }

  engine::ConstraintSpec constraint_spec(const Request& request) const {
    engine::ConstraintSpec spec;
    spec.syntax = shared_->call_syntax;
    for (const Message& message : messages_) spec.calls_before += int(message.calls.size());
    spec.call_required = shared_->profile.calls_required;
    spec.allow_text = !spec.call_required;
    if (!request.schema.empty()) {
      spec.value_schema = request.schema;
      return spec;
    }
    if (request.no_calls) {
      spec.call_required = false;
      spec.allow_text = true;
      return spec;
    }
    for (const ToolDeclaration& tool : tools_) {
      if (request.withheld.contains(tool.name)) continue;
      engine::ToolShape shape{tool.name, tool.schema, {}, {}, {}};
      for (const auto& [name, values] : request.offered) {
        if (!name.starts_with(tool.name + ".")) continue;
        const std::string argument = name.substr(tool.name.size() + 1);
        if (parse_json(tool.schema, tool.name)["properties"].contains(argument)) {
          shape.offered[argument] = values;
        }
      }
      if (copies(request, tool)) shape.copied[request.copied->text] = request.copied->path;
      if (tool.name == kPatchTool) shape.patches.insert(kPatchArgument);
      spec.tools.push_back(std::move(shape));
    }
    if (request.copied) {
      for (const std::string& path : request.copied->paths) {
        spec.sources.push_back(
            {{path, "./" + path, request.copied->folder + path},
             [read = request.copied->read, path] { return read(path); }});
      }
    }
    return spec;
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<engine::Sequence> sequence_;
  std::string lineage_ = "main";
  std::vector<Message> messages_;
  std::vector<ToolDeclaration> tools_;
  std::string text_;           // rendered text that the sequence holds
  std::vector<float> logits_;  // of the last token read; empty after a reply
  std::optional<Replied> replied_;
  size_t counted_ = 0;         // tokens after the last whole reply
  int64_t dropped_ = 0;        // tokens that the last rewind gave up
};

}  // namespace

std::unique_ptr<Provider> make_embedded(std::string_view model, const ProviderOptions& options) {
  namespace fs = std::filesystem;
  fs::path path{model};
  if (!fs::exists(path) && !model.ends_with(".gguf")) {
    path = options.models_folder / (std::string(model) + ".gguf");
  }
  if (!fs::exists(path)) {
    fail(Code::not_found, "no model '" + std::string(model) +
                              "': give the path of a .gguf file, or "
                              "put one into " +
                              options.models_folder.string());
  }
  auto shared = std::make_shared<Shared>();
  shared->engine = engine::Engine::load(path, {});
  const engine::GgufFile& file = shared->engine->file();
  const std::string chat_template =
      file.string("tokenizer.chat_template").value_or(default_template());
  shared->prompts.emplace(chat_template, shared->engine->tokenizer());
  shared->call_syntax = engine::call_syntax(chat_template);
  if (const auto profile = file.string("corvid.profile")) {
    shared->profile = parse_profile(*profile);
    const RankSettings rank = parse_rank_settings(*profile);
    if (rank.is_read_twice && rank.weight != 0) {
      shared->scorer = std::make_unique<EditScorer>(*shared->engine, rank);
    }
  }
  shared->on_tokens = options.on_tokens;
  shared->reasoning_tokens_max = options.reasoning_tokens_max;
  shared->window = shared->engine->summary().context_max;
  for (const int64_t limit : {int64_t{shared->profile.context_tokens}, options.context_tokens}) {
    if (limit > 0 && (shared->window <= 0 || limit < shared->window)) shared->window = limit;
  }
  return std::make_unique<Embedded>(std::move(shared));
}

}  // namespace corvid::runtime
