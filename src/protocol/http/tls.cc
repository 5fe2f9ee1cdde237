// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/tls.h"

namespace suiro::http {
namespace {

// What is spoken here, in the order of our preference among what the client offers.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static constexpr unsigned char kSpoken[] = "\x02h2\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kSpoken, sizeof(kSpoken) - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> load_tls(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  boost::system::error_code ec;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1,
                       ec);
  if (!ec) context->use_certificate_chain_file(files.certificate_chain, ec);
  if (ec)
    return fail(codes::kInvalidArgument, "The TLS certificate " + files.certificate_chain +
                                             " cannot be used: " + ec.message());
  context->use_private_key_file(files.private_key, asio::ssl::context::pem, ec);
  if (ec)
    return fail(codes::kInvalidArgument,
                "The TLS key " + files.private_key + " cannot be used: " + ec.message());
  SSL_CTX_set_alpn_select_cb(context->native_handle(), choose_protocol, nullptr);
  return context;
}

}  // namespace suiro::http
