# SPDX-License-Identifier: Apache-2.0

resource "aws_kinesis_stream" "clicks" {
  name             = "tf-clicks"
  shard_count      = local.later ? 3 : 2
  retention_period = local.later ? 36 : 30
  tags             = { team = "lake" }
}

resource "aws_kinesis_stream" "demand" {
  name = "tf-demand"
  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

resource "aws_kinesis_stream_consumer" "fan" {
  name       = "tf-fan"
  stream_arn = aws_kinesis_stream.clicks.arn
}

data "aws_kinesis_stream" "again" {
  name = aws_kinesis_stream.demand.name
}
