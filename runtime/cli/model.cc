#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "engine/chat.h"
#include "engine/constraint.h"
#include "engine/engine.h"
#include "engine/gguf.h"
#include "engine/outline.h"
#include "engine/prompt.h"
#include "engine/sampling.h"
#include "engine/threads.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/model_bench.h"
#include "runtime/cli/model_tools.h"
#include "runtime/cli/terminal.h"

namespace corvid::runtime {
namespace {

using engine::Token;

struct ModelArguments {
  std::string file, tokens, prompt, prompt_file, mode = "batch", out, messages, tools,
                                                 template_file;
  std::string state_save, state_load, pre, draft, schema, kv_type;
  std::vector<std::string> set, stop;
  std::string prompt_lengths = "512", depths = "0", turn;
  int count = 128, bench_count = 64, threads = 0, repeat = 3, draft_max = 4, sequences = 0;
  float temperature = -1;  // below 0, here and in the next three: what the file says
  int top_k = -1;
  int64_t reasoning_budget = -1;  // below 0: no limit
  float top_p = -1, min_p = -1;
  uint64_t seed = 0;
  bool json = false, parse_special = false, add_special = false, detokenize = false;
  bool no_generation_prompt = false, chat = false, exact = false, int8 = false;
};

std::string read_stdin() {
  return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
}

std::unique_ptr<engine::Engine> load(const ModelArguments& arguments, int chunk_tokens = 64) {
  engine::EngineOptions options;
  options.thread_count = arguments.threads;
  options.chunk_tokens = chunk_tokens;
  options.int8_activations = !arguments.exact;
  options.draft_head = arguments.draft == "mtp";
  options.kv_type = arguments.kv_type;
  return engine::Engine::load(find_model(arguments.file), options);
}

std::vector<int> parse_ints(const std::string& text, const char* option) {
  std::vector<int> values;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    const std::string item(trim(std::string_view(text).substr(at, comma - at)));
    if (item.empty() || item.find_first_not_of("0123456789") != std::string::npos ||
        item.size() > 9) {
      fail(Code::invalid, fmt::format("{}: '{}' is not a number", option, item));
    }
    values.push_back(std::stoi(item));
    at = comma + 1;
  }
  return values;
}

int64_t context_of(const engine::GgufFile& file) {
  const std::string architecture = file.string("general.architecture").value_or("");
  return file.integer(architecture + ".context_length").value_or(0);
}

std::string tokenizer_of(const engine::GgufFile& file) {
  const std::string pre = file.string("tokenizer.ggml.pre").value_or("");
  return file.string("tokenizer.ggml.model").value_or("none") + (pre.empty() ? "" : " ") + pre;
}

void info(const ModelArguments& arguments) {
  const auto file = engine::GgufFile::open(find_model(arguments.file));
  std::map<std::string, int64_t> types;
  int64_t parameters = 0;
  for (const engine::TensorView& tensor : file->tensors()) {
    types[std::string(engine::type_info(tensor.type).name)] += tensor.bytes;
    parameters += tensor.element_count();
  }
  const engine::ModelOutline outline = engine::outline(*file);
  const std::optional<engine::MemoryNeeds> needs = engine::memory_needs(*file);
  if (arguments.json) {
    Json json = {{"layers", outline.layers},
                 {"ffn", outline.ffn},
                 {"blocks", outline.block_count},
                 {"draft_blocks", outline.draft_block_count},
                 {"context", context_of(*file)},
                 {"tokenizer", tokenizer_of(*file)},
                 {"has_template", file->has("tokenizer.chat_template")},
                 {"decode_bytes", outline.decode_bytes},
                 {"state_bytes", needs ? Json(needs->state_bytes) : Json()},
                 {"kv_bytes_per_token", needs ? Json(needs->kv_bytes_per_token) : Json()},
                 {"window_bytes", needs ? Json(needs->window_bytes) : Json()},
                 {"window_tokens", needs ? Json(needs->window_tokens) : Json()},
                 {"kv_type", needs ? Json(needs->kv_type) : Json()},
                 {"file", file->path()},
                 {"architecture", file->string("general.architecture").value_or("")},
                 {"name", file->string("general.name").value_or("")},
                 {"parameters", parameters},
                 {"file_bytes", file->file_bytes()},
                 {"tensors", file->tensors().size()},
                 {"bytes_by_type", types},
                 {"hash", file->data_hash()}};
    for (const std::string& key : file->keys()) json["metadata"][key] = file->value_text(key);
    write_text(stdout, dump_json(json) + "\n");
    return;
  }
  write_text(stdout,
             fmt::format("file          {} ({:.1f} MB)\narchitecture  {}\nname          {}\n"
                         "parameters    {:.3f} M in {} tensors\n",
                         printable(file->path()), double(file->file_bytes()) / 1e6,
                         printable(file->string("general.architecture").value_or("?")),
                         printable(file->string("general.name").value_or("?")),
                         double(parameters) / 1e6,
                         file->tensors().size()));
  write_text(stdout, fmt::format("layers        {}\n", outline.layers));
  if (!outline.ffn.empty()) write_text(stdout, fmt::format("  with        {}\n", outline.ffn));
  if (outline.draft_block_count > 0) {
    write_text(stdout, fmt::format("draft head    {} blocks\n", outline.draft_block_count));
  }
  write_text(stdout, needs ? fmt::format("memory        {} bytes of state per sequence, {} bytes "
                                         "of keys and values ({}) per token\n",
                                         needs->state_bytes, needs->kv_bytes_per_token,
                                         needs->kv_type)
                           : std::string("memory        (cannot be computed with here)\n"));
  if (needs && needs->window_bytes > 0) {
    write_text(stdout, fmt::format("window        {} bytes of keys and values for the newest {} "
                                   "tokens in layers that see no others\n",
                                   needs->window_bytes, needs->window_tokens));
  }
  write_text(stdout, fmt::format("context       {}\ntokenizer     {}\ntemplate      {}\n",
                                 context_of(*file), printable(tokenizer_of(*file)),
                                 file->has("tokenizer.chat_template") ? "yes" : "no"));
  for (const auto& [type, bytes] : types) {
    write_text(stdout, fmt::format("  {:<10}  {:.2f} MB\n", type, double(bytes) / 1e6));
  }
  for (const std::string& key : file->keys()) {
    write_text(stdout, fmt::format("  {} = {}\n", printable(key),
                                   truncate_utf8(printable(file->value_text(key)), 100)));
  }
}

void tokenize(const ModelArguments& arguments) {
  const auto file = engine::GgufFile::open(find_model(arguments.file));
  const auto tokenizer = engine::Tokenizer::make(*file, arguments.pre);
  const std::string input = read_stdin();
  if (arguments.detokenize) {
    const Json ids = parse_json(input, "token ids on stdin");
    if (!ids.is_array()) fail(Code::invalid, "token ids on stdin: not a JSON array");
    std::vector<Token> tokens;
    for (const Json& id : ids) {
      const bool known = id.is_number_integer() && id.get<double>() >= 0 &&
                         id.get<double>() < double(tokenizer->vocab_size());
      if (!known) fail(Code::invalid, "token " + dump_json(id) + " is not in the vocabulary");
      tokens.push_back(id.get<Token>());
    }
    write_foreign(stdout, tokenizer->decode_text(tokens, arguments.parse_special));
    return;
  }
  std::vector<Token> tokens = tokenizer->encode(input, arguments.parse_special);
  if (arguments.add_special && tokenizer->add_bos() && tokenizer->bos() >= 0) {
    if (tokens.empty() || tokens.front() != tokenizer->bos()) {
      tokens.insert(tokens.begin(), tokenizer->bos());
    }
  }
  if (arguments.add_special && tokenizer->add_eos() && tokenizer->eos() >= 0) {
    tokens.push_back(tokenizer->eos());
  }
  write_text(stdout, dump_json(tokens) + "\n");
}

engine::OrderedJson read_ordered(const std::string& path) {
  const std::string text = read_file(path);
  parse_json(text, path);  // for its one clear error
  return engine::parse_ordered(text);
}

void render(const ModelArguments& arguments) {
  std::string source;
  engine::OrderedJson context;
  if (!arguments.template_file.empty()) {
    source = read_file(arguments.template_file);
  } else {
    const auto file = engine::GgufFile::open(find_model(arguments.file));
    const auto found = file->string("tokenizer.chat_template");
    if (!found.has_value()) fail(Code::not_found, file->path() + " carries no chat template");
    source = *found;
    const auto tokenizer = engine::Tokenizer::make(*file);
    if (tokenizer->bos() >= 0) {
      context["bos_token"] = std::string(tokenizer->bytes(tokenizer->bos(), true));
    }
    if (tokenizer->eos() >= 0) {
      context["eos_token"] = std::string(tokenizer->bytes(tokenizer->eos(), true));
    }
  }
  if (arguments.messages.empty()) fail(Code::invalid, "no --messages FILE");
  context["messages"] = read_ordered(arguments.messages);
  if (!arguments.tools.empty()) context["tools"] = read_ordered(arguments.tools);
  context["add_generation_prompt"] = !arguments.no_generation_prompt;
  for (const std::string& item : arguments.set) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos) fail(Code::invalid, "--set " + item + ": expected key=json");
    parse_json(item.substr(equals + 1), "--set " + item);
    context[item.substr(0, equals)] = engine::parse_ordered(item.substr(equals + 1));
  }
  write_foreign(stdout, engine::ChatTemplate(source).render(context));
}

// Ids need no tokenizer. Text that goes on from a loaded state gets no second BOS.
std::vector<Token> input_tokens(const ModelArguments& arguments, const engine::Engine& engine,
                                bool at_start = true) {
  if (!arguments.tokens.empty()) return parse_ints(arguments.tokens, "--tokens");
  const engine::Tokenizer& tokenizer = engine.tokenizer();
  std::string text = arguments.prompt;
  if (!arguments.prompt_file.empty()) text = read_file(arguments.prompt_file);
  std::vector<Token> tokens = tokenizer.encode(text, true);
  if (at_start && tokenizer.add_bos() && tokenizer.bos() >= 0 &&
      (tokens.empty() || tokens.front() != tokenizer.bos())) {
    tokens.insert(tokens.begin(), tokenizer.bos());
  }
  if (tokens.empty()) fail(Code::invalid, "no input: give --tokens, -p or --prompt-file");
  return tokens;
}

void logits(const ModelArguments& arguments) {
  int chunk = 64;
  if (arguments.mode.starts_with("chunk=")) {
    chunk = parse_ints(arguments.mode.substr(6), "--mode chunk").front();
    if (chunk < 1) fail(Code::invalid, "--mode chunk=N: N must be at least 1");
  } else if (arguments.mode != "batch" && arguments.mode != "step") {
    fail(Code::invalid, "unknown --mode '" + arguments.mode + "'; known: batch step chunk=N");
  }
  const auto engine = load(arguments, chunk);
  const std::vector<Token> tokens = input_tokens(arguments, *engine);
  const size_t width = size_t(engine->summary().vocab_size);
  std::vector<float> rows(tokens.size() * width);
  const auto sequence = engine->open();
  if (arguments.mode == "step") {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const engine::StepItem item{sequence.get(), tokens[i]};
      engine->step({&item, 1}, std::span(rows).subspan(i * width, width));
    }
  } else {
    engine->append(*sequence, tokens, rows, true, {});
  }
  if (!arguments.out.empty()) write_npy(arguments.out, rows, tokens.size(), width);
  const auto last = std::span(rows).last(width);
  const size_t best = size_t(std::max_element(last.begin(), last.end()) - last.begin());
  write_text(
      stdout,
      dump_json({{"tokens", tokens.size()},
                 {"vocab", width},
                 {"best", best},
                 {"hash", fmt::format("{:016x}", fnv1a({reinterpret_cast<const char*>(rows.data()),
                                                        rows.size() * sizeof(float)}))}}) +
          "\n");
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct GenerationPrompt {
  std::vector<Token> tokens;
  std::optional<engine::Thinking> thinking = {};  // where it is limited
};

GenerationPrompt generation_prompt(const ModelArguments& arguments, const engine::Engine& engine,
                                   bool at_start) {
  if (!arguments.chat) return {input_tokens(arguments, engine, at_start)};
  const auto source = engine.file().string("tokenizer.chat_template");
  if (!source.has_value()) fail(Code::not_found, "the model carries no chat template");
  const std::string text =
      arguments.prompt_file.empty() ? arguments.prompt : read_file(arguments.prompt_file);
  engine::OrderedJson context;
  context["messages"] = {{{"role", "user"}, {"content", text}}};
  context["add_generation_prompt"] = true;
  const int64_t budget = arguments.schema.empty() ? arguments.reasoning_budget : 0;
  if (budget == 0) context["enable_thinking"] = false;
  const engine::PromptWriter writer(*source, engine.tokenizer());
  const engine::Prompt rendered = writer.write(context);
  GenerationPrompt prompt{writer.encode(rendered)};
  const bool begins =
      !prompt.tokens.empty() && prompt.tokens.front() == engine.tokenizer().bos();
  if (begins && !at_start) prompt.tokens.erase(prompt.tokens.begin());
  if (budget >= 0 && writer.has_thinking()) {
    prompt.thinking = {engine::ends_in_thinking(rendered.text), budget, writer.thinking_end()};
  }
  return prompt;
}

std::optional<engine::Constraint> make_constraint(const std::string& value_schema,
                                                  const std::optional<engine::Thinking>& thinking,
                                                  const engine::Engine& engine) {
  if (value_schema.empty() && !thinking) return std::nullopt;
  engine::ConstraintSpec spec;
  if (!value_schema.empty()) spec.value_schema = value_schema;
  spec.thinking = thinking;
  return engine::Constraint(spec, engine.tokenizer());
}

engine::SamplingParams sampling_params(const ModelArguments& arguments,
                                       const engine::Engine& engine) {
  engine::SamplingParams params = engine::sampling_defaults(engine.file());
  if (arguments.temperature >= 0) params.temperature = arguments.temperature;
  if (arguments.top_k >= 0) params.top_k = arguments.top_k;
  if (arguments.top_p >= 0) params.top_p = arguments.top_p;
  if (arguments.min_p >= 0) params.min_p = arguments.min_p;
  params.seed = arguments.seed;
  params.tokens_max = arguments.count;
  params.stop = arguments.stop;
  if (arguments.draft == "lookup") params.drafts = engine::Drafts::lookup;
  if (arguments.draft == "mtp") params.drafts = engine::Drafts::head;
  params.drafts_max = arguments.draft_max;
  return params;
}

void generate(const ModelArguments& arguments, CommandContext& context) {
  const auto engine = load(arguments);
  std::string schema;
  if (!arguments.schema.empty()) {
    schema = read_file(arguments.schema);
    parse_json(schema, arguments.schema);  // for its one clear error
  }
  const auto sequence = engine->open();
  if (!arguments.state_load.empty()) sequence->load(arguments.state_load);
  const size_t reused = sequence->tokens().size();
  const auto [tokens, thinking] = generation_prompt(arguments, *engine, reused == 0);
  std::optional<engine::Constraint> constraint = make_constraint(schema, thinking, *engine);
  std::vector<float> row(size_t(engine->summary().vocab_size));
  const auto begin = std::chrono::steady_clock::now();
  engine->append(*sequence, tokens, row, false, context.stop);
  const double prefill_s = seconds_since(begin);
  const engine::SamplingParams params = sampling_params(arguments, *engine);
  const auto decode_begin = std::chrono::steady_clock::now();
  const engine::Generation generation = engine::generate(
      *engine, *sequence, row, params, constraint ? &*constraint : nullptr,
      [&](std::string_view text) {
        if (!arguments.json) write_foreign(stdout, text);
      },
      context.stop);
  const double decode_s = seconds_since(decode_begin);
  if (!arguments.state_save.empty()) sequence->save(arguments.state_save);
  if (!arguments.json) {
    write_text(stdout, "\n");
    return;
  }
  const char* const finish[] = {"end", "stop", "length", "cancelled"};
  write_text(stdout, dump_json({{"text", generation.text},
                                {"tokens", generation.tokens},
                                {"finish", finish[int(generation.finish)]},
                                {"prefilled", tokens.size()},
                                {"reused", reused},
                                {"generated", generation.tokens.size()},
                                {"drafted", generation.drafted_count},
                                {"accepted", generation.accepted_count},
                                {"prefill_ms", prefill_s * 1e3},
                                {"decode_ms", decode_s * 1e3}}) +
                         "\n");
}

void bench(const ModelArguments& arguments) {
  ModelBench bench;
  bench.file = find_model(arguments.file);
  bench.prompt_lengths = parse_ints(arguments.prompt_lengths, "-p");
  bench.depths = parse_ints(arguments.depths, "-d");
  bench.decode_tokens = arguments.bench_count;
  bench.repeat = arguments.repeat;
  bench.sequences = arguments.sequences;
  if (!arguments.turn.empty()) {
    const std::vector<int> turn = parse_ints(arguments.turn, "--turn");
    if (turn.size() != 2) fail(Code::invalid, "--turn: two numbers, as in 8192,200");
    bench.turn_kept = turn[0];
    bench.turn_new = turn[1];
  }
  bench.threads = arguments.threads;
  bench.int8_activations = !arguments.exact;
  bench.kv_type = arguments.kv_type;
  bench.json = arguments.json;
  run_model_bench(bench);
}

}  // namespace

void add_model(Command& app, CommandContext& context) {
  Command group = app.subcommand("model", "Look into model files and run them");
  group.require_subcommand();
  auto arguments = std::make_shared<ModelArguments>();
  const auto command = [&](const char* name, const char* help) {
    Command made = group.subcommand(name, help);
    made.option("file", arguments->file, "A .gguf file (default: Fledgling)");
    made.flag("--json", arguments->json, "For programs");
    return made;
  };
  const auto add_exact = [&](Command made) {
    made.flag("--exact", arguments->exact,
              "Multiply quantized weights without rounding activations to 8 bits: slower");
  };
  const auto add_kv_type = [&](Command made) {
    made.option("--kv", arguments->kv_type,
                "How keys and values are kept (default: f16 where weights are quantized, else f32)")
        .one_of({"f32", "f16", "q8_0"});
  };
  const auto add_input = [&](Command made) {
    made.option("--tokens", arguments->tokens, "Ids, separated by commas");
    made.option("-p,--prompt", arguments->prompt, "Text");
    made.option("-f,--prompt-file", arguments->prompt_file, "Text from a file");
  };
  const auto add_threads = [&](Command made) {
    made.option("-t,--threads", arguments->threads, "Threads (default, and 0: one per core)")
        .range(0, engine::kThreadsMax);
  };
  Command info_command = command("info", "Architecture, sizes, metadata");
  info_command.callback([arguments] { info(*arguments); });
  Command tokenize_command = command("tokenize", "Text on stdin -> ids as a JSON array");
  tokenize_command.flag("--parse-special", arguments->parse_special,
                        "Special tokens written in the text become their ids");
  tokenize_command.flag("--add-special", arguments->add_special,
                        "Begin with BOS and end with EOS, where the model's file asks for them");
  tokenize_command.option("--pre", arguments->pre, "Another pre-tokenizer than the file's");
  tokenize_command.flag("--detokenize", arguments->detokenize, "The reverse");
  tokenize_command.callback([arguments] { tokenize(*arguments); });
  Command render_command = command("render", "Messages -> prompt text");
  render_command.option("--template", arguments->template_file, "A Jinja file");
  render_command.option("--messages", arguments->messages, "JSON file");
  render_command.option("--tools", arguments->tools, "JSON file");
  render_command.option("--set", arguments->set, "key=json for the template");
  render_command.flag("--no-generation-prompt", arguments->no_generation_prompt, "");
  render_command.callback([arguments] { render(*arguments); });
  Command logits_command = command("logits", "Logits of every position as float32 .npy");
  add_input(logits_command);
  logits_command.flag("--int8", arguments->int8,
                      "Round activations to 8 bits before products with quantized weights, as "
                      "generate does");
  add_threads(logits_command);
  logits_command.option("--mode", arguments->mode, "batch, step or chunk=N");
  logits_command.option("--out", arguments->out, "X.npy");
  logits_command.callback([arguments] {  // what other programs' logits are held against
    arguments->exact = !arguments->int8;
    logits(*arguments);
  });
  Command generate_command = command("generate", "Go on with a text");
  add_input(generate_command);
  add_exact(generate_command);
  add_kv_type(generate_command);
  add_threads(generate_command);
  generate_command.option("-n", arguments->count, "Tokens at most").range(0, 1 << 24);
  generate_command.option("--temp", arguments->temperature, "0: greedy").number(0, 100);
  generate_command.option("--top-k", arguments->top_k, "0: off").range(0, 1 << 24);
  generate_command.option("--top-p", arguments->top_p, "").number(0, 1);
  generate_command.option("--min-p", arguments->min_p, "").number(0, 1);
  generate_command.option("--seed", arguments->seed, "").not_negative();
  generate_command.option("--stop", arguments->stop, "End before this text");
  generate_command
      .option("--draft", arguments->draft,
              "Guess further tokens, which changes nothing but the speed: lookup (from the "
              "text so far) or mtp (the model's draft head)")
      .one_of({"lookup", "mtp"});
  generate_command.option("--draft-max", arguments->draft_max, "Tokens guessed at a time")
      .range(1, 16);
  generate_command.option("--schema", arguments->schema,
                          "A JSON Schema file: write one JSON value that it allows (with --chat "
                          "without reasoning) and close it at -n");
  generate_command.flag("--chat", arguments->chat, "The text is a user's message");
  generate_command
      .option("--reasoning-budget", arguments->reasoning_budget,
              "With --chat: end the model's thinking after so many tokens; 0: none (default: no "
              "limit)")
      .range(0, 1 << 24);
  generate_command.option("--state-save", arguments->state_save, "Keep the state in a file");
  generate_command.option("--state-load", arguments->state_load, "Go on from such a file");
  generate_command.callback([arguments, &context] { generate(*arguments, context); });
  Command bench_command = command("bench", "Tokens per second");
  bench_command.option("-p", arguments->prompt_lengths, "Prefill lengths: 512,4096");
  bench_command.option("-n", arguments->bench_count, "Tokens to decode").range(0, 1 << 20);
  bench_command.option("-d", arguments->depths, "Depths at which: 0,4096");
  bench_command.option("--batch", arguments->sequences, "Also decode so many sequences together")
      .range(0, 1024);
  bench_command.option("--turn", arguments->turn,
                       "Also an agent's next turn: tokens kept and new ones, as in 8192,200");
  add_threads(bench_command);
  add_exact(bench_command);
  add_kv_type(bench_command);
  bench_command.option("-r", arguments->repeat, "Runs").range(1, 1000);
  bench_command.callback([arguments] { bench(*arguments); });
  add_model_tools(group);
  info_command.footer("Examples:\n  corvid model info\n  corvid model info model.gguf --json");
  tokenize_command.footer(
      "Examples:\n  echo hello | corvid model tokenize model.gguf\n"
      "  echo '[1, 2, 3]' | corvid model tokenize model.gguf --detokenize");
  render_command.footer(
      "Example: corvid model render model.gguf --messages messages.json --tools tools.json");
  logits_command.footer(
      "Example: corvid model logits model.gguf --tokens 1,2,3 --mode step --out logits.npy");
  generate_command.footer(
      "Examples:\n  corvid model generate model.gguf -p \"def add(a, b):\" -n 32\n"
      "  corvid model generate model.gguf --chat -p \"Why is the sky blue?\" --temp 0\n"
      "  corvid model generate model.gguf --chat -p \"Name a bird\" --schema bird.json --json");
  bench_command.footer("Example: corvid model bench model.gguf -p 512,4096 -d 0,4096 -n 64");
  group.footer(
      "Examples:\n  corvid model info model.gguf\n"
      "  corvid model generate model.gguf -p \"def add(a, b):\" -n 32\n"
      "  corvid model generate model.gguf -f notes.txt --temp 0 --draft lookup\n"
      "  echo hello | corvid model tokenize model.gguf");
}

}  // namespace corvid::runtime
