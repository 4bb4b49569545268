#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/erase.h"
#include "runtime/erase_event.h"
#include "runtime/recollect.h"
#include "runtime/session.h"

using namespace corvid;
using namespace corvid::runtime;
namespace fs = std::filesystem;

namespace {

struct Place {
  TempDir dir;
  Paths paths;
  Place() {
    paths.data = dir.path() / "data";
    paths.cache = dir.path() / "cache";
    fs::create_directories(paths.sessions());
    fs::create_directories(paths.state());
  }
  fs::path folder(const std::string& id) const { return paths.sessions() / id; }
  std::string log(const std::string& id) const { return read_file(folder(id) / "events.jsonl"); }
  Erased erase(Forgetting what) const {
    SessionEraser eraser(paths, std::move(what));
    eraser.lock();
    return eraser.erase();
  }
};

// One event of each kind; every content holds `text`.
std::string write_session(const Place& place, const std::string& text) {
  const auto session = Session::create(place.paths.sessions(), system_now);
  const std::string& id = session->id();
  const Json options = {{"task", "do " + text}, {"workspace", "/w"}, {"verify", "test " + text}};
  session->append(SessionStarted{1, id, "/w", "do " + text, dump_json(options), "none"});
  session->append(MessageAdded{{Role::user, "do " + text, {}, ""}});
  const Json arguments = {{"path", "a"}, {"content", "line\n\"" + text + "\""}, {"user", 1}};
  session->append(MessageAdded{
      {Role::assistant, "I " + text, {{"call_1", "write_file", dump_json(arguments)}}, ""}});
  const Json action = {{"tool", "write_file"}, {"writes", {"/w/" + text}}};
  session->append(
      ActionDecided{"call_1", "write_file", dump_json(action), "allow", "because " + text});
  const Json state = {{"read", {{text + ".py", "hash"}}},
                      {"choices", {{"c1", "p", 3, text, "new " + text, "kind", 0.5}}}};
  session->append(ToolFinished{"call_1", "write_file", false, 0, "+" + text, 3, dump_json(state)});
  session->append(MessageAdded{{Role::tool, "wrote " + text, {}, "call_1"}});
  session->append(CheckRan{"verify", "test " + text, 1, false, "output " + text, 5});
  session->append(AttemptStarted{"c1"}, 0);
  session->append(AttemptEnded{"failed", "+" + text, {}}, 0);
  const Json result = {{"type", "result"},
                       {"status", "failed"},
                       {"message", "sorry " + text},
                       {"diff", "+" + text},
                       {"changed_files", {text + ".py"}},
                       {"verify", {{"command", text}, {"output", text}}}};
  session->append(RunEnded{dump_json(result)});
  session->append_tokens({.lineage = "main", .tokens = {1}, .segments = {1}});
  write_file_atomic(place.paths.state() / (id + ".state"), "state");
  return id;
}

memory::Turn turn_of(const std::string& id, int64_t sequence, const std::string& role,
                     const std::string& text) {
  memory::Turn turn;
  turn.id = 7;
  turn.session = id;
  turn.external_id = id + "/" + std::to_string(sequence);
  turn.role = role;
  turn.text = text;
  return turn;
}

}  // namespace

TEST_CASE("a text goes from every kind of event, in any letter case, with what is cached of it") {
  const Place place;
  const std::string id = write_session(place, "Quixotic 4711");
  const std::string other = write_session(place, "harmless");
  const std::string untouched = place.log(other);
  const Erased erased = place.erase({.text = " qUIXOTIC 4711"});
  CHECK(erased.files.size() == 3);
  const std::string log = place.log(id);
  INFO(log);
  CHECK(log.find("4711") == std::string::npos);
  CHECK(place.log(other) == untouched);
  CHECK(read_events(place.folder(id) / "events.jsonl").size() == 10);
  CHECK_FALSE(fs::exists(place.folder(id) / "tokens.jsonl"));
  CHECK_FALSE(fs::exists(place.paths.state() / (id + ".state")));
  CHECK(fs::exists(place.folder(other) / "tokens.jsonl"));
  CHECK(fs::exists(place.paths.state() / (other + ".state")));
  CHECK(place.erase({.text = "quixotic 4711"}).files.empty());
}

TEST_CASE("words of the log's own form stay, whatever is forgotten") {
  const Place place;
  const std::string id = write_session(place, "plain");
  const auto before = read_events(place.folder(id) / "events.jsonl");
  for (const char* text : {"user", "tool", "a", "write_file", "call_1", "verify", "allow", "failed",
                           "result", "main", "1", "e", "forgotten", "{", "\"", "c1"}) {
    place.erase({.text = text});
    const auto after = read_events(place.folder(id) / "events.jsonl");
    INFO(text << "\n" << place.log(id));
    REQUIRE(after.size() == before.size());
    for (size_t i = 0; i < after.size(); ++i) {
      CHECK(event_type(after[i].body) == event_type(before[i].body));
      CHECK(after[i].at == before[i].at);
      CHECK(after[i].sequence == before[i].sequence);
      CHECK(after[i].attempt == before[i].attempt);
    }
    const auto& call = std::get<MessageAdded>(after[2].body).message.calls.at(0);
    CHECK(call.id == "call_1");
    CHECK(call.name == "write_file");
    CHECK(parse_json(call.arguments, "arguments").contains("path"));
    CHECK(std::get<ActionDecided>(after[3].body).verdict == "allow");
    CHECK(parse_json(std::get<ActionDecided>(after[3].body).action, "action").at("tool") ==
          "write_file");
    const auto sessions = list_sessions(place.paths.sessions());
    REQUIRE(sessions.size() == 1);
    CHECK(sessions[0].id == id);
    CHECK(sessions[0].status == "failed");
    CHECK(sessions[0].workspace == "/w");
  }
}

TEST_CASE("a forgotten call goes with its action, diff, state and result") {
  const Place place;
  const std::string id = write_session(place, "short");
  // As memory keeps it: name and arguments as one text, secrets taken out.
  place.erase({.turns = {turn_of(id, 2, "assistant", "I [redacted:x]\nwrite_file {}")}});
  const auto events = read_events(place.folder(id) / "events.jsonl");
  const Message& message = std::get<MessageAdded>(events.at(2).body).message;
  CHECK(message.content == "[forgotten]");
  CHECK(message.calls.at(0).arguments == "{}");
  CHECK(message.calls.at(0).name == "write_file");
  CHECK(std::get<ActionDecided>(events.at(3).body).action == R"({"tool":"write_file"})");
  CHECK(std::get<ToolFinished>(events.at(4).body).diff == "[forgotten]");
  CHECK(std::get<ToolFinished>(events.at(4).body).state.empty());
  CHECK(std::get<MessageAdded>(events.at(5).body).message.content == "[forgotten]");
  CHECK(std::get<MessageAdded>(events.at(1).body).message.content == "do short");
}

TEST_CASE("a forgotten task and its recalled line in another session go") {
  const Place place;
  const std::string id = write_session(place, "short");
  std::string other;
  {
    const auto session = Session::create(place.paths.sessions(), system_now);
    other = session->id();
    session->append(MessageAdded{
        {Role::user,
         "ask\n\n<recalled-memory>\n[t7 2026-01-02 user] do sh [...]\n[t8 2026-01-02 user] "
         "stays\n</recalled-memory>\n",
         {},
         ""}});
  }
  place.erase({.turns = {turn_of(id, 1, "user", "do short")}});
  CHECK(list_sessions(place.paths.sessions()).at(1).task == "[forgotten]");
  const auto start =
      std::get<SessionStarted>(read_events(place.folder(id) / "events.jsonl")[0].body);
  CHECK(parse_json(start.options, "options").at("task") == "[forgotten]");
  CHECK(parse_json(start.options, "options").at("verify") == "test short");
  CHECK(place.log(other).find("do sh") == std::string::npos);
  CHECK(place.log(other).find("[t8 2026-01-02 user] stays\\n</recalled-memory>\\n") !=
        std::string::npos);
}

TEST_CASE("a session in use is named, and then nothing is erased") {
  const Place place;
  const std::string first = write_session(place, "quixotic");
  const std::string second = write_session(place, "quixotic");
  {
    const FileLock busy(place.folder(second) / "lock", "");
    SessionEraser eraser(place.paths, {.text = "quixotic"});
    CHECK(eraser.holding().size() == 2);
    CHECK_THROWS_WITH(eraser.lock(), Catch::Contains(second));
  }
  CHECK(place.log(first).find("quixotic") != std::string::npos);
  CHECK(place.erase({.text = "quixotic"}).files.size() == 6);
  CHECK(place.log(second).find("quixotic") == std::string::npos);
}

TEST_CASE("a whole session goes with its folder; a damaged log hides nothing") {
  const Place place;
  const std::string whole = write_session(place, "quixotic"), torn = write_session(place, "other");
  const fs::path log = place.folder(torn) / "events.jsonl";
  write_file_atomic(log, read_file(log) + "not json quixotic\n{\"type\":\"quixo");
  place.erase({.text = "quixo", .session = whole});
  CHECK_FALSE(fs::exists(place.folder(whole)));
  CHECK_FALSE(fs::exists(place.paths.state() / (whole + ".state")));
  CHECK(read_file(log).find("quixo") == std::string::npos);
  place.erase({.session = ".."});
  CHECK(fs::exists(log));
}

TEST_CASE("what attempts say is not remembered") {
  const Place place;
  const auto memory = open_memory(place.paths, place.dir.path());
  Event event{3, system_now(), 0, MessageAdded{{Role::assistant, "tried the plum", {}, ""}}};
  remember_event(*memory, "s", event);
  CHECK(memory->stats().turns == 0);
  event.attempt = -1;
  remember_event(*memory, "s", event);
  CHECK(memory->stats().turns == 1);
}

namespace {

// Every text in `json` becomes `text`, but for the fields `own`; true when there was any.
bool fill(Json& json, const std::string& text, const std::set<std::string>& own) {
  bool is_filled = false;
  for (const auto& item : json.items()) {
    if (own.contains(item.key())) continue;
    Json& value = item.value();
    if (value.is_string()) {
      value = text;
      is_filled = true;
    } else if (value.is_structured()) {
      is_filled = fill(value, text, own) || is_filled;
    }
  }
  return is_filled;
}

template <size_t I = 0>
std::vector<EventBody> one_of_each() {
  if constexpr (I == std::variant_size_v<EventBody>) {
    return {};
  } else {
    std::vector<EventBody> bodies = one_of_each<I + 1>();
    bodies.push_back(std::variant_alternative_t<I, EventBody>{});
    return bodies;
  }
}

}  // namespace

TEST_CASE("a text goes from every field of every event that is not the log's own word") {
  const std::string text = "Zebra 4711";
  // Ids, enumerations and names of layers that only the program writes; the workspace's path.
  const std::set<std::string> own = {"type",    "at",       "id",         "workspace",
                                     "lineage", "verdict",  "call_id",    "purpose",
                                     "tree",    "choice",   "found_tree", "status",
                                     "role",    "step",     "calls",      "forked_from"};
  EraseOrders orders;
  orders.needles.add(text);
  for (const EventBody& body : one_of_each()) {
    const std::string type = event_type(body);
    Json json = parse_json(event_to_line({1, system_now(), -1, body}), "event");
    for (const char* name : {"left_out", "changed_files"}) {
      if (json.contains(name)) json[name] = {"one", "two"};
    }
    if (type == event_type(MessageAdded{})) json["message"]["reasoning_content"] = "";
    std::set<std::string> here = own;
    if (type == "workspace_restored" || type == "compacted") here.insert("reason");
    const bool is_filled = fill(json, text, here);
    Event event = event_from_line(dump_json(json));
    CHECK(erase_from_event(event, orders) == is_filled);
    const std::string line = event_to_line(event);
    INFO(line);
    CHECK(line.find("4711") == std::string::npos);
    CHECK_FALSE(erase_from_event(event, orders));
  }
}

TEST_CASE("a text goes from all options of a run, and what it allowed goes whole") {
  const Json options = {{"task", "t"},
                        {"workspace", "/w/zebra"},
                        {"mode", "workspace"},
                        {"model", "openai:zebra"},
                        {"verify", "make zebra"},
                        {"allow_read", {"/data/zebra/x", "/data/other"}},
                        {"allow_host", {"zebra.example.org", "example.org"}},
                        {"instructions", "Feed the Zebra.\nSweep."},
                        {"later", {{"nested", {"a zebra"}}}},
                        {"turns_max", 60}};
  Event event{0, system_now(), -1, SessionStarted{1, "s", "/w/zebra", "t", dump_json(options), ""}};
  EraseOrders orders;
  orders.needles.add("zebra");
  CHECK(erase_from_event(event, orders));
  const Json after = parse_json(std::get<SessionStarted>(event.body).options, "options");
  CHECK(after.at("workspace") == "/w/zebra");
  CHECK(after.at("mode") == "workspace");
  CHECK(after.at("model") == "openai:[forgotten]");
  CHECK(after.at("verify") == "");
  CHECK(after.at("allow_read") == Json::array({"/data/other"}));
  CHECK(after.at("allow_host") == Json::array({"example.org"}));
  CHECK(after.at("instructions") == "Feed the [forgotten].\nSweep.");
  CHECK(after.at("later").at("nested").at(0) == "a [forgotten]");
  CHECK(after.at("turns_max") == 60);
}

TEST_CASE("a tool's name that a model made up goes, the program's own stay") {
  const Place place;
  std::string id;
  {
    const auto session = Session::create(place.paths.sessions(), system_now);
    id = session->id();
    session->append(SessionStarted{1, id, "/w", "t", "{}", "none"});
    for (const std::string name : {"Wombat77tool", "shell"}) {
      session->append(MessageAdded{{Role::assistant, "", {{"call_1", name, "{}"}}, ""}});
      session->append(
          ActionDecided{"call_1", name, dump_json({{"tool", name}}), "allow", ""});
      session->append(ToolFinished{"call_1", name, true, 0, "", 1, ""});
    }
  }
  place.erase({.text = "wombat77"});
  place.erase({.text = "shell"});
  CHECK(place.log(id).find("ombat77") == std::string::npos);
  const auto events = read_events(place.folder(id) / "events.jsonl");
  CHECK(std::get<MessageAdded>(events.at(1).body).message.calls.at(0).name == "forgotten_tool");
  CHECK(std::get<ActionDecided>(events.at(2).body).tool == "forgotten_tool");
  CHECK(std::get<ToolFinished>(events.at(3).body).tool == "forgotten_tool");
  CHECK(std::get<MessageAdded>(events.at(4).body).message.calls.at(0).name == "shell");
  CHECK(std::get<ActionDecided>(events.at(5).body).action == R"({"tool":"shell"})");
}

TEST_CASE("a text goes from arguments that nest deeper than a tool takes, behind escapes too") {
  const Place place;
  std::string id, deep(200, '[');
  deep += R"("quixotic\u002d4711")" + std::string(200, ']');
  {
    const auto session = Session::create(place.paths.sessions(), system_now);
    id = session->id();
    session->append(SessionStarted{1, id, "/w", "t", "{}", "none"});
    session->append(MessageAdded{{Role::assistant, "", {{"call_1", "write_file", deep}}, ""}});
  }
  place.erase({.text = "quixotic-4711"});
  CHECK(place.log(id).find("4711") == std::string::npos);
}
