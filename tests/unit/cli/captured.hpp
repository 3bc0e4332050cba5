// Two streams in memory, for what a command prints.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace xm::test {

class Captured {
 public:
  Captured()
      : out_(::open_memstream(&out_text_, &out_size_)),
        err_(::open_memstream(&err_text_, &err_size_)) {}
  ~Captured() {
    std::fclose(out_);
    std::fclose(err_);
    std::free(out_text_);
    std::free(err_text_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  [[nodiscard]] std::FILE* out() { return out_; }
  [[nodiscard]] std::FILE* err() { return err_; }
  [[nodiscard]] std::string out_text() {
    std::fflush(out_);
    return {out_text_, out_size_};
  }
  [[nodiscard]] std::string err_text() {
    std::fflush(err_);
    return {err_text_, err_size_};
  }

 private:
  char* out_text_ = nullptr;
  char* err_text_ = nullptr;
  std::size_t out_size_ = 0;
  std::size_t err_size_ = 0;
  std::FILE* out_;
  std::FILE* err_;
};

}  // namespace xm::test
