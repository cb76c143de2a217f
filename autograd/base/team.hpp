#pragma once  // internal
/// \file Work in parts that threads share. Which thread does a part depends on how busy the machine is; what the parts
/// are never does.

#include <type_traits>

namespace unroll::detail {

/// A function of a part's number, which must outlive it.
class PartFunction {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cv_t<F>, PartFunction>) PartFunction(F& f)
      : object_(&f),
        call_([](const void* object, int part) { (*static_cast<F*>(const_cast<void*>(object)))(part); }) {}
  void operator()(int part) const { call_(object_, part); }

 private:
  const void* object_;
  void (*call_)(const void*, int);
};

/// What:   work(0), …, work(count − 1), each once, by the calling thread, which begins with the first, and helpers that it
///         keeps. A part that no helper has begun when the caller has done its own is the caller's, so that it never
///         waits for a thread that has not woken up. Who waits spins for some 50 µs, and sleeps after that. While less
///         is done with helpers than without, as on a busy machine, the caller does all, and tries again every now and then.
/// A part that shares work itself does all of it alone. Where the system gives no more threads there are fewer helpers.
/// Errors: what the first of the parts that threw has thrown, when all have ended.
void share_parts(int count, const PartFunction& work);

/// Who does the parts that this thread shares, while it lives. For tests: no result may depend on it.
class PartsGoTo {
 public:
  enum class Whom {
    whoever_is_free,
    caller,         ///< alone
    helpers,        ///< all but the first, which is the caller's
    last_to_caller  ///< helpers, all but the last
  };
  explicit PartsGoTo(Whom whom);
  ~PartsGoTo();
  PartsGoTo(const PartsGoTo&) = delete;
  PartsGoTo& operator=(const PartsGoTo&) = delete;

 private:
  Whom before_;
};

}  // namespace unroll::detail
