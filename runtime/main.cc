#include <algorithm>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"

namespace {

using corvid::Code;
using corvid::Error;

// Turns SIGINT, SIGTERM and SIGHUP into wishes to stop, and the last of them into the end. The
// signals are blocked in every thread and taken here, so that no handler runs in the middle of
// anything.
class SignalThread {
 public:
  SignalThread() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR2}) sigaddset(&set, signal);
    struct sigaction hangup;  // nohup has it ignored
    if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
      sigaddset(&set, SIGHUP);
    }
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    thread_ = std::thread([set, this] {
      for (;;) {
        int signal = 0;
        if (sigwait(&set, &signal) != 0 || signal == SIGUSR2) return;
        const std::scoped_lock guard(mutex_);
        if (count_ == 0) std::fputs(note_.c_str(), stderr);
        const int least = signal != SIGINT && has_steps_ ? 2 : 1;
        count_ = std::max(count_ + 1, least);
        if (count_ > (has_steps_ ? 2 : 1)) _exit(130);
        stop_.request_stop();
        if (count_ == 2) steps_.request_stop();
      }
    });
  }
  ~SignalThread() {
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
  }

  // The first Ctrl-C wishes `stop` alone. With `has_steps` the second one wishes `stop_steps` too,
  // as other signals do at once. One more ends the program.
  corvid::runtime::StopWish renew(std::string note, bool has_steps) {
    const std::scoped_lock guard(mutex_);
    count_ = 0;
    has_steps_ = has_steps;
    note_ = std::move(note);
    stop_ = std::stop_source();
    steps_ = std::stop_source();
    return {stop_.get_token(), steps_.get_token()};
  }

 private:
  std::mutex mutex_;  // protects what follows
  int count_ = 0;
  bool has_steps_ = false;
  std::string note_;
  std::stop_source stop_, steps_;
  std::thread thread_;
};

// The next file that is opened would take the place of a closed stream, and get its output.
void fill_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // Nothing can be written to stdout then, which is found out as elsewhere.
    if (::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0) _exit(6);
  }
}

// What a command wrote must have arrived.
int exit_code_with_output(int exit_code) {
  if (exit_code != 0 || (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)) return exit_code;
  std::fputs("corvid: stdout cannot be written\n", stderr);
  return 6;
}

int exit_code_of(const Error& error) {
  if (error.code() == Code::device) return 5;
  return error.code() == Code::invalid || error.code() == Code::not_found ? 1 : 6;
}

using AddCommand = void (*)(corvid::runtime::Command& app,
                            corvid::runtime::CommandContext& context);

constexpr std::pair<std::string_view, AddCommand> kCommands[] = {
    {"run", corvid::runtime::add_run},       {"chat", corvid::runtime::add_chat},
    {"sessions", corvid::runtime::add_sessions}, {"memory", corvid::runtime::add_memory},
    {"model", corvid::runtime::add_model},   {"policy", corvid::runtime::add_policy},
    {"trust", corvid::runtime::add_trust},   {"doctor", corvid::runtime::add_doctor}};

// All of them, or the one that `word` names: the options of the others take longer than their use.
void add_commands(corvid::runtime::Command& app, corvid::runtime::CommandContext& context,
                  std::string_view word) {
  const auto is_named = [&](const auto& command) { return command.first == word; };
  const bool is_one = std::ranges::any_of(kCommands, is_named);
  for (const auto& command : kCommands) {
    if (!is_one || is_named(command)) command.second(app, context);
  }
}

}  // namespace

int main(int argc, char** argv) {
  fill_closed_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has gone away is an answer of write()
  corvid::runtime::CommandLine command_line(
      "corvid", "Corvid: an agent with its own engine, sandbox and memory.", "corvid 0.1.0");
  corvid::runtime::Command app = command_line.program();
  app.footer(
      "Examples:\n  corvid run \"make the failing test pass\" --verify \"make test\"\n"
      "  corvid sessions undo\n"
      "  corvid memory search \"which port does staging use\"\n"
      "  corvid doctor");
  app.require_subcommand();
  corvid::runtime::CommandContext context;
  SignalThread signals;
  context.stop = signals.renew("\nstopping; once more to stop at once\n", false).stop;
  context.renew_stop = [&signals](std::string note) {
    return signals.renew(std::move(note), true);
  };
  add_commands(app, context, argc > 1 ? argv[1] : "");
  try {
    const std::optional<int> ended = command_line.parse(argc, argv);
    return ended.has_value() ? *ended : exit_code_with_output(context.exit_code);
  } catch (const Error& error) {
    std::fprintf(stderr, "corvid: %s\n", corvid::printable(error.what()).c_str());
    return exit_code_of(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "corvid: %s\n", corvid::printable(error.what()).c_str());
    return 6;
  }
}
