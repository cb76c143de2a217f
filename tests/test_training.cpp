#include "common/training.hpp"

#include <csignal>
#include <thread>

#include "program.hpp"

namespace {

using namespace program_test;
namespace fs = std::filesystem;

/// A text and a small run on it, trained once.
struct SmallRun {
  TemporaryFolder folder;
  SmallRun() {
    std::string text;
    for (int k = 0; k < 60; ++k) text += "a rose is a rose\n";
    write(folder / "text", text);
    write(folder / "other", text + "a nose, a nose\n");
    REQUIRE(train("run", {}).status == 0);
  }
  Outcome train(const std::string& out, const Arguments& more, const char* text = "text") const {
    return run("char_lm", folder,
               with({"train", "--text", folder / text, "--out", folder / out, "--hidden", "4", "--layers",
                     "1", "--batch", "5", "--seq-length", "20", "--epochs", "1", "--threads", "1"},
                    more));
  }
};

const SmallRun& small() {
  static const SmallRun run;
  return run;
}

}  // namespace

TEST_CASE("training: the same options exist in all programs") {
  for (const char* program : {"char_lm", "classify", "tag", "translate", "addition"}) {
    const auto help = run(program, small().folder, {"train", "--help"}).out;
    for (const char* option :
         {"--patience", "--schedule", "--warmup", "--lr-decay", "--plateau-patience", "--weight-decay",
          "--ema", "--average-after", "--skip-above", "--keep", "--label-smoothing", "--dropout", "--config",
          "--init", "--grow-vocabulary", "--find-lr"})
      CHECK_MESSAGE(contains(help, std::string(option) + " "), program << " " << option);
  }
}

TEST_CASE("training: options come from a file, those of the command line count more, mistakes have a place") {
  const auto& folder = small().folder;
  const std::string file = folder / "options.toml";
  write(file, "text = \"" + (folder / "text").string() +
                  "\"\nhidden = 5\nlayers = 1\ntie = true\nbatch = 5\nepochs = 7\n");
  const Arguments call{"train",    "--config", file,        "--out", folder / "config",
                       "--epochs", "1",        "--threads", "1"};
  const auto fine = run("char_lm", folder, call);
  CHECK_MESSAGE(fine.status == 0, fine.err);
  const auto config = log_lines(folder / "config")[0]["config"];
  CHECK(config["hidden"] == 5);
  CHECK(config["tie"] == true);
  CHECK(config["epochs"] == 1);
  const auto refused = [&](const std::string& text, const std::string& message) {
    write(file, text);
    const auto outcome = run("char_lm", folder, call);
    CHECK(outcome.status == 2);
    CHECK_MESSAGE(contains(outcome.err, file + message), outcome.err);
  };
  refused("hiden = 5", ":1:1: train has no option --hiden; did you mean --hidden?");
  refused("\nhidden = 0", ":2:1: --hidden: need a whole number from 1 to 1000000000; got 0");
  refused("hidden 5", ":1:8: need = after hidden");
}

TEST_CASE(
    "training: --init begins with the weights of another run, and --grow-vocabulary adds rows to them") {
  const auto before = tensors_of(small().folder / "run", "char_lm", "best.safetensors");
  const auto weights = [](const unroll::io::TensorFile& file) {
    return file.get<float>("model.embedding.weight");
  };
  const Arguments still{"--lr", "0", "--init", small().folder / "run"};
  const auto same = small().train("same", still, "other");
  CHECK_MESSAGE(same.status == 0, same.err);
  CHECK(contains(same.out, "beginning with the model of "));
  CHECK(contains(same.out, "unknown characters"));
  CHECK(weights(tensors_of(small().folder / "same", "char_lm")) == weights(before));
  const auto grown = small().train("grown", with(still, {"--grow-vocabulary"}), "other");
  CHECK_MESSAGE(grown.status == 0, grown.err);
  const auto more = weights(tensors_of(small().folder / "grown", "char_lm")), few = weights(before);
  REQUIRE(more.size() > few.size());
  CHECK(std::equal(few.begin(), few.end(), more.begin()));
  const auto wrong = small().train("wrong", with(still, {"--cell", "gru"}));
  CHECK(wrong.status == 2);
  CHECK_MESSAGE(contains(wrong.err, "--cell \"gru\": the model of --init has \"lstm\""), wrong.err);
  CHECK(small().train("wrong", {"--grow-vocabulary"}).status == 2);
}

TEST_CASE("training: --find-lr writes what it found, and no run") {
  const auto& folder = small().folder;
  const auto find = [&](const char* file) {
    return run("char_lm", folder,
               {"train", "--text", folder / "text", "--find-lr", folder / file, "--hidden", "4", "--layers",
                "1", "--batch", "5", "--threads", "1"});
  };
  const auto outcome = find("lr.csv");
  CHECK_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(contains(outcome.out, "suggestion: --lr "));
  CHECK(find("lr.svg").status == 0);
  CHECK(contains(read(folder / "lr.svg"), ">Loss by learning rate</text>"));
  CHECK(contains(read(folder / "lr.svg"), "suggestion: "));
  CHECK(read(folder / "lr.csv").starts_with("learning_rate,loss,smoothed_loss\n1e-06,"));
  CHECK(run("char_lm", folder, {"train"}).err.starts_with("char_lm: --out is required"));
}

TEST_CASE("training: with every schedule, average and guard a resumed run is that which was not stopped") {
  for (const Arguments& more :
       {Arguments{"--schedule", "plateau", "--plateau-patience", "0", "--lr", "1", "--skip-above", "50"},
        Arguments{"--average-after", "1", "--optimizer", "sgd", "--lr", "2"},
        Arguments{"--ema", "0.9", "--warmup", "9"}}) {
    const std::string name = more[0] + more[1];
    const Arguments often = with(more, {"--eval-every", "2"});
    REQUIRE(small().train(name + "whole", with(often, {"--epochs", "3"})).status == 0);
    REQUIRE(small().train(name + "part", often).status == 0);
    const auto resumed = small().train(name + "part", {"--resume", "--epochs", "3"});
    CHECK_MESSAGE(resumed.status == 0, resumed.err);
    CHECK(equal(tensors_of(small().folder / (name + "whole"), "char_lm"),
                tensors_of(small().folder / (name + "part"), "char_lm")));
    CHECK(timeless(small().folder / (name + "whole")) == timeless(small().folder / (name + "part")));
  }
}

TEST_CASE("training: patience ends a run, and needs a best model") {
  const auto ended =
      small().train("patience", {"--lr", "0", "--patience", "2", "--eval-every", "1", "--epochs", "9"});
  CHECK_MESSAGE(contains(ended.out, "out of patience after 3 steps"), ended.out);
  const auto refused = small().train("last", {"--patience", "2", "--keep", "last"});
  CHECK(refused.status == 2);
  CHECK_MESSAGE(contains(refused.err, "--patience 2: needs --keep best"), refused.err);
  const auto two = small().train("two", {"--ema", "0.9", "--average-after", "2"});
  CHECK_MESSAGE(contains(two.err, "--ema 0.9 and --average-after 2 are two averages"), two.err);
}

TEST_CASE("training: the example of one's own program is killed and resumed to the bit") {
  if (!fs::exists(path_of("own_training"))) return;  // not built with the sanitizers
  const TemporaryFolder folder;
  REQUIRE(run("own_training", folder, {folder / "whole"}).status == 0);
  const pid_t child = start("own_training", folder, {folder / "part"});
  while (!fs::exists(folder / "part/best.safetensors"))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGKILL);
  CHECK(wait_for(child) == -SIGKILL);
  const auto resumed = run("own_training", folder, {folder / "part", "--resume"});
  CHECK_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(equal(tensors_of(folder / "whole", "model"), tensors_of(folder / "part", "model")));
  CHECK(run("own_training", folder, {folder / "part"}).status == 1);
}
