#include "unroll/data/records.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/data/series.hpp"

using namespace unroll;

namespace {

using Words = std::vector<std::string>;

/// A file of the given content; `name` is its path.
struct File {
  TemporaryFolder folder;
  std::string name = folder / "data.txt";
  explicit File(std::string_view content) { std::ofstream(name, std::ios::binary) << content; }
};

/// What reading a file of this content complains of, without the file's name.
template <class Read>
std::string complaint(Read&& read, std::string_view content) {
  const File file(content);
  try {
    read(file.name);
  } catch (const DataError& error) {
    const std::string message = error.what();
    REQUIRE(message.starts_with(file.name + ":"));
    return message.substr(file.name.size() + 1);
  }
  return "none";
}

}  // namespace

TEST_CASE("lines: the end of the last line begins none, and inner empty lines stay") {
  CHECK(lines_of("a\n\nb\n", "f").lines == Words{"a", "", "b"});
  CHECK(lines_of("a\nb", "f").lines == Words{"a", "b"});
  CHECK(lines_of("\n", "f").lines == Words{""});
  CHECK(lines_of("", "f").lines.empty());
}

TEST_CASE("lines: a byte order mark and CR LF are taken for what they mean") {
  CHECK(lines_of("\xEF\xBB\xBF\u00e9\r\nb\r\n", "f").lines == Words{"\u00e9", "b"});
}

TEST_CASE("lines: what is not UTF-8 is named with file, line and byte") {
  CHECK_THROWS_WITH_AS(lines_of("ab\nc\xE9\n", "f"),
                       "f:2: byte 0xE9 (offset 4) is not UTF-8: a continuation byte is missing", DataError);
}

TEST_CASE("lines: columns are what lies between tabs, and trimmed loses no inner space") {
  CHECK(columns_of("a\t\tb c").size() == 3);
  CHECK(columns_of("").size() == 1);
  CHECK(trimmed(" \ta b\t ") == "a b");
  CHECK(is_blank(" \t"));
}

TEST_CASE("records: labelled lines are read in order, with their places") {
  const File file("\xEF\xBB\xBFgood\tnice film\r\n\r\nbad\t so so \r\ngood\t\u00e9\r\n");
  const auto examples = read_labelled(file.name);
  REQUIRE(examples.size() == 3);
  CHECK(examples[1].label == "bad");
  CHECK(examples[1].text == "so so");
  CHECK(examples[1].place == file.name + ":3");
  CHECK(examples[2].text == "\u00e9");
}

TEST_CASE("records: what is wrong with two columns is named with file and line") {
  for (const auto read :
       {+[](const std::string& f) { read_labelled(f); }, +[](const std::string& f) { read_tagged(f); },
        +[](const std::string& f) { read_pairs(f); }}) {
    CHECK(complaint(read, "") == " the file is empty");
    CHECK(complaint(read, "\n \n\t\n") == " nothing but blank lines");
    CHECK(complaint(read, "a\tb\nc\xFF\td\n") ==
          "2: byte 0xFF (offset 5) is not UTF-8: a byte that UTF-8 never uses");
  }
  CHECK(complaint(read_labelled, "a\tb\n\nword\n") == "3: need label TAB text; there is no tab");
  CHECK(complaint(read_tagged, "a\tb\tc\n") == "1: need form TAB tag; got 3 columns");
  CHECK(complaint(read_tagged, "a\tb\n\t X\n") == "2: need form TAB tag; the first column is empty");
  CHECK(complaint(read_pairs, "a\tb\na\t \n") == "2: need source TAB target; the second column is empty");
  CHECK_THROWS_WITH_AS(read_pairs("/none/such"), "/none/such: No such file or directory", DataError);
}

TEST_CASE("records: a folder gives a class for each file, in the order of their names") {
  const TemporaryFolder folder;
  std::ofstream(folder / "b.txt") << "b1\n\nb2 \n";
  std::ofstream(folder / "a.x.txt") << "a1";
  std::ofstream(folder / ".hidden") << "no\ttext";
  std::filesystem::create_directory(folder / "inner");
  const auto examples = read_labelled_folder(folder.path.string());
  REQUIRE(examples.size() == 3);
  CHECK(examples[0].label == "a.x");
  CHECK(examples[2].label == "b");
  CHECK(examples[2].text == "b2");
  CHECK(examples[2].place == std::string(folder / "b.txt") + ":3");
}

TEST_CASE("records: folders without examples, and two files of one label, are refused") {
  const TemporaryFolder folder;
  const std::string path = folder.path.string();
  const auto complaint = [&] {
    try {
      read_labelled_folder(path);
    } catch (const DataError& error) {
      return std::string(error.what()).substr(path.size());
    }
    return std::string();
  };
  CHECK(complaint() == ": there is no file in this folder");
  std::ofstream(folder / "a.txt") << "";
  CHECK(complaint() == "/a.txt: the file is empty");
  std::ofstream(folder / "a.txt") << "\n\n";
  CHECK(complaint() == "/a.txt: nothing but blank lines");
  std::ofstream(folder / "a.txt") << "x\n";
  std::ofstream(folder / "a.tsv") << "x\n";
  CHECK(complaint() == "/a.txt: another file has the label 'a' too");
  std::filesystem::create_symlink("loop", path + "/loop");
  CHECK(complaint() == "/loop: Too many levels of symbolic links");
  CHECK_THROWS_WITH_AS(read_labelled_folder("/none/such"), "/none/such: No such file or directory",
                       DataError);
}

TEST_CASE("records: a file whose name is not UTF-8 gives no label") {
  const TemporaryFolder folder;
  const std::string file = folder / "caf\xE9.txt";
  std::ofstream(file) << "x\n";
  CHECK(tests::message_of<DataError>([&] { read_labelled_folder(folder.path); }) ==
        file + ": the file's name is not UTF-8");
}

TEST_CASE("records: a blank line ends a sentence, several do no more, and none is needed at the end") {
  const File file("\n\nThe\tDET\nsea\tNOUN\n\n \n.\tPUNCT");
  const auto sentences = read_tagged(file.name);
  REQUIRE(sentences.size() == 2);
  CHECK(sentences[0].words == Words{"The", "sea"});
  CHECK(sentences[0].tags == Words{"DET", "NOUN"});
  CHECK(sentences[0].line == 3);
  CHECK(sentences[1].words == Words{"."});
  CHECK(sentences[1].line == 7);
}

TEST_CASE("records: pairs keep their lines") {
  const File file("a b .\tc d .\r\n\r\ne\tf\r\n");
  const auto pairs = read_pairs(file.name);
  REQUIRE(pairs.size() == 2);
  CHECK(pairs[0].source == "a b .");
  CHECK(pairs[0].target == "c d .");
  CHECK(pairs[1].line == 3);
}

TEST_CASE("series: sequences of different length, numbers between spaces or tabs") {
  const auto set = parse_series(lines_of("\nup \n 1 -2.5\n3e1\t+4\n\n\ndown\n1e-400 -1e-5000\n", "f"));
  CHECK(set.features == 2);
  REQUIRE(set.series.size() == 2);
  CHECK(set.series[0].label == "up");
  CHECK(set.series[0].place == "f:2");
  CHECK(set.series[0].steps == 2);
  CHECK(set.series[0].values == std::vector<float>{1, -2.5F, 30, 4});
  CHECK(set.series[1].label == "down");
  CHECK(set.series[1].values == std::vector<float>{0, 0});  // too small for any float
}

TEST_CASE("series: mistakes are named with file and line") {
  const auto read = [](const std::string& path) { read_series(path); };
  CHECK(complaint(read, "") == " the file is empty");
  CHECK(complaint(read, "\n\n") == " nothing but blank lines");
  CHECK(complaint(read, "a\n1 2\n\nb\n\nc\n1 2\n") == "4: the label 'b' has no vectors below it");
  CHECK(complaint(read, "a\n1 2\nb") == "3: need 2 numbers, as in the first vector; got 1");
  CHECK(complaint(read, "a\n1 2\n\nb") == "4: the label 'b' has no vectors below it");
  for (const std::string word : {"x", "1x", "nan", "-inf", "1e39", "1e400", "+-1", "+", "0x1", "1,5"})
    CHECK(complaint(read, "a\n1 2\n3 " + word + "\n") == "3: need finite numbers; got '" + word + "'");
}
