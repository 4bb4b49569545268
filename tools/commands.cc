#include "tools/commands.h"

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "tools/support/command_output.h"

namespace corvid::tools {
namespace {

using Clock = std::chrono::steady_clock;

// A reader that has gone away is an answer of write(), not the end of this process.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec now = {0, 0};
    while (sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
};

}  // namespace

struct Commands::Running {
  explicit Running(const CommandStart& start)
      : output(start.output_file, size_t(std::max<int64_t>(start.shown_bytes_max, 0))) {}
  ~Running() {
    if (input >= 0) ::close(input);
    if (input_read >= 0) ::close(input_read);
  }

  std::mutex mutex;  // protects output, outcome, error, has_ended
  std::condition_variable_any changed;
  CommandOutput output;
  sandbox::Outcome outcome;
  std::exception_ptr error;
  bool has_ended = false;
  Clock::time_point began = Clock::now();
  std::stop_source stop;
  int input = -1, input_read = -1;
  std::jthread thread;
};

Commands::Commands() = default;
Commands::~Commands() { end_all(); }

void Commands::start(sandbox::Sandbox& sandbox, const CommandStart& start,
                     const sandbox::Profile& profile) {
  const std::scoped_lock guard(mutex_);
  if (commands_.size() >= kRunningMax) {
    fail(Code::invalid, "too many commands run already: end one with process (kill)");
  }
  auto running = std::make_shared<Running>(start);
  sandbox::Command command;
  command.argv = start.argv;
  command.cwd = start.cwd;
  command.collect_output = false;
  if (start.has_input) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
    running->input_read = ends[0];
    running->input = ends[1];
    fcntl(running->input, F_SETFL, O_NONBLOCK);  // who does not read is not waited for
    command.stdin_fd = running->input_read;
  }
  Running* own = running.get();  // outlives its thread
  command.on_output = [own](std::string_view piece) {
    const std::scoped_lock hold(own->mutex);
    own->output.add(piece);
  };
  running->thread = std::jthread([own, &sandbox, command, profile] {
    sandbox::Outcome outcome;
    std::exception_ptr error;
    try {
      outcome = sandbox.run(command, profile, own->stop.get_token());
    } catch (...) {  // edge: a thread of its own; wait() throws it
      error = std::current_exception();
    }
    const std::scoped_lock hold(own->mutex);
    own->outcome = std::move(outcome);
    own->error = error;
    own->has_ended = true;
    own->changed.notify_all();
  });
  commands_[start.id] = std::move(running);
}

std::shared_ptr<Commands::Running> Commands::find(const std::string& id) const {
  const std::scoped_lock guard(mutex_);
  const auto found = commands_.find(id);
  if (found != commands_.end()) return found->second;
  std::string known;
  for (const auto& [name, running] : commands_) known += " " + name;
  fail(Code::not_found, "no command " + id + " runs" + (known.empty() ? "" : "; there are:") +
                            known);
}

CommandNews Commands::wait(const std::string& id, std::chrono::milliseconds time_max,
                           std::stop_token stop) {
  const std::shared_ptr<Running> running = find(id);
  CommandNews news;
  std::unique_lock hold(running->mutex);
  running->changed.wait_for(hold, stop, time_max, [&] { return running->has_ended; });
  news.age = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - running->began);
  news.is_running = !running->has_ended;
  if (stop.stop_requested() && news.is_running) fail(Code::cancelled, "cancelled");
  news.output = running->output.take_new();
  news.outcome = running->outcome;
  const std::exception_ptr error = running->error;
  hold.unlock();
  if (news.is_running) return news;
  {
    const std::scoped_lock guard(mutex_);
    commands_.erase(id);
  }
  running->thread.join();
  if (error) std::rethrow_exception(error);
  return news;
}

void Commands::type(const std::string& id, std::string_view text) {
  const std::shared_ptr<Running> running = find(id);
  if (running->input < 0) {
    fail(Code::invalid, id + " takes no input: start it with process to type into it");
  }
  const NoPipeSignal quiet;
  while (!text.empty()) {
    const ssize_t put = ::write(running->input, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {
      fail(Code::invalid, id + " does not read its input; the last " +
                              std::to_string(text.size()) + " bytes were not typed");
    }
    if (put < 0) fail(Code::invalid, id + " takes no input any more");
    text.remove_prefix(size_t(put));
  }
}

void Commands::kill(const std::string& id) { find(id)->stop.request_stop(); }

void Commands::end_all() {
  std::map<std::string, std::shared_ptr<Running>> all;
  {
    const std::scoped_lock guard(mutex_);
    all.swap(commands_);
  }
  for (const auto& [id, running] : all) running->stop.request_stop();
  for (const auto& [id, running] : all) {
    if (running->thread.joinable()) running->thread.join();
  }
}

bool Commands::is_any_running() const {
  const std::scoped_lock guard(mutex_);
  return !commands_.empty();
}

}  // namespace corvid::tools
