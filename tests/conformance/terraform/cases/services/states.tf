# SPDX-License-Identifier: Apache-2.0

resource "aws_sfn_state_machine" "orders" {
  name     = "tf-orders"
  role_arn = local.role
  publish  = true
  definition = jsonencode({
    Comment = local.later ? "two" : "one"
    StartAt = "Done"
    States  = { Done = { Type = "Pass", End = true } }
  })
  tags = { team = "batch" }
}

resource "aws_sfn_state_machine" "express" {
  name     = "tf-express"
  role_arn = local.role
  type     = "EXPRESS"
  definition = jsonencode({
    StartAt = "Done"
    States  = { Done = { Type = "Succeed" } }
  })
  logging_configuration {
    level                  = local.later ? "ERROR" : "ALL"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.workflows.arn}:*"
  }
  # The role must be allowed to deliver logs.
  depends_on = [aws_iam_role_policy.services]
}

resource "aws_cloudwatch_log_group" "workflows" {
  name = "tf-workflows"
}

resource "aws_sfn_alias" "live" {
  name        = "live"
  description = local.later ? "two" : "one"
  routing_configuration {
    state_machine_version_arn = "${aws_sfn_state_machine.orders.arn}:1"
    weight                    = 100
  }
  depends_on = [aws_sfn_state_machine.orders]
}

resource "aws_sfn_activity" "pack" {
  name = "tf-pack"
  tags = { step = tostring(var.step) }
}
