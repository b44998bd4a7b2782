// SPDX-License-Identifier: MIT
//
// What the standard library offers, and a floor: a pointer that nobody can take away.
#include "access/payload.h"
#include "access/read.h"
#include "access/revoke.h"

#include <memory>
#include <mutex>
#include <shared_mutex>

namespace bench {

namespace {

struct no_reader {
    template <class Subject>
    explicit no_reader(const Subject&) noexcept
    {
    }
};

struct floor_pointer {
    static constexpr const char* name = "floor_pointer";
    using reader = no_reader;

    std::atomic<payload*> object{new payload};

    ~floor_pointer() { delete object.load(); }

    template <class F>
    bool with(reader&, F f)
    {
        f(*object.load(std::memory_order_acquire));
        return true;
    }
};

// Its revoke does not wait for those inside: they keep the object alive. So it is measured as a reader only.
struct weak_ptr {
    static constexpr const char* name = "weak_ptr";

    std::shared_ptr<payload> owner = std::make_shared<payload>();

    struct reader {
        explicit reader(weak_ptr& subject) : object(subject.owner) {}
        std::weak_ptr<payload> object; // each thread has a copy of its own
    };

    template <class F>
    bool with(reader& r, F f)
    {
        const std::shared_ptr<payload> p = r.object.lock();
        if (!p) [[unlikely]]
            return false;
        f(*p);
        return true;
    }
};

struct shared_mutex {
    static constexpr const char* name = "shared_mutex";
    using reader = no_reader;

    std::shared_mutex mutex;
    std::unique_ptr<payload> object = std::make_unique<payload>();

    template <class F>
    bool with(reader&, F f)
    {
        std::shared_lock lock(mutex);
        if (!object) [[unlikely]]
            return false;
        f(*object);
        return true;
    }
    void revoke()
    {
        std::lock_guard lock(mutex);
        object.reset();
    }
};

// One count of those inside, with a bit that closes it.
struct shared_counter {
    static constexpr const char* name = "shared_counter";
    using reader = no_reader;
    static constexpr std::uint32_t closed = 1u << 31;

    std::atomic<std::uint32_t> inside{0};
    std::unique_ptr<payload> object = std::make_unique<payload>();

    template <class F>
    bool with(reader&, F f)
    {
        const bool open = (inside.fetch_add(1, std::memory_order_acquire) & closed) == 0;
        if (open) [[likely]]
            f(*object);
        if (inside.fetch_sub(1, std::memory_order_release) == (closed | 1)) [[unlikely]]
            inside.notify_all();
        return open;
    }
    void revoke()
    {
        std::uint32_t now = inside.fetch_or(closed, std::memory_order_acq_rel) | closed;
        while (now != closed) {
            inside.wait(now);
            now = inside.load(std::memory_order_acquire);
        }
        object.reset();
    }
};

const bool registered = [] {
    add_access<floor_pointer>();
    add_access<weak_ptr>();
    add_access<shared_mutex>();
    add_revoke<shared_mutex>();
    add_access<shared_counter>();
    add_revoke<shared_counter>();
    return true;
}();

} // namespace

} // namespace bench
