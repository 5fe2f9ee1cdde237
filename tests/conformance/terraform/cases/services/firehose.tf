# SPDX-License-Identifier: Apache-2.0

resource "aws_kinesis_firehose_delivery_stream" "clicks" {
  name        = "tf-clicks"
  destination = "extended_s3"
  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.demand.arn
    role_arn           = local.role
  }
  extended_s3_configuration {
    role_arn            = local.role
    bucket_arn          = aws_s3_bucket.lake.arn
    prefix              = "clicks/!{timestamp:yyyy/MM/dd}/"
    error_output_prefix = "bad/!{firehose:error-output-type}/"
    buffering_size      = local.later ? 6 : 5
    buffering_interval  = 60
    compression_format  = "GZIP"
    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.batch.name
      log_stream_name = aws_cloudwatch_log_stream.delivery.name
    }
    processing_configuration {
      enabled = true
      processors {
        type = "Lambda"
        parameters {
          parameter_name  = "LambdaArn"
          parameter_value = "${aws_lambda_function.parse.arn}:$LATEST"
        }
        parameters {
          parameter_name  = "BufferSizeInMBs"
          parameter_value = "2"
        }
        parameters {
          parameter_name  = "BufferIntervalInSeconds"
          parameter_value = "70"
        }
      }
    }
  }
  tags = { team = "lake" }
}

resource "aws_kinesis_firehose_delivery_stream" "direct" {
  name        = "tf-direct"
  destination = "extended_s3"
  extended_s3_configuration {
    role_arn   = local.role
    bucket_arn = aws_s3_bucket.plain.arn
  }
}
