#include "runtime/cli/line_reader.h"

#include <cerrno>
#include <climits>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include <histedit.h>

#include "runtime/base/error.h"
#include "runtime/base/library.h"
#include "runtime/base/log.h"

namespace corvid::runtime {
namespace {

constexpr size_t kLineBytesMax = 1 << 20;
constexpr int kHistoryLines = 1000;

// False when `stop` was requested before stdin had anything.
bool wait_for_input(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, 50);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the read says what is wrong
  }
  return false;
}

// libedit, loaded late: only chat at a terminal needs it.
struct Edit {
  decltype(&el_init) init;
  decltype(&el_end) end;
  decltype(&el_reset) reset;
  decltype(&el_get) get;
  decltype(&el_set) set;
  decltype(&el_wset) wset;
  decltype(&el_gets) gets;
  decltype(&::history) history;
  decltype(&::history_init) new_history;
  decltype(&::history_end) free_history;
};

const Edit& edit() {
  static const Edit loaded = [] {
    void* library = load_library({"libedit.so.2"}, "libedit2");
    Edit functions{};
    load_symbol(library, "el_init", functions.init);
    load_symbol(library, "el_end", functions.end);
    load_symbol(library, "el_reset", functions.reset);
    load_symbol(library, "el_get", functions.get);
    load_symbol(library, "el_set", functions.set);
    load_symbol(library, "el_wset", functions.wset);
    load_symbol(library, "el_gets", functions.gets);
    load_symbol(library, "history", functions.history);
    load_symbol(library, "history_init", functions.new_history);
    load_symbol(library, "history_end", functions.free_history);
    return functions;
  }();
  return loaded;
}

}  // namespace

// libedit's state; it asks back for each character.
struct LineReader::Editor {
  EditLine* line = nullptr;
  History* history = nullptr;
  std::string prompt, file;
  std::stop_token stop;

  static Editor& of(EditLine* line) {
    void* self = nullptr;
    edit().get(line, EL_CLIENTDATA, &self);
    return *static_cast<Editor*>(self);
  }
  static char* show_prompt(EditLine* line) { return of(line).prompt.data(); }
  static int read_character(EditLine* line, wchar_t* out) {
    if (!wait_for_input(of(line).stop)) return 0;  // as at the end of input
    char bytes[MB_LEN_MAX];
    std::mbstate_t state{};
    for (int count = 0; count < int(sizeof bytes); ++count) {
      if (::read(STDIN_FILENO, bytes + count, 1) != 1) return 0;
      const size_t used = std::mbrtowc(out, bytes + count, 1, &state);
      if (used <= 1) return 1;
      if (used == size_t(-1)) break;
    }
    *out = L'?';
    return 1;
  }

  Editor(const std::filesystem::path& history_file) : file(history_file.string()) {
    line = edit().init("corvid", stdin, stderr, stderr);
    history = edit().new_history();
    HistEvent event;
    edit().history(history, &event, H_SETSIZE, kHistoryLines);
    edit().history(history, &event, H_SETUNIQUE, 1);
    edit().history(history, &event, H_LOAD, file.c_str());
    edit().set(line, EL_CLIENTDATA, this);
    edit().set(line, EL_PROMPT, &Editor::show_prompt);
    edit().set(line, EL_EDITOR, "emacs");
    edit().set(line, EL_HIST, edit().history, history);
    edit().set(line, EL_SIGNAL, 0);
    edit().wset(line, EL_GETCFN, &Editor::read_character);
  }
  ~Editor() {
    edit().free_history(history);
    edit().end(line);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  std::optional<std::string> read() {
    int count = 0;
    const char* text = edit().gets(line, &count);
    if (stop.stop_requested()) edit().reset(line);
    if (text == nullptr || count <= 0 || stop.stop_requested()) return std::nullopt;
    std::string typed(text, size_t(count));
    while (typed.ends_with('\n') || typed.ends_with('\r')) typed.pop_back();
    if (!typed.empty()) {
      HistEvent event;
      edit().history(history, &event, H_ENTER, typed.c_str());
      edit().history(history, &event, H_SAVE, file.c_str());
    }
    return typed;
  }
};

LineReader::LineReader(std::filesystem::path history_file)
    : is_terminal_(::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0) {
  if (!is_terminal_) return;
  // Letters beyond ASCII are typed by the locale; nothing else reads it.
  std::setlocale(LC_CTYPE, "");
  std::error_code error;
  std::filesystem::create_directories(history_file.parent_path(), error);
  if (error) log::warning("chat", "no history is kept", {{"reason", error.message()}});
  editor_ = std::make_unique<Editor>(history_file);
}

LineReader::~LineReader() = default;

std::optional<std::string> LineReader::read(const std::string& prompt,
                                            const std::stop_token& stop) {
  if (editor_ == nullptr) return read_plain(stop);
  editor_->prompt = prompt;
  editor_->stop = stop;
  return editor_->read();
}

std::optional<std::string> LineReader::read_plain(const std::stop_token& stop) {
  for (;;) {
    const size_t end = pending_.find('\n');
    if (end != std::string::npos || (is_at_end_ && !pending_.empty())) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end == std::string::npos ? end : end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (is_at_end_ || !wait_for_input(stop)) return std::nullopt;
    char bytes[4096];
    const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) is_at_end_ = true;
    if (count > 0) pending_.append(bytes, size_t(count));
    if (pending_.size() > kLineBytesMax) fail(Code::invalid, "a line of over 1 MiB");
  }
}

}  // namespace corvid::runtime
