#include "sandbox/launch/proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/base/error.h"
#include "sandbox/jail/pass_descriptor.h"

namespace corvid::sandbox {
namespace {

using Instant = std::chrono::steady_clock::time_point;

constexpr size_t kHeadBytesMax = 64 << 10;     // of a request
constexpr size_t kBufferBytesMax = 128 << 10;  // on the way in one direction
constexpr size_t kPieceBytes = 64 << 10;
constexpr size_t kRefusedMax = 8;
constexpr int kLingerMs = 2'000;  // for an answer to be read before the connection is closed

Instant after(int ms) { return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms); }

// A search for a name's addresses on a thread of its own. It cannot be stopped; nobody waits for
// it.
struct Lookup {
  std::atomic<bool> is_done{false};
  std::vector<Address> addresses;  // once it is done
};

// Shared with the searching threads, which may outlast the proxy.
struct LookupOffice {
  explicit LookupOffice(decltype(ProxyWorld::resolve) function) : resolve(std::move(function)) {}
  const decltype(ProxyWorld::resolve) resolve;
  const Descriptor news{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<int> running{0};
};

// Null when no thread can be had.
std::shared_ptr<Lookup> begin_lookup(const std::shared_ptr<LookupOffice>& office,
                                     const std::string& host, int port) {
  auto lookup = std::make_shared<Lookup>();
  ++office->running;
  try {
    std::thread([office, lookup, host, port] {
      lookup->addresses = office->resolve(host, port);
      lookup->is_done = true;
      --office->running;
      if (eventfd_write(office->news.get(), 1) != 0) return;  // full: it says so already
    }).detach();
  } catch (const std::system_error&) {  // edge: the machine has no more threads
    --office->running;
    return nullptr;
  }
  return lookup;
}

// Bytes on their way from one socket to the other.
struct Flow {
  std::string bytes;
  bool is_ended = false;      // nothing more comes
  bool is_passed_on = false;  // and the other side was told

  bool wants_more() const { return !is_ended && bytes.size() < kBufferBytesMax; }

  // False when the connection is broken.
  bool read_from(int fd, char* buffer, size_t size) {
    const ssize_t got = recv(fd, buffer, size, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) is_ended = true;
    bytes.append(buffer, static_cast<size_t>(got));
    return true;
  }

  bool write_to(int fd) {
    while (!bytes.empty()) {
      const ssize_t put = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno == EAGAIN;
      bytes.erase(0, static_cast<size_t>(put));
    }
    if (is_ended && !is_passed_on) {
      shutdown(fd, SHUT_WR);
      is_passed_on = true;
    }
    return true;
  }
};

struct Connection {
  enum class State { head, lookup, connect, relay, linger };
  State state = State::head;
  Descriptor client, server;
  Instant deadline;
  ProxyRequest request;
  int64_t body_left = 0;  // of a plain request, not yet taken from the client
  Flow up, down;          // to the server, to the client
  std::shared_ptr<Lookup> lookup;
  std::vector<Address> addresses;  // not tried yet, the next one last
  bool is_over = false;
  int client_slot = -1, server_slot = -1;  // in the list that is polled
};

}  // namespace

class Proxy::Loop {
 public:
  Loop(ProxyRules rules, Descriptor channel, ProxyWorld world, ProxyLimits limits)
      : rules_(std::move(rules)),
        channel_(std::move(channel)),
        is_public_(std::move(world.is_public)),
        limits_(limits),
        office_(std::make_shared<LookupOffice>(std::move(world.resolve))) {
    if (stopped_.get() < 0 || office_->news.get() < 0) fail_errno("eventfd");
    try {
      thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error& error) {  // edge: the machine has no more threads
      fail(Code::io, std::string("the proxy of the sandbox cannot start: ") + error.what());
    }
  }

  std::vector<std::string> stop() {
    if (thread_.joinable()) {
      if (eventfd_write(stopped_.get(), 1) != 0) std::terminate();  // nothing else writes to it
      thread_.join();
    }
    connections_.clear();
    listener_.reset();
    return refused_;
  }

 private:
  void serve() {
    while (wait()) {
      if (is_ready(channel_slot_)) receive_listener();
      if (is_ready(listener_slot_)) accept_one();
      if (is_ready(news_slot_)) {
        eventfd_t count = 0;
        if (eventfd_read(office_->news.get(), &count) != 0) continue;
      }
      for (Connection& each : connections_) advance(each);
      connections_.remove_if([](const Connection& each) { return each.is_over; });
    }
  }

  int want(int fd, short events) {
    if (fd < 0 || events == 0) return -1;
    polled_.push_back({fd, events, 0});
    return static_cast<int>(polled_.size()) - 1;
  }
  short events_at(int slot) const {
    return slot < 0 ? short{0} : polled_[static_cast<size_t>(slot)].revents;
  }
  bool is_ready(int slot) const { return events_at(slot) != 0; }

  // False: it is to stop.
  bool wait() {
    polled_.clear();
    want(stopped_.get(), POLLIN);
    channel_slot_ = want(channel_.get(), POLLIN);
    // At the limit further ones wait in the kernel's queue.
    const bool has_room = connections_.size() < limits_.connections_max;
    listener_slot_ = want(has_room ? listener_.get() : -1, POLLIN);
    news_slot_ = want(office_->news.get(), POLLIN);
    Instant next = Instant::max();
    for (Connection& each : connections_) {
      want_for(each);
      next = std::min(next, each.deadline);
    }
    int ms = -1;
    if (next != Instant::max()) {
      const auto left = next - std::chrono::steady_clock::now();
      const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      ms = static_cast<int>(std::clamp<int64_t>(whole, 0, 60'000));
    }
    if (poll(polled_.data(), polled_.size(), ms) < 0) {
      if (errno != EINTR && errno != ENOMEM) return false;
      for (pollfd& each : polled_) each.revents = 0;
    }
    return polled_[0].revents == 0;
  }

  void want_for(Connection& each) {
    using State = Connection::State;
    const bool is_relay = each.state == State::relay;
    short client = 0, server = 0;
    if (each.state == State::head || each.state == State::linger) client |= POLLIN;
    if (is_relay && each.up.wants_more()) client |= POLLIN;
    if (!each.down.bytes.empty()) client |= POLLOUT;
    if (each.state == State::connect) server |= POLLOUT;
    if (is_relay && each.down.wants_more()) server |= POLLIN;
    if (is_relay && !each.up.bytes.empty()) server |= POLLOUT;
    each.client_slot = want(each.client.get(), client);
    each.server_slot = want(each.server.get(), server);
  }

  // From the jail, once. The channel's end without it is the end of the jail.
  void receive_listener() {
    const int fd = jail::receive_descriptor(channel_.get(), MSG_DONTWAIT);
    if (fd < 0 && (errno == EINTR || errno == EAGAIN)) return;
    listener_ = Descriptor(fd);
    channel_.reset();
  }

  void accept_one() {
    Descriptor client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client.get() < 0) {
      // The listener would stay ready: ending it beats going round and round.
      if (errno == EMFILE || errno == ENFILE) {
        tell("the proxy ended: this machine has no more file descriptors");
        listener_.reset();
      }
      return;
    }
    Connection& connection = connections_.emplace_back();
    connection.client = std::move(client);
    connection.deadline = after(limits_.head_ms);
  }

  void advance(Connection& each) {
    using State = Connection::State;
    if (each.state == State::head && is_ready(each.client_slot)) read_head(each);
    if (each.state == State::lookup) look_up(each);
    if (each.state == State::connect && is_ready(each.server_slot)) end_connect(each);
    if (each.state == State::relay) relay(each);
    if (each.state == State::linger) linger(each);
    if (!each.is_over && std::chrono::steady_clock::now() >= each.deadline) time_out(each);
  }

  void read_head(Connection& each) {
    const size_t seen = std::max<size_t>(each.up.bytes.size(), 3) - 3;
    if (!each.up.read_from(each.client.get(), piece_, sizeof piece_) || each.up.is_ended) {
      each.is_over = true;
      return;
    }
    const size_t end = each.up.bytes.find("\r\n\r\n", seen);
    if (end == std::string::npos || end + 4 > kHeadBytesMax) {
      if (each.up.bytes.size() > kHeadBytesMax) {
        refuse(each, {431, "head-too-long", "the request's head is too long"});
      }
      return;
    }
    const auto parsed = parse_proxy_request(std::string_view(each.up.bytes).substr(0, end + 4));
    if (const auto* refusal = std::get_if<ProxyRefusal>(&parsed)) return refuse(each, *refusal);
    each.request = std::get<ProxyRequest>(parsed);
    each.up.bytes.erase(0, end + 4);
    if (auto refusal = refusal_of(rules_, each.request); !refusal.reason.empty()) {
      return refuse(each, refusal);
    }
    each.state = Connection::State::lookup;
    each.deadline = after(limits_.lookup_ms);
  }

  // At the limit it waits until others are found.
  void look_up(Connection& each) {
    if (each.lookup == nullptr && office_->running < limits_.lookups_max) {
      each.lookup = begin_lookup(office_, each.request.host, each.request.port);
      if (each.lookup == nullptr) {
        return refuse(each, {503, "no-threads", "this machine has no more threads"});
      }
    }
    if (each.lookup != nullptr && each.lookup->is_done) found(each);
  }

  // The addresses are looked at here and connected to as they are: no second lookup could differ.
  void found(Connection& each) {
    const bool is_spelt_out = is_address(each.request.host);
    const std::vector<Address>& addresses = each.lookup->addresses;
    for (auto address = addresses.rbegin(); address != addresses.rend(); ++address) {
      if (is_spelt_out || is_public_(*address)) each.addresses.push_back(*address);
    }
    if (addresses.empty()) {
      return refuse(each, {502, "name-not-found", each.request.host + " has no address"});
    }
    if (each.addresses.empty()) {
      return refuse(each, {403, "private-address",
                           each.request.host + " leads to a private or local address; a person "
                                               "allows that address itself with --allow-host"});
    }
    begin_connect(each);
  }

  void begin_connect(Connection& each) {
    while (!each.addresses.empty()) {
      const Address address = each.addresses.back();
      each.addresses.pop_back();
      each.server = Descriptor(
          socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (each.server.get() < 0) continue;
      const int error = connect(each.server.get(), &address.get(), address.size) == 0 ? 0 : errno;
      if (error != 0 && error != EINPROGRESS) continue;
      each.state = Connection::State::connect;
      each.deadline = after(limits_.connect_ms);
      return;
    }
    each.server.reset();
    refuse(each, {502, "not-reached", each.request.host + " cannot be reached"});
  }

  void end_connect(Connection& each) {
    int error = 0;
    socklen_t size = sizeof error;
    const int got = getsockopt(each.server.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (got != 0 || error != 0) return begin_connect(each);
    each.state = Connection::State::relay;
    each.deadline = after(limits_.idle_ms);
    each.client_slot = each.server_slot = -1;  // polled for something else
    if (each.request.is_tunnel) {
      each.down.bytes = "HTTP/1.1 200 Connection established\r\n\r\n";
      return;
    }
    each.body_left = each.request.body_bytes;
    std::string body = std::exchange(each.up.bytes, std::move(each.request.head));
    take_body(each, body);
  }

  // No byte beyond a plain request's body goes to the server, where it could begin another request.
  static void take_body(Connection& each, std::string_view bytes) {
    const auto taken =
        static_cast<size_t>(std::min<int64_t>(each.body_left, static_cast<int64_t>(bytes.size())));
    each.up.bytes.append(bytes.substr(0, taken));
    each.body_left -= static_cast<int64_t>(taken);
    if (each.body_left == 0) each.up.is_ended = each.up.is_passed_on = true;
  }

  void relay(Connection& each) {
    if (is_ready(each.client_slot) || is_ready(each.server_slot)) {
      each.deadline = after(limits_.idle_ms);
    }
    bool is_whole = true;
    if ((events_at(each.client_slot) & ~POLLOUT) != 0) {
      const size_t had = each.up.bytes.size();
      is_whole = each.up.read_from(each.client.get(), piece_, sizeof piece_);
      if (!each.request.is_tunnel) {
        const std::string fresh = each.up.bytes.substr(had);
        each.up.bytes.resize(had);
        take_body(each, fresh);
      }
    }
    if ((events_at(each.server_slot) & ~POLLOUT) != 0) {
      is_whole = each.down.read_from(each.server.get(), piece_, sizeof piece_) && is_whole;
    }
    is_whole = is_whole && each.up.write_to(each.server.get());
    is_whole = is_whole && each.down.write_to(each.client.get());
    const bool is_answered = each.down.is_passed_on && !each.request.is_tunnel;
    if (!is_whole || (each.down.is_passed_on && each.up.is_passed_on)) {
      is_answered ? begin_linger(each) : void(each.is_over = true);
    } else if (is_answered) {
      begin_linger(each);
    }
  }

  void tell(const std::string& text) {
    const bool is_known = std::find(refused_.begin(), refused_.end(), text) != refused_.end();
    if (!is_known && refused_.size() < kRefusedMax) refused_.push_back(text);
  }

  void refuse(Connection& each, const ProxyRefusal& refusal) {
    tell(refusal.text);
    each.down.bytes = refusal_answer(refusal);
    each.down.is_ended = true;
    begin_linger(each);
  }

  // Closing while bytes of the client are unread would take the answer away from it.
  void begin_linger(Connection& each) {
    each.state = Connection::State::linger;
    each.server.reset();
    each.client_slot = -1;
    each.deadline = after(kLingerMs);
    linger(each);
  }

  void linger(Connection& each) {
    if ((events_at(each.client_slot) & ~POLLOUT) != 0) {
      const ssize_t got = recv(each.client.get(), piece_, sizeof piece_, 0);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) each.is_over = true;
    }
    if (!each.down.write_to(each.client.get())) each.is_over = true;
  }

  void time_out(Connection& each) {
    using State = Connection::State;
    if (each.state == State::lookup) {
      refuse(each, {504, "lookup-timeout", each.request.host + " was not found in time"});
    } else if (each.state == State::connect) {
      begin_connect(each);
    } else {
      each.is_over = true;
    }
  }

  const ProxyRules rules_;
  Descriptor channel_, listener_;
  const std::function<bool(const Address&)> is_public_;
  const ProxyLimits limits_;
  const std::shared_ptr<LookupOffice> office_;
  const Descriptor stopped_{eventfd(0, EFD_CLOEXEC)};
  std::list<Connection> connections_;
  std::vector<pollfd> polled_;
  int channel_slot_ = -1, listener_slot_ = -1, news_slot_ = -1;
  std::vector<std::string> refused_;  // read by others once the thread has ended
  char piece_[kPieceBytes];
  std::thread thread_;
};

Proxy::Proxy(ProxyRules rules, Descriptor channel, ProxyWorld world, ProxyLimits limits)
    : loop_(
          std::make_unique<Loop>(std::move(rules), std::move(channel), std::move(world), limits)) {}

Proxy::~Proxy() { stop(); }

std::vector<std::string> Proxy::stop() { return loop_->stop(); }

}  // namespace corvid::sandbox
