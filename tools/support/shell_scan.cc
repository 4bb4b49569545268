#include "tools/support/shell_scan.h"

#include <algorithm>
#include <utility>

namespace corvid::tools {
namespace {

constexpr size_t kCommandsMax = 2000;
constexpr int kDepthMax = 8;

constexpr std::string_view kKeywords =  // a space around each
    " if then else elif fi do done while until ! { } time ";

class Scan {
 public:
  Scan(std::string_view text, int depth, std::vector<ScannedCommand>& found)
      : text_(text), depth_(depth), found_(found) {
    command_.is_substituted = depth > 0;
  }

  void run() {
    while (at_ < text_.size() && found_.size() < kCommandsMax) step();
    end_command(false);
  }

 private:
  enum class Target { word, input, output, nothing };

  char next(size_t ahead = 1) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void add(char c) {
    word_ += c;
    has_word_ = true;
    ++at_;
  }

  void step() {
    const char c = text_[at_];
    if (c == '\\') {
      if (next() != '\n' && at_ + 1 < text_.size()) {
        ++at_;
        add(text_[at_]);
      } else {
        at_ += 2;
      }
    } else if (c == '\'' && !is_quoted_) {
      has_word_ = true;
      for (++at_; at_ < text_.size() && text_[at_] != '\'';) add(text_[at_]);
      ++at_;
    } else if (c == '"') {
      is_quoted_ = !is_quoted_;
      has_word_ = true;
      ++at_;
    } else if (c == '`') {
      const size_t end = std::min(text_.find('`', at_ + 1), text_.size());
      substitute(at_ + 1, end);
    } else if (c == '$' && next() == '(' && next(2) != '(') {
      substitute(at_ + 2, closing(at_ + 2));
    } else if (is_quoted_) {
      add(c);
    } else {
      step_unquoted(c);
    }
  }

  void step_unquoted(char c) {
    if (c == '#' && !has_word_) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == ' ' || c == '\t' || c == '\r') {
      end_word();
      ++at_;
    } else if (c == '<' || c == '>') {
      redirect(c);
    } else if (c == '|' && next() != '|') {
      end_command(true);
      ++at_;
    } else if (c == '&' && next() == '>') {  // &> FILE
      end_word();
      ++at_;
    } else if (std::string_view("\n;|&()").find(c) != std::string_view::npos) {
      end_command(false);
      ++at_;
    } else {
      add(c);
    }
  }

  void redirect(char c) {
    const bool is_other = has_word_ && word_ != "1" &&
                          word_.find_first_not_of("0123456789") == std::string::npos;
    if (is_other || word_ == "1") {
      word_.clear();
      has_word_ = false;
    }
    end_word();
    if (next() == '(') {  // a process takes the place of a file
      substitute(at_ + 2, closing(at_ + 2));
      return;
    }
    const bool is_document = c == '<' && next() == '<';
    while (at_ < text_.size() && (text_[at_] == c || text_[at_] == '&' || text_[at_] == '|')) ++at_;
    target_ = is_document || is_other ? Target::nothing
              : c == '<'              ? Target::input
                                      : Target::output;
  }

  // Where the parenthesis that opened before `from` closes.
  size_t closing(size_t from) const {
    int depth = 1;
    for (size_t i = from; i < text_.size(); ++i) {
      if (text_[i] == '(') ++depth;
      if (text_[i] == ')' && --depth == 0) return i;
    }
    return text_.size();
  }

  void substitute(size_t begin, size_t end) {
    if (depth_ < kDepthMax) Scan(text_.substr(begin, end - begin), depth_ + 1, found_).run();
    word_ += '$';
    has_word_ = true;
    at_ = end + 1;
  }

  void end_word() {
    if (!has_word_) return;
    const Target target = std::exchange(target_, Target::word);
    const bool is_keyword = command_.words.empty() && !word_.empty() &&
                            kKeywords.find(" " + word_ + " ") != std::string_view::npos;
    if (target == Target::input) {
      command_.inputs.push_back(word_);
    } else if (target == Target::output) {
      if (word_ != "/dev/null" && word_.find_first_not_of("0123456789-") != std::string::npos) {
        command_.outputs.push_back(word_);
      }
    } else if (target == Target::word && !is_keyword) {
      command_.words.push_back(word_);
    }
    word_.clear();
    has_word_ = false;
  }

  void end_command(bool is_piped) {
    end_word();
    target_ = Target::word;
    command_.is_piped = is_piped;
    if (!command_.words.empty() || !command_.inputs.empty()) found_.push_back(command_);
    command_ = {};
    command_.is_substituted = depth_ > 0;
  }

  std::string_view text_;
  int depth_;
  std::vector<ScannedCommand>& found_;
  size_t at_ = 0;
  ScannedCommand command_;
  std::string word_;
  bool has_word_ = false;
  bool is_quoted_ = false;
  Target target_ = Target::word;
};

}  // namespace

std::vector<ScannedCommand> scan_shell(std::string_view text) {
  std::vector<ScannedCommand> found;
  Scan(text, 0, found).run();
  return found;
}

}  // namespace corvid::tools
