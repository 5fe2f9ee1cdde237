// SPDX-License-Identifier: Apache-2.0
// The one file that compiles the sources of Beast and of Asio's TLS (separate compilation).
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
