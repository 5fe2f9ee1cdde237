// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/keys.h"

#include <algorithm>
#include <set>

namespace suiro::policy {
namespace {

using Set = std::set<std::string_view>;

const Set& resource_keys() {
  static const Set kKeys = {"aws:sourcearn",    "aws:sourceaccount",    "aws:sourceip",
                            "aws:principalarn", "aws:principalaccount", "aws:principalisawsservice",
                            "aws:useragent",    "aws:securetransport"};
  return kKeys;
}

const Set& request_keys() {
  static const Set kKeys = {"aws:currenttime",
                            "aws:epochtime",
                            "aws:multifactorauthpresent",
                            "aws:principaltype",
                            "aws:referer",
                            "aws:requestedregion",
                            "aws:resourceaccount",
                            "aws:sourceidentity",
                            "aws:tagkeys",
                            "aws:tokenissuetime",
                            "aws:userid",
                            "aws:username",
                            "aws:viaawsservice",
                            "iam:awsservicename",
                            "iam:passedtoservice",
                            "iam:permissionsboundary",
                            "iam:policyarn",
                            "lambda:functionarn",
                            "lambda:principal",
                            "s3:delimiter",
                            "s3:max-keys",
                            "s3:prefix",
                            "s3:versionid",
                            "s3:x-amz-acl",
                            "s3:x-amz-copy-source",
                            "s3:x-amz-metadata-directive",
                            "s3:x-amz-server-side-encryption",
                            "s3:x-amz-storage-class",
                            "states:httpendpoint",
                            "states:httpmethod",
                            "sts:externalid",
                            "sts:rolesessionname",
                            "sts:sourceidentity"};
  return kKeys;
}

// A request to Suiro never has them: there is no organization, no VPC, no federation, no second
// factor and no call through a service's forward access.
const Set& absent_keys() {
  static const Set kKeys = {"aws:calledvia",
                            "aws:calledviafirst",
                            "aws:calledvialast",
                            "aws:ec2instancesourceprivateipv4",
                            "aws:ec2instancesourcevpc",
                            "aws:federatedprovider",
                            "aws:multifactorauthage",
                            "aws:principalorgid",
                            "aws:principalorgpaths",
                            "aws:principalservicename",
                            "aws:principalservicenameslist",
                            "aws:resourceorgid",
                            "aws:resourceorgpaths",
                            "aws:sourceorgid",
                            "aws:sourceorgpaths",
                            "aws:sourcevpc",
                            "aws:sourcevpcarn",
                            "aws:sourcevpce",
                            "aws:vpcsourceip"};
  return kKeys;
}

// Keys that end with a tag's name.
bool is_tag_key(std::string_view key) {
  constexpr std::string_view kPrefixes[] = {"aws:principaltag/", "aws:requesttag/",
                                            "aws:resourcetag/", "iam:resourcetag/"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
    return key.starts_with(prefix) && key.size() > prefix.size();
  });
}

bool is_of_suiro(std::string_view service) {
  static const Set kServices = {"aws",    "analytics", "dynamodb", "ecr",       "ecs",
                                "events", "firehose",  "iam",      "kinesis",   "kinesisanalytics",
                                "lambda", "logs",      "s3",       "scheduler", "sqs",
                                "states", "sts",       "suiro"};
  return kServices.contains(service);
}

}  // namespace

bool is_known_key(std::string_view key, Form form) {
  if (resource_keys().contains(key)) return true;
  if (form == Form::kResource) return false;
  if (request_keys().contains(key) || absent_keys().contains(key) || is_tag_key(key)) return true;
  size_t colon = key.find(':');
  return colon != std::string_view::npos && colon > 0 && !is_of_suiro(key.substr(0, colon));
}

}  // namespace suiro::policy
