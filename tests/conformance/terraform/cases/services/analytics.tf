# SPDX-License-Identifier: Apache-2.0

locals {
  ranking = <<-SQL
    CREATE OR REPLACE STREAM "DEST" ("user" VARCHAR(16), "n" INTEGER);
    CREATE OR REPLACE PUMP "p" AS INSERT INTO "DEST"
      SELECT STREAM "user", "n" FROM "SOURCE_SQL_STREAM_001" WHERE "n" > ${var.step};
  SQL
}

resource "aws_kinesis_analytics_application" "first" {
  name        = "tf-first"
  description = "ranks"
  code        = local.ranking
  inputs {
    name_prefix = "SOURCE_SQL_STREAM"
    kinesis_stream {
      resource_arn = aws_kinesis_stream.demand.arn
      role_arn     = local.role
    }
    schema {
      record_encoding = "UTF-8"
      record_columns {
        name     = "user"
        sql_type = "VARCHAR(16)"
        mapping  = "$.user"
      }
      record_columns {
        name     = "n"
        sql_type = "INTEGER"
        mapping  = "$.n"
      }
      record_format {
        mapping_parameters {
          json {
            record_row_path = "$"
          }
        }
      }
    }
  }
  outputs {
    name = "DEST"
    kinesis_stream {
      resource_arn = aws_kinesis_stream.clicks.arn
      role_arn     = local.role
    }
    schema {
      record_format_type = "JSON"
    }
  }
  tags = { team = "lake" }
}

resource "aws_kinesisanalyticsv2_application" "second" {
  name                   = "tf-second"
  runtime_environment    = "SQL-1_0"
  service_execution_role = local.role
  application_configuration {
    application_code_configuration {
      code_content_type = "PLAINTEXT"
      code_content {
        text_content = local.ranking
      }
    }
    sql_application_configuration {
      input {
        name_prefix = "SOURCE_SQL_STREAM"
        kinesis_streams_input {
          resource_arn = aws_kinesis_stream.demand.arn
        }
        input_parallelism {
          count = 1
        }
        input_schema {
          record_encoding = "UTF-8"
          record_column {
            name     = "user"
            sql_type = "VARCHAR(16)"
            mapping  = "$.user"
          }
          record_column {
            name     = "n"
            sql_type = "INTEGER"
            mapping  = "$.n"
          }
          record_format {
            record_format_type = "JSON"
            mapping_parameters {
              json_mapping_parameters {
                record_row_path = "$"
              }
            }
          }
        }
      }
      output {
        name = "DEST"
        lambda_output {
          resource_arn = aws_lambda_function.parse.arn
        }
        destination_schema {
          record_format_type = "JSON"
        }
      }
      reference_data_source {
        table_name = "names"
        reference_schema {
          record_column {
            name     = "k"
            sql_type = "INTEGER"
          }
          record_column {
            name     = "v"
            sql_type = "VARCHAR(8)"
          }
          record_format {
            record_format_type = "CSV"
            mapping_parameters {
              csv_mapping_parameters {
                record_column_delimiter = ","
                record_row_delimiter    = "\n"
              }
            }
          }
        }
        s3_reference_data_source {
          bucket_arn = aws_s3_bucket.lake.arn
          file_key   = aws_s3_object.lookup.key
        }
      }
    }
  }
  cloudwatch_logging_options {
    log_stream_arn = aws_cloudwatch_log_stream.delivery.arn
  }
  tags = { team = "lake" }
}
