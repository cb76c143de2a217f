#pragma once
/// \file Processes that share a training, played by threads of one.

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/train/peers.hpp"

namespace unroll::tests {

/// What the threads have in common: messages on their way, by sender and receiver.
class PeerMail {
 public:
  void put(int from, int to, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    letters_[{from, to}].emplace_back(bytes.begin(), bytes.end());
    came_.notify_all();
  }
  void take(int from, int to, std::span<std::byte> bytes) {
    std::unique_lock lock(mutex_);
    auto& letters = letters_[{from, to}];
    came_.wait(lock, [&] { return !letters.empty(); });
    const std::vector<std::byte> letter = std::move(letters.front());
    letters.pop_front();
    if (letter.size() != bytes.size())
      raise<UsageError>("peers: {} bytes for {}", letter.size(), bytes.size());
    if (!bytes.empty()) std::memcpy(bytes.data(), letter.data(), letter.size());
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> letters_;
};

class ThreadPeers final : public Peers {
 public:
  ThreadPeers(PeerMail& mail, int rank, int count) : mail_(mail), rank_(rank), count_(count) {}
  int rank() const override { return rank_; }
  int count() const override { return count_; }
  void send(std::span<const std::byte> bytes, int to) override { mail_.put(rank_, to, bytes); }
  void receive(std::span<std::byte> bytes, int from) override { mail_.take(from, rank_, bytes); }
  void broadcast(std::span<std::byte> bytes, int root) override {
    if (rank_ != root) return receive(bytes, root);
    for (int to = 0; to < count_; ++to)
      if (to != root) send(bytes, to);
  }
  bool any(bool mine) override {
    std::byte all{mine}, other{};
    for (int from = 1; rank_ == 0 && from < count_; ++from) receive({&other, 1}, from), all |= other;
    if (rank_ != 0) send({&all, 1}, 0);
    broadcast({&all, 1}, 0);
    return all != std::byte{0};
  }
  void agree(std::string_view, std::string_view) override {}
  void progress(long, std::string_view) override {}

 private:
  PeerMail& mail_;
  int rank_, count_;
};

/// Calls f(peers) in `count` threads at once. What one of them throws comes back.
inline void with_peers(int count, const std::function<void(Peers&)>& f) {
  PeerMail mail;
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      ThreadPeers peers(mail, rank, count);
      try {
        f(peers);
      } catch (...) {
        errors[static_cast<std::size_t>(rank)] = std::current_exception();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace unroll::tests
