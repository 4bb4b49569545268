#include "tools/support/html_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace corvid::tools {
namespace {

constexpr std::array<std::string_view, 28> kBlocks = {
    "p",  "div", "br", "li", "ul",    "ol", "tr",     "table",     "h1",      "h2",
    "h3", "h4",  "h5", "h6", "pre",   "dt", "dd",     "section",   "article", "header",
    "hr", "nav", "td", "th", "title", "dl", "footer", "blockquote"};
constexpr std::array<std::string_view, 4> kSkipped = {"script", "style", "noscript", "svg"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool is_letter_or_digit(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
}

void append_utf8(std::string& out, uint32_t code) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
  if (code < 0x80) {
    out += char(code);
  } else if (code < 0x800) {
    out += char(0xc0 | (code >> 6));
    out += char(0x80 | (code & 63));
  } else if (code < 0x10000) {
    out += char(0xe0 | (code >> 12));
    out += char(0x80 | ((code >> 6) & 63));
    out += char(0x80 | (code & 63));
  } else {
    out += char(0xf0 | (code >> 18));
    out += char(0x80 | ((code >> 12) & 63));
    out += char(0x80 | ((code >> 6) & 63));
    out += char(0x80 | (code & 63));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view html) : html_(html) {}

  std::string run() {
    while (at_ < html_.size()) {
      if (html_.substr(at_).starts_with("<!--")) {
        const size_t end = html_.find("-->", at_ + 4);
        at_ = end == html_.npos ? html_.size() : end + 3;
      } else if (html_[at_] == '<' && at_ + 1 < html_.size() &&
                 (html_[at_ + 1] == '/' || html_[at_ + 1] == '!' ||
                  is_letter_or_digit(html_[at_ + 1]))) {
        take_tag();
      } else if (html_[at_] == '&') {
        take_reference();
      } else {
        put(html_[at_++]);
      }
    }
    while (!out_.empty() && (out_.back() == '\n' || out_.back() == ' ')) out_.pop_back();
    if (!out_.empty()) out_ += '\n';
    return std::move(out_);
  }

 private:
  void put(char c) {
    const bool is_blank = c == ' ' || c == '\t' || c == '\r' || (c == '\n' && !is_pre_);
    if (!is_blank || is_pre_) {
      out_ += c;
    } else if (!out_.empty() && out_.back() != ' ' && out_.back() != '\n') {
      out_ += ' ';
    }
  }

  void new_line() {
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
  }

  void take_tag() {
    const size_t end = html_.find('>', at_);
    const size_t stop = end == html_.npos ? html_.size() : end;
    const bool closes = html_[at_ + 1] == '/';
    std::string name;
    for (size_t i = at_ + (closes ? 2 : 1); i < stop && is_letter_or_digit(html_[i]); ++i) {
      name += lower(html_[i]);
    }
    at_ = std::min(stop + 1, html_.size());
    if (std::find(kBlocks.begin(), kBlocks.end(), name) != kBlocks.end()) new_line();
    if (name == "pre") is_pre_ = !closes;
    if (!closes && std::find(kSkipped.begin(), kSkipped.end(), name) != kSkipped.end()) skip(name);
  }

  void skip(const std::string& name) {
    for (; at_ < html_.size(); ++at_) {
      if (html_[at_] != '<' || at_ + 2 + name.size() > html_.size() || html_[at_ + 1] != '/') {
        continue;
      }
      const std::string_view found = html_.substr(at_ + 2, name.size());
      if (std::equal(found.begin(), found.end(), name.begin(),
                     [](char a, char b) { return lower(a) == b; })) {
        return;
      }
    }
  }

  void take_reference() {
    const size_t end = html_.find(';', at_);
    if (end == html_.npos || end - at_ > 10) return put(html_[at_++]);
    const std::string name(html_.substr(at_ + 1, end - at_ - 1));
    static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
        {"amp", "&"},         {"lt", "<"},        {"gt", ">"},         {"quot", "\""},
        {"apos", "'"},        {"nbsp", " "},      {"ndash", "\u2013"}, {"mdash", "\u2014"},
        {"hellip", "\u2026"}, {"copy", "\u00a9"}, {"rsquo", "\u2019"}, {"lsquo", "\u2018"},
        {"ldquo", "\u201c"},  {"rdquo", "\u201d"}};
    const auto known = std::find_if(std::begin(kNames), std::end(kNames),
                                    [&](const auto& each) { return each.first == name; });
    if (known != std::end(kNames)) {
      out_ += known->second;
    } else if (name.size() > 1 && name[0] == '#') {
      const bool is_hex = lower(name[1]) == 'x';
      char* stop = nullptr;
      const unsigned long code =
          std::strtoul(name.c_str() + (is_hex ? 2 : 1), &stop, is_hex ? 16 : 10);
      if (*stop != '\0') return put(html_[at_++]);
      append_utf8(out_, uint32_t(std::min(code, 0x110000ul)));
    } else {
      return put(html_[at_++]);
    }
    at_ = end + 1;
  }

  const std::string_view html_;
  size_t at_ = 0;
  bool is_pre_ = false;
  std::string out_;
};

}  // namespace

std::string html_text(std::string_view html) { return Reader(html).run(); }

}  // namespace corvid::tools
