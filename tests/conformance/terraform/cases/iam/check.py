# SPDX-License-Identifier: Apache-2.0
"""What terraform made is there, and nothing is left of it."""


def check(server):
    iam = server.client("iam")
    role = iam.get_role(RoleName="tf-batch")["Role"]
    assert role["Path"] == "/nightly/" and role["MaxSessionDuration"] == 7200
    attached = iam.list_attached_role_policies(RoleName="tf-batch")["AttachedPolicies"]
    assert {p["PolicyName"] for p in attached} == {"tf-reads", "AWSLambdaBasicExecutionRole"}
    assert len(iam.list_access_keys(UserName="tf-deploy")["AccessKeyMetadata"]) == 1


def check_later(server):
    """After the second apply."""
    iam = server.client("iam")
    role = iam.get_role(RoleName="tf-batch")["Role"]
    assert role["Description"] == "runs by day" and role["MaxSessionDuration"] == 3600
    assert {t["Key"]: t["Value"] for t in role["Tags"]} == {"team": "batch", "cost": "2"}
    user = iam.get_user(UserName="tf-deploy")["User"]
    assert user["Tags"] == [{"Key": "team", "Value": "deploy"}]


def gone(server):
    iam = server.client("iam")
    names = [r["RoleName"] for r in iam.list_roles()["Roles"]]
    assert not [n for n in names if n.startswith("tf-") or n == "AWSServiceRoleForECS"]
    assert "tf-deploy" not in [u["UserName"] for u in iam.list_users()["Users"]]
    assert "tf-reads" not in [p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]]
