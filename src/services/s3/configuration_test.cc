// SPDX-License-Identifier: Apache-2.0
// Lifecycle, notifications, CORS and tags through the operations, by name and JSON.
#include <boost/json.hpp>

#include "services/s3/api.h"
#include "services/s3/testing.h"

namespace suiro::s3 {
namespace {

namespace json = boost::json;
using std::chrono::hours;

class ConfigurationTest : public LogicTest {
 protected:
  ConfigurationTest() : api(logic) { api.add_operations(registry); }

  Result<std::string> call(std::string operation, std::string text) {
    shapes::Call context;
    context.request_id = "request";
    context.account = sim.kernel().account;
    context.now = sim.clock().now();
    context.trace = TraceContext::begin(context.now, sim.random());
    context.trace.span_id = new_span_id(sim.clock().now(), sim.random());
    std::replace(text.begin(), text.end(), '\'', '"');
    last_span = context.trace.span_id;
    return sim.run(registry.call("s3", std::move(operation), std::move(text), context));
  }
  std::string lifecycle(const std::string& rules) {
    return code(call("PutBucketLifecycleConfiguration",
                     "{'Bucket':'lake','LifecycleConfiguration':{'Rules':[" + rules + "]}}"));
  }
  std::string notify(const std::string& document) {
    return code(call("PutBucketNotificationConfiguration",
                     "{'Bucket':'lake','NotificationConfiguration':" + document + "}"));
  }
  static std::string queue(const std::string& events, const std::string& filter = "",
                           const std::string& name = "q") {
    return "{'QueueArn':'arn:aws:sqs:ap-northeast-1:000000000000:" + name + "','Events':[" +
           events + "]" + filter + "}";
  }
  static std::string filter(const std::string& prefix, const std::string& suffix) {
    return ",'Filter':{'Key':{'FilterRules':[{'Name':'prefix','Value':'" + prefix +
           "'},{'Name':'Suffix','Value':'" + suffix + "'}]}}";
  }
  std::vector<std::string> kinds() {
    sim.settle();
    std::vector<std::string> out;
    for (auto& event : recorder.events) out.push_back(event.kind);
    recorder.events.clear();
    return out;
  }
  size_t versions() {
    return sim.run(logic.list_versions({.list = {.bucket = "lake"}, .after_version = {}}))
        ->objects.size();
  }
  using Kinds = std::vector<std::string>;

  Api api;
  shapes::Registry registry;
  std::string last_span;
};

TEST_F(ConfigurationTest, LifecycleIsValidated) {
  make_bucket("lake");
  const std::string days = "'Expiration':{'Days':1}";
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Prefix':''," + days + "}"), "ok");
  EXPECT_EQ(lifecycle(""), "MalformedXML");
  EXPECT_EQ(lifecycle("{'Status':'On','Prefix':''," + days + "}"), "MalformedXML");
  EXPECT_EQ(lifecycle("{'Status':'Enabled'," + days + "}"), "MalformedXML");
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Prefix':'','Filter':{}," + days + "}"), "MalformedXML");
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{}}"), "InvalidRequest");
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{},'Expiration':{'Days':0}}"),
            "InvalidArgument");
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{},'Expiration':"
                      "{'Date':'2026-01-01T01:00:00Z'}}"),
            "InvalidArgument");
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{},'Transitions':[{'Days':1,"
                      "'StorageClass':'GLACIER'}]}"),
            "NotImplemented");
  EXPECT_EQ(lifecycle("{'ID':'a','Status':'Enabled','Filter':{}," + days +
                      "},{'ID':'a','Status':'Enabled','Filter':{}," + days + "}"),
            "InvalidArgument");
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{'Tag':{'Key':'k','Value':'v'}},"
                      "'AbortIncompleteMultipartUpload':{'DaysAfterInitiation':1}}"),
            "InvalidRequest");
  // What was put last comes back, a name was given to the rule.
  auto got = call("GetBucketLifecycleConfiguration", "{'Bucket':'lake'}");
  ASSERT_TRUE(got);
  auto document = json::parse(*got);
  auto& rule = document.as_object()["Rules"].as_array()[0].as_object();
  EXPECT_EQ(rule["Prefix"], "");
  EXPECT_EQ(rule["Expiration"].as_object()["Days"], 1);
  EXPECT_FALSE(rule["ID"].as_string().empty());
}

TEST_F(ConfigurationTest, CurrentVersionsExpireAtMidnight) {
  make_bucket("lake");
  sim.advance(hours(10));
  ASSERT_TRUE(put("lake", "logs/old", "xx"));
  ASSERT_TRUE(put("lake", "logs/tiny", "x"));
  ASSERT_TRUE(put("lake", "other", "xx"));
  EXPECT_EQ(lifecycle("{'ID':'r','Status':'Enabled','Filter':{'And':{'Prefix':'logs/',"
                      "'ObjectSizeGreaterThan':1}},'Expiration':{'Days':2}}"),
            "ok");
  EXPECT_EQ(notify("{'QueueConfigurations':[" + queue("'s3:LifecycleExpiration:*'") + "]}"), "ok");
  EXPECT_EQ(kinds(), Kinds{"s3:TestEvent"});
  auto head = call("HeadObject", "{'Bucket':'lake','Key':'logs/old'}");
  EXPECT_EQ(json::parse(*head).as_object()["Expiration"],
            "expiry-date=\"Sun, 04 Jan 2026 00:00:00 GMT\", rule-id=\"r\"");
  sim.advance(hours(24 + 24 + 13));  // 3 January, 23:00
  EXPECT_TRUE(get("lake", "logs/old"));
  sim.advance(hours(2));
  EXPECT_EQ(code(get("lake", "logs/old")), "NoSuchKey");
  EXPECT_TRUE(get("lake", "logs/tiny"));
  EXPECT_TRUE(get("lake", "other"));
  EXPECT_EQ(kinds(), Kinds{"s3:LifecycleExpiration:Delete"});
  // It goes on, day by day, until the rules go.
  ASSERT_TRUE(put("lake", "logs/new", "xx"));
  sim.advance(hours(24 * 4));
  EXPECT_EQ(code(get("lake", "logs/new")), "NoSuchKey");
  EXPECT_EQ(code(call("DeleteBucketLifecycle", "{'Bucket':'lake'}")), "ok");
  ASSERT_TRUE(put("lake", "logs/kept", "xx"));
  sim.advance(hours(24 * 10));
  EXPECT_TRUE(get("lake", "logs/kept"));
}

TEST_F(ConfigurationTest, NoncurrentVersionsAndMarkersExpire) {
  make_bucket("lake", Versioning::kEnabled);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(put("lake", "k", std::to_string(i)));
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{},'NoncurrentVersionExpiration':"
                      "{'NoncurrentDays':1,'NewerNoncurrentVersions':1},"
                      "'Expiration':{'ExpiredObjectDeleteMarker':true}}"),
            "ok");
  sim.advance(hours(24 * 3));
  EXPECT_EQ(versions(), 2U);
  EXPECT_EQ(*get("lake", "k"), "3");
  ASSERT_TRUE(remove("lake", "k"));
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{},'NoncurrentVersionExpiration':"
                      "{'NoncurrentDays':1},'Expiration':{'ExpiredObjectDeleteMarker':true}}"),
            "ok");
  sim.advance(hours(24 * 3));
  EXPECT_EQ(versions(), 0U);
  EXPECT_TRUE(sim.run(logic.delete_bucket(who(), "lake")));
}

// More than a walk reads in a slice, and removes at once, of one key.
TEST_F(ConfigurationTest, ManyVersionsOfOneKeyExpire) {
  make_bucket("lake", Versioning::kEnabled);
  for (int i = 0; i < 1050; ++i) ASSERT_TRUE(put("lake", "k", std::to_string(i)));
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{},'NoncurrentVersionExpiration':"
                      "{'NoncurrentDays':1,'NewerNoncurrentVersions':2}}"),
            "ok");
  sim.advance(hours(24 * 3));
  EXPECT_EQ(versions(), 3U);
  EXPECT_EQ(*get("lake", "k"), "1049");
}

TEST_F(ConfigurationTest, ExpiryOfAVersionedObjectLeavesAMarker) {
  make_bucket("lake", Versioning::kEnabled);
  ASSERT_TRUE(put("lake", "k", "x"));
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{},'Expiration':"
                      "{'Date':'2026-01-05T00:00:00Z'}}"),
            "ok");
  sim.advance(hours(24 * 3));
  EXPECT_TRUE(get("lake", "k"));
  sim.advance(hours(24 * 2));
  EXPECT_EQ(code(get("lake", "k")), "NoSuchKey");
  EXPECT_EQ(versions(), 2U);
}

TEST_F(ConfigurationTest, UnfinishedUploadsAreAborted) {
  make_bucket("lake");
  auto id = sim.run(logic.create_upload({who(), "lake", "tmp/k", {}}));
  auto kept = sim.run(logic.create_upload({who(), "lake", "k", {}}));
  ASSERT_TRUE(id && kept);
  EXPECT_EQ(lifecycle("{'Status':'Enabled','Filter':{'Prefix':'tmp/'},"
                      "'AbortIncompleteMultipartUpload':{'DaysAfterInitiation':2}}"),
            "ok");
  sim.advance(hours(47));
  EXPECT_TRUE(sim.run(logic.list_parts("lake", "tmp/k", *id)));
  sim.advance(hours(26));
  EXPECT_EQ(code(sim.run(logic.list_parts("lake", "tmp/k", *id))), "NoSuchUpload");
  EXPECT_TRUE(sim.run(logic.list_parts("lake", "k", *kept)));
}

TEST_F(ConfigurationTest, ADestinationIsOfItsConfigurationsKind) {
  make_bucket("lake");
  const std::string put = "{'Bucket':'lake','NotificationConfiguration':{";
  const std::string events = ",'Events':['s3:ObjectCreated:*']}]}}";
  const std::string arn = "'arn:aws:";
  for (const std::string& rule :
       {"'QueueConfigurations':[{'QueueArn':" + arn + "lambda:ap-northeast-1:0:function:f'",
        std::string("'QueueConfigurations':[{'QueueArn':'q'"),
        "'LambdaFunctionConfigurations':[{'LambdaFunctionArn':" + arn + "sqs:us-east-1:0:q'"}) {
    auto answer = call("PutBucketNotificationConfiguration", put + rule + events);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "InvalidArgument");
    EXPECT_EQ(answer.error().message, "The ARN is not well formed");
  }
}

TEST_F(ConfigurationTest, NotificationsAreValidated) {
  make_bucket("lake");
  auto queues = [](const std::string& list) { return "{'QueueConfigurations':[" + list + "]}"; };
  const std::string put_event = "'s3:ObjectCreated:Put'", any = "'s3:ObjectCreated:*'";
  EXPECT_EQ(notify(queues(queue("'s3:ObjectCreated:Nothing'"))), "InvalidArgument");
  EXPECT_EQ(notify(queues(queue("'s3:ObjectRestore:Post'"))), "NotImplemented");
  EXPECT_EQ(notify(queues(queue(any, "", "missing"))), "InvalidArgument");
  EXPECT_EQ(notify(queues(queue(any, "", "closed"))), "InvalidArgument");
  EXPECT_EQ(notify(queues(queue(any, "", "q.fifo"))), "InvalidArgument");
  EXPECT_EQ(notify(queues(queue(any) + "," + queue(put_event))), "InvalidArgument");
  EXPECT_EQ(
      notify(queues(queue(any, filter("a", ".gz")) + "," + queue(put_event, filter("ab", "gz")))),
      "InvalidArgument");
  EXPECT_EQ(notify("{'TopicConfigurations':[{'TopicArn':'arn:aws:sns:ap-northeast-1:1:t',"
                   "'Events':[" +
                   any + "]}]}"),
            "NotImplemented");
  EXPECT_EQ(kinds(), Kinds{});
  EXPECT_EQ(
      notify(queues(queue(any, filter("a", ".gz")) + "," + queue(put_event, filter("b", ".gz")))),
      "ok");
  EXPECT_EQ(kinds(), (Kinds{"s3:TestEvent", "s3:TestEvent"}));
  auto again = sim.run(logic.bucket("lake"));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(notify("{}"), "ok");
  EXPECT_EQ(*call("GetBucketNotificationConfiguration", "{'Bucket':'lake'}"), "{}");
}

TEST_F(ConfigurationTest, EventsSayWhatHappened) {
  make_bucket("lake");
  EXPECT_EQ(notify("{'QueueConfigurations':[" +
                   queue("'s3:ObjectCreated:*','s3:ObjectRemoved:*','s3:ObjectTagging:*'",
                         filter("in/", ".gz")) +
                   "]}"),
            "ok");
  EXPECT_EQ(kinds(), Kinds{"s3:TestEvent"});
  ASSERT_TRUE(call("PutObject", "{'Bucket':'lake','Key':'in/a b+.gz','Body':'hello'}"));
  const std::string span = last_span;
  sim.settle();
  ASSERT_EQ(recorder.events.size(), 1U);
  const event::Event& event = recorder.events[0];
  // The event has a span of its own below that of the request.
  auto trace = sim.run(sim.kernel().journal.trace(span));
  ASSERT_TRUE(trace);
  EXPECT_TRUE(std::any_of(trace->begin(), trace->end(), [&](auto& one) {
    return one.span_id == event.cause.span_id && one.parent_id == span;
  }));
  auto record = json::parse(event.payload).as_object()["Records"].as_array()[0].as_object();
  EXPECT_EQ(record["eventVersion"], "2.1");
  EXPECT_EQ(record["eventSource"], "aws:s3");
  EXPECT_EQ(record["eventName"], "ObjectCreated:Put");
  auto& s3 = record["s3"].as_object();
  EXPECT_EQ(s3["bucket"].as_object()["arn"], "arn:aws:s3:::lake");
  auto& object = s3["object"].as_object();
  EXPECT_EQ(object["key"], "in/a+b%2B.gz");
  EXPECT_EQ(object["size"], 5);
  EXPECT_EQ(object["eTag"], "5d41402abc4b2a76b9719d911017c592");
  EXPECT_EQ(object["sequencer"].as_string().size(), 16U);
  EXPECT_FALSE(object.contains("versionId"));
  recorder.events.clear();
  ASSERT_TRUE(put("lake", "out/a.gz", "x"));
  ASSERT_TRUE(put("lake", "in/a.txt", "x"));
  EXPECT_EQ(kinds(), Kinds{});
  ASSERT_TRUE(remove("lake", "in/a b+.gz"));
  ASSERT_TRUE(remove("lake", "in/a b+.gz"));  // nothing there: nothing to tell
  EXPECT_EQ(kinds(), Kinds{"s3:ObjectRemoved:Delete"});
  set_versioning("lake", Versioning::kEnabled);
  ASSERT_TRUE(call("CopyObject", "{'Bucket':'lake','Key':'in/c.gz','CopySource':'lake/in/a.txt'}"));
  ASSERT_TRUE(
      call("PutObjectTagging", "{'Bucket':'lake','Key':'in/c.gz','Tagging':{'TagSet':[]}}"));
  ASSERT_TRUE(call("DeleteObjectTagging", "{'Bucket':'lake','Key':'in/c.gz'}"));
  ASSERT_TRUE(remove("lake", "in/c.gz"));
  EXPECT_EQ(kinds(), (Kinds{"s3:ObjectCreated:Copy", "s3:ObjectTagging:Put",
                            "s3:ObjectTagging:Delete", "s3:ObjectRemoved:DeleteMarkerCreated"}));
}

TEST_F(ConfigurationTest, EventBridgeIsToldOfEverything) {
  sim.kernel().targets.add_target("events", &recorder);
  make_bucket("lake");
  ASSERT_EQ(notify("{'EventBridgeConfiguration':{}}"), "ok");
  EXPECT_EQ(*call("GetBucketNotificationConfiguration", "{'Bucket':'lake'}"),
            R"({"EventBridgeConfiguration":{}})");
  ASSERT_TRUE(put("lake", "in/a b+", "hello"));
  sim.settle();
  ASSERT_EQ(recorder.events.size(), 1U);
  EXPECT_EQ(recorder.events[0].target_arn,
            "arn:aws:events:ap-northeast-1:000000000000:event-bus/default");
  auto created = json::parse(recorder.events[0].payload).as_object();
  EXPECT_EQ(created["detail-type"], "Object Created");
  EXPECT_EQ(created["source"], "aws.s3");
  EXPECT_EQ(created["time"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(json::serialize(created["resources"]), R"(["arn:aws:s3:::lake"])");
  auto& detail = created["detail"].as_object();
  EXPECT_EQ(detail["reason"], "PutObject");
  EXPECT_EQ(detail["requester"], "000000000000");
  EXPECT_EQ(detail["source-ip-address"], "127.0.0.1");
  EXPECT_EQ(detail["bucket"].as_object()["name"], "lake");
  auto& object = detail["object"].as_object();
  EXPECT_EQ(object["key"], "in/a b+");
  EXPECT_EQ(object["size"], 5);
  EXPECT_EQ(object["etag"], "5d41402abc4b2a76b9719d911017c592");
  recorder.events.clear();
  set_versioning("lake", Versioning::kEnabled);
  ASSERT_TRUE(
      call("PutObjectTagging", "{'Bucket':'lake','Key':'in/a b+','Tagging':{'TagSet':[]}}"));
  ASSERT_TRUE(call("DeleteObjectTagging", "{'Bucket':'lake','Key':'in/a b+'}"));
  ASSERT_TRUE(remove("lake", "in/a b+"));
  ASSERT_TRUE(remove("lake", "in/a b+", by_id("null")));
  sim.settle();
  std::vector<std::string> told;
  for (auto& event : recorder.events) {
    auto document = json::parse(event.payload).as_object();
    auto& more = document["detail"].as_object();
    const json::value* type = more.if_contains("deletion-type");
    told.push_back(std::string(document["detail-type"].as_string()) +
                   (type == nullptr ? "" : ": " + std::string(type->as_string())));
  }
  EXPECT_EQ(told, (Kinds{"Object Tags Added", "Object Tags Deleted",
                         "Object Deleted: Delete Marker Created",
                         "Object Deleted: Permanently Deleted"}));
  ASSERT_EQ(notify("{}"), "ok");
  recorder.events.clear();
  ASSERT_TRUE(put("lake", "k", "x"));
  EXPECT_EQ(kinds(), Kinds{});
}

TEST_F(ConfigurationTest, JournalHoldsTheSpanOfAChange) {
  make_bucket("lake");
  ASSERT_TRUE(call("PutObject", "{'Bucket':'lake','Key':'k','Body':'hello'}"));
  auto trace = sim.run(sim.kernel().journal.trace(last_span));
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->back().kind, "s3:PutObject");
  EXPECT_EQ(trace->back().resource, "arn:aws:s3:::lake/k");
}

TEST_F(ConfigurationTest, Cors) {
  make_bucket("lake");
  auto rules = [&](const std::string& list) {
    return code(call("PutBucketCors",
                     "{'Bucket':'lake','CORSConfiguration':{'CORSRules':[" + list + "]}}"));
  };
  EXPECT_EQ(rules("{'AllowedMethods':['PATCH'],'AllowedOrigins':['*']}"), "InvalidRequest");
  EXPECT_EQ(rules("{'AllowedMethods':['GET'],'AllowedOrigins':['*.*']}"), "InvalidRequest");
  EXPECT_EQ(rules("{'AllowedMethods':['GET'],'AllowedOrigins':['*'],'ExposeHeaders':['x-*']}"),
            "InvalidRequest");
  EXPECT_EQ(rules("{'AllowedMethods':['PUT'],'AllowedOrigins':['https://*.example.com'],"
                  "'AllowedHeaders':['x-amz-*','Content-Type'],'MaxAgeSeconds':60}"),
            "ok");
  auto ask = [&](std::string origin, std::string method, std::vector<std::string> headers) {
    auto answer =
        sim.run(logic.cors({"lake", std::move(origin), std::move(method), std::move(headers)}));
    return answer && *answer;
  };
  EXPECT_TRUE(ask("https://a.example.com", "PUT", {"X-Amz-Date", "content-type"}));
  EXPECT_FALSE(ask("https://a.example.com", "GET", {}));
  EXPECT_FALSE(ask("https://example.org", "PUT", {}));
  EXPECT_FALSE(ask("https://a.example.com", "PUT", {"authorization"}));
  EXPECT_EQ(code(call("DeleteBucketCors", "{'Bucket':'lake'}")), "ok");
  EXPECT_FALSE(ask("https://a.example.com", "PUT", {}));
}

TEST_F(ConfigurationTest, UnsupportedMembersAreRefused) {
  make_bucket("lake");
  auto put_with = [&](const std::string& member) {
    return code(call("PutObject", "{'Bucket':'lake','Key':'k','Body':''," + member + "}"));
  };
  EXPECT_EQ(put_with("'ACL':'public-read'"), "AccessControlListNotSupported");
  EXPECT_EQ(put_with("'SSECustomerAlgorithm':'AES256'"), "NotImplemented");
  EXPECT_EQ(put_with("'ServerSideEncryption':'AES256'"), "NotImplemented");
  EXPECT_EQ(put_with("'SSEKMSKeyId':'k'"), "NotImplemented");
  EXPECT_EQ(put_with("'StorageClass':'GLACIER'"), "NotImplemented");
  EXPECT_EQ(put_with("'ObjectLockMode':'GOVERNANCE'"), "InvalidRequest");
  EXPECT_EQ(put_with("'ChecksumSHA512':'AA=='"), "NotImplemented");
  EXPECT_EQ(put_with("'ExpectedBucketOwner':'1'"), "AccessDenied");
  EXPECT_EQ(code(get("lake", "k")), "NoSuchKey");
}

TEST_F(ConfigurationTest, PublicAccessAndOwnershipComeBack) {
  make_bucket("lake");
  const std::string bucket = "{'Bucket':'lake'}";
  EXPECT_EQ(code(call("GetPublicAccessBlock", bucket)), "ok");
  EXPECT_EQ(code(call("PutPublicAccessBlock",
                      "{'Bucket':'lake','PublicAccessBlockConfiguration':"
                      "{'BlockPublicAcls':true}}")),
            "ok");
  auto block = call("GetPublicAccessBlock", bucket);
  ASSERT_TRUE(block);
  const json::value expected = {{"PublicAccessBlockConfiguration",
                                 {{"BlockPublicAcls", true},
                                  {"IgnorePublicAcls", false},
                                  {"BlockPublicPolicy", false},
                                  {"RestrictPublicBuckets", false}}}};
  EXPECT_EQ(json::parse(*block), expected);
  EXPECT_EQ(code(call("DeletePublicAccessBlock", bucket)), "ok");
  EXPECT_EQ(code(call("GetPublicAccessBlock", bucket)), "NoSuchPublicAccessBlockConfiguration");

  auto own = [&](const std::string& rules) {
    return code(call("PutBucketOwnershipControls",
                     "{'Bucket':'lake','OwnershipControls':{'Rules':[" + rules + "]}}"));
  };
  EXPECT_EQ(own("{'ObjectOwnership':'ObjectWriter'}"), "NotImplemented");
  EXPECT_EQ(own("{'ObjectOwnership':'Nobody'}"), "MalformedXML");
  EXPECT_EQ(own(""), "MalformedXML");
  EXPECT_EQ(code(call("DeleteBucketOwnershipControls", bucket)), "ok");
  EXPECT_EQ(code(call("GetBucketOwnershipControls", bucket)), "OwnershipControlsNotFoundError");
  EXPECT_EQ(own("{'ObjectOwnership':'BucketOwnerEnforced'}"), "ok");
  EXPECT_EQ(code(call("GetBucketOwnershipControls", bucket)), "ok");
}

TEST_F(ConfigurationTest, DefaultEncryptionIsWhatTheStoreDoes) {
  make_bucket("lake");
  auto put = [&](const std::string& rule) {
    return code(
        call("PutBucketEncryption",
             "{'Bucket':'lake','ServerSideEncryptionConfiguration':{'Rules':[" + rule + "]}}"));
  };
  const std::string aes = "'ApplyServerSideEncryptionByDefault':{'SSEAlgorithm':'AES256'}";
  EXPECT_EQ(put("{" + aes + "}"), "NotImplemented");  // this store is not encrypted
  EXPECT_EQ(put("{'ApplyServerSideEncryptionByDefault':{'SSEAlgorithm':'aws:kms'}}"),
            "NotImplemented");
  EXPECT_EQ(put("{}"), "MalformedXML");
  EXPECT_EQ(code(call("DeleteBucketEncryption", "{'Bucket':'lake'}")), "ok");
  EXPECT_EQ(code(call("DeleteBucketEncryption", "{'Bucket':'none'}")), "NoSuchBucket");
}

}  // namespace
}  // namespace suiro::s3
