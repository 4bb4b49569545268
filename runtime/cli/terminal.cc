#include "runtime/cli/terminal.h"

#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/verify.h"

namespace corvid::runtime {
namespace {

constexpr size_t kShownLinesMax = 12;
constexpr size_t kShownColumnsMax = 160;

// The first and last lines of a tool's output, indented.
std::string excerpt(const std::string& text) {
  const std::string visible = printable(text);
  const std::vector<std::string_view> lines = split_lines(visible);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines.size() > kShownLinesMax && i == kShownLinesMax / 2) {
      out += fmt::format("    ... {} lines ...\n", lines.size() - kShownLinesMax);
      i = lines.size() - kShownLinesMax / 2;
    }
    out += "    " + std::string(truncate_utf8(lines[i], kShownColumnsMax)) + "\n";
  }
  return out;
}

std::string shown_arguments(const ToolCall& call) {
  std::string shown;
  const Json json = try_parse_json(call.arguments);
  if (!json.is_object()) return printable(call.arguments);
  for (const auto& [key, value] : json.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : dump_json(value);
    if (!shown.empty()) shown += "  ";
    shown += printable(key) + "=" + std::string(truncate_utf8(printable(text), 100));
  }
  return shown;
}

}  // namespace

Palette::Palette(std::FILE* stream)
    : enabled_(::isatty(::fileno(stream)) != 0 && std::getenv("NO_COLOR") == nullptr) {
  if (std::getenv("CORVID_COLOR") != nullptr) enabled_ = true;
}

std::string Palette::paint(const char* code, std::string_view text) const {
  if (!enabled_) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void write_text(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

void write_foreign(std::FILE* stream, std::string_view text) {
  if (::isatty(::fileno(stream)) == 0) return write_text(stream, text);
  write_text(stream, printable(text));
}

std::string coloured_diff(const Palette& palette, std::string_view diff) {
  const std::string visible = printable(diff);
  std::string out;
  for (const std::string_view line : split_lines(visible)) {
    if (line.starts_with("+++") || line.starts_with("---")) {
      out += palette.bold(line);
    } else if (line.starts_with('+')) {
      out += palette.green(line);
    } else if (line.starts_with('-')) {
      out += palette.red(line);
    } else if (line.starts_with("@@")) {
      out += palette.cyan(line);
    } else {
      out += line;
    }
    out += '\n';
  }
  return out;
}

std::string first_run_text(const Paths& paths, const std::string& model) {
  if (std::filesystem::exists(paths.sessions())) return {};
  const bool is_remote = model.starts_with("openai:") || model.starts_with("anthropic:");
  return fmt::format(
      "The first run here: Corvid works in this folder alone, its commands are confined, and what "
      "it changes can be undone.\n"
      "Sessions, snapshots and memory are kept in {}, model states in {}; settings are read from "
      "{}.\n{}\n",
      paths.data.string(), paths.cache.string(), paths.config.string(),
      is_remote ? "What the model is to see goes to its server (" + printable(model) +
                      "); nothing else leaves this machine."
                : "The model runs here; nothing leaves this machine.");
}

void RunView::line(const std::string& text) { write_text(stream_, text + "\n"); }

void RunView::show_reasoning(const Message& message) {
  const std::string visible = printable(trim(message.reasoning));
  if (visible.empty()) return;
  const std::string_view first = split_lines(visible).front();
  const bool is_cut = first.size() < visible.size() || first.size() > kShownColumnsMax;
  line(palette_.dim("thought: " + std::string(truncate_utf8(first, kShownColumnsMax)) +
                    (is_cut ? " ..." : "")));
}

void RunView::show_message(const Message& message) {
  if (message.role == Role::assistant) {
    show_reasoning(message);
    if (!message.content.empty()) line(printable(message.content));
    for (const ToolCall& call : message.calls) {
      line(palette_.bold("> " + printable(call.name)) + " " + shown_arguments(call));
    }
  } else if (message.role == Role::tool) {
    // Where a diff was shown, the text that the model gets repeats it.
    if (!diff_was_shown_) write_text(stream_, palette_.dim(excerpt(message.content)));
    diff_was_shown_ = false;
  } else if (message.role == Role::user) {
    write_text(stream_, excerpt(message.content));
  }
}

// One line for each attempt, once it is over: what it tried and what became of it.
void RunView::show_attempt(const AttemptEnded& ended, int attempt) {
  std::string change;
  const std::string diff = printable(ended.diff);
  for (const std::string_view diff_line : split_lines(diff)) {
    if (diff_line.starts_with("+++ ")) {
      change = std::string(diff_line.substr(std::min<size_t>(6, diff_line.size()))) + ":";
    } else if (diff_line.starts_with('-') && !diff_line.starts_with("---")) {
      change += " " + palette_.red("- " + std::string(trim(diff_line.substr(1))));
    } else if (diff_line.starts_with('+')) {
      change += " " + palette_.green("+ " + std::string(trim(diff_line.substr(1))));
    }
  }
  std::string status = ended.status;
  if (ended.status == "verified") status = palette_.green("passes");
  if (ended.status == "failed") {
    status = palette_.dim(out_of_time_.contains(attempt) ? "takes too long" : "fails ");
  }
  line(fmt::format("attempt {:>3}  {}  {}", attempt, status, change));
}

void RunView::go_on() {
  asked_at_ = std::chrono::steady_clock::now();
  spinner_.start(rate_);
}

void RunView::show(const Event& event) {
  if (const auto* turn = std::get_if<TurnEnded>(&event.body)) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - asked_at_;
    rate_.clear();
    if (turn->tokens.generated > 0 && took.count() > 0) {
      rate_ = fmt::format("{:.1f} tokens/s", double(turn->tokens.generated) / took.count());
    }
  }
  spinner_.stop();
  show_event(event);
  go_on();
}

void RunView::show_event(const Event& event) {
  const int attempt = event.attempt;
  if (attempt >= 0) {
    if (std::holds_alternative<AttemptStarted>(event.body)) {
      out_of_time_.erase(attempt);
    } else if (const auto* check = std::get_if<CheckRan>(&event.body)) {
      if (check->timed_out) out_of_time_.insert(attempt);
    } else if (const auto* ended = std::get_if<AttemptEnded>(&event.body)) {
      show_attempt(*ended, attempt);
    }
    return;
  }
  if (const auto* start = std::get_if<SessionStarted>(&event.body)) {
    line(palette_.bold("workspace ") + printable(start->workspace));
    line(palette_.bold("sandbox   ") + start->sandbox);
  } else if (const auto* added = std::get_if<MessageAdded>(&event.body)) {
    show_message(added->message);
  } else if (const auto* decided = std::get_if<ActionDecided>(&event.body)) {
    if (decided->verdict != "allow") line(palette_.red("  denied: " + printable(decided->reason)));
  } else if (const auto* finished = std::get_if<ToolFinished>(&event.body)) {
    if (!finished->diff.empty()) {
      write_text(stream_, coloured_diff(palette_, finished->diff));
      diff_was_shown_ = true;
    }
  } else if (const auto* cut = std::get_if<Compacted>(&event.body)) {
    line(palette_.dim(fmt::format(
        "context   {} -> {} tokens: {}", cut->tokens_before, cut->tokens_after,
        cut->step == "outputs" ? "old output left out (it stays on disk)" : "summarised")));
    write_text(stream_, palette_.dim(excerpt(cut->summary)));
  } else if (const auto* check = std::get_if<CheckRan>(&event.body)) {
    const bool passed = check->exit_code == 0;
    const std::string where = check->purpose == "trace"       ? "traced, for evidence of place"
                              : check->purpose == "originals" ? "with the original test files"
                                                              : "in a clean copy";
    const std::string verdict =
        passed             ? palette_.green("passes")
        : check->timed_out ? palette_.red("ran out of time")
                           : palette_.red(fmt::format("fails, exit code {}", check->exit_code));
    line(fmt::format("check ({}) {} after {:.1f} s", where, verdict, double(check->ms) / 1000));
    if (!check->left_out.empty()) line("  " + printable(left_out_text(*check)));
  } else if (const auto* taken = std::get_if<SnapshotTaken>(&event.body)) {
    if (taken->turn == 0 && !taken->after && !taken->left_out.empty()) {
      line("left out of snapshots, so undo cannot put them back: " +
           printable(join(taken->left_out, ", ")));
    }
  } else if (const auto* resumed = std::get_if<Resumed>(&event.body)) {
    line("resumed; files changed by others since: " +
         (resumed->changed_files.empty() ? "none"
                                         : printable(join(resumed->changed_files, ", "))));
  }
}

void RunView::show_result(const RunResult& result) {
  spinner_.stop();
  const bool is_good = result.exit_code == 0;
  if (result.status == "error") line(palette_.red(printable(result.message)));
  const bool can_go_on = result.status == "interrupted" || result.status == "limit" ||
                         (result.status == "error" && !result.session.empty());
  if (!is_good && result.check.has_value() && result.check->exit_code != 0) {
    write_text(stream_, excerpt(result.check->output));
  }
  if (result.attempts_tried > 0) {
    line(
        fmt::format("attempts  {} tried, {} checks run", result.attempts_tried, result.checks_run));
  }
  line(fmt::format("tokens    {} read, {} reused, {} written; {} read to rank edits",
                   result.tokens.prefilled, result.tokens.reused, result.tokens.generated,
                   result.ranking_tokens.prefilled));
  if (!result.session_log.empty()) line("log       " + printable(result.session_log));
  if (can_go_on) line("go on     corvid run --resume " + result.session);
  if (!result.changed_files.empty()) line("undo      corvid sessions undo " + result.session);
  line(palette_.bold(result.status));
}

}  // namespace corvid::runtime
