#pragma once
// The consumer's own header, of a name that the library has, too.
namespace own {
constexpr bool error = true;
}
