#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::policies {

bool is_shell(std::string_view program);  // "bash", without a folder

// The simple commands of a shell text that is nothing but plain words ("quoted" or 'quoted' ones
// without expansions too) joined by && || ; | & and newlines: "cd a && make -j2" gives {cd, a} and
// {make, -j2}. Assignments before a command are left out. nullopt for everything else: expansions,
// substitutions, redirections, groups, keywords. Such a text is judged as a whole.
std::optional<std::vector<std::vector<std::string>>> split_shell(std::string_view text);

// The first words of a text, up to the first that is more than a plain word; the whole text as one
// word when there is none.
std::vector<std::string> leading_words(std::string_view text);

// All words of a shell text, wherever they stand and however they are quoted: what may be a command
// in it. For rules that forbid.
std::vector<std::string> loose_words(std::string_view text);

}  // namespace corvid::policies
