# SPDX-License-Identifier: Apache-2.0

# The second apply has `step = 2`.
variable "step" {
  type    = number
  default = 1
}

locals {
  later = var.step == 2
  reads = local.later ? ["s3:Get*", "s3:List*"] : ["s3:Get*"]
}

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com", "ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.me.account_id]
    }
  }
}

resource "aws_iam_role" "batch" {
  name                 = "tf-batch"
  path                 = "/nightly/"
  description          = local.later ? "runs by day" : "runs at night"
  max_session_duration = local.later ? 3600 : 7200
  permissions_boundary = aws_iam_policy.reads.arn
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags = {
    team = "batch"
    cost = tostring(var.step)
  }
}

resource "aws_iam_role_policy" "inline" {
  name = "inline"
  role = aws_iam_role.batch.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["s3:GetObject", "s3:ListBucket"]
      Resource  = ["arn:aws:s3:::lake", "arn:aws:s3:::lake/$${aws:PrincipalTag/team}/*"]
      Condition = { StringLike = { "s3:prefix" = ["in/*"] } }
    }]
  })
}

resource "aws_iam_policy" "reads" {
  name        = "tf-reads"
  path        = "/team/"
  description = "what a batch reads"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Reads", Effect = "Allow", Action = local.reads, Resource = "*" }]
  })
  tags = { team = "batch" }
}

resource "aws_iam_role_policy_attachment" "own" {
  role       = aws_iam_role.batch.name
  policy_arn = aws_iam_policy.reads.arn
}

resource "aws_iam_role_policy_attachment" "of_aws" {
  role       = aws_iam_role.batch.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_instance_profile" "batch" {
  name = "tf-batch"
  role = aws_iam_role.batch.name
  tags = { team = "batch" }
}

resource "aws_iam_user" "deploy" {
  name          = "tf-deploy"
  path          = "/machines/"
  force_destroy = true
  tags          = { team = local.later ? "deploy" : "batch" }
}

resource "aws_iam_access_key" "deploy" {
  user = aws_iam_user.deploy.name
}

resource "aws_iam_user_policy" "deploy" {
  name = "deploy"
  user = aws_iam_user.deploy.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:ListAllMyBuckets", Resource = "*" }]
  })
}

resource "aws_iam_user_policy_attachment" "deploy" {
  user       = aws_iam_user.deploy.name
  policy_arn = aws_iam_policy.reads.arn
}

resource "aws_iam_group" "ops" {
  name = "tf-ops"
}

resource "aws_iam_group_policy_attachment" "ops" {
  group      = aws_iam_group.ops.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_user_group_membership" "deploy" {
  user   = aws_iam_user.deploy.name
  groups = [aws_iam_group.ops.name]
}

resource "aws_iam_service_linked_role" "ecs" {
  aws_service_name = "ecs.amazonaws.com"
}

data "aws_iam_policy" "basic" {
  arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

data "aws_iam_role" "again" {
  name = aws_iam_role.batch.name
}
