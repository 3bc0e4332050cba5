// Result<T>: a value, or an Error that a person can act on. g++ 12 has no std::expected.
//
// No exceptions past start-up: whatever can fail returns one of these and is [[nodiscard]].
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace xm {

// What went wrong: `what` says what was expected, what came and what to do, as one sentence
// without a final stop; `os_errno` is the kernel's reason where there is one, else 0.
struct Error {
  std::string what;
  int os_errno = 0;
};

// "WHAT: reason of the errno", for a system call that has just failed.
[[nodiscard]] inline Error errno_error(std::string what, int error = errno) {
  what += ": ";
  what += std::strerror(error);  // NOLINT(concurrency-mt-unsafe): glibc's answers are static text
  return Error{std::move(what), error};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok().
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
  [[nodiscard]] T& operator*() & { return std::get<0>(state_); }

  // Only when not ok().
  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT

  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace xm
