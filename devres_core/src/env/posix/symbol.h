// SPDX-License-Identifier: MIT
//
// The name of a function from its address, for messages. Also of a static one, and without -rdynamic: it is
// looked up in the symbol table of the file that the function was loaded from.
#pragma once

#include <cstddef>

namespace devres::detail {

enum class place_in_function : bool { beginning, inside };

// Writes the readable name of the function that begins at `code`, or has it inside, to `text`, `bytes` long,
// cut off at its end if need be.
// Returns:  true if the function has a name. Else false, and the text is its place: `file+0x1234`, which
//           addr2line understands, or the address alone.
// Locking:  any thread; takes a lock of its own for a moment; may be called under a head's lock.
// Cost:     the first look at a function reads its module's symbol table from the file (for a large program a
//           few milliseconds), later ones find it in a small cache. Allocates in the demangler only.
bool symbol_of(const void* code, char* text, std::size_t bytes,
               place_in_function where = place_in_function::beginning) noexcept;

} // namespace devres::detail
