#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "char_lm_program.hpp"

using namespace char_lm_test;
using unroll::io::TensorFile;

namespace {

/// A text, and a run over it that nothing interrupts.
struct Reference {
  TemporaryFolder folder;
  std::string text = folder / "text", whole = folder / "whole", parts = folder / "parts";
  Arguments options;
  double seconds = 0;  ///< that the run took

  explicit Reference(Arguments more) : options(std::move(more)) {
    write(text, story(3000));
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(run(folder, training(text, whole, options)).status == 0);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  Arguments command(const Arguments& more = {}) const {
    Arguments arguments = training(text, parts, options);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  void check_parts_equal_whole() const {
    CHECK(equal(tensors_of(parts, "char_lm"), tensors_of(whole, "char_lm")));
    CHECK(equal(tensors_of(parts, "char_lm", "best.safetensors"),
                tensors_of(whole, "char_lm", "best.safetensors")));
    CHECK(timeless(parts) == timeless(whole));
  }
};

/// UNROLL_KILLS=1000 asks for more. A program that is killed has nothing to report, whatever checks it.
int kills_wanted() {
  if (const char* wanted = std::getenv("UNROLL_KILLS")) return std::atoi(wanted);
  return slow_to_start ? 5 : 50;
}

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

TEST_CASE("char_lm: a run prolonged by --resume equals one that was as long from the beginning") {
  const Reference reference({"--epochs", "4", "--eval-every", "30"});
  REQUIRE(run(reference.folder, reference.command({"--epochs", "1"})).status == 0);
  const auto resumed =
      run(reference.folder, {"train", "--out", reference.parts, "--resume", "--epochs", "4"});
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(contains(resumed.out, "going on after step 85\n"));
  CHECK(equal(tensors_of(reference.parts, "char_lm"), tensors_of(reference.whole, "char_lm")));
}

TEST_CASE("char_lm: a run in bfloat16 is prolonged to the bit, and refuses another precision") {
  const Reference reference({"--epochs", "2", "--precision", "bfloat16"});
  const auto first = run(reference.folder, reference.command({"--epochs", "1"}));
  REQUIRE(first.status == 0);
  CHECK(contains(first.out, "precision   products in bfloat16, "));
  const Arguments resume = {"train", "--out", reference.parts, "--resume", "--epochs", "2"};
  Arguments other = resume;
  other.insert(other.end(), {"--precision", "float32"});
  const auto refused = run(reference.folder, other);
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "--precision \"float32\": the run to be continued has \"bfloat16\""));
  REQUIRE(run(reference.folder, resume).status == 0);
  reference.check_parts_equal_whole();
  const auto exact = reference.folder / "exact";
  REQUIRE(run(reference.folder, training(reference.text, exact, {"--epochs", "2"})).status == 0);
  CHECK_FALSE(equal(tensors_of(exact, "char_lm"), tensors_of(reference.whole, "char_lm")));
}

TEST_CASE("char_lm: SIGINT and SIGTERM save and end the run, which then goes on to the bit") {
  const Reference reference({"--epochs", "20"});
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t child = start(reference.folder, reference.command());
    sleep_for(reference.seconds / 2);
    kill(child, signal);
    const int status = wait_for(child);
    CHECK((status == 128 + signal || status == 0));  // 0: it was faster
    const auto resumed = run(reference.folder, reference.command({"--resume"}));
    REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
    reference.check_parts_equal_whole();
    std::filesystem::remove_all(reference.parts);
  }
}

TEST_CASE("char_lm: killed at random moments and resumed, many times, it ends with the same weights") {
  // Evaluations, and with them saves, come so often that many kills fall into one.
  const Reference reference({"--epochs", "3", "--eval-every", "10"});
  std::mt19937 random(1);
  std::uniform_real_distribution<double> moment(0, reference.seconds / 2);
  const int wanted = kills_wanted();
  REQUIRE(wanted > 0);
  const std::filesystem::path run_folder = reference.parts;
  const auto half_saved = [&] {
    return exists(run_folder / "best.safetensors.tmp") || exists(run_folder / "last.safetensors.tmp");
  };
  bool had_checkpoint = false, was_half_saved = false;
  int ends = 0, within_saves = 0;
  for (int kills = 0; kills < wanted;) {
    const pid_t child = start(reference.folder, reference.command({"--resume"}));
    sleep_for(moment(random));
    kill(child, SIGKILL);
    const int status = wait_for(child);
    if (status == -SIGKILL) {
      ++kills;
      const bool is_half_saved = half_saved();
      within_saves += is_half_saved && !was_half_saved;  // a half may be that of an earlier kill
      was_half_saved = is_half_saved;
      const bool has_checkpoint = exists(run_folder / "last.safetensors");
      REQUIRE(has_checkpoint >= had_checkpoint);
      had_checkpoint = has_checkpoint;
      continue;
    }
    REQUIRE(status == 0);  // it was faster: once more from the beginning
    ++ends;
    had_checkpoint = was_half_saved = false;
    reference.check_parts_equal_whole();
    std::filesystem::remove_all(reference.parts);
  }
  MESSAGE(wanted, " kills, ", within_saves, " of them while a checkpoint was written; ", ends + 1,
          " runs came to their end");
  REQUIRE(run(reference.folder, reference.command({"--resume"})).status == 0);
  reference.check_parts_equal_whole();
}

TEST_CASE("char_lm: a folder that holds a run is not overwritten unless asked to") {
  const Reference reference({"--epochs", "1"});
  const std::string before = read(std::filesystem::path(reference.whole) / "last.safetensors");
  const Arguments again = training(reference.text, reference.whole, {"--epochs", "1", "--seed", "2"});
  const auto refused = run(reference.folder, again);
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "holds a run already; --resume goes on with it, --overwrite begins anew"));
  CHECK(read(std::filesystem::path(reference.whole) / "last.safetensors") == before);
  Arguments forced = again;
  forced.push_back("--overwrite");
  CHECK(run(reference.folder, forced).status == 0);
  CHECK(read(std::filesystem::path(reference.whole) / "last.safetensors") != before);
}

TEST_CASE(
    "char_lm: --resume refuses another text and other options, and begins anew where nothing is saved") {
  const Reference reference({"--epochs", "1"});
  const auto resume = [&](const Arguments& more) {
    Arguments arguments = {"train", "--out", reference.whole, "--resume"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(reference.folder, arguments);
  };
  const auto other_size = resume({"--hidden", "16"});
  CHECK(other_size.status == 2);
  CHECK(contains(other_size.err, "--hidden 16: the run to be continued has 12"));
  CHECK(resume({"--hidden", "12", "--lr", "2e-3"}).status == 0);
  write(reference.folder / "other", story(3001));
  const auto other_text = resume({"--text", reference.folder / "other"});
  CHECK(other_text.status == 2);
  CHECK(contains(other_text.err, "not the text that the run to be continued was trained on"));
  const auto fresh = run(reference.folder, reference.command({"--resume"}));
  CHECK(fresh.status == 0);
  CHECK(contains(fresh.out, "no checkpoint in "));
  reference.check_parts_equal_whole();
}

TEST_CASE("char_lm: a damaged checkpoint is refused") {
  const Reference reference({"--epochs", "1"});
  const auto file = std::filesystem::path(reference.whole) / "last.safetensors";
  std::string bytes = read(file);
  bytes[bytes.size() - 100] ^= 1;
  write(file, bytes);
  const auto refused =
      run(reference.folder, {"train", "--out", reference.whole, "--resume", "--epochs", "2"});
  CHECK(refused.status == 1);
  CHECK(contains(refused.err, "last.safetensors"));
  CHECK(read(file) == bytes);
}

TEST_CASE("char_lm: weights that are finite but too large have the op named that overflows, and are kept") {
  const Reference reference({"--epochs", "1"});
  const auto file = std::filesystem::path(reference.whole) / "last.safetensors";
  auto checkpoint = unroll::io::load_checkpoint(file, "char_lm");
  TensorFile enlarged;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (name == "model.output.weight")
      enlarged.add<float>(name, tensor.shape, std::vector<float>(tensor.bytes.size() / 4, 3e38f));
    else
      enlarged.add_bytes(name, tensor);
  }
  checkpoint.tensors = enlarged;
  unroll::io::save_checkpoint(file, checkpoint);
  const std::string before = read(file);
  const auto diverged =
      run(reference.folder, {"train", "--out", reference.whole, "--resume", "--epochs", "2"});
  CHECK(diverged.status == 1);
  CHECK_MESSAGE(contains(diverged.err, "linear made a bad value"), diverged.err);
  CHECK(contains(diverged.err, "the last good checkpoint is "));
  CHECK(read(file) == before);
}

TEST_CASE("char_lm: a checkpoint whose carried state has other axes than a layer's is refused by its name") {
  const Reference reference({"--epochs", "1"});
  const auto file = std::filesystem::path(reference.whole) / "last.safetensors";
  auto checkpoint = unroll::io::load_checkpoint(file, "char_lm");
  checkpoint.tensors.add<float>("state.x", {1, 2}, std::vector<float>{0, 0});
  unroll::io::save_checkpoint(file, checkpoint);
  const auto refused =
      run(reference.folder, {"train", "--out", reference.whole, "--resume", "--epochs", "2"});
  CHECK(refused.status == 1);
  CHECK(refused.err == "char_lm: " + file.string() + ": state.x is no state of a layer: it has 2 axes\n");
}
