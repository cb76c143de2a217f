#pragma once
/// \file Runs the char_lm program for the tests.

#include "program.hpp"

namespace char_lm_test {

using namespace program_test;

/// Text with some structure: words of a small vocabulary, sentences and lines, always the same.
inline std::string story(std::size_t length) {
  const char* words[] = {"the", "sea", "was", "calm", "and", "a", "ship", "came", "home", "again"};
  std::string text;
  for (unsigned k = 1; text.size() < length; k = k * 1103515245u + 12345u) {
    text += words[(k >> 16) % 10];
    text += (k >> 20) % 7 == 0 ? ".\n" : " ";
  }
  text.resize(length);
  return text;
}

inline pid_t start(const TemporaryFolder& folder, const Arguments& arguments) {
  return program_test::start("char_lm", folder, arguments);
}
inline Outcome run(const TemporaryFolder& folder, const Arguments& arguments) {
  return program_test::run("char_lm", folder, arguments);
}

/// The command line of a small training run, with more options at the end.
inline Arguments training(const std::string& text, const std::string& out, const Arguments& more = {}) {
  const Arguments arguments = {
      "train", "--text",    text, "--out",     out,   "--hidden", "12", "--seq-length",     "8",  "--batch",
      "4",     "--threads", "1",  "--dropout", "0.2", "--epochs", "2",  "--valid-fraction", "0.1"};
  return with(arguments, more);
}

}  // namespace char_lm_test
