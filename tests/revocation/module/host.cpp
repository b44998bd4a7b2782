// SPDX-License-Identifier: MIT
//
// A program that loads plugin.cpp, and has no copy of the library itself unless it is linked with one:
//
//     host unload PLUGIN   unloads it while a thread that has read through it still runs (V12)
//     host keys PLUGIN     loads it when all keys for thread-specific data are taken
//     host fork PLUGIN     reads in its handlers around a fork, which are older than the library
//     host load PLUGIN     only loads it
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void require(bool what, const char* text)
{
    if (what)
        return;
    std::fprintf(stderr, "host: not so: %s\n", text);
    std::_Exit(1);
}

struct plugin {
    explicit plugin(const char* file) : handle(::dlopen(file, RTLD_NOW | RTLD_LOCAL))
    {
        require(handle != nullptr, "the plug-in can be loaded");
        read = reinterpret_cast<const void* (*)()>(::dlsym(handle, "plugin_read"));
        read_deeply = reinterpret_cast<bool (*)()>(::dlsym(handle, "plugin_read_deeply"));
        require(read != nullptr && read_deeply != nullptr, "the plug-in has its functions");
    }
    void* handle;
    const void* (*read)();
    bool (*read_deeply)();
};

void unload(const char* file)
{
    const plugin p(file);
    std::atomic<int> step{0};
    std::thread reader([&] {
        require(p.read() != nullptr, "a thread of the host can read");
        step = 1;
        while (step != 2)
            std::this_thread::yield();
    });
    while (step != 1)
        std::this_thread::yield();
    require(::dlclose(p.handle) == 0, "the plug-in can be closed");
    step = 2;
    reader.join(); // its end gives back what it has of the library's
}

void keys(const char* file)
{
    pthread_key_t first{};
    require(::pthread_key_create(&first, nullptr) == 0, "there is a key");
    pthread_key_t one{};
    while (::pthread_key_create(&one, nullptr) == 0) {
    }
    const plugin p(file);
    std::set<const void*> records;
    for (int i = 0; i != 20; ++i) {
        std::thread([&] {
            // Every key is somebody else's, and so is what this thread has under it.
            int mine = 0;
            for (pthread_key_t k = 0; k != one; ++k)
                if (k <= first)
                    ::pthread_setspecific(k, &mine);
            records.insert(p.read());
            for (pthread_key_t k = 0; k <= first; ++k) {
                require(::pthread_getspecific(k) == &mine, "another one's value is left alone");
                ::pthread_setspecific(k, nullptr);
            }
        }).join();
    }
    require(records.count(nullptr) == 0, "threads read without a key");
    require(records.size() <= 3, "records are given back at a thread's end");
}

// Handlers before a fork run newest first, so the library's has run when the host's does; those after it run
// oldest first.
void fork(const char* file)
{
    static const plugin* loaded;
    const auto read = +[] { require(!loaded || loaded->read_deeply(), "a handler of a fork can read"); };
    require(::pthread_atfork(read, read, read) == 0, "there is room for handlers");
    const plugin p(file);
    loaded = &p;
    std::thread([] { // which has not read before
        const pid_t child = ::fork();
        require(child != -1, "a thread can fork");
        require(loaded->read_deeply(), "parent and child can read");
        if (child == 0)
            std::_Exit(0);
        int status = -1;
        require(::waitpid(child, &status, 0) == child && status == 0, "all is well in the child");
    })
        .join();
}

} // namespace

int main(int argc, char** argv)
{
    ::alarm(60);
    require(argc == 3, "host unload|keys|fork|load PLUGIN");
    if (std::strcmp(argv[1], "unload") == 0)
        unload(argv[2]);
    else if (std::strcmp(argv[1], "keys") == 0)
        keys(argv[2]);
    else if (std::strcmp(argv[1], "fork") == 0)
        fork(argv[2]);
    else
        plugin{argv[2]};
    return 0;
}
