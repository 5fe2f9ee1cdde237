# SPDX-License-Identifier: Apache-2.0

resource "aws_cloudwatch_event_bus" "app" {
  name = "tf-app"
  tags = { team = "batch" }
}

resource "aws_cloudwatch_event_rule" "pattern" {
  name           = "tf-pattern"
  event_bus_name = aws_cloudwatch_event_bus.app.name
  description    = "orders"
  event_pattern = jsonencode({
    source = ["app"]
    detail = { n = [{ numeric = [">", var.step] }] }
  })
  tags = { team = "batch" }
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "tf-nightly"
  schedule_expression = local.later ? "cron(0 3 * * ? *)" : "cron(0 2 * * ? *)"
  state               = "ENABLED"
}

resource "aws_cloudwatch_event_target" "queue" {
  rule           = aws_cloudwatch_event_rule.pattern.name
  event_bus_name = aws_cloudwatch_event_bus.app.name
  target_id      = "queue"
  arn            = aws_sqs_queue.orders.arn
  input_path     = "$.detail"
  sqs_target {
    message_group_id = "orders"
  }
  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 600
    maximum_retry_attempts       = local.later ? 5 : 4
  }
}

resource "aws_cloudwatch_event_target" "function" {
  rule           = aws_cloudwatch_event_rule.pattern.name
  event_bus_name = aws_cloudwatch_event_bus.app.name
  arn            = aws_lambda_alias.live.arn
  input          = jsonencode({ step = var.step })
}

resource "aws_cloudwatch_event_connection" "partner" {
  name               = "tf-partner"
  description        = local.later ? "the partner" : "a partner"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "X-Key"
      value = local.later ? "second" : "first"
    }
    invocation_http_parameters {
      header {
        key   = "X-Team"
        value = "batch"
      }
      query_string {
        key             = "token"
        value           = "hidden"
        is_value_secret = true
      }
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "partner" {
  name                             = "tf-partner"
  connection_arn                   = aws_cloudwatch_event_connection.partner.arn
  invocation_endpoint              = "https://partner.example.com/orders/*"
  http_method                      = "POST"
  invocation_rate_limit_per_second = local.later ? 20 : 10
}

resource "aws_cloudwatch_event_target" "endpoint" {
  rule           = aws_cloudwatch_event_rule.pattern.name
  event_bus_name = aws_cloudwatch_event_bus.app.name
  target_id      = "endpoint"
  arn            = aws_cloudwatch_event_api_destination.partner.arn
  role_arn       = local.role
  http_target {
    path_parameter_values   = ["$.detail.id"]
    header_parameters       = { X-Step = tostring(var.step) }
    query_string_parameters = { source = "$.source" }
  }
}

resource "aws_cloudwatch_event_target" "stream" {
  rule           = aws_cloudwatch_event_rule.pattern.name
  event_bus_name = aws_cloudwatch_event_bus.app.name
  target_id      = "stream"
  arn            = aws_kinesis_stream.demand.arn
  role_arn       = local.role
  kinesis_target {
    partition_key_path = "$.id"
  }
}

resource "aws_cloudwatch_event_target" "task" {
  rule      = aws_cloudwatch_event_rule.nightly.name
  target_id = "task"
  arn       = aws_ecs_cluster.batch.arn
  role_arn  = local.role
  ecs_target {
    task_definition_arn = aws_ecs_task_definition.report.arn
    task_count          = local.later ? 2 : 1
    launch_type         = "FARGATE"
    network_configuration {
      subnets = ["subnet-1"]
    }
  }
  input_transformer {
    input_paths = {
      at = "$.time"
    }
    input_template = <<-T
      {"containerOverrides": [{"name": "report", "environment": [{"name": "AT", "value": <at>}]}]}
    T
  }
}

resource "aws_cloudwatch_event_permission" "other" {
  principal      = "111122223333"
  statement_id   = "other"
  event_bus_name = aws_cloudwatch_event_bus.app.name
}

resource "aws_scheduler_schedule_group" "batch" {
  name = "tf-batch"
  tags = { team = local.later ? "batch" : "night" }
}

resource "aws_scheduler_schedule" "report" {
  name                         = "tf-report"
  group_name                   = aws_scheduler_schedule_group.batch.name
  description                  = "the report"
  schedule_expression          = local.later ? "cron(30 3 ? * MON-FRI *)" : "cron(30 2 ? * MON-FRI *)"
  schedule_expression_timezone = "Europe/Berlin"
  start_date                   = "2031-01-01T00:00:00Z"
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 15
  }
  target {
    arn      = aws_ecs_cluster.batch.arn
    role_arn = local.role
    input    = jsonencode({ containerOverrides = [{ name = "report", command = ["x"] }] })
    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.report.arn_without_revision
      launch_type         = "FARGATE"
      task_count          = 1
      network_configuration {
        subnets = ["subnet-1"]
      }
    }
    retry_policy {
      maximum_event_age_in_seconds = 600
      maximum_retry_attempts       = 2
    }
    dead_letter_config {
      arn = aws_sqs_queue.dead.arn
    }
  }
}

resource "aws_scheduler_schedule" "queue" {
  name                = "tf-queue"
  schedule_expression = "rate(5 minutes)"
  state               = "DISABLED"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_sqs_queue.orders.arn
    role_arn = local.role
    input    = tostring(var.step)
    sqs_parameters {
      message_group_id = "g"
    }
  }
}

resource "aws_scheduler_schedule" "universal" {
  name                = "tf-universal"
  schedule_expression = "at(2031-01-01T00:00:00)"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    role_arn = local.role
    input    = jsonencode({ MessageBody = "x", QueueUrl = aws_sqs_queue.main.url })
  }
}
