// SPDX-License-Identifier: Apache-2.0
// Api: the operations of S3. Each takes the shape apart, calls the logic and makes the reply's
// shape. No rules here but one: what a request asks for and Suiro does not do is refused
// (api_common.h).
//
// Thread: any shard. Errors: AWS's.
#pragma once

#include "services/s3/logic.h"
#include "shapes/gen/s3.h"
#include "shapes/registry.h"

namespace suiro::s3 {

namespace wire = shapes::s3;

class Api {
 public:
  explicit Api(Logic& logic) : logic_(logic) {}
  // The Api outlives the registry's last call.
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Reply = Task<Result<typename Op::Output>>;
  template <class Op>
  void add(shapes::Registry& registry,
           Reply<Op> (Api::*method)(shapes::Call&, typename Op::Input)) {
    registry.add<Op>([this, method](shapes::Call& call, typename Op::Input input) {
      return (this->*method)(call, std::move(input));
    });
  }
  void add_bucket_operations(shapes::Registry& registry);
  void add_configuration_operations(shapes::Registry& registry);
  void add_protection_operations(shapes::Registry& registry);
  void add_policy_operations(shapes::Registry& registry);
  void add_object_operations(shapes::Registry& registry);
  void add_list_operations(shapes::Registry& registry);
  void add_multipart_operations(shapes::Registry& registry);

#define SUIRO_S3_OPERATION(method, Name) \
  Reply<wire::op::Name> method(shapes::Call& call, wire::op::Name::Input input)

  // api_bucket.cc
  SUIRO_S3_OPERATION(create_bucket, CreateBucket);
  SUIRO_S3_OPERATION(head_bucket, HeadBucket);
  SUIRO_S3_OPERATION(list_buckets, ListBuckets);
  SUIRO_S3_OPERATION(delete_bucket, DeleteBucket);
  SUIRO_S3_OPERATION(get_location, GetBucketLocation);
  SUIRO_S3_OPERATION(get_versioning, GetBucketVersioning);
  SUIRO_S3_OPERATION(put_versioning, PutBucketVersioning);
  SUIRO_S3_OPERATION(get_acl, GetBucketAcl);
  SUIRO_S3_OPERATION(get_website, GetBucketWebsite);
  SUIRO_S3_OPERATION(get_logging, GetBucketLogging);
  SUIRO_S3_OPERATION(get_request_payment, GetBucketRequestPayment);
  SUIRO_S3_OPERATION(get_accelerate, GetBucketAccelerateConfiguration);
  SUIRO_S3_OPERATION(get_replication, GetBucketReplication);
  SUIRO_S3_OPERATION(get_object_lock, GetObjectLockConfiguration);

  // api_configuration.cc
  SUIRO_S3_OPERATION(get_cors, GetBucketCors);
  SUIRO_S3_OPERATION(put_cors, PutBucketCors);
  SUIRO_S3_OPERATION(delete_cors, DeleteBucketCors);
  SUIRO_S3_OPERATION(get_lifecycle, GetBucketLifecycleConfiguration);
  SUIRO_S3_OPERATION(put_lifecycle, PutBucketLifecycleConfiguration);
  SUIRO_S3_OPERATION(delete_lifecycle, DeleteBucketLifecycle);
  SUIRO_S3_OPERATION(get_notification, GetBucketNotificationConfiguration);
  SUIRO_S3_OPERATION(put_notification, PutBucketNotificationConfiguration);
  SUIRO_S3_OPERATION(get_tagging, GetBucketTagging);
  SUIRO_S3_OPERATION(put_tagging, PutBucketTagging);
  SUIRO_S3_OPERATION(delete_tagging, DeleteBucketTagging);

  // api_protection.cc
  SUIRO_S3_OPERATION(get_encryption, GetBucketEncryption);
  SUIRO_S3_OPERATION(put_encryption, PutBucketEncryption);
  SUIRO_S3_OPERATION(delete_encryption, DeleteBucketEncryption);
  SUIRO_S3_OPERATION(get_ownership, GetBucketOwnershipControls);
  SUIRO_S3_OPERATION(put_ownership, PutBucketOwnershipControls);
  SUIRO_S3_OPERATION(delete_ownership, DeleteBucketOwnershipControls);
  SUIRO_S3_OPERATION(get_public_access, GetPublicAccessBlock);
  SUIRO_S3_OPERATION(put_public_access, PutPublicAccessBlock);
  SUIRO_S3_OPERATION(delete_public_access, DeletePublicAccessBlock);

  // api_policy.cc
  SUIRO_S3_OPERATION(get_policy, GetBucketPolicy);
  SUIRO_S3_OPERATION(get_policy_status, GetBucketPolicyStatus);
  SUIRO_S3_OPERATION(put_policy, PutBucketPolicy);
  SUIRO_S3_OPERATION(delete_policy, DeleteBucketPolicy);

  // api_object.cc
  SUIRO_S3_OPERATION(put_object, PutObject);
  SUIRO_S3_OPERATION(get_object, GetObject);
  SUIRO_S3_OPERATION(head_object, HeadObject);
  SUIRO_S3_OPERATION(copy_object, CopyObject);
  SUIRO_S3_OPERATION(delete_object, DeleteObject);
  SUIRO_S3_OPERATION(delete_objects, DeleteObjects);
  SUIRO_S3_OPERATION(get_attributes, GetObjectAttributes);
  SUIRO_S3_OPERATION(get_object_acl, GetObjectAcl);
  SUIRO_S3_OPERATION(get_object_tagging, GetObjectTagging);
  SUIRO_S3_OPERATION(put_object_tagging, PutObjectTagging);
  SUIRO_S3_OPERATION(delete_object_tagging, DeleteObjectTagging);

  // api_list.cc
  SUIRO_S3_OPERATION(list_objects, ListObjects);
  SUIRO_S3_OPERATION(list_objects_v2, ListObjectsV2);
  SUIRO_S3_OPERATION(list_versions, ListObjectVersions);

  // api_multipart.cc
  SUIRO_S3_OPERATION(create_upload, CreateMultipartUpload);
  SUIRO_S3_OPERATION(upload_part, UploadPart);
  SUIRO_S3_OPERATION(upload_part_copy, UploadPartCopy);
  SUIRO_S3_OPERATION(list_parts, ListParts);
  SUIRO_S3_OPERATION(list_uploads, ListMultipartUploads);
  SUIRO_S3_OPERATION(complete_upload, CompleteMultipartUpload);
  SUIRO_S3_OPERATION(abort_upload, AbortMultipartUpload);

#undef SUIRO_S3_OPERATION

  // The bucket and nothing else: for sub-resources that are as an untouched bucket's.
  template <class Input>
  Task<Result<BucketPtr>> existing(shapes::Call& call, Input input);

  Logic& logic_;
};

}  // namespace suiro::s3
