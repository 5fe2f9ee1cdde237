# SPDX-License-Identifier: Apache-2.0

resource "aws_cloudwatch_log_group" "batch" {
  name              = "/tf/batch"
  retention_in_days = local.later ? 14 : 7
  tags              = { team = "lake" }
}

resource "aws_cloudwatch_log_stream" "delivery" {
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.batch.name
}

resource "aws_cloudwatch_log_group" "other" {
  name_prefix = "/tf/other-"
}

resource "aws_cloudwatch_log_subscription_filter" "errors" {
  name            = "errors"
  log_group_name  = aws_cloudwatch_log_group.other.name
  filter_pattern  = local.later ? "ERROR -fine" : "ERROR"
  destination_arn = aws_kinesis_stream.demand.arn
  role_arn        = local.role
  distribution    = "Random"
}

resource "aws_cloudwatch_log_subscription_filter" "function" {
  name            = "function"
  log_group_name  = aws_cloudwatch_log_group.other.name
  filter_pattern  = "{ $.level = \"warn\" }"
  destination_arn = aws_lambda_function.parse.arn
  depends_on      = [aws_lambda_permission.logs]
}

resource "aws_lambda_permission" "logs" {
  statement_id  = "logs"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.parse.function_name
  principal     = "logs.amazonaws.com"
}

data "aws_cloudwatch_log_groups" "all" {
  log_group_name_prefix = "/tf/"
  depends_on            = [aws_cloudwatch_log_group.other, aws_cloudwatch_log_group.batch]
}
