# The bucket and everything that the provider has split off it since 4.0.

resource "aws_s3_bucket" "vault" {
  bucket              = var.bucket_name
  object_lock_enabled = true
  force_destroy       = var.force_destroy
  tags                = var.tags
}

resource "aws_s3_bucket_versioning" "vault" {
  bucket = aws_s3_bucket.vault.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_ownership_controls" "vault" {
  bucket = aws_s3_bucket.vault.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "vault" {
  bucket = aws_s3_bucket.vault.id

  rule {
    # One call to KMS for many objects.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.vault.arn
    }
  }
}

resource "aws_s3_bucket_object_lock_configuration" "vault" {
  bucket = aws_s3_bucket.vault.id

  dynamic "rule" {
    for_each = var.lock_days > 0 ? [var.lock_days] : []

    content {
      default_retention {
        mode = var.lock_mode
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.vault]
}

resource "aws_s3_bucket_lifecycle_configuration" "vault" {
  bucket = aws_s3_bucket.vault.id

  # Never a rule that deletes what is current: which backups go is decided by `keep`, and done by prune.
  rule {
    id     = "undo"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.undo_days
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = var.unfinished_days
    }
  }

  dynamic "rule" {
    for_each = toset(var.scratch_prefixes)

    content {
      id     = "scratch-${replace(rule.value, "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      expiration {
        days = 3
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.vault]
}

# What the alarms listen to.
resource "aws_s3_bucket_notification" "vault" {
  bucket      = aws_s3_bucket.vault.id
  eventbridge = true
}

resource "aws_s3_bucket_logging" "vault" {
  count = var.access_log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.vault.id
  target_bucket = var.access_log_bucket
  target_prefix = "${var.bucket_name}/"
}
