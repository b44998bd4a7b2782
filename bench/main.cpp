// SPDX-License-Identifier: MIT
//
// The benchmarks' main. With BENCH_SECOND_THREAD the process has another thread, which sleeps throughout.
//
// That is no detail: glibc's malloc and mutexes and libstdc++'s shared_ptr leave out their atomic operations
// while a process has never had a second thread. What is measured on one thread runs without one, which
// favours the peers that rest on malloc; access and threads run with one, since there is nobody else to
// revoke otherwise.
#include <benchmark/benchmark.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

#ifdef BENCH_SECOND_THREAD
// Sleeps until the end. It never runs in between, so barriers across the process do not reach it.
class parked_thread {
public:
    parked_thread() : thread_([this] { sleep(); }) {}
    ~parked_thread()
    {
        {
            std::lock_guard lock(mutex_);
            over_ = true;
        }
        end_.notify_one();
        thread_.join();
    }
    parked_thread(const parked_thread&) = delete;
    parked_thread& operator=(const parked_thread&) = delete;

private:
    void sleep()
    {
        std::unique_lock lock(mutex_);
        end_.wait(lock, [this] { return over_; });
    }

    std::mutex mutex_;
    std::condition_variable end_;
    bool over_ = false;
    std::thread thread_;
};
#endif

} // namespace

int main(int argc, char** argv)
{
#ifdef BENCH_SECOND_THREAD
    parked_thread second;
#endif
    benchmark::AddCustomContext("compiler", BENCH_COMPILER);
    benchmark::AddCustomContext("flags", BENCH_FLAGS);
    benchmark::AddCustomContext("peers", BENCH_PEERS);
    benchmark::AddCustomContext("left_out", BENCH_LEFT_OUT);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
