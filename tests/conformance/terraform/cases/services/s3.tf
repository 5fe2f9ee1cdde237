# SPDX-License-Identifier: Apache-2.0

resource "aws_s3_bucket" "lake" {
  bucket        = "tf-lake"
  force_destroy = true
  tags          = { team = local.later ? "lake" : "sea" }
}

resource "aws_s3_bucket_versioning" "lake" {
  bucket = aws_s3_bucket.lake.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket     = aws_s3_bucket.lake.id
  depends_on = [aws_s3_bucket_versioning.lake]
  rule {
    id     = "large"
    status = "Enabled"
    filter {
      and {
        prefix                   = "raw/"
        object_size_greater_than = 1000
        object_size_less_than    = 5000000
        tags = {
          keep = "no"
        }
      }
    }
    expiration {
      days = local.later ? 31 : 30
    }
  }
  rule {
    id     = "old"
    status = "Enabled"
    filter {
      object_size_greater_than = 500
    }
    noncurrent_version_expiration {
      noncurrent_days           = 7
      newer_noncurrent_versions = 2
    }
  }
  rule {
    id     = "markers"
    status = "Disabled"
    filter {}
    expiration {
      expired_object_delete_marker = true
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
}

data "aws_iam_policy_document" "lake" {
  statement {
    sid       = "read"
    actions   = local.later ? ["s3:GetObject", "s3:GetObjectVersion"] : ["s3:GetObject"]
    resources = ["${aws_s3_bucket.lake.arn}/*"]
    principals {
      type        = "AWS"
      identifiers = [local.role]
    }
  }
  statement {
    sid       = "list"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.me.account_id]
    }
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["in/*", "lookup/*"]
    }
  }
  statement {
    effect    = "Deny"
    actions   = ["s3:DeleteBucket"]
    resources = [aws_s3_bucket.lake.arn]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "NotIpAddress"
      variable = "aws:SourceIp"
      values   = ["127.0.0.0/8"]
    }
  }
}

resource "aws_s3_bucket_policy" "lake" {
  bucket = aws_s3_bucket.lake.id
  policy = data.aws_iam_policy_document.lake.json
}

resource "aws_s3_bucket_cors_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id
  cors_rule {
    allowed_methods = ["GET", "PUT"]
    allowed_origins = ["https://example.org"]
    allowed_headers = ["*"]
    expose_headers  = ["ETag"]
    max_age_seconds = local.later ? 60 : 30
  }
}

resource "aws_s3_bucket_notification" "lake" {
  bucket      = aws_s3_bucket.lake.id
  eventbridge = true
  queue {
    id            = "arrivals"
    queue_arn     = aws_sqs_queue.main.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "in/"
    filter_suffix = local.later ? ".gz" : ".csv"
  }
  lambda_function {
    id                  = "removals"
    lambda_function_arn = aws_lambda_function.parse.arn
    events              = ["s3:ObjectRemoved:*"]
  }
  depends_on = [aws_sqs_queue_policy.main, aws_lambda_permission.bucket]
}

resource "aws_s3_object" "lookup" {
  bucket       = aws_s3_bucket.lake.id
  key          = "lookup/a b+c.csv"
  content      = local.later ? "k,v\n1,uno\n" : "k,v\n1,one\n"
  content_type = "text/csv"
  metadata     = { source = "test" }
  tags         = { keep = "yes" }
  depends_on   = [aws_s3_bucket_versioning.lake]
}

data "aws_s3_object" "lookup" {
  bucket = aws_s3_bucket.lake.id
  key    = aws_s3_object.lookup.key
}

data "aws_s3_bucket" "lake" {
  bucket = aws_s3_bucket.lake.id
}

resource "aws_s3_bucket" "plain" {
  bucket_prefix = "tf-plain-"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "plain" {
  bucket                  = aws_s3_bucket.plain.id
  block_public_acls       = !local.later
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "plain" {
  bucket = aws_s3_bucket.plain.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}
