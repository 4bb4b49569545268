#include "runtime/base/http.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include <curl/curl.h>
#include <sys/socket.h>

#include "runtime/base/error.h"
#include "runtime/base/library.h"
#include "runtime/base/public_address.h"
#include "runtime/base/text.h"

namespace corvid {
namespace {

// Loaded late: most runs never talk to a server, and libcurl brings two dozen libraries along.
struct Curl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_reset) easy_reset;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
};

const Curl& curl() {
  static const Curl loaded = [] {
    void* library = load_library({"libcurl.so.4", "libcurl-gnutls.so.4"}, "libcurl4");
    Curl functions{};
    load_symbol(library, "curl_global_init", functions.global_init);
    load_symbol(library, "curl_easy_init", functions.easy_init);
    load_symbol(library, "curl_easy_setopt", functions.easy_setopt);
    load_symbol(library, "curl_easy_getinfo", functions.easy_getinfo);
    load_symbol(library, "curl_easy_perform", functions.easy_perform);
    load_symbol(library, "curl_easy_reset", functions.easy_reset);
    load_symbol(library, "curl_easy_cleanup", functions.easy_cleanup);
    load_symbol(library, "curl_easy_strerror", functions.easy_strerror);
    load_symbol(library, "curl_slist_append", functions.slist_append);
    load_symbol(library, "curl_slist_free_all", functions.slist_free_all);
    functions.global_init(CURL_GLOBAL_DEFAULT);
    return functions;
  }();
  return loaded;
}

// What libcurl's callbacks see of an exchange. Exceptions must not cross its C code.
struct Exchange {
  const HttpRequest& request;
  const std::function<void(std::string_view)>& on_data;
  std::stop_token stop;
  CURL* handle;
  HttpResponse response;
  int64_t received = 0;
  bool is_too_long = false;
  bool is_private = false;
  std::exception_ptr error;
};

curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.request.public_only && !is_public(address->addr)) {
    exchange.is_private = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

size_t take_header(char* data, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view line = trim(std::string_view(data, size * count));
  if (line.starts_with("HTTP/")) {  // an interim answer or the real one: the last counts
    exchange.response.headers.clear();
    return size * count;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  exchange.response.headers[name] = std::string(trim(line.substr(colon + 1)));
  return size * count;
}

size_t take_body(char* data, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view piece(data, size * count);
  exchange.received += std::ssize(piece);
  if (exchange.received > exchange.request.response_bytes_max) {
    exchange.is_too_long = true;
    return 0;
  }
  long status = 0;
  curl().easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &status);
  if (!exchange.on_data || status < 200 || status >= 300) {
    exchange.response.body += piece;
    return piece.size();
  }
  try {
    exchange.on_data(piece);
  } catch (const std::exception&) {  // edge: libcurl is C
    exchange.error = std::current_exception();
    return 0;
  }
  return piece.size();
}

int watch(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(context)->stop.stop_requested() ? 1 : 0;
}

void set_options(CURL* handle, const HttpRequest& request, curl_slist* headers, Exchange& exchange,
                 char* problem) {
  const auto set = curl().easy_setopt;
  set(handle, CURLOPT_URL, request.url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_HTTPHEADER, headers);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, long(request.connect_ms_max));
  set(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(handle, CURLOPT_LOW_SPEED_TIME, std::max(1L, long(request.silent_ms_max / 1000)));
  set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  set(handle, CURLOPT_ACCEPT_ENCODING, "");
  set(handle, CURLOPT_HEADERFUNCTION, take_header);
  set(handle, CURLOPT_HEADERDATA, &exchange);
  set(handle, CURLOPT_WRITEFUNCTION, take_body);
  set(handle, CURLOPT_WRITEDATA, &exchange);
  set(handle, CURLOPT_XFERINFOFUNCTION, watch);
  set(handle, CURLOPT_XFERINFODATA, &exchange);
  set(handle, CURLOPT_NOPROGRESS, 0L);
  set(handle, CURLOPT_ERRORBUFFER, problem);
  set(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(handle, CURLOPT_OPENSOCKETDATA, &exchange);
  if (request.public_only) set(handle, CURLOPT_PROXY, "");  // a proxy would hide the address
  if (request.is_post) {
    set(handle, CURLOPT_POST, 1L);
    set(handle, CURLOPT_POSTFIELDS, request.body.c_str());
    set(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.size()));
  }
  // libcurl itself reads the proxy variables, not these.
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (const char* file = std::getenv(name); file != nullptr && *file != '\0') {
      set(handle, CURLOPT_CAINFO, file);
      break;
    }
  }
  if (const char* folder = std::getenv("SSL_CERT_DIR"); folder != nullptr && *folder != '\0') {
    set(handle, CURLOPT_CAPATH, folder);
  }
}

// Without the name and password that it may hold.
std::string shown_url(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t from = scheme == url.npos ? 0 : scheme + 3;
  const size_t at = url.substr(0, url.find_first_of("/?#", from)).rfind('@');
  return at == url.npos || at < from ? url : url.substr(0, from) + url.substr(at + 1);
}

}  // namespace

struct HttpClient::Impl {
  std::mutex mutex;
  std::vector<CURL*> idle;  // each with its connections; under the mutex
  std::future<void> loading;

  ~Impl() {
    for (CURL* handle : idle) curl().easy_cleanup(handle);
  }

  CURL* take() {
    {
      const std::scoped_lock guard(mutex);
      if (!idle.empty()) {
        CURL* const handle = idle.back();
        idle.pop_back();
        return handle;
      }
    }
    CURL* const handle = curl().easy_init();
    if (handle == nullptr) fail(Code::io, "libcurl: no handle");
    return handle;
  }

  void give_back(CURL* handle) {
    curl().easy_reset(handle);
    const std::scoped_lock guard(mutex);
    idle.push_back(handle);
  }
};

HttpClient::HttpClient() : impl_(std::make_unique<Impl>()) {}
HttpClient::~HttpClient() = default;

void HttpClient::prepare() {
  impl_->loading = std::async(std::launch::async, [] { curl(); });
}

HttpResponse HttpClient::exchange(const HttpRequest& request,
                                  const std::function<void(std::string_view)>& on_data,
                                  std::stop_token stop) {
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://")) {
    fail(Code::invalid, "'" + shown_url(request.url) + "' is no http or https address");
  }
  const auto give_back = [this](CURL* handle) { impl_->give_back(handle); };
  const std::unique_ptr<CURL, decltype(give_back)> handle(impl_->take(), give_back);
  curl_slist* list = nullptr;
  for (const std::string& header : request.headers) {
    list = curl().slist_append(list, header.c_str());
  }
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list,
                                                                            curl().slist_free_all);
  char problem[CURL_ERROR_SIZE] = "";
  Exchange exchange{request, on_data, stop, handle.get(), {}, 0, false, false, {}};
  set_options(handle.get(), request, headers.get(), exchange, problem);
  const CURLcode code = curl().easy_perform(handle.get());
  long status = 0;
  curl().easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = int(status);
  if (exchange.error) std::rethrow_exception(exchange.error);
  if (stop.stop_requested()) fail(Code::cancelled, "cancelled");
  if (code == CURLE_URL_MALFORMAT) {
    fail(Code::invalid, "'" + shown_url(request.url) + "' is no address");
  }
  if (exchange.is_private) {
    exchange.response.problem = "its address is private, local or reserved";
  } else if (exchange.is_too_long) {
    exchange.response.problem =
        "the answer is longer than " + std::to_string(request.response_bytes_max) + " bytes";
  } else if (code != CURLE_OK) {
    exchange.response.problem = *problem != '\0' ? problem : curl().easy_strerror(code);
  }
  return std::move(exchange.response);
}

}  // namespace corvid
