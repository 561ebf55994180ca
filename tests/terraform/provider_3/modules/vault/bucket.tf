# bucket.tf as it was written before the provider split the bucket: the same settings, less what 3.39 lacks
# (EventBridge notification).

resource "aws_s3_bucket" "vault" {
  bucket        = var.bucket_name
  acl           = "private"
  force_destroy = var.force_destroy
  tags          = var.tags

  versioning {
    enabled = true
  }

  server_side_encryption_configuration {
    rule {
      bucket_key_enabled = true

      apply_server_side_encryption_by_default {
        sse_algorithm     = "aws:kms"
        kms_master_key_id = aws_kms_key.vault.arn
      }
    }
  }

  object_lock_configuration {
    object_lock_enabled = "Enabled"

    dynamic "rule" {
      for_each = var.lock_days > 0 ? [var.lock_days] : []

      content {
        default_retention {
          mode = var.lock_mode
          days = rule.value
        }
      }
    }
  }

  lifecycle_rule {
    id                                     = "undo"
    enabled                                = true
    abort_incomplete_multipart_upload_days = var.unfinished_days

    noncurrent_version_expiration {
      days = var.undo_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  dynamic "lifecycle_rule" {
    for_each = toset(var.scratch_prefixes)

    content {
      id      = "scratch-${replace(lifecycle_rule.value, "/", "-")}"
      enabled = true
      prefix  = lifecycle_rule.value

      expiration {
        days = 3
      }
    }
  }

  dynamic "logging" {
    for_each = var.access_log_bucket == null ? [] : [var.access_log_bucket]

    content {
      target_bucket = logging.value
      target_prefix = "${var.bucket_name}/"
    }
  }
}
