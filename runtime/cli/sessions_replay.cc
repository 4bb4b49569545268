// sessions replay: the model is asked again, and its replies compared with the recorded ones.
#include "runtime/cli/sessions_replay.h"

#include <fmt/format.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/terminal.h"
#include "runtime/replay.h"
#include "runtime/session.h"

namespace corvid::runtime {
namespace {

constexpr size_t kShownBytes = 500;

struct ReplayArguments {
  std::string id;
  bool json = false;
};

// "read_file {...}", or the beginning of the text where there is no call.
std::string said(const Message& message) {
  std::string text = message.calls.empty() ? message.content : "";
  for (const ToolCall& call : message.calls) {
    text += (text.empty() ? "" : "; ") + call.name + " " + call.arguments;
  }
  return printable(truncate_utf8(text, kShownBytes));
}

std::string line_of(const ReplayedTurn& turn) {
  std::string line = fmt::format("turn {}", turn.turn);
  if (turn.attempt >= 0) line += fmt::format(" of attempt {}", turn.attempt);
  if (turn.is_same) {
    return line + fmt::format(": the same ({} tokens)\n", turn.tokens.generated);
  }
  return line + " differs\n  recorded: " + said(turn.recorded) + "\n  now:      " +
         said(turn.now) + "\n";
}

std::string json_of(const ReplayedTurn& turn) {
  Json json = {{"type", "turn"},
               {"turn", turn.turn},
               {"lineage", turn.lineage},
               {"same", turn.is_same},
               {"tokens", counts_to_json(turn.tokens)}};
  if (turn.attempt >= 0) json["attempt"] = turn.attempt;
  if (!turn.is_same) {
    json["recorded"] = message_to_json(turn.recorded);
    json["now"] = message_to_json(turn.now);
  }
  return dump_json(json) + "\n";
}

std::string summary_of(const ReplayResult& result) {
  std::string text = result.different == 0
                         ? fmt::format("{} turns, all the same", result.turns)
                         : fmt::format("{} of {} turns differ", result.different, result.turns);
  if (result.tokens > 0) text += fmt::format("; {} tokens are those of the log", result.tokens);
  if (!result.lineage_that_differs.empty()) {
    text += fmt::format("; those of {} differ from number {} on", result.lineage_that_differs,
                        result.token_that_differs);
    if (result.token_that_differs < 16) text += " (another model, or another Corvid's prompt)";
  }
  return text + "\n";
}

std::string json_of(const std::string& id, const ReplayResult& result) {
  Json json = {{"type", "result"},
               {"session", id},
               {"same", result.is_same()},
               {"turns", result.turns},
               {"different", result.different},
               {"tokens", result.tokens},
               {"tokens_differ", nullptr}};
  if (!result.lineage_that_differs.empty()) {
    json["tokens_differ"] = {{"lineage", result.lineage_that_differs},
                             {"position", result.token_that_differs}};
  }
  return dump_json(json) + "\n";
}

int replay(const ReplayArguments& arguments, std::stop_token stop) {
  const Paths paths = find_paths();
  const std::string id = find_session(paths.sessions(), arguments.id);
  const ReplayResult result = replay_session(
      paths, id,
      [&](const ReplayedTurn& turn) {
        write_text(stdout, arguments.json ? json_of(turn) : line_of(turn));
      },
      stop);
  write_text(stdout, arguments.json ? json_of(id, result) : summary_of(result));
  return result.is_same() ? 0 : 2;
}

}  // namespace

void add_sessions_replay(Command& sessions, CommandContext& context) {
  Command command = sessions.subcommand(
      "replay", "Ask the session's model again and compare its replies with the recorded ones");
  auto arguments = std::make_shared<ReplayArguments>();
  command.option("id", arguments->id, "Session, or the beginning of one (default: newest)");
  command.flag("--json", arguments->json, "One JSON object per line: each turn, then the result");
  command.footer(
      "Examples:\n  corvid sessions replay\n  corvid sessions replay 20261121T1403 --json\n"
      "The model gets the recorded messages and tool results, the seed and the limits of the run;\n"
      "same build, same machine, same model: same replies, token by token. After a reply that\n"
      "differs it goes on with the recorded one. No tool, command or check runs again, and the\n"
      "workspace is not touched: files that a model chooses from come from the session's\n"
      "snapshots.\n"
      "Exit code 0 when all is the same, 2 when something differs. Models behind openai: and\n"
      "anthropic: are refused: their replies do not repeat. A session whose texts were forgotten\n"
      "(corvid memory forget), or hold masked secrets, differs from there on.");
  command.callback(
      [arguments, &context] { context.exit_code = replay(*arguments, context.stop); });
}

}  // namespace corvid::runtime
