// SPDX-License-Identifier: Apache-2.0
// A certificate for 127.0.0.1 that signed itself, and its key, for tests of TLS.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string>

#include "base/check.h"

namespace suiro::container {

struct CertificateFiles {
  std::string certificate;  // its own authority too
  std::string key;
};

inline CertificateFiles make_certificate(const std::string& folder, const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  auto extend = [&](int which, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, which, value);
    CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, "critical,CA:TRUE");
  extend(NID_subject_alt_name, "IP:127.0.0.1");
  CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
  CertificateFiles files{folder + "/" + name + ".pem", folder + "/" + name + ".key"};
  FILE* out = std::fopen(files.certificate.c_str(), "w");
  CHECK(out != nullptr && PEM_write_X509(out, certificate) == 1);
  std::fclose(out);
  out = std::fopen(files.key.c_str(), "w");
  CHECK(out != nullptr && PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr));
  std::fclose(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

}  // namespace suiro::container
