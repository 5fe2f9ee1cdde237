# SPDX-License-Identifier: Apache-2.0

resource "aws_sqs_queue" "dead" {
  name = "tf-dead"
}

resource "aws_sqs_queue" "main" {
  name                       = "tf-main"
  visibility_timeout_seconds = local.later ? 61 : 60
  message_retention_seconds  = 3600
  delay_seconds              = 1
  receive_wait_time_seconds  = 2
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = local.later ? 5 : 4
  })
  tags = {
    team = "lake"
    step = tostring(var.step)
  }
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.main.arn]
  })
}

data "aws_iam_policy_document" "senders" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.main.arn]
    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com", "events.amazonaws.com"]
    }
  }
}

resource "aws_sqs_queue_policy" "main" {
  queue_url = aws_sqs_queue.main.id
  policy    = data.aws_iam_policy_document.senders.json
}

resource "aws_sqs_queue" "orders" {
  name                        = "tf-orders.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
  sqs_managed_sse_enabled     = false
}

data "aws_sqs_queue" "again" {
  name = aws_sqs_queue.main.name
}
