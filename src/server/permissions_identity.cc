// SPDX-License-Identifier: Apache-2.0
// IAM and STS. Source: Service Authorization Reference, "Actions, resources, and condition keys
// for" each.
#include "server/permissions.h"

namespace suiro::server {
namespace {

constexpr PermissionRow kRows[] = {
    {"iam", "arn:aws:iam::{account}:role{Path}{RoleName}|arn:aws:iam::{account}:role/{RoleName}",
     "CreateRole"},
    {"iam", "{RoleName:role}",
     "GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole PutRolePolicy "
     "GetRolePolicy ListRolePolicies DeleteRolePolicy AttachRolePolicy DetachRolePolicy "
     "ListAttachedRolePolicies PutRolePermissionsBoundary DeleteRolePermissionsBoundary TagRole "
     "UntagRole ListRoleTags ListInstanceProfilesForRole DeleteServiceLinkedRole"},
    {"iam", "arn:aws:iam::{account}:role/aws-service-role/{AWSServiceName}/*",
     "CreateServiceLinkedRole"},
    {"iam", "*",
     "ListRoles ListUsers ListGroups ListPolicies ListInstanceProfiles ListAccountAliases "
     "ListVirtualMFADevices GetServiceLinkedRoleDeletionStatus SimulateCustomPolicy"},
    {"iam", "{PolicySourceArn}", "SimulatePrincipalPolicy"},
    {"iam", "arn:aws:iam::{account}:user{Path}{UserName}|arn:aws:iam::{account}:user/{UserName}",
     "CreateUser"},
    {"iam", "{UserName:user}|arn:aws:iam::{account}:user/{caller}",
     "GetUser UpdateUser DeleteUser PutUserPolicy GetUserPolicy ListUserPolicies DeleteUserPolicy "
     "AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies PutUserPermissionsBoundary "
     "DeleteUserPermissionsBoundary TagUser UntagUser ListUserTags CreateAccessKey "
     "ListAccessKeys UpdateAccessKey DeleteAccessKey ListGroupsForUser ListMFADevices "
     "ListSSHPublicKeys ListSigningCertificates ListServiceSpecificCredentials GetLoginProfile "
     "DeleteLoginProfile"},
    {"iam", "*", "GetAccessKeyLastUsed"},
    {"iam",
     "arn:aws:iam::{account}:group{Path}{GroupName}|arn:aws:iam::{account}:group/{GroupName}",
     "CreateGroup"},
    {"iam", "{GroupName:group}",
     "GetGroup UpdateGroup DeleteGroup AddUserToGroup RemoveUserFromGroup PutGroupPolicy "
     "GetGroupPolicy ListGroupPolicies DeleteGroupPolicy AttachGroupPolicy DetachGroupPolicy "
     "ListAttachedGroupPolicies"},
    {"iam",
     "arn:aws:iam::{account}:policy{Path}{PolicyName}|arn:aws:iam::{account}:policy/{PolicyName}",
     "CreatePolicy"},
    {"iam", "{PolicyArn}",
     "GetPolicy DeletePolicy CreatePolicyVersion GetPolicyVersion ListPolicyVersions "
     "DeletePolicyVersion SetDefaultPolicyVersion ListEntitiesForPolicy TagPolicy UntagPolicy "
     "ListPolicyTags"},
    {"iam",
     "arn:aws:iam::{account}:instance-profile{Path}{InstanceProfileName}|"
     "arn:aws:iam::{account}:instance-profile/{InstanceProfileName}",
     "CreateInstanceProfile"},
    {"iam", "{InstanceProfileName:profile}",
     "GetInstanceProfile DeleteInstanceProfile AddRoleToInstanceProfile "
     "RemoveRoleFromInstanceProfile TagInstanceProfile UntagInstanceProfile "
     "ListInstanceProfileTags"},
    {"iam", "{RoleName:role}", "AddRoleToInstanceProfile=PassRole"},

    {"sts", "*", "GetCallerIdentity=- GetSessionToken=- GetAccessKeyInfo"},
    {"sts", "{RoleArn}", "+AssumeRole"},
};

}  // namespace

std::span<const PermissionRow> identity_permissions() {
  return kRows;
}

}  // namespace suiro::server
