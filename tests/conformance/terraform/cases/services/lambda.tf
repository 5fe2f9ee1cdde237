# SPDX-License-Identifier: Apache-2.0

resource "aws_lambda_function" "parse" {
  function_name    = "tf-parse"
  role             = local.role
  runtime          = "python3.11"
  handler          = "handler.handle"
  filename         = "${path.module}/code.zip"
  source_code_hash = filebase64sha256("${path.module}/code.zip")
  description      = "parses"
  memory_size      = 256
  timeout          = local.later ? 21 : 20
  publish          = true
  environment {
    variables = {
      STEP = tostring(var.step)
    }
  }
  tags = { team = "lake" }
}

resource "aws_lambda_function" "plain" {
  function_name                  = "tf-plain"
  role                           = local.role
  runtime                        = "python3.11"
  handler                        = "handler.handle"
  filename                       = "${path.module}/code.zip"
  reserved_concurrent_executions = 2
  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }
  ephemeral_storage {
    size = 600
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.parse.function_name
  function_version = "1"
  description      = local.later ? "the one in use" : "in use"
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.parse.function_name
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.lake.arn
  source_account = data.aws_caller_identity.me.account_id
}

resource "aws_lambda_permission" "rule" {
  statement_id_prefix = "rule-"
  action              = "lambda:InvokeFunction"
  function_name       = aws_lambda_function.parse.function_name
  qualifier           = aws_lambda_alias.live.name
  principal           = "events.amazonaws.com"
  source_arn          = aws_cloudwatch_event_rule.pattern.arn
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn                   = aws_sqs_queue.main.arn
  function_name                      = aws_lambda_function.plain.arn
  batch_size                         = local.later ? 6 : 5
  maximum_batching_window_in_seconds = 1
  function_response_types            = ["ReportBatchItemFailures"]
  scaling_config {
    maximum_concurrency = 3
  }
  filter_criteria {
    filter {
      pattern = jsonencode({ body = { kind = ["a"] } })
    }
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn                   = aws_kinesis_stream.clicks.arn
  function_name                      = aws_lambda_alias.live.arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 100
  maximum_retry_attempts             = local.later ? 3 : 2
  maximum_record_age_in_seconds      = 600
  bisect_batch_on_function_error     = true
  parallelization_factor             = 2
  maximum_batching_window_in_seconds = 1
  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead.arn
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "parse" {
  function_name                = aws_lambda_function.parse.function_name
  maximum_event_age_in_seconds = 120
  maximum_retry_attempts       = local.later ? 0 : 1
  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead.arn
    }
  }
}
