# SPDX-License-Identifier: Apache-2.0
# Every service but IAM in one state. The second apply has `step = 2`: one value of each resource
# that Amazon changes in place is another one then.

variable "step" {
  type    = number
  default = 1
}

locals {
  later = var.step == 2
  # A role that every service may assume.
  role = aws_iam_role.services.arn
}

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}

resource "aws_iam_role" "services" {
  name               = "tf-services"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type = "Service"
      identifiers = [
        "lambda.amazonaws.com", "firehose.amazonaws.com", "kinesisanalytics.amazonaws.com",
        "events.amazonaws.com", "scheduler.amazonaws.com", "ecs-tasks.amazonaws.com",
        "logs.amazonaws.com", "states.amazonaws.com",
      ]
    }
  }
}

resource "aws_iam_role_policy" "services" {
  name = "all"
  role = aws_iam_role.services.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }]
  })
}
