# SPDX-License-Identifier: Apache-2.0
"""Whether containers can run on this machine."""


def add_option(parser):
    parser.add_argument("--skip-without-tasks", action="store_true",
                        help="end with success where this machine can run no containers")


def refused(options, supervisor, say):
    """None where tasks can run; else what the program ends with, after it said why."""
    ecs = supervisor.client("ecs")
    # Larger than any machine: what can run tasks says so, what cannot says why.
    ecs.register_task_definition(family="probe", containerDefinitions=[
        {"name": "main", "image": "none", "memory": 1 << 24}])
    failure = ecs.run_task(taskDefinition="probe")["failures"][0]
    ecs.deregister_task_definition(taskDefinition="probe:1")
    if failure["reason"] != "AGENT":
        return None
    say(f"{'skipped' if options.skip_without_tasks else 'WRONG'}: no containers on this machine: "
        f"{failure['detail']}")
    return 0 if options.skip_without_tasks else 1
