#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <set>

#include <unistd.h>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/item_events.h"
#include "runtime/cli/terminal.h"
#include "runtime/recollect.h"
#include "runtime/task_run.h"

namespace corvid::runtime {
namespace {

struct RunArguments {
  RunOptions options;
  std::string workspace = ".";
  std::string resume;
  std::string ranking = "model";
  bool restore = false;
  bool json = false;
  bool no_memory = false;
};

// Faults for tests: once this many events are on disk the process dies as by kill -9, or is
// interrupted as by Ctrl-C.
int event_count_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? -1 : std::atoi(text);
}

// The lines of --json: every event, with the names that programs rely on.
std::string json_line(const Event& event) {
  if (const auto* turn = std::get_if<TurnEnded>(&event.body)) {
    Json json = {{"type", "turn"},
                 {"turn", turn->turn},
                 {"lineage", turn->lineage},
                 {"tokens", counts_to_json(turn->tokens)}};
    if (event.attempt >= 0) json["attempt"] = event.attempt;
    return dump_json(json);
  }
  return event_to_line(event);
}

RunResult dispatch(RunArguments& arguments, const RunEnvironment& environment,
                   std::stop_token stop) {
  RunOptions& options = arguments.options;
  if (!arguments.resume.empty()) {
    return resume_task({arguments.resume, options.task, arguments.restore, false, {}}, environment,
                       stop);
  }
  if (options.task.empty()) {
    fail(Code::invalid, "no task: corvid run \"TASK\", or --resume ID to go on with a session");
  }
  std::error_code error;
  options.workspace = std::filesystem::canonical(arguments.workspace, error);
  if (error) fail(Code::invalid, "no such folder: " + arguments.workspace);
  return run_task(options, environment, stop);
}

// A resumed run goes on with the options it was started with.
void refuse_mixed(const RunArguments& arguments, const std::vector<std::string>& given) {
  if (arguments.resume.empty()) {
    if (arguments.restore) fail(Code::invalid, "--restore belongs to --resume ID");
    return;
  }
  const std::set<std::string> fitting = {"--resume", "--restore", "--json", "task"};
  for (const std::string& name : given) {
    if (fitting.contains(name)) continue;
    fail(Code::invalid, name +
                            " cannot be given with --resume: a session goes on with the options "
                            "it was started with; leave it out, or start a new run");
  }
}

// What a run gives to the one who asked: its changes as a diff, and its message. Errors are told on
// stderr.
std::string answer_of(const RunResult& result) {
  const Palette palette(stdout);
  std::string answer;
  if (!result.diff.empty()) answer = "\n" + coloured_diff(palette, result.diff) + "\n";
  if (result.status == "error") return answer;
  const std::string message = printable(result.message);
  return answer + (result.exit_code == 0 ? palette.green(message) : palette.red(message)) + "\n";
}

// stdout of a run, which ends at once when nobody can read on.
class Output {
 public:
  explicit Output(const StopWish& outer)
      : forward_(outer.stop, [this] { stop_.request_stop(); }),
        forward_steps_(outer.stop_steps, [this] { steps_.request_stop(); }) {}

  StopWish wish() const { return {stop_.get_token(), steps_.get_token()}; }
  void write(const std::string& text) {
    if (error_ != 0) return;
    errno = 0;
    write_text(stdout, text);
    if (std::ferror(stdout) == 0) return;
    error_ = errno == 0 ? EIO : errno;
    write_text(stderr, fmt::format("corvid: cannot write to stdout: {}\n", std::strerror(error_)));
    steps_.request_stop();
  }
  // A result that nobody got is a failure; a reader that has gone away wanted no more.
  int exit_code(const RunResult& result) const {
    const bool is_left = error_ == EPIPE && result.status == "interrupted";
    return error_ == 0 || is_left ? result.exit_code : 6;
  }

 private:
  std::stop_source stop_, steps_;
  int error_ = 0;
  std::stop_callback<std::function<void()>> forward_, forward_steps_;
};

void write_lines(Output& output, const std::vector<Json>& lines) {
  for (const Json& line : lines) output.write(dump_json(line) + "\n");
}

void execute(RunArguments& arguments, CommandContext& context) {
  RunView view(stderr);
  Output output(context.renew_stop(kStopNote));
  std::mutex mutex;  // attempts report from their own threads
  ItemEvents items;
  int event_count = 0;
  const int kill_after = event_count_of("CORVID_TEST_KILL_AFTER_EVENTS");
  const int interrupt_after = event_count_of("CORVID_TEST_INTERRUPT_AFTER_EVENTS");
  RunEnvironment environment;
  environment.paths = find_paths();
  environment.clock = system_now;
  environment.stop_steps = output.wish().stop_steps;
  environment.on_event = [&](const Event& event) {
    const std::scoped_lock guard(mutex);
    if (++event_count == kill_after) std::raise(SIGKILL);
    if (event_count == interrupt_after) ::kill(::getpid(), SIGINT);
    if (arguments.json && !std::holds_alternative<RunEnded>(event.body)) {
      output.write(json_line(event) + "\n");
      write_lines(output, items.of(event));
    }
    if (!arguments.json) view.show(event);
  };
  RunOptions& options = arguments.options;
  options.edit_ranking = parse_ranking(arguments.ranking);
  options.use_memory = !arguments.no_memory;
  if (!arguments.json) write_text(stderr, first_run_text(environment.paths, options.model));
  RunResult result;
  try {
    if (arguments.json && !arguments.resume.empty()) {
      write_lines(output,
                  items.begin(find_session(environment.paths.sessions(), arguments.resume)));
    }
    result = dispatch(arguments, environment, output.wish().stop);
  } catch (const Error& error) {  // before a session began
    const bool is_usage = error.code() == Code::invalid || error.code() == Code::not_found;
    if (is_usage || !arguments.json) throw;
    result.exit_code = error.code() == Code::device ? 5 : 6;
    result.message = error.what();
  } catch (const std::exception& error) {  // the standard library or a third party
    if (!arguments.json) throw;
    result.message = error.what();
  }
  if (arguments.json) {
    write_lines(output, items.end(result));
    output.write(dump_json(result_to_json(result)) + "\n");
  } else {
    view.hush();
    output.write(answer_of(result));
    view.show_result(result);
  }
  context.exit_code = output.exit_code(result);
  if (options.use_memory) {
    consolidate_after_run(environment.paths, result.session_log, output.wish().stop);
  }
}

}  // namespace

void add_run(Command& app, CommandContext& context) {
  Command run = app.subcommand("run", "Do one task on your own, and prove it");
  auto arguments = std::make_shared<RunArguments>();
  RunOptions& options = arguments->options;
  run.option("task", options.task, "What to do, in words");
  run.option("-w,--workspace", arguments->workspace, "Folder to work in (default: this one)");
  run.option("-m,--model", options.model,
             "A .gguf file, an installed model, openai:NAME, anthropic:NAME, or scripted:FILE "
             "(default: Fledgling, a small specialist that repairs small bugs)");
  run.option("--verify", options.verify,
             "Command that decides: the harness runs it in a clean copy of the result");
  run.option("--attempts", options.attempts,
             "Attempts, each in its own copy; the first that passes the check wins")
      .range(1, 4096);
  run.option("--max-turns", options.turns_max, "Replies of the model").range(1, 100000);
  run.option("--max-checks", options.checks_max, "Failed checks of one attempt").range(1, 10000);
  run.option("--max-tokens", options.tokens_max, "Tokens of one reply").range(1, 1000000);
  run.option("--context-tokens", options.context_tokens,
             "The model's window (default: what a local model says; 128000 and 200000 behind "
             "openai: and anthropic:)")
      .range(512, int64_t{1} << 40);
  run.option("--reasoning-budget", options.reasoning_tokens_max,
             "Tokens that a local model may think before a reply; 0: none (default: 8192)")
      .range(0, kReasoningTokensMax);
  run.option("--max-tokens-total", options.tokens_total_max,
             "Tokens read and written in the whole run (default: no limit)")
      .range(1, int64_t{1} << 50);
  run.option("--command-time-max", options.command_time_max_s,
             "Seconds for one command of a tool (default: 120)")
      .range(1, 1000000);
  run.option("--time-max", options.time_max_s, "Seconds for the whole run").range(1, 1000000);
  run.option("--check-time-max", options.check_time_max_s, "Seconds for one check (600)")
      .range(1, 1000000);
  run.option("--mode", options.mode, "read-only, workspace (default) or full")
      .one_of({"read-only", "workspace", "full"});
  run.option("--allow-read", options.allow_read, "A further folder that may be read");
  run.option("--allow-host", options.allow_host,
             "A host that commands and tools may reach, at the ports 80 and 443: NAME, *.NAME, "
             "ADDRESS, each with :PORT for another port. Commands reach it through a proxy that "
             "http_proxy and https_proxy name; they have no other network but in mode full");
  run.option("--seed", options.seed, "Seed of sampled attempts");
  run.option("--edit-ranking", arguments->ranking,
             "Order of suggested edits: random, tables, or model (tables and model, default)")
      .one_of({"random", "tables", "model"});
  run.flag("--no-memory", arguments->no_memory, "Neither recall nor remember");
  run.option("--resume", arguments->resume,
             "Go on with this session (or the beginning of its id), with the options it was "
             "started with; a TASK given too is a further one");
  run.flag("--restore", arguments->restore,
           "With --resume: put the last recorded state of the workspace back first");
  run.flag("--json", arguments->json,
           "One JSON object per line on stdout: the session's events, the same as thread, turn and "
           "item lines of `codex exec --json`, and the result as the last");
  run.footer(
      "Examples:\n"
      "  corvid run \"The tests fail. Find the bug and repair it.\" --verify \"python3 -m "
      "unittest -q\"\n"
      "  corvid run \"...\" --verify \"make test\" --attempts 16 --json\n"
      "  corvid run \"Describe the modules in NOTES.md\" --model ./some.gguf --mode workspace\n"
      "  corvid run --resume 20261121T1403\n"
      "Exit codes: 0 verified (or done, without a check), 2 failed or unverified, 3 denied, "
      "4 limit, 5 model, 6 infrastructure, 130 interrupted, 1 usage.");
  run.callback([arguments, run, &context] {
    refuse_mixed(*arguments, run.given());
    execute(*arguments, context);
  });
}

}  // namespace corvid::runtime
