// corvid chat: the same agent, asked again and again in one session.

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/line_reader.h"
#include "runtime/cli/terminal.h"
#include "runtime/recollect.h"
#include "runtime/task_run.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

constexpr const char* kHelp =
    "/undo      put back what the last message's run changed, and forget that message\n"
    "/diff      what this session has changed\n"
    "/context   how full the model's window is, and what fills it\n"
    "/compact   before the next message, put a summary in the place of what was said\n"
    "/memory Q  what memory holds about Q; without Q how much there is\n"
    "/model M   go on with another model; without M which one it is\n"
    "/help      this list\n"
    "/quit      end (or Ctrl-D); Ctrl-C lets a step end and stops, twice stops at once\n";

struct ChatArguments {
  RunOptions options;
  std::string workspace = ".";
  std::string session;
  bool no_memory = false;
};

class Chat {
 public:
  Chat(ChatArguments arguments, const RenewStop& renew_stop)
      : renew_stop_(renew_stop),
        paths_(find_paths()),
        options_(std::move(arguments.options)),
        reader_(paths_.data / "chat_history") {
    if (!arguments.session.empty()) {
      session_ = find_session(paths_.sessions(), arguments.session);
      const auto start = session_start(read_events(log_path()));
      if (start.has_value()) arguments.workspace = start->workspace;
    }
    std::error_code error;
    options_.workspace = std::filesystem::canonical(arguments.workspace, error);
    if (error) fail(Code::invalid, "no such folder: " + arguments.workspace);
    options_.use_memory = !arguments.no_memory;
  }

  void converse() {
    write_text(stderr, first_run_text(paths_, options_.model));
    note("/help lists commands, /quit ends");
    bool was_interrupted = false;
    for (;;) {
      const std::stop_token stop = renew_stop_("").stop;
      const std::optional<std::string> line = reader_.read("> ", stop);
      if (!line.has_value()) {
        if (!stop.stop_requested() || was_interrupted) break;
        was_interrupted = true;
        note("\nCtrl-C once more, or /quit, quits");
        continue;
      }
      was_interrupted = false;
      const std::string text(trim(*line));
      if (text == "/quit" || text == "/exit") break;
      if (text.empty()) continue;
      try {
        text.starts_with('/') ? command(text) : say(text);
      } catch (const Error& error) {  // edge: a command's failure does not end the chat
        view_.hush();
        note(palette_.red(printable(error.what())));
      }
    }
    if (session_.empty()) return;
    note("go on later: corvid chat --resume " + session_);
    if (options_.use_memory) consolidate_after_run(paths_, log_path(), renew_stop_("").stop);
  }

 private:
  void note(const std::string& text) { write_text(stderr, text + "\n"); }
  std::filesystem::path log_path() const {
    return paths_.sessions() / session_ / "events.jsonl";
  }

  void say(const std::string& text) {
    const StopWish wish = renew_stop_(kStopNote);
    const std::stop_token stop = wish.stop;
    const bool is_first = session_.empty();
    RunEnvironment environment;
    environment.paths = paths_;
    environment.clock = system_now;
    environment.stop_steps = wish.stop_steps;
    environment.on_event = [this](const Event& event) { show(event); };
    if (reader_.is_terminal()) {  // a line of a pipe is the next message, not an answer
      environment.approve = [this, stop](const policies::Action& action,
                                         const std::string& reason) {
        return approve(action, reason, stop);
      };
      environment.ask = [this, stop](const std::string& question,
                                     const std::vector<std::string>& choices) {
        return ask(question, choices, stop);
      };
    }
    RunOptions options = options_;
    options.task = text;
    const ResumeOptions next{session_, text, false, compacts_next_, options_.model};
    const RunResult result = is_first ? run_task(options, environment, stop)
                                      : resume_task(next, environment, stop);
    view_.hush();
    compacts_next_ = false;
    session_ = result.session;
    result_ = result;
    const bool is_plain = result.status == "unverified" && result.changed_tests.empty();
    if (!is_plain) {
      note(result.exit_code == 0 ? palette_.green(printable(result.message))
                                 : palette_.red(printable(result.status + ": " + result.message)));
    }
    note(palette_.dim(fmt::format("{} read, {} reused, {} written", result.tokens.prefilled,
                                  result.tokens.reused, result.tokens.generated)));
  }

  // What the agent says goes to stdout, what it does to stderr.
  void show(const Event& event) {
    const std::scoped_lock guard(mutex_);
    view_.hush();
    show_quietly(event);
    view_.go_on();
  }

  void show_quietly(const Event& event) {
    if (const auto* resumed = std::get_if<Resumed>(&event.body)) {
      if (!resumed->changed_files.empty()) view_.show(event);
      return;
    }
    const auto* added = std::get_if<MessageAdded>(&event.body);
    if (std::holds_alternative<SessionStarted>(event.body) && !session_.empty()) return;
    if (added == nullptr) return view_.show(event);
    const Message& message = added->message;
    if (message.role == Role::user && !message.is_note) return;
    if (message.role == Role::tool && message.call_id == finish_id_) return;
    if (message.role != Role::assistant) return view_.show(event);
    view_.show_reasoning(message);
    if (!message.content.empty()) write_text(stdout, printable(message.content) + "\n");
    Event calls = event;
    Message& shown = std::get<MessageAdded>(calls.body).message;
    shown.content.clear();
    shown.reasoning.clear();
    for (const ToolCall& call : message.calls) {
      if (call.name != "finish") continue;
      finish_id_ = call.id;
      const Json json = try_parse_json(call.arguments);
      const std::string summary = json.is_object() ? json_string_or(json, "summary", "") : "";
      if (!summary.empty()) write_text(stdout, printable(summary) + "\n");
    }
    std::erase_if(shown.calls, [](const ToolCall& call) { return call.name == "finish"; });
    if (!shown.calls.empty()) view_.show(calls);
  }

  bool approve(const policies::Action& action, const std::string& reason,
               const std::stop_token& stop) {
    view_.hush();
    std::string what = action.tool;
    for (const std::string& word : action.argv) what += " " + word;
    for (const std::string& host : action.hosts) what += " " + host;
    if (action.argv.empty()) {
      for (const auto& path : action.writes) what += " " + path.string();
      for (const auto& path : action.reads) what += " " + path.string();
    }
    if (approved_.contains(what)) return true;
    note(palette_.bold(printable(what)) + "\n" + printable(reason));
    const auto line = reader_.read("allow it? y(es), a(lways in this chat), n(o) ", stop);
    const std::string answer = line.has_value() ? std::string(trim(*line)) : "n";
    if (answer == "a" || answer == "always") approved_.insert(what);
    return answer == "y" || answer == "yes" || approved_.contains(what);
  }

  // A number chooses; anything else is the answer itself.
  std::optional<std::string> ask(const std::string& question,
                                 const std::vector<std::string>& choices,
                                 const std::stop_token& stop) {
    view_.hush();
    note(palette_.bold(printable(question)));
    for (size_t i = 0; i < choices.size(); ++i) {
      note(fmt::format("  {}  {}", i + 1, printable(choices[i])));
    }
    const auto line = reader_.read("answer: ", stop);
    if (!line.has_value()) return std::nullopt;
    const std::string answer(trim(*line));
    if (answer.empty()) return std::nullopt;
    for (size_t i = 0; i < choices.size(); ++i) {
      if (answer == std::to_string(i + 1)) return choices[i];
    }
    return answer;
  }

  void command(const std::string& line) {
    const size_t blank = line.find(' ');
    const std::string name = line.substr(0, blank);
    const std::string rest =
        blank == std::string::npos ? "" : std::string(trim(line.substr(blank)));
    if (name == "/help") return write_text(stdout, kHelp);
    if (name == "/model") return model(rest);
    if (name == "/memory") return memory(rest);
    const bool needs_session =
        name == "/undo" || name == "/diff" || name == "/context" || name == "/compact";
    if (!needs_session) fail(Code::invalid, "no command " + name + "; /help lists them");
    if (session_.empty()) return note("nothing was said yet");
    if (name == "/undo") return undo();
    if (name == "/diff") return diff();
    if (name == "/compact") {
      compacts_next_ = true;
      return note("before the next message a summary takes the place of what was said");
    }
    context_use();
  }

  void undo() {
    const auto session = Session::open(paths_.sessions(), session_, system_now);
    const Restored restored = undo_last_run(paths_, *session, false);
    for (const std::string& path : restored.files) {
      write_text(stdout, "put back " + printable(path) + "\n");
    }
    for (const std::string& path : restored.conflicts) {
      note("left alone: " + printable(path) + " is not as the run left it");
    }
    if (restored.files.empty() && restored.conflicts.empty()) {
      write_text(stdout, "no file to put back; the message is forgotten\n");
    }
  }

  void diff() {
    const std::vector<Event> events = read_events(log_path());
    const SnapshotStore store(snapshot_folder(paths_, options_.workspace), options_.workspace);
    const std::string text = changes_diff(store, session_changes(events, store));
    write_text(stdout, text.empty() ? "nothing was changed\n"
                                    : coloured_diff(Palette(stdout), text));
  }

  void context_use() {
    const std::vector<Event> events = read_events(log_path());
    std::map<std::string, std::pair<int, int64_t>> by_role;
    for (const Message& message : session_messages(events)) {
      auto& [count, bytes] = by_role[role_name(message.role)];
      ++count;
      bytes += int64_t(message.content.size() + message.reasoning.size());
      for (const ToolCall& call : message.calls) bytes += int64_t(call.arguments.size());
    }
    if (result_.context.window > 0) {
      write_text(stdout, fmt::format("{} of {} tokens ({} %)\n", result_.context.used,
                                     result_.context.window,
                                     100 * result_.context.used / result_.context.window));
    } else {
      write_text(stdout, fmt::format("{} tokens; the window is not known\n",
                                     result_.context.used));
    }
    for (const auto& [role, use] : by_role) {
      write_text(stdout,
                 fmt::format("{:<10} {:>4} messages, {} bytes\n", role, use.first, use.second));
    }
    TokenCounts rebuilt;
    int cuts = 0;
    for (const Event& event : events) {
      const auto* cut = std::get_if<Compacted>(&event.body);
      if (cut == nullptr) continue;
      ++cuts;
      rebuilt += cut->tokens;
    }
    if (cuts == 0) return;
    write_text(stdout,
               fmt::format("cut {} times, {} tokens rebuilt for that\n", cuts, rebuilt.rebuilt));
  }

  void memory(const std::string& question) {
    const auto memory = open_memory(paths_, options_.workspace);
    if (question.empty()) {
      const memory::MemoryStats stats = memory->stats();
      write_text(stdout, fmt::format("{} turns in {} sessions, {} cells\n", stats.turns,
                                     stats.sessions, stats.cells));
      return;
    }
    const memory::Recall found = memory->recall(question, {});
    write_text(stdout, found.context.empty() ? "nothing found\n"
                                             : printable(found.context) + "\n");
  }

  void model(const std::string& name) {
    if (!name.empty()) options_.model = name;
    write_text(stdout, (options_.model.empty() ? "the default model" : options_.model) + "\n");
  }

  const RenewStop& renew_stop_;
  Paths paths_;
  RunOptions options_;
  LineReader reader_;
  Palette palette_{stderr};
  RunView view_{stderr};
  std::mutex mutex_;  // events come from several threads
  std::string session_;
  std::string finish_id_;
  RunResult result_;
  std::set<std::string> approved_;
  bool compacts_next_ = false;
};

}  // namespace

void add_chat(Command& app, CommandContext& context) {
  Command chat = app.subcommand("chat", "Talk with the agent about one folder");
  auto arguments = std::make_shared<ChatArguments>();
  RunOptions& options = arguments->options;
  chat.option("-w,--workspace", arguments->workspace, "Folder to work in (default: this one)");
  chat.option("-m,--model", options.model,
              "A .gguf file, an installed model, openai:NAME, anthropic:NAME");
  chat.option("--verify", options.verify, "Command that decides when a task is done");
  chat.option("--mode", options.mode, "read-only, workspace (default) or full")
      .one_of({"read-only", "workspace", "full"});
  chat.option("--context-tokens", options.context_tokens, "The model's window")
      .range(512, int64_t{1} << 40);
  chat.option("--reasoning-budget", options.reasoning_tokens_max,
              "Tokens that a local model may think before a reply; 0: none (default: 8192)")
      .range(0, kReasoningTokensMax);
  chat.option("--allow-read", options.allow_read, "A further folder that may be read");
  chat.option("--allow-host", options.allow_host, "A host that commands and tools may reach");
  chat.option("--resume", arguments->session,
              "Go on with this session (or the beginning of its id)");
  chat.flag("--no-memory", arguments->no_memory, "Neither recall nor remember");
  chat.footer(std::string("Commands while talking:\n") + kHelp +
              "Answers go to stdout, what the agent does to stderr; each line of a pipe is a\n"
              "message, and what the policy would ask about is denied then.\n"
              "Examples:\n  corvid chat --model openai:NAME\n"
              "  echo \"what does main.cc do?\" | corvid chat -m model.gguf --mode read-only");
  chat.callback([arguments, &context] { Chat(*arguments, context.renew_stop).converse(); });
}

}  // namespace corvid::runtime
