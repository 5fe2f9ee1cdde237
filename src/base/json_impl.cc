// SPDX-License-Identifier: Apache-2.0
// The one file that compiles Boost.JSON's own sources.
#include <boost/json/src.hpp>
