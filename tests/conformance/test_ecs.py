# SPDX-License-Identifier: Apache-2.0
"""Amazon ECS with boto3 and `aws ecs`, authentication on: what needs no container."""
import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture()
def ecs(suiro):
    return suiro.client("ecs")


@pytest.fixture()
def cluster(ecs, name):
    ecs.create_cluster(clusterName=name, tags=[{"key": "k", "value": "v"}])
    yield name


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def container(**more):
    return {"name": "main", "image": "busybox", "memory": 64, **more}


def register(ecs, family, **more):
    return ecs.register_task_definition(
        family=family, containerDefinitions=[container()], **more)["taskDefinition"]


def test_clusters(ecs, cluster):
    made = ecs.describe_clusters(clusters=[cluster, "nobody"], include=["TAGS", "SETTINGS"])
    found = made["clusters"][0]
    assert found["status"] == "ACTIVE" and found["tags"] == [{"key": "k", "value": "v"}]
    assert found["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert made["failures"][0]["reason"] == "MISSING"
    for value in ("enabled", "enhanced", "disabled"):
        settings = [{"name": "containerInsights", "value": value}]
        assert ecs.update_cluster_settings(
            cluster=cluster, settings=settings)["cluster"]["settings"] == settings
        assert ecs.describe_clusters(clusters=[cluster], include=["SETTINGS"])["clusters"][0][
            "settings"] == settings
    assert found["clusterArn"] in ecs.list_clusters()["clusterArns"]
    assert ecs.create_cluster(clusterName=cluster)["cluster"]["clusterArn"] == found["clusterArn"]
    put = ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])["cluster"]
    assert put["capacityProviders"] == ["FARGATE"]
    known = ecs.describe_capacity_providers()["capacityProviders"]
    assert [p["name"] for p in known] == ["FARGATE", "FARGATE_SPOT"]
    assert refused(ecs.put_cluster_capacity_providers, cluster=cluster,
                   capacityProviders=["mine"], defaultCapacityProviderStrategy=[])[0] == \
        "InvalidParameterException"
    ecs.tag_resource(resourceArn=found["clusterArn"], tags=[{"key": "b", "value": "c"}])
    ecs.untag_resource(resourceArn=found["clusterArn"], tagKeys=["k"])
    assert ecs.list_tags_for_resource(resourceArn=found["clusterArn"])["tags"] == [
        {"key": "b", "value": "c"}]
    assert ecs.delete_cluster(cluster=cluster)["cluster"]["status"] == "INACTIVE"
    assert refused(ecs.delete_cluster, cluster=cluster) == (
        "ClusterNotFoundException", "Cluster not found.")


def test_definitions_come_back_as_they_were_given(ecs, name):
    full = container(
        cpu=10, memoryReservation=32, essential=True, entryPoint=["/bin/sh"], command=["-c", "ls"],
        environment=[{"name": "A", "value": "1"}], user="nobody", workingDirectory="/tmp",
        portMappings=[{"containerPort": 80}], readonlyRootFilesystem=True, stopTimeout=3,
        ulimits=[{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
        mountPoints=[{"sourceVolume": "v", "containerPath": "/v", "readOnly": True}],
        linuxParameters={"initProcessEnabled": True,
                         "tmpfs": [{"containerPath": "/t", "size": 1}]},
        healthCheck={"command": ["CMD-SHELL", "true"]},
        secrets=[{"name": "S", "valueFrom": "arn:aws:s3:::lake/secret"}],
        environmentFiles=[{"value": "arn:aws:s3:::lake/a.env", "type": "s3"}],
        logConfiguration={"logDriver": "awslogs", "options": {
            "awslogs-group": "g", "awslogs-region": "ap-northeast-1"}},
        dockerLabels={"a": "b"})
    made = ecs.register_task_definition(
        family=name, containerDefinitions=[full], volumes=[{"name": "v", "host": {}}],
        tags=[{"key": "k", "value": "v"}])["taskDefinition"]
    assert made["revision"] == 1 and made["status"] == "ACTIVE"
    read = ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
    assert read["tags"] == [{"key": "k", "value": "v"}]
    assert read["taskDefinition"] == made
    back = made["containerDefinitions"][0]
    for key, value in full.items():
        if key == "portMappings":
            assert back[key] == [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]
        elif key == "healthCheck":
            assert back[key] == {**value, "interval": 30, "timeout": 5, "retries": 3}
        else:
            assert back[key] == value
    assert back["volumesFrom"] == [] and back["systemControls"] == []


def test_revisions_and_lists(ecs, name):
    arns = [register(ecs, name)["taskDefinitionArn"] for _ in range(3)]
    pages = ecs.get_paginator("list_task_definitions")
    found = [arn for page in pages.paginate(familyPrefix=name, PaginationConfig={"PageSize": 2})
             for arn in page["taskDefinitionArns"]]
    assert found == arns
    assert ecs.list_task_definitions(familyPrefix=name, sort="DESC")["taskDefinitionArns"] == \
        arns[::-1]
    gone = ecs.deregister_task_definition(taskDefinition=arns[2])["taskDefinition"]
    assert gone["status"] == "INACTIVE" and gone["deregisteredAt"]
    assert ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["revision"] == 2
    if hasattr(ecs, "delete_task_definitions"):  # Debian 12's boto3 does not know it
        answer = ecs.delete_task_definitions(taskDefinitions=[arns[2], arns[0]])
        assert answer["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"
        assert answer["failures"][0]["arn"] == arns[0]
    assert register(ecs, name)["revision"] == 4
    assert ecs.list_task_definition_families(familyPrefix=name)["families"] == [name]
    for revision in (1, 2, 4):
        ecs.deregister_task_definition(taskDefinition=f"{name}:{revision}")
    # Those without an active revision are listed unless the request says otherwise.
    for status, expected in ((None, [name]), ("INACTIVE", [name]), ("ACTIVE", [])):
        assert ecs.list_task_definition_families(
            familyPrefix=name, **({"status": status} if status else {}))["families"] == expected
    assert refused(ecs.describe_task_definition, taskDefinition=name + ":9") == (
        "ClientException", "Unable to describe task definition.")


def test_what_cannot_be_is_refused(ecs, name):
    def tried(**settings):
        return refused(ecs.register_task_definition, family=name,
                       containerDefinitions=[container(**settings)])
    assert tried(logConfiguration={"logDriver": "splunk"})[0] == "NotImplemented"
    assert tried(links=["a"])[0] == "NotImplemented"
    assert tried(secrets=[{"name": "S", "valueFrom": "arn:aws:ssm:x:0:parameter/p"}])[0] == \
        "NotImplemented"
    for role, code in (("arn:aws:iam::000000000000:user/u", "ClientException"),
                       ("short", "NotImplemented")):
        for member in ("taskRoleArn", "executionRoleArn"):
            assert refused(ecs.register_task_definition, family=name,
                           containerDefinitions=[container()], **{member: role})[0] == code
    assert tried(name="a b")[1] == "Container.name contains invalid characters."
    assert refused(ecs.register_task_definition, family=name, containerDefinitions=[]) == (
        "ClientException", "Container list cannot be empty.")
    assert refused(ecs.execute_command, cluster="default", task="x", command="ls",
                   interactive=True)[0] == "NotImplemented"
    assert refused(ecs.run_task, taskDefinition="nobody-" + name) == (
        "ClientException", "TaskDefinition not found.")
    assert refused(ecs.run_task, cluster="nobody", taskDefinition="x")[0] == \
        "ClusterNotFoundException"


def test_fargate_sizes(ecs, name):
    made = ecs.register_task_definition(
        family=name, containerDefinitions=[container()], networkMode="awsvpc", cpu="256",
        memory="1GB", requiresCompatibilities=["FARGATE"])["taskDefinition"]
    assert made["memory"] == "1024" and made["compatibilities"] == ["EC2", "FARGATE"]
    assert refused(ecs.run_task, taskDefinition=name, launchType="FARGATE")[1] == \
        "Network Configuration must be provided when networkMode 'awsvpc' is specified."


def test_the_machine_is_the_container_instance(ecs, cluster):
    arns = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    if not arns:
        pytest.skip("this machine runs no tasks: its instance is DRAINING")
    found = ecs.describe_container_instances(cluster=cluster, containerInstances=arns)
    names = {r["name"] for r in found["containerInstances"][0]["registeredResources"]}
    assert names == {"CPU", "MEMORY"}


def test_tags_of_what_is_not_there(ecs, cluster):
    arn = ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"]
    for resource in (f"container-instance/{cluster}/none", "capacity-provider/none", "daemon/none"):
        assert refused(ecs.list_tags_for_resource,
                       resourceArn=arn.replace(f"cluster/{cluster}", resource))[0] == \
            "InvalidParameterException"
    short = arn.replace(f"cluster/{cluster}", "service/web")
    for call, more in ((ecs.list_tags_for_resource, {}),
                       (ecs.tag_resource, {"tags": [{"key": "a", "value": "b"}]})):
        assert refused(call, resourceArn=short, **more) == (
            "InvalidParameterException", "Long arn format must be used for tagging operations")
    provider = arn.replace(f"cluster/{cluster}", "capacity-provider/FARGATE")
    assert ecs.list_tags_for_resource(resourceArn=provider)["tags"] == []


def test_account_settings_as_terraform_reads_them(ecs):
    ecs.put_account_setting_default(name="fargateTaskRetirementWaitPeriod", value="14")
    found = ecs.list_account_settings(name="fargateTaskRetirementWaitPeriod",
                                      effectiveSettings=True)["settings"]
    assert [s["value"] for s in found] == ["14"]
    assert refused(ecs.put_account_setting_default, name="containerInsights",
                   value="enabled")[0] == "NotImplemented"
    code, text = refused(ecs.put_account_setting_default, name="taskLongArnFormat",
                         value="disabled")[:2]
    assert code == "InvalidParameterException" and "can no longer disable" in text


@pytest.mark.parametrize("operation, arguments, member", [
    ("list_attributes", {"targetType": "container-instance"}, "attributes"),
    ("list_container_instances", {}, "containerInstanceArns"),
    ("describe_capacity_providers", {}, "capacityProviders"),
    ("list_account_settings", {"effectiveSettings": True}, "settings")])
def test_lists_come_in_pages(ecs, cluster, operation, arguments, member):
    call = getattr(ecs, operation)
    if operation in ("list_attributes", "list_container_instances"):
        arguments = {"cluster": cluster, **arguments}
    whole = call(**arguments)[member]
    found, token = [], {}
    while len(found) <= len(whole):
        page = call(**arguments, **token, maxResults=1)
        assert len(page[member]) <= 1
        found += page[member]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == whole
    for wrong in ({"maxResults": 0}, {"maxResults": 101}, {"nextToken": "?"}):
        assert refused(call, **arguments, **wrong)[0] == "InvalidParameterException"


def test_what_no_task_of_a_service_could_is_refused(ecs, cluster, name):
    register(ecs, name)
    ecs.put_cluster_capacity_providers(cluster=cluster, capacityProviders=["FARGATE"],
                                       defaultCapacityProviderStrategy=[])
    misfit = "Task definition does not support launch_type FARGATE."
    version = "The platform version must be null when specifying an EC2 launch type."
    fargate = [{"capacityProvider": "FARGATE", "weight": 1}]

    def made(**settings):
        return refused(ecs.create_service, cluster=cluster, serviceName="no", taskDefinition=name,
                       desiredCount=0, **settings)
    assert made(launchType="FARGATE")[1] == misfit
    assert made(capacityProviderStrategy=fargate)[1] == misfit
    assert made(platformVersion="1.4.0")[1] == version
    ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=name, desiredCount=0)
    for settings, text in (({"capacityProviderStrategy": fargate}, misfit),
                           ({"platformVersion": "1.4.0"}, version)):
        assert refused(ecs.update_service, cluster=cluster, service="web", **settings)[1] == text
    ecs.delete_service(cluster=cluster, service="web")


def test_a_service_is_made_once_for_a_client_token(ecs, cluster, name):
    register(ecs, name)
    asked = {"cluster": cluster, "serviceName": "web", "taskDefinition": name, "desiredCount": 0,
             "clientToken": "t-1"}
    made = ecs.create_service(**asked)["service"]
    again = ecs.create_service(**asked)["service"]
    assert again["serviceArn"] == made["serviceArn"]
    assert [d["id"] for d in again["deployments"]] == [d["id"] for d in made["deployments"]]
    for other in ({"desiredCount": 1}, {"clientToken": "t-2"}):
        assert refused(ecs.create_service, **{**asked, **other}) == (
            "InvalidParameterException", "Creation of service was not idempotent.")
    assert refused(ecs.create_service, **{**asked, "clientToken": "t" * 37})[0] == \
        "InvalidParameterException"
    ecs.delete_service(cluster=cluster, service="web")


def test_services(ecs, cluster, name):
    register(ecs, name)
    made = ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=name,
                              desiredCount=0, tags=[{"key": "a", "value": "b"}])["service"]
    assert made["status"] == "ACTIVE" and made["deployments"][0]["status"] == "PRIMARY"
    ecs.get_waiter("services_stable").wait(cluster=cluster, services=["web"],
                                           WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    found = ecs.describe_services(cluster=cluster, services=["web", "no"], include=["TAGS"])
    assert found["services"][0]["tags"] == [{"key": "a", "value": "b"}]
    assert found["failures"][0]["reason"] == "MISSING"
    assert ecs.list_services(cluster=cluster)["serviceArns"] == [made["serviceArn"]]
    register(ecs, name)
    updated = ecs.update_service(cluster=cluster, service="web", taskDefinition=name)["service"]
    assert updated["taskDefinition"].endswith(name + ":2")
    breaker = {"enable": True, "rollback": True}
    for part in ({"deploymentCircuitBreaker": breaker}, {"maximumPercent": 150}):
        updated = ecs.update_service(cluster=cluster, service="web",
                                     deploymentConfiguration=part)["service"]
    # What an update leaves away stays.
    assert updated["deploymentConfiguration"]["deploymentCircuitBreaker"] == breaker
    assert updated["deploymentConfiguration"]["maximumPercent"] == 150
    assert updated["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert refused(ecs.create_service, cluster=cluster, serviceName="web", taskDefinition=name,
                   desiredCount=1) == ("InvalidParameterException",
                                       "Creation of service was not idempotent.")
    assert refused(ecs.create_service, cluster=cluster, serviceName="lb", taskDefinition=name,
                   desiredCount=1, loadBalancers=[{"containerName": "main"}])[0] == \
        "NotImplemented"
    assert refused(ecs.delete_cluster, cluster=cluster)[0] == "ClusterContainsServicesException"
    ecs.delete_service(cluster=cluster, service="web")
    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=["web"],
                                             WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    ecs.delete_cluster(cluster=cluster)


def test_the_command_line(suiro, name):
    def aws(*arguments):
        return json.loads(suiro.aws("ecs", *arguments, "--output", "json").stdout)

    aws("register-task-definition", "--family", name, "--container-definitions",
        json.dumps([container()]))
    found = aws("describe-task-definition", "--task-definition", name)
    assert found["taskDefinition"]["taskDefinitionArn"].endswith(f":task-definition/{name}:1")
