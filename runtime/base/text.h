#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corvid {

bool is_utf8(std::string_view text);

// Invalid sequences become U+FFFD.
std::string to_utf8(std::string_view text);

// Length of the longest prefix of `text` that does not end inside a UTF-8 character.
size_t whole_characters(std::string_view text);

// At most `bytes_max` bytes, cut at a character border.
std::string_view truncate_utf8(std::string_view text, size_t bytes_max);

// Head and tail of a long text with "[... N bytes left out ...]" between them; the text itself when
// it is not longer than `bytes_max`.
std::string head_and_tail(std::string_view text, size_t bytes_max);

// Control characters and escape sequences made visible (ESC as "\x1b"), newline and tab kept: what
// a terminal may be shown of other people's output.
std::string printable(std::string_view text);

std::vector<std::string_view> split_lines(std::string_view text);  // without their newlines
std::string_view trim(std::string_view text);
std::string lower_case(std::string_view text);  // ASCII letters only; the rest stays
bool is_word_byte(char c);                      // a letter or digit of ASCII, or an underscore
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// SHA-256 of `data`, 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view data);

// 64-bit FNV-1a; stable across builds and machines, not for security.
uint64_t fnv1a(std::string_view data, uint64_t seed = 0xcbf29ce484222325ull);

}  // namespace corvid
